// Package cluster lets several boxes of one school hold a lesson together. Each room has one owner, the
// box that decides in it. A person's connection may be at any other box of the school, which passes
// the commands on to the owner and hands its answers to its own people.
//
// Boxes talk over a [Bus]. It carries messages and decides nothing: a message may be lost, and whoever
// needs it asks again.
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
	// errs.Missing when nobody listens to the subject, and ctx's error when nobody answers in time.
	Ask(ctx context.Context, subject string, data []byte) ([]byte, error)

	// Linked returns the ids of the boxes to which there is a connection now.
	Linked() []string
}
