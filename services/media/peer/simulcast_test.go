package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/timetest"
)

func TestTheLayerIsWhatThePageShows(t *testing.T) {
	t.Run("fast", func(t *testing.T) {
		t.Parallel()
		n := startNode(t, Config{})
		publishLayers(t, n, "c1", "ada")
		stepThroughLayers(t, n, watchPackets(t, n, nil, "c1", "ben", 1))
	})
	t.Run("plain", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // the same on a network that loses nothing
			i := newVirtualNetwork(t, 1)
			n := runNode(t, i.node)
			publishLayersOn(t, n, i.at(t, "10.0.0.2"), "c1", "ada")
			s := watchPacketsOn(t, n, nil, i.at(t, "10.0.0.3"), "c1", "ben", 1)
			for what, took := range stepThroughLayers(t, n, s) {
				if took > layerBudget {
					t.Errorf("%s after %v", what, took)
				}
			}
			if err := checkDecodable(s.shots("video0")); err != nil {
				t.Error(err)
			}
		})
	})
}

// layerBudget is the time for a change to another layer.
const layerBudget = 2 * time.Second

// stepThroughLayers has the page of ben show pictures of many sizes, and returns the time of each
// change.
func stepThroughLayers(t *testing.T, n media.Node, s *spectator) map[string]time.Duration {
	t.Helper()
	timetest.CheckBudget(t, "the first picture of f", s.turns(t, "video0", "f"), 5*time.Second)
	all := map[string]time.Duration{}
	for _, step := range []struct {
		mode   media.Mode
		height int // -1: no entry
		rid    string
	}{{media.Full, 150, "q"}, {media.Full, 300, "h"}, {media.Full, -1, "f"}, {media.Full, 150, "q"}, {media.Full, 900, "f"}, {media.Saver, -1, "q"}, {media.Full, 300, "h"}} {
		heights := map[string]int{"0": step.height}
		if step.height < 0 {
			heights = nil
		}
		setWant(t, n, "ben", step.mode, heights)
		what := fmt.Sprintf("%s, %d px: %q", step.mode, step.height, step.rid)
		all[what] = s.turns(t, "video0", step.rid)
		timetest.CheckBudget(t, what, all[what], layerBudget)
	}
	setWant(t, n, "ben", media.Full, map[string]int{"0": 0})
	waitStill(t, "a picture out of sight", func() int { return len(s.shots("video0")) })
	setWant(t, n, "ben", media.Full, nil)
	s.turns(t, "video0", "f")
	checkPictures(t, s.shots("video0"))
	return all
}

func TestLayersThatNobodyWatchesRest(t *testing.T) {
	t.Parallel()
	n := startNode(t, Config{})
	e := collectEvents(t, n)
	l := publishLayers(t, n, "c1", "ada")
	s := watchPackets(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f")
	active := func() string { return strings.Join(e.last(media.Layers, "ada").Active, "") }
	began := time.Now() // f is shown, so its six seconds begin later
	setWant(t, n, "ben", media.Full, map[string]int{"0": 300})
	waitUntil(t, "f to rest", func() bool { return active() == "qh" })
	took := time.Since(began)
	if took < 4*time.Second && !timetest.IsBusy() { // f seems silent when it is starved
		t.Errorf("f rests after %v, should be about 6 s", took)
	}
	timetest.CheckBudget(t, "the rest of f", took, 8*time.Second)
	if got := s.last("video0", time.Minute).layer; got != slices.Index(rids, "h") {
		t.Errorf("f rests and layer %d is shown", got)
	}
	l.off[2].Store(true)
	time.Sleep(4 * time.Second) // the node measures rates each second: f is as silent as can be
	setWant(t, n, "ben", media.Full, nil)
	took = waitUntil(t, "f to be asked for", func() bool { return active() == "qhf" })
	timetest.CheckBudget(t, "the request for f", took, 300*time.Millisecond)
	time.Sleep(1500 * time.Millisecond) // a publisher takes a while to begin again and must not be given up on
	l.off[2].Store(false)
	timetest.CheckBudget(t, "f after it came", s.turns(t, "video0", "f"), 3*time.Second)
	if active() != "qhf" {
		t.Errorf("active are %q", active())
	}
	checkPictures(t, s.shots("video0"))
}

func TestAPublisherThatStopsItsBestLayer(t *testing.T) {
	t.Parallel()
	n := startNode(t, Config{})
	l := publishLayers(t, n, "c1", "ada")
	s := watchPackets(t, n, nil, "c1", "ben", 1)
	s.turns(t, "video0", "f")
	time.Sleep(2 * time.Second) // the node knows the rate of f
	l.off[2].Store(true)
	timetest.CheckBudget(t, "the fall to h", s.turns(t, "video0", "h"), 5*time.Second)
	time.Sleep(time.Second) // the node knows that f is silent
	l.off[2].Store(false)
	timetest.CheckBudget(t, "the return of f", s.turns(t, "video0", "f"), 5*time.Second)
	all := s.shots("video0")
	gap := time.Duration(0)
	for i := range all[1:] {
		gap = max(gap, all[i+1].at.Sub(all[i].at))
	}
	timetest.CheckBudget(t, "the longest gap", gap, 3*time.Second)
	checkPictures(t, all)
}

// A link of 400 kbit/s has a short queue. Packets beyond it are lost. The return of the best picture
// takes a minute, which passes on a virtual network: see TestThePictureFitsTheLinkOnAVirtualNetwork.
func TestASlowLinkHasASmallerPicture(t *testing.T) {
	t.Parallel()
	n := startNode(t, Config{})
	publishLayers(t, n, "c1", "ada")
	road := newLink(t, n, nil)
	s := watchPackets(t, n, road, "c1", "ben", 1)
	s.turns(t, "video0", "f")
	time.Sleep(2 * time.Second) // the node knows the rate of f
	road.rate.Store(400_000)
	timetest.CheckBudget(t, "a smaller picture", s.shrinks(t, 400_000), 10*time.Second)
}
