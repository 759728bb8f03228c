// Package neighbours finds the boxes of the local network that run a newer version. Package
// firmware starts one Watcher for each box that has two systems, and the updater asks it.
//
// The list is a hint. The updater checks the signature of all that it fetches.
package neighbours

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
	browseInterval = 5 * time.Minute // between looks
	browseTimeout  = 4 * time.Second // for one
)

// Watcher browses the local network for boxes with a newer version.
type Watcher struct {
	OwnID, Version string

	mu   sync.Mutex
	list []update.Neighbour // guarded by mu
}

// String is the service's name.
func (n *Watcher) String() string { return "neighbours" }

// Serve browses until ctx ends.
func (n *Watcher) Serve(ctx context.Context) error {
	for {
		look, cancel := context.WithTimeout(ctx, browseTimeout)
		found, err := discover.BrowseBoxes(look)
		cancel()
		if err == nil {
			n.setFound(found)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(browseInterval):
		}
	}
}

func (n *Watcher) setFound(found []discover.Neighbour) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = nil
	for _, f := range found {
		if f.ID != n.OwnID && isNewer(f.Version, n.Version) {
			n.list = append(n.list, update.Neighbour{Name: discover.InstanceName(f.ID), Version: f.Version, URL: "http://" + f.Addr + "/api/update"})
		}
	}
}

// List returns the boxes that were found last.
func (n *Watcher) List() []update.Neighbour {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// isNewer says whether version a comes after b. A text that is not a version is not newer.
func isNewer(a, b string) bool {
	var x, y [3]int
	if k, err := fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2]); k != 3 || err != nil {
		return false
	}
	if k, err := fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2]); k != 3 || err != nil {
		return false
	}
	return slices.Compare(x[:], y[:]) > 0
}
