package event_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/event"
)

const day = int64(24 * time.Hour / time.Millisecond)

func TestAToldTimeIsKeptAndTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose machine believes that it is the year 2000
		c := event.NewClock(7)
		time.Sleep(time.Minute)
		if s := c.Now(); s.Trusted || s.Boot != 7 || s.Mono != 60_000 || s.Wall != time.Now().UnixMilli() {
			t.Fatalf("before: %+v", s)
		}
		told := event.Earliest + day
		if err := c.SetTime(told); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if s := c.Now(); !s.Trusted || s.Wall != told+3_600_000 || s.Mono != 3_660_000 {
			t.Fatalf("after: %+v, set %d", s, told)
		}
	})
}

func TestATimeThatCannotBeIsRefused(t *testing.T) {
	for want, at := range map[string]int64{"2026-01-01 00:00:00": event.Earliest, "2046-12-31 23:59:59": event.Latest} {
		if got := time.UnixMilli(at).UTC().Format(time.DateTime); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := event.NewClock(1)
		for _, wall := range []int64{-1 << 63, -1, 0, event.Earliest - 1, event.Latest + 1, 1<<63 - 1} {
			if err := c.SetTime(wall); !errors.Is(err, event.ErrRange) || c.Now().Trusted {
				t.Errorf("%d: %v", wall, err)
			}
		}
		for _, wall := range []int64{event.Earliest, event.Latest} {
			if err := c.SetTime(wall); err != nil || c.Now().Wall != wall {
				t.Errorf("%d: %v, %+v", wall, err, c.Now())
			}
		}
	})
}

func TestTheMachinesOwnTimeWinsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right := false
		c := event.NewSyncedClock(1, func() bool { return right })
		if err := c.SetTime(event.Earliest); err != nil || c.Now().Wall != event.Earliest {
			t.Fatal(err, c.Now())
		}
		right = true
		if s := c.Now(); !s.Trusted || s.Wall != time.Now().UnixMilli() {
			t.Errorf("synchronised: %+v", s)
		}
		if err := c.SetTime(event.Earliest); !errors.Is(err, event.ErrTrusted) {
			t.Errorf("set once more: %v", err)
		}
		right = false // the time server is gone; the clock runs on
		if s := c.Now(); !s.Trusted || s.Wall != time.Now().UnixMilli() {
			t.Errorf("its source is gone: %+v", s)
		}
	})
}

func TestTheTimeGoesBackByNoMoreThanWhatIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := event.NewClock(1)
		before := c.Now()
		for i, wall := range []int64{event.Earliest + 9*day, event.Earliest + 2*day, event.Earliest + 2*day, event.Latest, event.Earliest} {
			if err := c.SetTime(wall); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				s := c.Now()
				if s.Mono < before.Mono || s.Wall < min(before.Wall, wall) {
					t.Fatalf("set %d, no. %d: %+v after %+v", wall, i, s, before)
				}
				before = s
				time.Sleep(time.Second)
			}
		}
	})
}

func TestAClockIsToldWhileOthersReadIt(t *testing.T) {
	c := event.NewClock(1)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range int64(1000) {
				_ = c.SetTime(event.Earliest + i)
				if s := c.Now(); !s.Trusted || s.Wall < event.Earliest {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	all.Wait()
}
