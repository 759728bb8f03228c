package timesync

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRTC is a clock that remembers what it was set to.
type fakeRTC struct {
	now time.Time
	err error
	set time.Time
}

func (r *fakeRTC) Read() (time.Time, error) { return r.now, r.err }
func (r *fakeRTC) Set(at time.Time) error   { r.set = at; return nil }

// clockRig has a settable clock in a synctest bubble, where the time starts in 2000.
type clockRig struct {
	*Keeper
	rtc    fakeRTC
	shift  atomic.Int64 // nanoseconds
	right  atomic.Int64 // calls of markSynced
	away   atomic.Bool  // no server answers
	answer func(server string) time.Time
	floor  string
}

func newMachine(t *testing.T, floor string) *clockRig {
	t.Helper()
	m := &clockRig{rtc: fakeRTC{err: hal.ErrUnset}, floor: floor}
	m.away.Store(true)
	m.Keeper = New(Config{
		FloorFile: floor, Release: atYear(2026), RTC: &m.rtc, Log: slog.New(slog.DiscardHandler),
		Servers: func() []string { return []string{"a", "b", "b", "c"} },
		Set:     func(at time.Time) error { m.shift.Store(int64(time.Until(at))); return nil },
		Query: func(ctx context.Context, s string) (time.Duration, error) {
			if m.away.Load() {
				return 0, errors.New("no route")
			}
			if m.answer == nil {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return m.answer(s).Sub(m.cfg.now()), nil
		},
		now:        m.now,
		markSynced: func() error { m.right.Add(1); return nil },
	})
	return m
}

func (m *clockRig) now() time.Time { return time.Now().Add(time.Duration(m.shift.Load())) }

// run serves for a while.
func (m *clockRig) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := m.Serve(ctx); err != nil {
		t.Error(err)
	}
}

func (m *clockRig) start(t *testing.T) State {
	t.Helper()
	s, err := m.Start()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheFloorIsSavedWhileTheMachineRuns(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, floor)
		if s := m.start(t); s.Source != FromFloor || !m.now().Equal(atYear(2026)) {
			t.Fatalf("%+v %v", s, m.now())
		}
		m.run(t, 25*time.Minute)
		next := newMachine(t, floor)
		next.start(t)
		if got := next.now().Sub(atYear(2026)); got != 25*time.Minute {
			t.Errorf("the next start is %v after the first", got)
		}
	})
}

func TestTimeServersSetTheClock(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, floor)
		m.start(t)
		began := time.Now()
		m.answer = func(s string) time.Time {
			if s == "c" { // it lies
				return atYear(2040)
			}
			return atYear(2027).Add(time.Since(began))
		}
		m.away.Store(false)
		m.run(t, time.Second)
		if s := m.State(); s.Source != FromNTP || m.now().Sub(atYear(2027)) > 2*time.Second || m.rtc.set.Year() != 2027 || m.right.Load() != 1 {
			t.Errorf("%+v, it is %v, the RTC has %v", s, m.now(), m.rtc.set)
		}
		if err := m.SetFromBrowser(atYear(2028)); !errors.Is(err, ErrSynced) {
			t.Errorf("a browser knows better than time servers: %v", err)
		}
		m.shift.Add(-int64(1000 * time.Hour)) // the clock was set back
		if err := m.saveFloors(); err != nil || m.Keeper.loadFloors().proven.Before(atYear(2027)) {
			t.Error("the floor went back")
		}
		m.answer = func(string) time.Time { return atYear(2026) } // all of them lie
		m.run(t, time.Second)
		if m.Keeper.loadFloors().proven.Before(atYear(2027)) || m.rtc.set.Year() != 2027 {
			t.Error("the clock was set behind what was proven")
		}
	})
}

func TestAClockThatJumpedAheadIsBroughtBack(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	for _, by := range []string{FromNTP, FromBrowser} {
		synctest.Test(t, func(t *testing.T) {
			_ = os.Remove(floor)
			m := newMachine(t, floor)
			m.rtc = fakeRTC{now: atYear(2041)}
			m.start(t)
			m.run(t, time.Hour)
			m = newMachine(t, floor)
			if m.start(t); m.now().Year() != 2041 {
				t.Errorf("a start went behind what was seen, to %v", m.now())
			}
			if by == FromNTP {
				m.answer = func(string) time.Time { return atYear(2027) }
				m.away.Store(false)
				m.run(t, time.Second)
			} else if err := m.SetFromBrowser(atYear(2027)); err != nil {
				t.Error(err)
			}
			m = newMachine(t, floor)
			if m.start(t); m.now().Year() != 2027 {
				t.Errorf("after %s it is %v", by, m.now())
			}
		})
	}
}

func TestATeachersBrowserTellsTheTime(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, floor)
		m.start(t)
		for _, bad := range []time.Time{{}, atYear(2025), atYear(2050), time.Unix(1<<40, 0)} {
			if err := m.SetFromBrowser(bad); !errors.Is(err, ErrRange) || !m.now().Equal(atYear(2026)) {
				t.Errorf("%v: %v", bad, err)
			}
		}
		if err := m.SetFromBrowser(atYear(2027)); err != nil || !m.now().Equal(atYear(2027)) || m.State().Source != FromBrowser || !m.rtc.set.Equal(atYear(2027)) || m.right.Load() != 0 {
			t.Errorf("%v %+v, it is %v", err, m.State(), m.now())
		}
		if err := m.SetFromBrowser(atYear(2027).Add(-time.Hour)); err != nil { // the one before was an hour fast
			t.Error(err)
		}
		next := newMachine(t, floor)
		if next.start(t); !next.now().Equal(atYear(2027).Add(-time.Hour)) {
			t.Errorf("the next start is %v", next.now())
		}
	})
}

func TestAServerThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, floor)
		m.start(t)
		m.away.Store(false) // no server answers
		began := time.Now()
		m.run(t, 3*time.Second)
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("the end took %v", d)
		}
		if got := m.Keeper.loadFloors().seen; got.Sub(atYear(2026)) < 3*time.Second {
			t.Errorf("the floor was not saved: %v", got)
		}
	})
}

func TestAClockThatCannotBeReadIsTold(t *testing.T) {
	m := newMachine(t, filepath.Join(t.TempDir(), "floor"))
	broken := errors.New("i2c")
	m.rtc.err = broken
	if s, err := m.Start(); !errors.Is(err, broken) || s.Source == "" {
		t.Errorf("%+v %v", s, err)
	}
}
