package room

import (
	"context"
	"time"

	"github.com/livelearn/box/services/event"
)

// box is who acts when an alarm rings.
var box = event.Viewer{Role: event.Operator}

// wind sets the room's one timer to the earliest alarm of its features. An alarm that
// rings for nothing does no harm, so a timer of an earlier life need not be stopped.
func (r *Room) wind() {
	now, next, any := r.rooms.Clock.Now(), time.Duration(0), false
	for _, f := range r.features {
		t, ok := f.(Timed)
		if !ok {
			continue
		}
		if in, ok := t.Alarm(now); ok && (!any || in < next) {
			next, any = in, true
		}
	}
	if r.alarm != nil {
		r.alarm.Stop()
	}
	if any {
		rooms, id := r.rooms, r.id
		r.alarm = time.AfterFunc(max(next, 0), func() {
			if err := rooms.pool.Urgent(id, mail{ring: true}); err != nil {
				rooms.Log.Debug("alarm of a stopped room", "room", id, "err", err)
			}
		})
	}
}

// ring wakes each feature whose alarm is due.
func (r *Room) ring(ctx context.Context) error {
	for _, f := range r.features {
		t, ok := f.(Timed)
		if !ok {
			continue
		}
		now := r.rooms.Clock.Now()
		if in, ok := t.Alarm(now); !ok || in > 0 {
			continue
		}
		turn := &Turn{room: r, msg: &Message{Name: "ring", By: box}, stamp: now}
		t.Ring(turn)
		if err := r.locked(ctx, func() { r.flush(turn) }); err != nil {
			return err
		}
	}
	return nil
}
