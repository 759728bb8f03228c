package firmware

import (
	"context"
	"errors"
	"time"

	"github.com/livelearn/box/firmware/handover"
	"github.com/livelearn/box/services/errs"
)

// ErrLeft means that the box has stopped for another program. Estate returns what it leaves.
var ErrLeft = errors.New("the box has stopped for another program")

// HandOver stops the box for another program. Its listeners go on listening, and the lesson sockets of
// plain HTTP stay open: Serve returns ErrLeft, and the next box gets Estate.
func (b *Box) HandOver() error {
	select {
	case <-b.ready:
	default:
		return errs.NewCode("firmware.HandOver", errs.Busy, "starting", "the box is not ready yet")
	}
	if b.restored.Load() {
		return errs.NewCode("firmware.HandOver", errs.Busy, "restoring", "the box restarts with the data of a backup")
	}
	if b.parts.Listen != nil {
		return errs.NewCode("firmware.HandOver", errs.Invalid, "other_listeners", "the listeners of this box are not its own")
	}
	list, err := b.listeners.Duplicate()
	if err != nil {
		return err
	}
	b.estate = &handover.Estate{Listeners: list}
	b.sessions.HandOver()
	b.leaving.Store(true)
	b.stop()
	return nil
}

// Estate returns what the box leaves, after Serve has returned ErrLeft.
func (b *Box) Estate() *handover.Estate { return b.estate }

// finishLeaving returns ErrLeft. A database that was closed with an error was written before: the next
// box opens and checks it.
func (b *Box) finishLeaving(err error) error {
	if err != nil {
		b.loggerFor("firmware").Error("the box has not stopped in order", "err", err)
	}
	return ErrLeft
}

// adoptEstate takes the sockets that another program left. Nothing is read, sent or accepted before
// takeOver.
func (b *Box) adoptEstate() error {
	e := b.parts.Estate
	if e == nil {
		return nil
	}
	b.listeners.Inherit(e.Listeners)
	return b.sessions.Adopt(e.Sockets, func(user string) func(string) bool {
		return func(room string) bool { return b.roster.CheckUserTeaches(user, room) == nil }
	})
}

// warmUpWait bounds the time for which the people of all rooms wait for one that does not start.
const warmUpWait = 2 * time.Second

// warmUpRooms starts the rooms of the sockets. One that does not start is a reason against a new
// program. Without another program to go on, the box serves the other rooms.
func (b *Box) warmUpRooms(ctx context.Context) error {
	rooms := map[string]bool{}
	for _, s := range b.parts.Estate.Sockets {
		for _, seat := range s.Seats {
			rooms[seat.Room] = true
		}
	}
	last := b.parts.Predecessor == nil
	if last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, warmUpWait)
		defer cancel()
	}
	for room := range rooms {
		err := b.rooms.WarmUp(ctx, room)
		switch {
		case err != nil && !last:
			return err
		case err != nil:
			b.loggerFor("firmware").Error("a room does not start after a hand-over", "room", room, "err", err)
		}
	}
	return nil
}

// takeOver is a child of the tree. It checks that the box can hold the lessons that it was left, and
// then lets it serve.
func (b *Box) takeOver(ctx context.Context, ready func()) error {
	if err := b.warmUpRooms(ctx); err != nil {
		return err
	}
	if old := b.parts.Predecessor; old != nil {
		if err := errors.Join(b.gateway.CheckReady(ctx), ctx.Err()); err != nil {
			return err
		}
		if err := old.Pass(); err != nil {
			return err
		}
	}
	if err := b.sessions.Release(ctx); err != nil {
		return err
	}
	b.listeners.Release()
	if old := b.parts.Predecessor; old != nil {
		if err := old.Finish(); err != nil { // this program is the box now
			b.loggerFor("firmware").Warn("the program before does not answer", "err", err)
		}
	}
	ready()
	return nil
}
