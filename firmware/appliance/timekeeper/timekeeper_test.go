package timekeeper

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
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

func at(year int) time.Time { return time.Date(year, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestTheTimeToStartWith(t *testing.T) {
	for name, c := range map[string]struct {
		system, rtc, floor, want time.Time
		from                     string
	}{
		"no clock":                  {at(1970), time.Time{}, at(2026), at(2026), FromFloor},
		"a good clock":              {at(1970), at(2027), at(2026), at(2027), FromRTC},
		"a clock behind the floor":  {at(1970), at(2025), at(2026), at(2026), FromFloor},
		"the kernel read it itself": {at(2027), time.Time{}, at(2026), at(2027), FromRTC},
		"a clock gone mad":          {at(1970), at(2150), at(2026), at(2026), FromFloor},
	} {
		got, from := Choose(c.system, c.rtc, c.floor)
		if !got.Equal(c.want) || from != c.from {
			t.Errorf("%s: %v from %s", name, got, from)
		}
	}
	for range 10_000 {
		pick := func() time.Time { return time.Unix(rand.Int64N(8e9), 0) }
		floor := pick()
		if got, _ := Choose(pick(), pick(), floor); got.Before(floor) {
			t.Fatalf("%v is before the floor %v", got, floor)
		}
	}
}

func TestTwoServersMustAgree(t *testing.T) {
	h := time.Hour
	for _, c := range []struct {
		offsets []time.Duration
		want    time.Duration
		ok      bool
	}{
		{nil, 0, false},
		{[]time.Duration{h}, 0, false},
		{[]time.Duration{h, 2 * h}, 0, false},
		{[]time.Duration{h, h + time.Second}, h + time.Second/2, true},
		{[]time.Duration{h, -1000 * h, h}, h, true},
	} {
		if got, ok := Agreed(c.offsets, tolerance); got != c.want || ok != c.ok {
			t.Errorf("%v: got %v, %v", c.offsets, got, ok)
		}
	}
}

// rtc is a clock that remembers what it was set to.
type rtc struct {
	now time.Time
	err error
	set time.Time
}

func (r *rtc) Read() (time.Time, error) { return r.now, r.err }
func (r *rtc) Set(at time.Time) error   { r.set = at; return nil }

func TestTheClockIsKept(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	synctest.Test(t, func(t *testing.T) { // its time begins in 2000
		var shift atomic.Int64 // nanoseconds
		r := &rtc{err: hal.ErrUnset}
		var up atomic.Bool
		k := New(Config{
			Floor: floor, Release: at(2026), RTC: r, Log: slog.New(slog.DiscardHandler),
			Servers: func() []string { return []string{"a", "b", "c"} },
			Set:     func(at time.Time) error { shift.Store(int64(at.Sub(time.Now()))); return nil },
			Query: func(s string) (time.Duration, error) {
				if !up.Load() || s == "c" {
					return 0, errors.New("no route")
				}
				return 48 * time.Hour, nil
			},
			now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) },
		})
		s, err := k.Start()
		if err != nil || s.Source != FromFloor || !k.cfg.now().Equal(at(2026)) {
			t.Fatalf("%+v %v %v", s, err, k.cfg.now())
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Serve(ctx) }()
		time.Sleep(savePeriod + time.Second)
		if got := k.floor(); got.Before(at(2026).Add(savePeriod)) {
			t.Errorf("the floor is %v", got)
		}
		up.Store(true)
		time.Sleep(askAgain + time.Second)
		if got := k.State(); got.Source != FromNTP || got.Offset != 48*time.Hour || r.set.IsZero() {
			t.Errorf("%+v, the clock was set to %v", got, r.set)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := k.floor(); got.Before(at(2026).Add(48 * time.Hour)) {
			t.Errorf("at the end the floor is %v", got)
		}
		shift.Add(-int64(1000 * time.Hour)) // somebody set the clock back
		if err := k.save(); err != nil || k.floor().Before(at(2026).Add(48*time.Hour)) {
			t.Error("the floor went back")
		}
	})
}

func FuzzFloor(f *testing.F) {
	f.Add("1790000000\n")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := parseFloor(text); ok && (got.Year() < 1970 || got.Year() >= lastYear) {
			t.Error(got)
		}
	})
}

func TestABadFloorIsNone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "floor")
	if err := os.WriteFile(name, []byte("99999999999999999999"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := New(Config{Floor: name, Release: at(2026)}).floor(); !got.Equal(at(2026)) {
		t.Error(got)
	}
}
