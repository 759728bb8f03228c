package sim

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image/png"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/screen"
)

//go:embed page
var pageFiles embed.FS

// readTimeout is how long a press waits for a reader.
const readTimeout = 2 * time.Second

// maxPress is the longest press.
const maxPress = time.Minute

// Handler returns the page of the board: its light, its display, its button, and its climate. The
// page is for people at this computer. It answers requests for "localhost" or a loopback address
// only, and accepts changes from its own page only. Mount it on a port of its own.
func (b *Board) Handler() http.Handler {
	page, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the page is part of the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(page))
	mux.HandleFunc("GET /state", b.serveState)
	mux.HandleFunc("GET /display.png", b.serveDisplay)
	mux.HandleFunc("POST /press", b.servePress)
	mux.HandleFunc("POST /hold", b.serveHold)
	mux.HandleFunc("POST /climate", b.serveClimate)
	return localOnly(http.NewCrossOriginProtection().Handler(mux))
}

// localOnly answers requests to the local names of this computer only. A page from elsewhere whose
// name points here is another site.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			http.Error(w, "the simulated board is at localhost", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func isLocal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// state is the board in the form that the page reads.
type state struct {
	LED        string   `json:"led"`
	Steps      []step   `json:"steps"`
	Display    uint32   `json:"display"` // changes with the picture
	Text       []string `json:"text"`    // the content of the display in words
	QR         string   `json:"qr"`
	Down       bool     `json:"down"`
	Celsius    float64  `json:"celsius"`
	Slow       bool     `json:"slow"`
	Volts      float64  `json:"volts"`
	Low        bool     `json:"low"`
	Fan        int      `json:"fan"` // duty, -1 means under control of the kernel
	Fed        int      `json:"fed"`
	Bites      bool     `json:"bites"`
	Clock      string   `json:"clock"` // empty: not set
	Interfaces []string `json:"interfaces"`
}

type step struct {
	On bool  `json:"on"`
	MS int64 `json:"ms"`
}

func (b *Board) pageState() state {
	p := b.Display.ShownPage()
	s := state{LED: b.LED.ShownPattern().String(), Text: []string{}, QR: p.QR, Fan: -1, Display: crc32.ChecksumIEEE(screen.Render(p).Pix)}
	for _, l := range append([]string{p.State, p.Title}, p.Lines...) {
		if l != "" {
			s.Text = append(s.Text, l)
		}
	}
	for _, one := range b.LED.ShownPattern().Steps() {
		s.Steps = append(s.Steps, step{one.On, one.For.Milliseconds()})
	}
	s.Down, _ = b.Button.Down() // the simulated button has no errors
	heat := b.Thermal.Heat()
	if z, ok := heat.Hottest(); ok {
		s.Celsius, s.Slow = float64(z.Temp)/1000, heat.Throttled
	}
	s.Volts, s.Low = float64(b.Supply.Millivolts())/1000, b.Supply.Millivolts() < lowMillivolts
	if duty, ok := b.Fan.LastDuty(); ok {
		s.Fan = int(duty)
	}
	s.Fed, s.Bites = b.Watchdog.FeedState()
	if t, err := b.RTC.Read(); err == nil {
		s.Clock = t.Format(time.RFC3339)
	}
	list, _ := b.Radio.List() // the simulated radio has no errors
	for _, r := range list {
		s.Interfaces = append(s.Interfaces, fmt.Sprintf("%s, access point for %d", r.Name, r.Clients))
	}
	return s
}

func (b *Board) serveState(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.pageState()) // an error means that the reader is gone
}

func (b *Board) serveDisplay(w http.ResponseWriter, _ *http.Request) {
	var out bytes.Buffer
	if err := png.Encode(&out, screen.Render(b.Display.ShownPage())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(out.Bytes()) // an error means that the reader is gone
}

func (b *Board) servePress(w http.ResponseWriter, r *http.Request) {
	held, err := time.ParseDuration(r.URL.Query().Get("held"))
	if err != nil || held <= 0 || held > maxPress {
		http.Error(w, fmt.Sprintf("held: a time of at most %v, as in 200ms or 5s", maxPress), http.StatusBadRequest)
		return
	}
	runWithReader(w, r, func(ctx context.Context) bool { return b.Button.Press(ctx, held) })
}

func (b *Board) serveHold(w http.ResponseWriter, r *http.Request) {
	down, err := strconv.ParseBool(r.URL.Query().Get("down"))
	if err != nil {
		http.Error(w, "down: true or false", http.StatusBadRequest)
		return
	}
	if down {
		b.Button.Hold()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	runWithReader(w, r, b.Button.Release)
}

// runWithReader runs an action that needs a reader of the button, and answers with the result.
func runWithReader(w http.ResponseWriter, r *http.Request, do func(context.Context) bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	if !do(ctx) {
		http.Error(w, "the box does not read its button", http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *Board) serveClimate(w http.ResponseWriter, r *http.Request) {
	celsius, err := queryNumber(r, "celsius")
	volts, e := queryNumber(r, "volts")
	if err == nil {
		err = e
	}
	if err == nil {
		err = b.SetClimate(hal.MilliCelsius(math.Round(celsius*1000)), int(math.Round(volts*1000)))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// queryNumber returns a number of the query with a limited size.
func queryNumber(r *http.Request, name string) (float64, error) {
	v, err := strconv.ParseFloat(r.URL.Query().Get(name), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1000 {
		return 0, fmt.Errorf("%s: a number between -1000 and 1000", name)
	}
	return v, nil
}
