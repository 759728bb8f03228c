package doctor

import (
	"testing"
	"time"

	"github.com/livelearn/box/services/media"
)

func TestTheFindingOfANodeTellsItsWay(t *testing.T) {
	for _, c := range []struct {
		n    media.NodeState
		want string
	}{
		{media.NodeState{Name: "a", Role: media.Away, Since: time.Now(), Restarts: 3}, "warn a: away for 0s; it came back 3 times"},
		{media.NodeState{Name: "a", Role: media.Standby}, "ok a: standby, and has not said how it works yet"},
		{
			media.NodeState{Name: "a", Role: media.Active, Load: media.Load{Path: "fast", GSO: true, Profile: "P", Watchers: 3}},
			"ok a: charge, by the fast path: P, one send for a burst (UDP_SEGMENT); 3 watch",
		},
	} {
		if f := nodeFinding(c.n); f.Level.String()+" "+f.What != c.want {
			t.Errorf("got %s %s", f.Level, f.What)
		}
	}
}
