package discover

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/grandcat/zeroconf"

	"github.com/livelearn/box/services/errs"
)

// Neighbour is another box in the local network. Its fields are unverified hints.
type Neighbour struct {
	ID      string // random
	Version string
	Addr    string // host and port of plain HTTP
}

// maxNeighbours bounds the result of a browse, because any machine may answer.
const maxNeighbours = 64

// BrowseBoxes collects the boxes that answer until ctx ends.
func BrowseBoxes(ctx context.Context) ([]Neighbour, error) {
	r, err := zeroconf.NewResolver(zeroconf.SelectIPTraffic(zeroconf.IPv4))
	if err != nil {
		return nil, errs.New("discover", errs.Down, err)
	}
	entries := make(chan *zeroconf.ServiceEntry, maxNeighbours)
	if err := r.Browse(ctx, serviceType, mdnsDomain, entries); err != nil {
		return nil, errs.New("discover", errs.Down, err)
	}
	found := map[string]Neighbour{}
	for e := range entries { // zeroconf closes the channel when ctx ends
		if n, ok := parseEntry(e); ok && len(found) < maxNeighbours {
			found[n.ID] = n
		}
	}
	list := make([]Neighbour, 0, len(found))
	for _, n := range found {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b Neighbour) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// parseEntry reads a record. ok is false if a field is missing or too long.
func parseEntry(e *zeroconf.ServiceEntry) (n Neighbour, ok bool) {
	for _, t := range e.Text {
		key, value, _ := strings.Cut(t, "=")
		if len(value) > 64 {
			return n, false
		}
		switch key {
		case "id":
			n.ID = value
		case "version":
			n.Version = value
		}
	}
	if n.ID == "" || n.Version == "" || len(e.AddrIPv4) == 0 || e.Port < 1 || e.Port > 65535 {
		return n, false
	}
	n.Addr = net.JoinHostPort(e.AddrIPv4[0].String(), strconv.Itoa(e.Port))
	return n, true
}
