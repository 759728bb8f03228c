package display

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

// displayRig is a display on a simulated board, with a status that a test sets.
type displayRig struct {
	board *sim.Board
	face  *Display
	mu    sync.Mutex
	facts Status
}

func newBench() *displayRig {
	b := &displayRig{board: sim.New(io.Discard)}
	b.face = &Display{Board: b.board.HAL(), Health: health.New(nil), Log: slog.New(slog.DiscardHandler), Status: func() Status {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.facts
	}}
	return b
}

func (b *displayRig) set(f Status) {
	b.mu.Lock()
	b.facts = f
	b.mu.Unlock()
	time.Sleep(2 * displayInterval)
}

func (b *displayRig) serve(t *testing.T) func() {
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
		b.set(Status{HTTPAddresses: []string{"http://192.0.2.1"}, ClaimCode: "ABCD", Words: "ungloved padlock nextdoor amplifier"})
		want := hal.Page{Title: "LiveLearn Box", Lines: []string{"Open    http://192.0.2.1", "Claim   ABCD", "Words   ungloved padlock", "        nextdoor amplifier"}, QR: "http://192.0.2.1", State: "ready"}
		if d := cmp.Diff(b.board.Display.ShownPage(), want); d != "" {
			t.Error(d)
		}
		b.set(Status{Name: "Room 12", HTTPAddresses: []string{"http://192.0.2.1"}, Lessons: []Lesson{{"7B", "123456", "k"}}})
		want = hal.Page{Title: "LiveLearn Box · Room 12", Lines: []string{"Open    http://192.0.2.1", "Join    123 456   7B"}, QR: "http://192.0.2.1/j/k", State: "lesson"}
		if d := cmp.Diff(b.board.Display.ShownPage(), want); d != "" {
			t.Error(d)
		}
		if got := b.board.LED.ShownPattern(); got != hal.Lesson {
			t.Errorf("got %v, want lesson", got)
		}
		b.face.Health.SetCheck("disk", health.Fail, "disk_full", "")
		b.set(Status{})
		if got := b.board.LED.ShownPattern(); got != hal.Attention {
			t.Errorf("got %v, want attention", got)
		}
	})
}

// A box without a display says by its light what a person has to do next.
func TestTheLightSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		stop := b.serve(t)
		defer stop()
		lesson := []Lesson{{"7B", "123456", "k"}}
		for _, c := range []struct {
			facts Status
			want  hal.Pattern
		}{
			{Status{ClaimCode: "ABCD", Network: NetworkNone}, hal.NoNetwork},
			{Status{ClaimCode: "ABCD", Network: NetworkNoAddress}, hal.NoAddress},
			{Status{ClaimCode: "ABCD"}, hal.ClaimMe},
			{Status{}, hal.Ready},
			{Status{Network: NetworkNoAddress}, hal.NoAddress},
			{Status{Network: NetworkNone, Lessons: lesson}, hal.Lesson},
			{Status{Network: NetworkNone, Updating: true}, hal.Updating},
		} {
			b.set(c.facts)
			if got := b.board.LED.ShownPattern(); got != c.want {
				t.Errorf("%+v: got %v, want %v", c.facts, got, c.want)
			}
		}
	})
}

func TestButtonShowsTheSecondPageForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		stop := b.serve(t)
		defer stop()
		b.set(Status{Version: "1.2.3", HTTPSAddresses: []string{"https://192.0.2.1"}})
		if !b.board.Button.Press(t.Context(), time.Second) {
			t.Fatal("nobody read the press")
		}
		synctest.Wait()
		if got := b.board.Display.ShownPage(); got.Title != "LiveLearn Box 1.2.3" || !slices.Equal(got.Lines, []string{"https://192.0.2.1"}) {
			t.Errorf("got %+v", got)
		}
		time.Sleep(infoPageTime + 2*displayInterval)
		if got := b.board.Display.ShownPage(); got.Title != "LiveLearn Box" {
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
			time.Sleep(3 * displayInterval)
			press(100 * time.Millisecond)
		}, 1},
		"only let go": {func(*testing.T, func(time.Duration)) { time.Sleep(2 * questionTime) }, 0},
		"press when it is over": {func(_ *testing.T, press func(time.Duration)) {
			time.Sleep(questionTime + 2*displayInterval)
			press(100 * time.Millisecond)
		}, 0},
		"twice": {func(_ *testing.T, press func(time.Duration)) {
			time.Sleep(3 * displayInterval)
			press(100 * time.Millisecond)
			press(100 * time.Millisecond)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				button := &heldButton{Button: b.board.Button, down: true}
				b.face.Board.Button = button
				resets := 0
				b.face.Unclaim = func(context.Context) error { resets++; return nil }
				stop := b.serve(t)
				time.Sleep(3 * displayInterval)
				if got := b.board.Display.ShownPage().Title; got != "New claim code?" {
					t.Errorf("the display shows %q", got)
				}
				button.up()
				b.board.Button.Press(t.Context(), 8*time.Second) // the end of the hold
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
		b.face.PowerOff = func(context.Context) error {
			if got := b.board.Display.ShownPage().Title; got != "Switching off" {
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
		b.face.Board = hal.Board{Name: "bare"}
		stop := b.serve(t)
		b.set(Status{ClaimCode: "A"})
		stop()

		b.face.Board = hal.Board{Name: "broken", Display: brokenDisplay{}}
		b.face.Log = slog.New(slog.NewTextHandler(&log, nil))
		stop = b.serve(t)
		time.Sleep(2 * displayInterval)
		stop()
		if !strings.Contains(log.String(), "the display does not show") {
			t.Errorf("got %q", log.String())
		}
	})
}

type brokenDisplay struct{}

func (brokenDisplay) Show(hal.Page) error { return errors.New("no paper") }
