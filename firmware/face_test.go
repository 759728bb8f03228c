package firmware

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/health"
)

// bench is a face on a simulated board, with facts that a test sets.
type bench struct {
	board *sim.Board
	face  *face
	mu    sync.Mutex
	facts Facts
}

func newBench() *bench {
	b := &bench{board: sim.New(io.Discard)}
	b.face = &face{board: b.board.HAL(), health: health.New(nil), log: slog.New(slog.DiscardHandler), facts: func() Facts {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.facts
	}}
	return b
}

func (b *bench) set(f Facts) {
	b.mu.Lock()
	b.facts = f
	b.mu.Unlock()
	time.Sleep(2 * facePeriod)
}

func (b *bench) serve(t *testing.T) func() {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.face.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func TestFaceFollowsTheBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		stop := b.serve(t)
		defer stop()
		b.set(Facts{Addresses: []string{"http://192.0.2.1"}, Claim: "ABCD"})
		want := hal.Page{Title: "LiveLearn Box", Lines: []string{"Open    http://192.0.2.1", "Claim   ABCD"}, QR: "http://192.0.2.1", State: "ready"}
		if d := cmp.Diff(b.board.Display.Page(), want); d != "" {
			t.Error(d)
		}
		b.set(Facts{Box: "Room 12", Addresses: []string{"http://192.0.2.1"}, Lessons: []OpenLesson{{"7B", "123456", "k"}}})
		want = hal.Page{Title: "LiveLearn Box · Room 12", Lines: []string{"Open    http://192.0.2.1", "Join    123 456   7B"}, QR: "http://192.0.2.1/j/k", State: "lesson"}
		if d := cmp.Diff(b.board.Display.Page(), want); d != "" {
			t.Error(d)
		}
		if got := b.board.LED.Pattern(); got != hal.Lesson {
			t.Errorf("got %v, want lesson", got)
		}
		b.face.health.Set("disk", health.Fail, "disk_full", "")
		b.set(Facts{})
		if got := b.board.LED.Pattern(); got != hal.Attention {
			t.Errorf("got %v, want attention", got)
		}
	})
}

func TestButtonShowsTheSecondPageForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		stop := b.serve(t)
		defer stop()
		b.set(Facts{Version: "1.2.3", Secure: []string{"https://192.0.2.1"}})
		if !b.board.Button.Press(t.Context(), time.Second) {
			t.Fatal("nobody read the press")
		}
		synctest.Wait()
		if got := b.board.Display.Page(); got.Title != "LiveLearn Box 1.2.3" || !slices.Equal(got.Lines, []string{"https://192.0.2.1"}) {
			t.Errorf("got %+v", got)
		}
		time.Sleep(infoTime + 2*facePeriod)
		if got := b.board.Display.Page(); got.Title != "LiveLearn Box" {
			t.Errorf("got %+v", got)
		}
	})
}

// heldButton is a button that was down when the box started.
type heldButton struct {
	*sim.Button
	mu   sync.Mutex
	down bool // guarded by mu
}

func (h *heldButton) Down() (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.down, nil
}

func (h *heldButton) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = false
}

func TestAHoldAtPowerOnResetsTheClaimAfterASecondYes(t *testing.T) {
	for name, c := range map[string]struct {
		play func(t *testing.T, press func(held time.Duration))
		want int
	}{
		"let go and press": {func(_ *testing.T, press func(time.Duration)) {
			time.Sleep(3 * facePeriod)
			press(100 * time.Millisecond)
		}, 1},
		"only let go": {func(*testing.T, func(time.Duration)) { time.Sleep(2 * askTime) }, 0},
		"press when it is over": {func(_ *testing.T, press func(time.Duration)) {
			time.Sleep(askTime + 2*facePeriod)
			press(100 * time.Millisecond)
		}, 0},
		"twice": {func(_ *testing.T, press func(time.Duration)) {
			time.Sleep(3 * facePeriod)
			press(100 * time.Millisecond)
			press(100 * time.Millisecond)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				button := &heldButton{Button: b.board.Button, down: true}
				b.face.board.Button = button
				resets := 0
				b.face.unclaim = func(context.Context) error { resets++; return nil }
				stop := b.serve(t)
				time.Sleep(3 * facePeriod)
				if got := b.board.Display.Page().Title; got != "New claim code?" {
					t.Errorf("the display shows %q", got)
				}
				button.up()
				b.board.Button.Press(t.Context(), 8*time.Second) // its end, as the button tells it
				c.play(t, func(held time.Duration) { b.board.Button.Press(t.Context(), held) })
				synctest.Wait()
				if resets != c.want {
					t.Errorf("%d resets, want %d", resets, c.want)
				}
				stop()
			})
		})
	}
}

func TestALongPressSwitchesOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		offs := 0
		b.face.off = func(context.Context) error {
			if got := b.board.Display.Page().Title; got != "Switching off" {
				t.Errorf("the display shows %q", got)
			}
			offs++
			return nil
		}
		stop := b.serve(t)
		defer stop()
		b.board.Button.Press(t.Context(), longPress-time.Millisecond)
		b.board.Button.Press(t.Context(), longPress)
		synctest.Wait()
		if offs != 1 {
			t.Errorf("switched off %d times, want once", offs)
		}
	})
}

// A board without parts, and one whose display is broken, stop nothing.
func TestFaceDoesWithoutWhatTheBoardLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		b := newBench()
		b.face.board = hal.Board{Name: "bare"}
		stop := b.serve(t)
		b.set(Facts{Claim: "A"})
		stop()

		b.face.board = hal.Board{Name: "broken", Display: broken{}}
		b.face.log = slog.New(slog.NewTextHandler(&log, nil))
		stop = b.serve(t)
		time.Sleep(2 * facePeriod)
		stop()
		if !strings.Contains(log.String(), "the display does not show") {
			t.Errorf("got %q", log.String())
		}
	})
}

type broken struct{}

func (broken) Show(hal.Page) error { return errors.New("no paper") }
