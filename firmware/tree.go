package firmware

import (
	"slices"
	"time"

	"github.com/livelearn/box/firmware/heartbeat"
	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/groups"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/hardware"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/whiteboard"
)

// listFeatures returns the features of a classroom. Features do not import each other.
func listFeatures(x call.Exchange) []room.Kind {
	return []room.Kind{chat.Kind, hand.Kind, reaction.Kind, quiz.Kind, whiteboard.Kind, groups.Kind, call.Kind(x)}
}

// supervisionTree lists everything that runs on a box. Children start from the top, each when the one
// above is ready, and stop from the bottom. The HTTP listeners stop first, the journal last.
//
// The strategy is one-for-one because each part survives the crash of another. When the
// journal crashes, its calls fail until it is back. The rooms then rebuild from disk, and no
// socket closes. A crash of a room or a session does not reach this tree. Rooms are entities
// of a pool and sessions are children of their hub, each with its own restart budget.
//
// Too many crashes in the core end the program, and the service manager of the machine restarts
// it. An optional child that crashes too often is given up alone. A lesson continues without it.
//
// The roster is not in the tree. It has no state in memory and runs nothing.
func (b *Box) supervisionTree() supervise.Spec {
	spec := supervise.Spec{
		Name: "box", Strategy: supervise.OneForOne, MaxRestarts: 20, Period: time.Minute, Observe: b.reports.Add,
		Children: []supervise.Child{
			withShutdownTimeout(30*time.Second, supervise.Run("journal", b.journal)), // commits all that is queued
			withShutdownTimeout(5*time.Second, supervise.Run("jobs", b.jobs)),
			withShutdownTimeout(5*time.Second, supervise.Run("audit", b.audit)),
			withShutdownTimeout(20*time.Second, supervise.Run("rooms", b.rooms)), // drains mail, saves snapshots
			withShutdownTimeout(10*time.Second, b.sessions.Child()),
			withShutdownTimeout(5*time.Second, b.gateway.Child()),
			supervise.Run("optional", supervise.New(supervise.Spec{
				Name: "optional", Strategy: supervise.OneForOne, Each: true, MaxRestarts: 5, Period: 10 * time.Minute,
				Children: b.optionalChildren(),
			})),
			{ID: "started", Start: b.markReady, Restart: supervise.Transient},
		},
	}
	if b.parts.Estate != nil { // behind the gateway, because people wait for it
		at := slices.IndexFunc(spec.Children, func(c supervise.Child) bool { return c.ID == "gateway" }) + 1
		spec.Children = slices.Insert(spec.Children, at, supervise.Child{ID: "take over", Start: b.takeOver, Restart: supervise.Transient})
	}
	return spec
}

// optionalChildren lists the services that a lesson does not need.
func (b *Box) optionalChildren() []supervise.Child {
	list := []supervise.Child{
		withShutdownTimeout(time.Second, supervise.Run("watch", b.newDiskWatch())),
		withShutdownTimeout(2*time.Second, supervise.Run("display", b.newStatusDisplay())),
		withShutdownTimeout(5*time.Second, supervise.Run("retention", b.newRetention())),
		withShutdownTimeout(5*time.Second, supervise.Run("ledger", b.ledger)),
	}
	if f := b.newFan(); f != nil {
		list = append(list, withBackoff(withShutdownTimeout(time.Second, supervise.Run("fan", f))))
	}
	if w := hardware.New(b.parts.Board, b.health, b.loggerFor("hardware")); w != nil {
		list = append(list, withBackoff(withShutdownTimeout(time.Second, supervise.Run("hardware", w))))
	}
	if b.parts.Boot != nil {
		list = append(list, withShutdownTimeout(5*time.Second, supervise.Run("claim file", b.claimFile())))
	}
	if b.parts.NoMachineIO {
		return list
	}
	if b.updater != nil {
		list = append(list,
			withBackoff(withShutdownTimeout(5*time.Second, supervise.Run("update", b.updater))),
			withBackoff(withShutdownTimeout(5*time.Second, supervise.Run("neighbours", b.neighbours))),
		)
	}
	if report := b.reportAlive(); report != nil {
		list = append(list, withShutdownTimeout(time.Second, supervise.Run("heartbeat", &heartbeat.Heartbeat{Report: report, Health: b.health, Port: b.httpPort})))
	}
	if r := b.newCertificateRenewer(); r != nil {
		list = append(list, withBackoff(withShutdownTimeout(time.Second, supervise.Run("acme", r))))
	}
	list = append(list, b.meshChildren()...)
	return append(append(list, b.mediaChildren()...),
		withShutdownTimeout(5*time.Second, supervise.Run("job workers", b.jobs.Workers())),
		withBackoff(withShutdownTimeout(10*time.Second, supervise.Child{ID: "copies", Start: b.keepCopies})),
		withBackoff(withShutdownTimeout(5*time.Second, supervise.Run("network check", b.networkCheck))),
		withShutdownTimeout(time.Second, supervise.Run("history", b.history)), // of the machine: not on a fake clock
		withBackoff(withShutdownTimeout(5*time.Second, supervise.Child{ID: "decks", Start: b.requeueDecks, Restart: supervise.Transient})),
		withBackoff(withShutdownTimeout(10*time.Second, supervise.Run("control", b.newControlServer()))),
		withBackoff(withShutdownTimeout(5*time.Second, supervise.Run("cloud", b.cloud))), // what it sends is on disk here
		withBackoff(withShutdownTimeout(5*time.Second, supervise.Child{ID: "discover", Start: b.advertiseBox, Restart: supervise.Transient})),
	)
}

// withShutdownTimeout gives c the time d to stop.
func withShutdownTimeout(d time.Duration, c supervise.Child) supervise.Child {
	c.Shutdown = d
	return c
}

// withBackoff restarts c after a pause, because c depends on something outside of the program.
func withBackoff(c supervise.Child) supervise.Child {
	c.Backoff = supervise.Backoff{Min: time.Second, Max: time.Minute}
	return c
}
