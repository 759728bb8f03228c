package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/hal/haltest"
	"github.com/livelearn/box/hal/screen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sendRequest sends a request to the board's page as a browser at this computer does.
func sendRequest(t *testing.T, b *sim.Board, method, path string, header ...string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:8088"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if h := r.Header.Get("Host"); h != "" {
		r.Host = h
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func fetchState(t *testing.T, b *sim.Board) (s map[string]any) {
	t.Helper()
	code, body, _ := sendRequest(t, b, "GET", "/state")
	if err := json.Unmarshal([]byte(body), &s); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	return s
}

func TestBoardPassesTheSuite(t *testing.T) {
	b := sim.New(io.Discard)
	haltest.TestBoard(t, b.HAL(), haltest.Operator{Press: b.Button.Press})
	h := b.HAL()
	if h.Fan == nil || h.RTC == nil || h.Watchdog == nil || h.Supply == nil || h.Radios == nil {
		t.Errorf("it has not all parts: %+v", h)
	}
	if times, bites := b.Watchdog.FeedState(); times != 3 || bites {
		t.Errorf("the watchdog was fed %d times, bites %v", times, bites)
	}
}

func TestPageShowsWhatTheBoardShows(t *testing.T) {
	b := sim.New(io.Discard)
	p := hal.Page{Title: "LiveLearn Box", Lines: []string{"Open    http://192.0.2.1"}, QR: "http://192.0.2.1", State: "lesson"}
	before := fetchState(t, b)["display"]
	if err := errors.Join(b.LED.Set(hal.Updating), b.Display.Show(p), b.Fan.Set(102)); err != nil {
		t.Fatal(err)
	}
	s := fetchState(t, b)
	for key, want := range map[string]string{
		"led": "updating", "fan": "102", "text": "[lesson LiveLearn Box Open    http://192.0.2.1]", "qr": p.QR,
		"steps": "[map[ms:200 on:true] map[ms:200 on:false] map[ms:200 on:true] map[ms:1400 on:false]]",
		"volts": "5.1", "low": "false", "down": "false", "celsius": "40", "interfaces": "[wlan-sim, access point for 19]",
	} {
		if got := fmt.Sprint(s[key]); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	if s["display"] == before {
		t.Error("the page does not learn that the display has changed")
	}
	_, body, _ := sendRequest(t, b, "GET", "/display.png")
	img, err := png.Decode(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	want := screen.Render(p)
	for y := range screen.Height {
		for x := range screen.Width {
			if r, _, _, _ := img.At(x, y).RGBA(); r > 0 != bool(want.BitAt(x, y)) {
				t.Fatalf("dot %d, %d differs", x, y)
			}
		}
	}
	b.RTC.LosePower()
	if got := fetchState(t, b)["clock"]; got != "" {
		t.Errorf("a clock without power shows %v", got)
	}
}

func TestButtonOnThePageIsPressed(t *testing.T) {
	b := sim.New(io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	got, ended := make(chan time.Duration), make(chan struct{})
	go func() {
		defer close(ended)
		for p := range b.Button.Presses(ctx) {
			got <- p.Held
		}
	}()
	press := func(path string) time.Duration {
		t.Helper()
		read := make(chan time.Duration, 1)
		go func() { read <- <-got }()
		if code, body, _ := sendRequest(t, b, "POST", path); code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, code, body)
		}
		return <-read
	}
	if d := press("/press?held=200ms"); d != 200*time.Millisecond {
		t.Errorf("held for %v", d)
	}
	if code, _, _ := sendRequest(t, b, "POST", "/hold?down=true"); code != http.StatusNoContent || fetchState(t, b)["down"] != true {
		t.Errorf("it is not held down: %d", code)
	}
	if d := press("/hold?down=false"); d <= 0 || fetchState(t, b)["down"] != false {
		t.Errorf("held for %v", d)
	}
	if code, _, _ := sendRequest(t, b, "POST", "/hold?down=false"); code != http.StatusNoContent {
		t.Errorf("a button that is up is let go: %d", code)
	}
	cancel()
	<-ended
	for _, path := range []string{"/press", "/press?held=-1s", "/press?held=61s", "/press?held=x", "/hold", "/hold?down=maybe"} {
		if code, body, _ := sendRequest(t, b, "POST", path); code != http.StatusBadRequest || !strings.Contains(body, ":") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestClimateOnThePageIsTheBoards(t *testing.T) {
	b := sim.New(io.Discard)
	if code, body, _ := sendRequest(t, b, "POST", "/climate?celsius=84.5&volts=4.5"); code != http.StatusNoContent {
		t.Fatalf("%d %s", code, body)
	}
	heat := b.HAL().Thermal.Heat()
	low, err := b.HAL().Supply.Low()
	if z, _ := heat.Hottest(); z.Temp != 84_500 || !heat.Throttled || !heat.UnderVoltage || !low || err != nil {
		t.Errorf("got %+v, low %v, %v", heat, low, err)
	}
	sendRequest(t, b, "POST", "/climate?celsius=40&volts=5")
	if heat := b.HAL().Thermal.Heat(); heat.Throttled || !heat.WasThrottled || !heat.UnderVoltage {
		t.Errorf("the board does not remember: %+v", heat)
	}
	for query, names := range map[string]string{
		"celsius=121&volts=5": "120 °C", "celsius=-41&volts=5": "-40 °C", "celsius=20&volts=3.9": "4000", "celsius=20&volts=5.6": "5500",
		"celsius=NaN&volts=5": "celsius", "celsius=20": "volts", "celsius=1e300&volts=5": "celsius", "celsius=20&volts=Inf": "volts",
	} {
		if code, body, _ := sendRequest(t, b, "POST", "/climate?"+query); code != http.StatusBadRequest || !strings.Contains(body, names) {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

// TestPageIsForThisComputerAlone checks that another site and a name that points here get nothing.
func TestPageIsForThisComputerAlone(t *testing.T) {
	b := sim.New(io.Discard)
	for _, host := range []string{"evil.example", "evil.example:8088", "192.0.2.1", "", "localhost.evil.example"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/state", nil)
		r.Host = host
		w := httptest.NewRecorder()
		b.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1:8088", "[::1]:8088", "127.0.0.2"} {
		if code, _, _ := sendRequest(t, b, "GET", "/state", "Host", host); code != http.StatusOK {
			t.Errorf("host %q: %d", host, code)
		}
	}
	if code, _, _ := sendRequest(t, b, "POST", "/hold?down=true", "Sec-Fetch-Site", "cross-site"); code != http.StatusForbidden {
		t.Errorf("another site pressed the button: %d", code)
	}
	if code, _, _ := sendRequest(t, b, "GET", "/press?held=1s"); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
		t.Errorf("a link pressed the button: %d", code)
	}
}

// TestPageIsStrict checks that nothing is inline, that all content is local, and that each control
// has a name.
func TestPageIsStrict(t *testing.T) {
	b := sim.New(io.Discard)
	_, page, header := sendRequest(t, b, "GET", "/")
	csp := header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
	for _, bad := range []string{`style="`, ` on[a-z]+="`, `<script>`, `<style>`, `https?://`, `javascript:`, `data:`} {
		if found := regexp.MustCompile(bad).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	for _, m := range regexp.MustCompile(`<input id="(\w+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `<label for="`+m[1]+`">`) {
			t.Errorf("%s has no label", m[1])
		}
	}
	script, _ := os.ReadFile("page/board.js")
	for _, m := range regexp.MustCompile(`at\("(\w+)"\)`).FindAllStringSubmatch(string(script), -1) {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("the script wants %s, which the page does not have", m[1])
		}
	}
	for path, kind := range map[string]string{"/board.js": "text/javascript; charset=utf-8", "/board.css": "text/css; charset=utf-8", "/": "text/html; charset=utf-8"} {
		code, _, header := sendRequest(t, b, "GET", path)
		if got := header.Get("Content-Type"); code != http.StatusOK || got != kind {
			t.Errorf("%s: %d %s", path, code, got)
		}
	}
	if code, _, _ := sendRequest(t, b, "GET", "/handler.go"); code != http.StatusNotFound {
		t.Errorf("the source is served: %d", code)
	}
}
