// Package supervise runs everything that lives on: services, operating-system
// processes and tens of thousands of entities. It is the only package of the house
// with a go statement, so a panic of our code cannot end the program.
//
// It owns three things.
//
// A Supervisor keeps a list of children alive. Strategies, restart kinds, an intensity
// that escalates, acknowledged starts in order and stops in order with a time-out each
// have the meaning of Erlang/OTP.
//
// A Pool keeps entities of one kind, each with a key, its own state and a mailbox. An
// entity exists from its first message, has a goroutine only while it has mail, is
// rebuilt in place when it crashes, and leaves memory after it was idle.
//
// A Process child is a separate program, for crashes that recover cannot contain.
//
// Promises:
//   - A child that returns an error, panics or calls runtime.Goexit is restarted by its
//     Restart kind and no other child notices, unless the Strategy includes it.
//   - More than MaxRestarts within Period ends the supervisor with ErrIntensity. This is
//     escalation: the parent sees its child fail.
//   - Static children start one after another, each after the one before it called
//     ready, and stop in reverse order. Dynamic children (Start, Stop) cost the same
//     whether there are ten or ten thousand. Under OneForOne they stop all together, before
//     the static ones.
//   - A child that outlives its Shutdown is abandoned and reported. Its context is
//     cancelled, and its later results are ignored. (A goroutine cannot be killed. A
//     Process can, and is.)
//   - Each entity of a Pool has a restart budget of its own. One entity that crashes in a
//     loop costs the others nothing but processor time.
//   - A message that crashes its entity is tried once more on the rebuilt state. Then it
//     is handed to Kind.Dead and the entity continues. A crash loses no other mail.
//   - A handler that hangs is fenced: its context is cancelled, a new incarnation takes
//     over its mail, and the old one's state is unreachable.
//   - A slow or panicking Observe delays no restart. Reports are then dropped and counted.
package supervise

import (
	"context"
	"errors"
	"math"
	"time"
)

// Service is the interface of everything that lives on. Serve blocks until ctx ends or the work
// is finished (nil). An error, a panic or runtime.Goexit is a crash. Serve may be called again
// after it returned, so it begins by resetting its state.
type Service interface {
	Serve(ctx context.Context) error
}

// Strategy decides which siblings share the fate of a child that is restarted.
type Strategy uint8

const (
	OneForOne  Strategy = iota // none
	OneForAll                  // all of them
	RestForOne                 // those that were started after it
)

// Restart decides when a child is started again after it ended by itself.
type Restart uint8

const (
	Permanent Restart = iota // always
	Transient                // after a crash, a nil return or ErrShutdown is the end
	Temporary                // never
)

// Special values of Child.Shutdown.
const (
	Infinity   time.Duration = math.MaxInt64 // wait for the child for ever
	BrutalKill time.Duration = -1            // do not wait at all
)

const (
	defaultShutdown = 5 * time.Second
	defaultRestarts = 3
	defaultPeriod   = 5 * time.Second
)

var (
	// ErrIntensity ends a supervisor when its children needed more than MaxRestarts in Period.
	ErrIntensity = errors.New("too many restarts")
	// ErrStart ends a supervisor when a static child failed before it was ready.
	ErrStart = errors.New("child failed to start")
	// ErrSpec means that the description of a supervisor or child is invalid.
	ErrSpec = errors.New("bad child specification")
	// ErrIgnore is returned by a Start, before ready, if there is no work: the child stays on
	// the list and is left alone. Returned by Kind.Init it means that the entity does not
	// exist. Its messages are dropped and nothing is retried.
	ErrIgnore = errors.New("nothing to run")
	// ErrShutdown is returned by a child that ended on purpose: a Transient child is not
	// started again after it.
	ErrShutdown = errors.New("shutdown")
	// ErrStopped means that the supervisor or pool is not running.
	ErrStopped = errors.New("stopped")
	// ErrTaken means that the id is in use, or that Serve runs already.
	ErrTaken = errors.New("already taken")
	// ErrMissing means that no child has this id.
	ErrMissing = errors.New("not there")
	// ErrExited is the crash of a goroutine that called runtime.Goexit.
	ErrExited = errors.New("goroutine exited")
	// ErrFull means that the entity's mailbox is full. The message was not taken.
	ErrFull = errors.New("mailbox full")
	// ErrSpent means that the entity crashed more than MaxRestarts times in Period and
	// rests until that time has passed. The message was not taken.
	ErrSpent = errors.New("restart budget spent")
	// ErrHung is the crash of a handler that took longer than Kind.Hang.
	ErrHung = errors.New("handler hung")
)

// Child describes one child of a supervisor.
type Child struct {
	ID string // unique in its supervisor. It appears in logs, so an id and never a person's name

	// Start does the child's work: it calls ready once when it can be used, and returns
	// when ctx ends. Siblings that start later wait for ready.
	Start func(ctx context.Context, ready func()) error

	Restart  Restart
	Shutdown time.Duration // time to end after ctx does, 0 means 5 s, or Infinity, BrutalKill
	Backoff  Backoff       // zero: restarted at once

	instant bool // ready at once
	tree    interface{ Tree() Status }
}

// Run makes a child that serves s, permanent, ready at once. A Supervisor is ready when its
// children are, and a Pool when it takes mail. A Supervisor gets all the time it needs to stop,
// and a Pool its Drain and two seconds.
func Run(id string, s Service) Child {
	c := Child{ID: id}
	c.tree, _ = s.(interface{ Tree() Status })
	if st, ok := s.(interface {
		serve(ctx context.Context, ready func()) error
	}); ok {
		c.Start = st.serve
	} else {
		c.instant = true
		c.Start = func(ctx context.Context, _ func()) error { return s.Serve(ctx) }
	}
	if st, ok := s.(interface{ patience() time.Duration }); ok {
		c.Shutdown = st.patience()
	}
	return c
}

// Spec describes a Supervisor.
type Spec struct {
	Name        string
	Strategy    Strategy
	MaxRestarts int           // within Period, 0 means 3, negative allows none
	Period      time.Duration // 0 means 5 s
	Children    []Child       // started in this order

	// Each gives every child a budget of its own. A child that spends its budget is given up
	// alone and the supervisor continues. It is for OneForOne with many dynamic children.
	Each bool

	// Observe gets a Report of each crash and decision, in order, on a goroutine of its
	// own. Nil: the Observe of the supervisor above.
	Observe func(Report)
}
