package firmware

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/update"
)

const (
	nearPeriod = 5 * time.Minute // between looks
	nearLook   = 4 * time.Second // for one
)

// neighbours looks which boxes in the local network run a newer version. What they say is
// checked by its signature when it is fetched.
type neighbours struct {
	own, version string

	mu   sync.Mutex
	list []update.Neighbour // guarded by mu
}

// String is the service's name.
func (n *neighbours) String() string { return "neighbours" }

// Serve looks until ctx ends.
func (n *neighbours) Serve(ctx context.Context) error {
	for {
		look, cancel := context.WithTimeout(ctx, nearLook)
		found, err := discover.Browse(look)
		cancel()
		if err == nil {
			n.take(found)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(nearPeriod):
		}
	}
}

func (n *neighbours) take(found []discover.Neighbour) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = nil
	for _, f := range found {
		if f.ID != n.own && newer(f.Version, n.version) {
			n.list = append(n.list, update.Neighbour{Name: discover.Instance(f.ID), Version: f.Version, URL: "http://" + f.Addr + "/api/update"})
		}
	}
}

// List is what was found last.
func (n *neighbours) List() []update.Neighbour {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// newer tells that version a comes after b. What is no version is not newer.
func newer(a, b string) bool {
	var x, y [3]int
	if k, err := fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2]); k != 3 || err != nil {
		return false
	}
	if k, err := fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2]); k != 3 || err != nil {
		return false
	}
	return slices.Compare(x[:], y[:]) > 0
}
