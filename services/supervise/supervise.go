// Package supervise runs everything that lives on: services, operating-system
// processes and entities by the ten thousand. It is the only package of the house
// with a go statement, so no panic of ours can end the program.
//
// It owns three things.
//
// A Supervisor keeps a list of children alive with the meaning that Erlang/OTP gave
// the words: strategies, restart kinds, an intensity that escalates, ordered starts
// that are acknowledged, ordered stops with a time-out each.
//
// A Pool keeps entities of one kind, each with a key, its own state and a mailbox. An
// entity exists from its first message, has a goroutine only while it has mail, is
// rebuilt in place when it crashes, and leaves memory when it was idle.
//
// A Process child is a program of its own, for what no recover can contain.
//
// Promises:
//   - A child that returns an error, panics or calls runtime.Goexit is restarted by its
//     Restart kind and no other child notices, unless the Strategy says so.
//   - More than MaxRestarts within Period ends the supervisor with ErrIntensity. That is
//     escalation: the parent sees its child fail.
//   - Static children start one after another, each after the one before it called
//     ready, and stop in reverse order. Dynamic children (Start, Stop) cost the same
//     whether there are ten or ten thousand; under OneForOne they stop all together, before
//     the static ones.
//   - A child that outlives its Shutdown is abandoned and reported. Its context is
//     cancelled, and whatever it does later changes nothing here. (A goroutine cannot be
//     killed. A Process can, and is.)
//   - Each entity of a Pool has a restart budget of its own. One entity that crashes in a
//     loop costs the others nothing but processor time.
//   - A message that crashes its entity is tried once more on the rebuilt state, then it
//     is handed to Kind.Dead and the entity goes on. No other mail is lost by a crash.
//   - A Call never waits for an entity that crashed: it fails with ErrCrashed at once.
//   - A handler that hangs is fenced: its context is cancelled, a new incarnation takes
//     over its mail, and the old one's state is unreachable.
//   - A slow or panicking Observe delays no restart; reports are then dropped and counted.
package supervise

import (
	"context"
	"errors"
	"math"
	"time"
)

// Service is the shape of everything that lives on. Serve blocks until ctx ends or the
// work is finished (nil); an error, a panic or runtime.Goexit is a crash. Serve may be
// called again after it returned, so it begins by resetting its state.
type Service interface {
	Serve(ctx context.Context) error
}

// Strategy says which siblings share the fate of a child that is restarted.
type Strategy uint8

const (
	OneForOne  Strategy = iota // none
	OneForAll                  // all of them
	RestForOne                 // those that were started after it
)

// Restart says when a child is started again after it ended by itself.
type Restart uint8

const (
	Permanent Restart = iota // always
	Transient                // after a crash; a nil return or ErrShutdown is the end
	Temporary                // never
)

// Values of Child.Shutdown with a meaning of their own.
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
	// ErrIntensity ends a supervisor whose children needed more than MaxRestarts in Period.
	ErrIntensity = errors.New("too many restarts")
	// ErrStart ends a supervisor of which a static child failed before it was ready.
	ErrStart = errors.New("child failed to start")
	// ErrSpec is a supervisor's or child's description that cannot be run.
	ErrSpec = errors.New("bad child specification")
	// ErrIgnore is returned by a Start, before ready, that has nothing to run: the child
	// is kept on the list and left alone. Returned by Kind.Init it says that there is no
	// such entity: callers get the error at once and nothing is retried.
	ErrIgnore = errors.New("nothing to run")
	// ErrShutdown is returned by a child that ended on purpose: a Transient child is not
	// started again after it.
	ErrShutdown = errors.New("shutdown")
	// ErrStopped means that the supervisor or pool is not running.
	ErrStopped = errors.New("stopped")
	// ErrTaken means that the id or name is in use.
	ErrTaken = errors.New("already taken")
	// ErrMissing means that there is no child or name like this.
	ErrMissing = errors.New("not there")
	// ErrExited is the crash of a goroutine that called runtime.Goexit.
	ErrExited = errors.New("goroutine exited")
	// ErrFull means that the entity's mailbox is full. The message was not taken.
	ErrFull = errors.New("mailbox full")
	// ErrSpent means that the entity crashed more than MaxRestarts times in Period and
	// rests until that time has passed. The message was not taken.
	ErrSpent = errors.New("restart budget spent")
	// ErrCrashed is what a Call gets when the entity crashed before it replied. The
	// message may or may not have had its effect.
	ErrCrashed = errors.New("entity crashed")
	// ErrHung is the crash of a handler that took longer than Kind.Hang.
	ErrHung = errors.New("handler hung")
)

// Child is one thing to keep running.
type Child struct {
	ID string // unique in its supervisor; shows in logs, so an id and never a person's name

	// Start does the child's work: it calls ready once when it can be used, and returns
	// when ctx ends. Siblings that start later wait for ready.
	Start func(ctx context.Context, ready func()) error

	Restart  Restart
	Shutdown time.Duration // to end after ctx does; 0 is 5 s; or Infinity, BrutalKill
	Backoff  Backoff       // zero: restarted at once

	instant bool // ready at once
	tree    interface{ Tree() Status }
}

// Run is the child that serves s, permanent, ready at once. A Supervisor is ready when its
// children are, and a Pool when it takes mail. A Supervisor gets all the time it needs to
// stop, and a Pool its Drain and two seconds.
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
	MaxRestarts int           // within Period; 0 is 3; negative allows none
	Period      time.Duration // 0 is 5 s
	Children    []Child       // started in this order

	// Each gives every child a budget of its own: one that spends it is given up alone and
	// the supervisor goes on. For OneForOne with many dynamic children.
	Each bool

	// Observe gets a Report of each crash and decision, in order, on a goroutine of its
	// own. Nil: the Observe of the supervisor above.
	Observe func(Report)
}
