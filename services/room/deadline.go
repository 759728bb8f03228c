package room

import (
	"context"
	"time"

	"github.com/livelearn/box/services/event"
)

// boxViewer is the author of messages that a deadline causes.
var boxViewer = event.Viewer{Role: event.Operator}

// armTimer sets the room's one timer to the earliest deadline of its features. A timer that
// fires too early does no harm, so nothing stops the timer of a room that was rebuilt.
func (r *Room) armTimer() {
	now, next, any := r.rooms.Clock.Now(), time.Duration(0), false
	for _, f := range r.features {
		t, ok := f.(Deadliner)
		if !ok {
			continue
		}
		if in, ok := t.NextDeadline(now); ok && (!any || in < next) {
			next, any = in, true
		}
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	if any {
		rooms, id := r.rooms, r.id
		r.timer = time.AfterFunc(max(next, 0), func() {
			if err := rooms.pool.Urgent(id, roomMail{deadlineDue: true}); err != nil {
				rooms.Log.Debug("deadline of a stopped room", "room", id, "err", err)
			}
		})
	}
}

// fireDeadlines calls each feature whose deadline has passed.
func (r *Room) fireDeadlines(ctx context.Context) error {
	for _, f := range r.features {
		t, ok := f.(Deadliner)
		if !ok {
			continue
		}
		now := r.rooms.Clock.Now()
		if in, ok := t.NextDeadline(now); !ok || in > 0 {
			continue
		}
		turn := &Turn{room: r, msg: &Message{Name: "ring", By: boxViewer}, stamp: now}
		t.OnDeadline(turn)
		if err := r.withConnections(ctx, func() { r.flushTurn(turn) }); err != nil {
			return err
		}
	}
	return nil
}
