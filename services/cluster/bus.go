// Package cluster lets several boxes of one school hold a lesson together. Each room has one owner, the
// box that decides in it. A person's connection may be at any other box of the school, which passes
// the commands on to the owner and hands its answers to its own people.
//
//	a box with a guest                                the room's owner
//	session > Cluster.Join, Post > in.OWNER  ------>  guest's seat > room.Rooms
//	session < annex (filter, fan-out) < out.BOX  <--  room > Line: each fact once for each box
//	                  holes < log.OWNER  <------------ journal
//
// Boxes talk over a [Bus]. It carries messages and decides nothing. A message may be lost, and the
// receiver then asks again. The room's seq shows which facts are missing, and a number in each message shows
// that something else is, such as a change of presence. Every 200 ms the owner says how far it is, so
// that a loss is found although nothing follows. Only the owner ends anything: it decides who has a
// seat, and it is the one author of presence.
//
// A [Cluster] takes the place of room.Rooms for sessions. The owner says who a guest is by the grant that
// comes with each join, and the guest's box signs what it sends for the guest with the grant's key: see
// Deps.Admit. Nothing here keeps a second copy of the facts: while the owner is away, its rooms stand
// still.
package cluster

import "context"

// Bus carries messages between the boxes of one school. Each message is delivered at most once.
type Bus interface {
	// Publish sends data to all subscribers of the subject on other boxes. It never waits. It
	// returns an error of the kind errs.Down while this box has no connection to the others.
	Publish(subject string, data []byte) error

	// Subscribe calls handle for each message of the subject, one after another and in the order in
	// which its sender published. reply answers a question of Ask, and is nil for a message that
	// asks nothing.
	Subscribe(subject string, handle func(data []byte, reply func([]byte))) (stop func(), err error)

	// Ask publishes a question and returns the first answer. It returns an error of the kind
	// errs.Missing when no box listens to the subject, and ctx's error when none answers in time.
	Ask(ctx context.Context, subject string, data []byte) ([]byte, error)

	// Linked returns the ids of the boxes to which there is a connection now.
	Linked() []string
}
