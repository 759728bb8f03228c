package firmware

import (
	"time"

	"github.com/livelearn/box/services/board"
	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/tap"
)

// features is what a classroom can do, one line each. They do not know each other.
func features(x call.Exchange) []room.Kind {
	return []room.Kind{chat.Kind, hand.Kind, tap.Kind, quiz.Kind, board.Kind, call.Kind(x)}
}

// tree is everything that runs on a box. Children start from the top, each when the one
// above is ready, and stop from the bottom: the door closes first and the disk last.
//
// The strategy is one-for-one because each part lives through the crash of another. When
// the journal crashes, rooms are refused, rebuild themselves from disk and go on; no
// socket is closed for it. A room or a session that crashes never gets here: rooms are
// entities of a pool and sessions are children of their hub, each with a budget of its own.
//
// Too many crashes in the core end the program: the machine's service manager starts it
// anew, which is the last thing that may help. What stands beside the core is given up
// alone, and a lesson goes on without it.
//
// The roster is not here. It has no state in memory and nothing of it runs.
func (b *Box) tree() supervise.Spec {
	return supervise.Spec{
		Name: "box", Strategy: supervise.OneForOne, MaxRestarts: 20, Period: time.Minute, Observe: b.reports.Add,
		Children: []supervise.Child{
			within(30*time.Second, supervise.Run("journal", b.journal)), // commits all that is queued
			within(5*time.Second, supervise.Run("letters", b.letters)),
			within(20*time.Second, supervise.Run("rooms", b.rooms)), // drains mail, saves snapshots
			within(10*time.Second, b.sessions.Child()),
			within(5*time.Second, b.gateway.Child()),
			supervise.Run("beside", supervise.New(supervise.Spec{
				Name: "beside", Strategy: supervise.OneForOne, Each: true, MaxRestarts: 5, Period: 10 * time.Minute,
				Children: b.beside(),
			})),
			{ID: "started", Start: b.started, Restart: supervise.Transient},
		},
	}
}

// beside is what a lesson can do without.
func (b *Box) beside() []supervise.Child {
	list := []supervise.Child{
		within(time.Second, supervise.Run("watch", b.watch())),
		within(2*time.Second, supervise.Run("board", b.face())),
		within(5*time.Second, supervise.Run("retention", b.retention())),
		within(5*time.Second, supervise.Run("ledger", b.ledger)),
	}
	if b.parts.Sealed {
		return list
	}
	if b.updater != nil {
		list = append(list,
			patient(within(5*time.Second, supervise.Run("update", b.updater))),
			patient(within(5*time.Second, supervise.Run("neighbours", b.near))),
		)
	}
	if d := b.parts.Door; d != nil {
		list = append(list, within(time.Second, supervise.Run("heartbeat", &heartbeat{door: d, health: b.health, port: b.port})))
	}
	return append(append(list, b.mediaChildren()...),
		within(5*time.Second, supervise.Run("lanes", b.letters.Lanes())),
		within(time.Second, supervise.Run("history", b.history)), // of the machine: not on a fake clock
		patient(within(5*time.Second, supervise.Child{ID: "decks", Start: b.adopt, Restart: supervise.Transient})),
		patient(within(10*time.Second, supervise.Run("control", b.control()))),
		patient(within(5*time.Second, supervise.Run("cloud", b.cloud))), // what it sends is on disk here
		patient(within(5*time.Second, supervise.Child{ID: "discover", Start: b.advertise, Restart: supervise.Transient})),
	)
}

// within gives c so long to stop.
func within(d time.Duration, c supervise.Child) supervise.Child {
	c.Shutdown = d
	return c
}

// patient restarts c with a pause: what it needs is not ours and may come back.
func patient(c supervise.Child) supervise.Child {
	c.Backoff = supervise.Backoff{Min: time.Second, Max: time.Minute}
	return c
}
