package peer

import (
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/media"
)

func TestTheLayerIsWhatThePageShows(t *testing.T) {
	for name, cfg := range map[string]Config{"fast": {}, "plain": {Plain: true}} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, cfg)
			climb(t, n, "c1", "ada")
			s := attend(t, n, nil, "c1", "ben", 1)
			t.Logf("first picture of f after %v", s.turns(t, "video0", "f", 5*time.Second))
			for _, step := range []struct {
				mode   media.Mode
				height int // -1: no entry
				rid    string
			}{{media.Full, 150, "q"}, {media.Full, 300, "h"}, {media.Full, -1, "f"}, {media.Full, 150, "q"}, {media.Full, 900, "f"}, {media.Saver, -1, "q"}, {media.Full, 300, "h"}} {
				heights := map[string]int{"0": step.height}
				if step.height < 0 {
					heights = nil
				}
				want(t, n, "ben", step.mode, heights)
				t.Logf("%s, %d px: %q after %v", step.mode, step.height, step.rid, s.turns(t, "video0", step.rid, 2*time.Second))
			}
			want(t, n, "ben", media.Full, map[string]int{"0": 0})
			time.Sleep(100 * time.Millisecond)
			was := len(s.shots("video0"))
			time.Sleep(500 * time.Millisecond)
			if is := len(s.shots("video0")); is > was {
				t.Errorf("%d packets of what is out of sight", is-was)
			}
			want(t, n, "ben", media.Full, nil)
			s.turns(t, "video0", "f", 2*time.Second)
			if err := clean(s.shots("video0")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLayersThatNobodyWatchesRest(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	e := hear(t, n)
	l := climb(t, n, "c1", "ada")
	s := attend(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	active := func() string { return strings.Join(e.last(media.Layers, "ada").Active, "") }
	want(t, n, "ben", media.Full, map[string]int{"0": 300})
	s.turns(t, "video0", "h", 2*time.Second)
	began := time.Now()
	until(t, "f to rest", func() bool { return active() == "qh" })
	took := time.Since(began)
	t.Logf("f rests after %v", took)
	if took < 4*time.Second || took > 7500*time.Millisecond {
		t.Errorf("f was told to rest after %v, should be about 6 s", took)
	}
	l.off[2].Store(true)
	time.Sleep(4 * time.Second) // as silent as can be
	began = time.Now()
	want(t, n, "ben", media.Full, nil)
	until(t, "f to be asked for", func() bool { return active() == "qhf" })
	if took = time.Since(began); took > 300*time.Millisecond {
		t.Errorf("f was asked for after %v", took)
	}
	told := took
	// A publisher takes a while to begin again, and must not be given up on meanwhile.
	time.Sleep(1500 * time.Millisecond)
	l.off[2].Store(false)
	t.Logf("f asked for after %v; shown %v after it came", told, s.turns(t, "video0", "f", 3*time.Second))
	if active() != "qhf" {
		t.Errorf("active are %q", active())
	}
	if err := clean(s.shots("video0")); err != nil {
		t.Error(err)
	}
}

func TestAPublisherThatStopsItsBestLayer(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	l := climb(t, n, "c1", "ada")
	s := attend(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	time.Sleep(2 * time.Second)
	l.off[2].Store(true)
	time.Sleep(300 * time.Millisecond)
	t.Logf("falls to h after %v", 300*time.Millisecond+s.turns(t, "video0", "h", 5*time.Second))
	time.Sleep(time.Second)
	l.off[2].Store(false)
	t.Logf("f again after %v", s.turns(t, "video0", "f", 5*time.Second))
	all := s.shots("video0")
	gap := time.Duration(0)
	for i := range all[1:] {
		gap = max(gap, all[i+1].at.Sub(all[i].at))
	}
	t.Logf("longest gap %v", gap)
	if gap > 3500*time.Millisecond {
		t.Errorf("the picture stood still for %v", gap)
	}
	if err := clean(all); err != nil {
		t.Error(err)
	}
}

// A link of 400 kbit/s has a short queue; what it cannot hold is lost.
func TestASlowLinkHasASmallerPicture(t *testing.T) {
	t.Parallel()
	n := serve(t, Config{})
	climb(t, n, "c1", "ada")
	road := newLink(t, n, nil)
	s := attend(t, n, road, "c1", "ben", 1)
	s.turns(t, "video0", "f", 5*time.Second)
	time.Sleep(2 * time.Second)
	road.rate.Store(400_000)
	t.Logf("smaller after %v", s.shrinks(t, 400_000, 10*time.Second))
	road.rate.Store(0)
	t.Logf("f again after %v", s.turns(t, "video0", "f", 75*time.Second))
}
