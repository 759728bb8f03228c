package signaling

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

const (
	outboxLimit     = 1024             // messages for one room; a full queue is replaced by one call.sync
	deliveryTimeout = 10 * time.Second // for a room to answer
	deliveryTries   = 5                // while a room is busy
	busyRetryDelay  = 100 * time.Millisecond
)

// SendFunc sends a message of the box to a room and waits for the answer.
type SendFunc func(ctx context.Context, room string, m room.Message) (room.Reply, error)

// roomOutbox delivers messages to rooms. Messages of one room keep their order, and rooms do not
// wait for each other. A room that could not be reached gets one call.sync later.
type roomOutbox struct {
	send         SendFunc
	liveState    func(room string) any // the payload of a call.sync
	endRoomMedia func(room string)     // the room has no lesson
	log          *slog.Logger

	mu    sync.Mutex              // guards the fields below
	tasks *supervise.Tasks        // nil: closed, and what comes is dropped
	rooms map[string][]outMessage // that have a task, with what waits
}

// outMessage is one message of the box.
type outMessage struct {
	name    string
	payload any // nil: made when it is sent, for call.sync
}

func (p *roomOutbox) startAccepting(tasks *supervise.Tasks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks, p.rooms = tasks, map[string][]outMessage{}
}

func (p *roomOutbox) stopAccepting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks, p.rooms = nil, map[string][]outMessage{}
}

// enqueueMessage queues a message. It never waits.
func (p *roomOutbox) enqueueMessage(room string, m outMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tasks == nil || room == "" {
		return
	}
	list, runs := p.rooms[room]
	if list = append(list, m); len(list) > outboxLimit {
		p.log.Warn("media: a room is far behind and will be told anew", "room", room)
		list = []outMessage{{name: syncMessage}}
	}
	p.rooms[room] = list
	if !runs {
		p.tasks.Go(func(ctx context.Context) error { p.drainRoom(ctx, room); return nil })
	}
}

const syncMessage = "call.sync"

// enqueueSync queues a call.sync for a room, unless one is queued.
func (p *roomOutbox) enqueueSync(room string) {
	p.mu.Lock()
	for _, m := range p.rooms[room] {
		if m.name == syncMessage {
			p.mu.Unlock()
			return
		}
	}
	p.mu.Unlock()
	p.enqueueMessage(room, outMessage{name: syncMessage})
}

// takeNext takes the first message of a room. False: there is none, and the task of the room
// ends.
func (p *roomOutbox) takeNext(room string) (m outMessage, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.rooms[room]
	if len(list) == 0 {
		delete(p.rooms, room)
		return m, false
	}
	p.rooms[room] = list[1:]
	return list[0], true
}

// drainRoom delivers the queue of a room.
func (p *roomOutbox) drainRoom(ctx context.Context, room string) {
	for ctx.Err() == nil {
		m, ok := p.takeNext(room)
		if !ok {
			return
		}
		switch err := p.deliverMessage(ctx, room, m); {
		case err == nil || ctx.Err() != nil:
		case errs.BodyOf(err).Code == "no_lesson":
			p.endRoomMedia(room)
		case errs.KindOf(err) == errs.Busy || errs.KindOf(err) == errs.Down:
			p.log.Warn("media: a room does not answer and will be told anew", "room", room, "err", err)
			p.resyncRoom(room, m.name != syncMessage)
			supervise.Sleep(ctx, deliveryTries*busyRetryDelay)
		default:
			p.log.Warn("media: a room refuses", "room", room, "kind", m.name, "err", err)
		}
	}
}

// resyncRoom replaces the queue by one call.sync, or by nothing, because a room that is rebuilt
// asks for a sync itself.
func (p *roomOutbox) resyncRoom(room string, sync bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tasks == nil {
		return
	}
	p.rooms[room] = nil
	if sync {
		p.rooms[room] = []outMessage{{name: syncMessage}}
	}
}

// deliverMessage sends one message, and tries again while the room is busy.
func (p *roomOutbox) deliverMessage(ctx context.Context, id string, m outMessage) (err error) {
	for try := range deliveryTries {
		payload := m.payload
		if payload == nil {
			payload = p.liveState(id)
		}
		data, err := json.Marshal(payload)
		if err != nil {
			return errs.New(m.name, errs.Internal, err)
		}
		limited, cancel := context.WithTimeout(ctx, deliveryTimeout)
		_, err = p.send(limited, id, room.Message{Name: m.name, Data: data, By: event.Viewer{Role: event.Operator}})
		cancel()
		if errs.KindOf(err) != errs.Busy || try == deliveryTries-1 {
			return err
		}
		supervise.Sleep(ctx, busyRetryDelay<<try)
	}
	return err
}
