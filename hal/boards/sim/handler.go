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
var files embed.FS

// readTime is how long a press waits for somebody who reads it.
const readTime = 2 * time.Second

// longest is how long a press can be.
const longest = time.Minute

// Handler is the board as a page: its light, its display, its button, and what is done to it.
// It is for the people at this computer: it answers requests for "localhost" or an address of
// the loopback alone, and does what its own page asks for alone. Mount it on a port of its own.
func (b *Board) Handler() http.Handler {
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // it is in the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(page))
	mux.HandleFunc("GET /state", b.serveState)
	mux.HandleFunc("GET /display.png", b.serveDisplay)
	mux.HandleFunc("POST /press", b.servePress)
	mux.HandleFunc("POST /hold", b.serveHold)
	mux.HandleFunc("POST /climate", b.serveClimate)
	return local(http.NewCrossOriginProtection().Handler(mux))
}

// local answers requests to this computer by its own names: a page from elsewhere whose name
// leads here is another site.
func local(next http.Handler) http.Handler {
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

// state is the board as the page reads it.
type state struct {
	LED        string   `json:"led"`
	Steps      []step   `json:"steps"`
	Display    uint32   `json:"display"` // changes with the picture
	Text       []string `json:"text"`    // the same in words
	QR         string   `json:"qr"`
	Down       bool     `json:"down"`
	Celsius    float64  `json:"celsius"`
	Slow       bool     `json:"slow"`
	Volts      float64  `json:"volts"`
	Low        bool     `json:"low"`
	Fan        int      `json:"fan"` // duty; -1: the kernel's
	Fed        int      `json:"fed"`
	Bites      bool     `json:"bites"`
	Clock      string   `json:"clock"` // empty: not set
	Interfaces []string `json:"interfaces"`
}

type step struct {
	On bool  `json:"on"`
	MS int64 `json:"ms"`
}

func (b *Board) state() state {
	p := b.Display.Page()
	s := state{LED: b.LED.Pattern().String(), Text: []string{}, QR: p.QR, Fan: -1, Display: crc32.ChecksumIEEE(screen.Render(p).Pix)}
	for _, l := range append([]string{p.State, p.Title}, p.Lines...) {
		if l != "" {
			s.Text = append(s.Text, l)
		}
	}
	for _, one := range b.LED.Pattern().Steps() {
		s.Steps = append(s.Steps, step{one.On, one.For.Milliseconds()})
	}
	s.Down, _ = b.Button.Down() // this one always tells
	heat := b.Oven.Heat()
	if z, ok := heat.Hottest(); ok {
		s.Celsius, s.Slow = float64(z.Temp)/1000, heat.Slow
	}
	s.Volts, s.Low = float64(b.Supply.Millivolts())/1000, b.Supply.Millivolts() < low
	if duty, ok := b.Fan.Duty(); ok {
		s.Fan = int(duty)
	}
	s.Fed, s.Bites = b.Dog.Fed()
	if t, err := b.Clock.Read(); err == nil {
		s.Clock = t.Format(time.RFC3339)
	}
	list, _ := b.Radio.List() // this one always tells
	for _, r := range list {
		s.Interfaces = append(s.Interfaces, fmt.Sprintf("%s, access point for %d", r.Name, r.Clients))
	}
	return s
}

func (b *Board) serveState(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.state()) // who reads it is gone
}

func (b *Board) serveDisplay(w http.ResponseWriter, _ *http.Request) {
	var out bytes.Buffer
	if err := png.Encode(&out, screen.Render(b.Display.Page())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(out.Bytes()) // who reads it is gone
}

func (b *Board) servePress(w http.ResponseWriter, r *http.Request) {
	held, err := time.ParseDuration(r.URL.Query().Get("held"))
	if err != nil || held <= 0 || held > longest {
		http.Error(w, fmt.Sprintf("held: a time of at most %v, as in 200ms or 5s", longest), http.StatusBadRequest)
		return
	}
	wait(w, r, func(ctx context.Context) bool { return b.Button.Press(ctx, held) })
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
	wait(w, r, b.Button.Release)
}

// wait does what somebody must read.
func wait(w http.ResponseWriter, r *http.Request, do func(context.Context) bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readTime)
	defer cancel()
	if !do(ctx) {
		http.Error(w, "the box does not look at its button", http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *Board) serveClimate(w http.ResponseWriter, r *http.Request) {
	celsius, err := number(r, "celsius")
	volts, e := number(r, "volts")
	if err == nil {
		err = e
	}
	if err == nil {
		err = b.Climate(hal.MilliCelsius(math.Round(celsius*1000)), int(math.Round(volts*1000)))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// number is a query's number of a size that can be reckoned with.
func number(r *http.Request, name string) (float64, error) {
	v, err := strconv.ParseFloat(r.URL.Query().Get(name), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1000 {
		return 0, fmt.Errorf("%s: a number between -1000 and 1000", name)
	}
	return v, nil
}
