package firmware

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/addresses"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
)

// buildMesh makes what connects this box to others of its school. A box that is alone runs nothing
// of it. One that cannot read or write what it needs for this gives its lessons without it.
func (b *Box) buildMesh() {
	if b.parts.NoMachineIO {
		return
	}
	if err := b.openMesh(); err != nil {
		b.mesh, b.directory, b.cluster = nil, nil, nil
		b.loggerFor("mesh").Error("this box connects to no other until it is started again", "err", err)
		b.health.SetCheck("mesh", health.Warn, "mesh_off", "this box connects to no other: check the disk and start the box again: "+err.Error())
	}
}

func (b *Box) openMesh() error {
	own, err := members.OpenIdentity(b.folder.PathOf(datafolder.BoxKeyFile), b.loggerFor("mesh"))
	if err != nil {
		return err
	}
	list, err := members.Open(b.folder.PathOf(datafolder.MembersFile), own, b.loggerFor("mesh"))
	if err != nil {
		return err
	}
	deps := link.Deps{
		List: list, Name: b.boxName, Program: b.parts.Program, Stderr: b.parts.Stderr,
		Health: b.health, Log: b.loggerFor("mesh"), Metrics: b.registry,
	}
	if !b.cfg.Discover.Off {
		deps.Nearby = findHosts
	}
	b.mesh = link.New(b.cfg.Mesh, deps)
	b.directory, _, err = directory.New(b.mesh, own.ID, directory.Own{Find: b.findLesson, Doors: b.listDoors})
	if err != nil {
		return err
	}
	b.cluster = cluster.New(cluster.Deps{
		Self: own.ID, Bus: b.mesh, Rooms: b.rooms, Journal: b.journal,
		// A person of another box has that box as home. All others are in rooms of this one.
		Owner:        func(string) string { return own.ID },
		Admit:        func(box string, s *room.Seat) (cluster.Admission, error) { return b.gateway.AdmitGuest(box, s) },
		OnDeadLetter: b.addDeadLetter, Observe: b.reports.Add, Log: b.loggerFor("cluster"), Metrics: b.registry,
	})
	return nil
}

// listDoors returns where other boxes reach this one over HTTPS.
func (b *Box) listDoors() []string {
	_, secure := b.gateway.Addrs()
	list := httpapi.ReachableURLs("https", secure)
	for i, u := range list {
		list[i] = strings.TrimPrefix(u, "https://")
	}
	return list
}

// roomsOfAll returns where people sit: the rooms of all boxes, or those of this one where it connects to
// no other.
func (b *Box) roomsOfAll() session.Rooms {
	if b.cluster == nil {
		return b.rooms
	}
	return b.cluster
}

// kickGuests signs a person out at other boxes.
func (b *Box) kickGuests() func(user, device, room, why string) {
	if b.cluster == nil {
		return nil
	}
	return b.cluster.Kick
}

// serveCluster holds lessons together with other boxes. It waits while this box is alone.
func (b *Box) serveCluster(ctx context.Context, ready func()) error {
	ready()
	if !b.mesh.WaitForOthers(ctx) {
		return nil
	}
	return b.cluster.Serve(ctx)
}

// findLesson answers other boxes where a lesson of this box is.
func (b *Box) findLesson(q directory.Question) (directory.Place, bool) {
	plain, _ := b.gateway.Addrs()
	list := addresses.HTTPAddresses(plain)
	l, err := b.gateway.FindForOtherBox(roster.Ref{Code: q.Code, Key: q.Key}, q.From)
	if err != nil || len(list) == 0 {
		return directory.Place{}, false
	}
	return directory.Place{Box: b.boxName(), Address: nearest(list, q.From) + "/j/" + l.Key}, true
}

// nearest returns the address of this box that a person with the address from reaches best: one in the
// same network, or else the first. An address of the loopback comes only where there is nothing else.
func nearest(list []string, from string) string {
	best, most := "", -1
	for _, a := range list {
		if n := closeness(a, from); n > most {
			best, most = a, n
		}
	}
	return best
}

// closeness is higher for an address that people reach better.
func closeness(address, from string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	ip, err := netip.ParseAddr(u.Hostname())
	switch {
	case err == nil && ip.IsLoopback():
		return 0
	case err == nil && isSameNetwork(ip.Unmap(), from):
		return 2
	}
	return 1
}

// isSameNetwork takes a /24 or a /64 for a network, as most schools have them.
func isSameNetwork(ip netip.Addr, from string) bool {
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	other, err := netip.ParseAddr(from)
	network, bad := ip.Prefix(bits)
	return err == nil && bad == nil && network.Contains(other.Unmap())
}

// findHosts returns the hosts of boxes in the network, as hints.
func findHosts(ctx context.Context) ([]string, error) {
	found, err := discover.BrowseBoxes(ctx)
	hosts := []string{}
	for _, n := range found {
		if host, _, err := net.SplitHostPort(n.Addr); err == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts, err
}

// meshChildren is the connection to other boxes. It waits while this box is alone.
func (b *Box) meshChildren() []supervise.Child {
	if b.mesh == nil {
		return nil
	}
	return []supervise.Child{
		withBackoff(withShutdownTimeout(10*time.Second, supervise.Run("mesh", b.mesh))),
		withBackoff(withShutdownTimeout(5*time.Second, supervise.Child{ID: "cluster", Start: b.serveCluster})),
	}
}

// recordCommand has the audit log tell of an act of the command line.
func (b *Box) recordCommand(ctx context.Context, e audit.Entry) {
	e.From = "command"
	if err := b.audit.Record(ctx, e); err != nil {
		b.loggerFor("audit").Error("an act is missing in the audit log", "kind", e.Action, "err", err)
	}
}
