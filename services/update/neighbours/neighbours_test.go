package neighbours

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/update"
)

func TestOnlyNewerNeighboursAreOffered(t *testing.T) {
	n := &Watcher{OwnID: "me", Version: "1.9.0"}
	n.setFound([]discover.Neighbour{
		{ID: "me", Version: "2.0.0", Addr: "192.0.2.1:80"},
		{ID: "old", Version: "1.8.9", Addr: "192.0.2.2:80"},
		{ID: "same", Version: "1.9.0", Addr: "192.0.2.3:80"},
		{ID: "new", Version: "1.10.0", Addr: "192.0.2.4:80"},
		{ID: "odd", Version: "newest", Addr: "192.0.2.5:80"},
	})
	want := []update.Neighbour{{Name: "livelearn-new", Version: "1.10.0", URL: "http://192.0.2.4:80/api/update"}}
	if d := cmp.Diff(want, n.List()); d != "" {
		t.Error(d)
	}
}
