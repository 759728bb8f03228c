package appliance

import (
	"context"
	"iter"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
)

// fakeButton is a button that a test presses.
type fakeButton struct {
	presses chan hal.Press
	mu      sync.Mutex
	down    bool // guarded by mu
}

func newFakeButton() *fakeButton { return &fakeButton{presses: make(chan hal.Press)} }

func (f *fakeButton) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case p, ok := <-f.presses:
				if !ok || !yield(p) {
					return
				}
			}
		}
	}
}

func (f *fakeButton) Down() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down, nil
}

func (f *fakeButton) hold(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// buttonRig is a machine with buttons that a test plugs in.
type buttonRig struct {
	m       *Machine
	mu      sync.Mutex
	buttons map[string]hal.Button // guarded by mu
}

func (r *buttonRig) plug(name string, b hal.Button) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buttons = map[string]hal.Button{}
	if b != nil {
		r.buttons[name] = b
	}
}

// readButtons reads the buttons of a machine until the test ends.
func readButtons(t *testing.T, m *Machine, first hal.Button) *buttonRig {
	t.Helper()
	r := &buttonRig{m: m}
	r.plug("first", first)
	m.buttons.find = func() map[string]hal.Button {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.buttons
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.buttons.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// A press while no program runs waits for the next program.
func TestAPressWaitsForTheNextProgram(t *testing.T) {
	m := newRoleMachine(t, nil)
	f := newFakeButton()
	readButtons(t, m, f)
	f.presses <- hal.Press{Held: 5 * time.Second} // no program asks for it now
	first := func() hal.Press {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for p := range initctl.Dial("box", filepath.Join(m.stateDir, "init.sock")).Button().Presses(ctx) {
			return p // like a killed program, it ends without a confirmation
		}
		return hal.Press{}
	}
	for range 2 {
		if got := first(); got.Held != 5*time.Second {
			t.Fatalf("got %+v", got)
		}
	}
	f.hold(true)
	if down, err := initctl.Dial("box", filepath.Join(m.stateDir, "init.sock")).Button().Down(); down || err != nil {
		t.Errorf("a later press counts as a hold since the start: %v %v", down, err)
	}
	// A program that confirmed a press gets only the next one.
	var got []time.Duration
	for p := range initctl.Dial("box", filepath.Join(m.stateDir, "init.sock")).Button().Presses(t.Context()) {
		if got = append(got, p.Held); len(got) == 2 {
			break
		}
		f.presses <- hal.Press{Held: time.Second}
	}
	if got[0] != 5*time.Second || got[1] != time.Second {
		t.Errorf("got %v", got)
	}
}

func TestALongPressThatNoProgramTakesSwitchesOff(t *testing.T) {
	for name, c := range map[string]struct {
		held time.Duration
		safe bool
		want time.Duration // time until the machine switches off; 0: never
	}{
		"long":         {hal.LongPress, false, pressLifetime},
		"short":        {hal.LongPress - 1, false, 0},
		"safe mode":    {hal.LongPress, true, 0},
		"tap in there": {time.Second, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := New(Config{})
				m.setSafeMode(c.safe)
				f := newFakeButton()
				readButtons(t, m, f)
				began := time.Now()
				f.presses <- hal.Press{Held: c.held}
				if c.safe && c.held >= hal.LongPress {
					synctest.Wait()
					if how := <-m.shutdown; !how.powerOff {
						t.Errorf("went down with %+v", how)
					}
					return
				}
				select {
				case how := <-m.shutdown:
					if took := time.Since(began); !how.powerOff || c.want == 0 || took < c.want || took > c.want+2*scanPeriod {
						t.Errorf("went down with %+v after %v", how, took)
					}
				case <-time.After(time.Hour):
					if c.want > 0 {
						t.Error("the machine stays on")
					}
				}
				if got := m.Press(t.Context(), 0); got.ID != 0 {
					t.Errorf("an old press is still queued: %+v", got)
				}
			})
		})
	}
}

func TestAButtonThatIsPluggedInIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{})
		r := readButtons(t, m, nil)
		for i := range 3 { // unplugged, and plugged in under the same name
			f := newFakeButton()
			r.plug("second", f)
			f.presses <- hal.Press{Held: time.Second}
			if got := m.Press(t.Context(), i); got.ID != i+1 {
				t.Errorf("got %+v", got)
			}
			r.plug("second", nil)
			close(f.presses)
			synctest.Wait()
		}
	})
}

// A hold at power-on requests a new claim code (firmware/display). A press while the
// program starts does not.
func TestOnlyAHoldSinceTheStartCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{})
		f := newFakeButton()
		f.hold(true)
		readButtons(t, m, f)
		synctest.Wait()
		if !m.Down() {
			t.Error("a button that is held since the start is up")
		}
		f.hold(false)
		f.presses <- hal.Press{Held: 8 * time.Second} // the end of the hold is no press
		if m.Down() {
			t.Error("a released button counts as held")
		}
		f.hold(true)
		if m.Down() {
			t.Error("a later press counts as a hold since the start")
		}
		f.presses <- hal.Press{Held: time.Second}
		if got := m.Press(t.Context(), 0); got.Held != time.Second {
			t.Errorf("got %+v", got)
		}
	})
}

func TestPressesThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{})
		f := newFakeButton()
		readButtons(t, m, f)
		for range maxPresses + 5 {
			f.presses <- hal.Press{Held: time.Second}
		}
		synctest.Wait()
		if got := m.Press(t.Context(), 0); got.ID != 6 {
			t.Errorf("the oldest queued press is number %d, want 6", got.ID)
		}
	})
}
