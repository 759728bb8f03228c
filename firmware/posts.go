package firmware

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
	postsLength = 1024             // that wait for one room; when it is full all are dropped for one call.sync
	postTime    = 10 * time.Second // for a room to answer
	postTries   = 5                // while a room is busy
	postPause   = 100 * time.Millisecond
)

// sendFunc posts a message to a room on the box's account and waits for the answer.
type sendFunc func(ctx context.Context, room string, m room.Message) (room.Reply, error)

// posts brings messages to rooms: those of one room in order, rooms beside each other. A
// room that cannot be reached is told how things stand when it can.
type posts struct {
	send   sendFunc
	live   func(room string) any // the payload of a call.sync
	forget func(room string)     // the room has no lesson
	log    *slog.Logger

	mu    sync.Mutex        // guards the fields below
	tasks *supervise.Tasks  // nil: closed, and what comes is dropped
	rooms map[string][]post // that have a task, with what waits
}

// post is one message of the box.
type post struct {
	name    string
	payload any // nil: made when it is sent, for call.sync
}

func (p *posts) open(tasks *supervise.Tasks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks, p.rooms = tasks, map[string][]post{}
}

func (p *posts) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks, p.rooms = nil, map[string][]post{}
}

// put queues a message. It never waits.
func (p *posts) put(room string, m post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tasks == nil || room == "" {
		return
	}
	list, runs := p.rooms[room]
	if list = append(list, m); len(list) > postsLength {
		p.log.Warn("media: a room is far behind and will be told anew", "room", room)
		list = []post{{name: syncName}}
	}
	p.rooms[room] = list
	if !runs {
		p.tasks.Go(func(ctx context.Context) error { p.drain(ctx, room); return nil })
	}
}

const syncName = "call.sync"

// sync tells a room how things stand, unless that is about to happen.
func (p *posts) sync(room string) {
	p.mu.Lock()
	for _, m := range p.rooms[room] {
		if m.name == syncName {
			p.mu.Unlock()
			return
		}
	}
	p.mu.Unlock()
	p.put(room, post{name: syncName})
}

// next takes the first message of a room; false: there is none, and the room has no task
// from now on.
func (p *posts) next(room string) (m post, ok bool) {
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

// drain brings a room what waits for it.
func (p *posts) drain(ctx context.Context, room string) {
	for ctx.Err() == nil {
		m, ok := p.next(room)
		if !ok {
			return
		}
		switch err := p.bring(ctx, room, m); {
		case err == nil || ctx.Err() != nil:
		case errs.BodyOf(err).Code == "no_lesson":
			p.forget(room)
		case errs.KindOf(err) == errs.Busy || errs.KindOf(err) == errs.Down:
			p.log.Warn("media: a room does not answer and will be told anew", "room", room, "err", err)
			p.again(room, m.name != syncName)
			pause(ctx, postTries*postPause)
		default:
			p.log.Warn("media: a room refuses", "room", room, "kind", m.name, "err", err)
		}
	}
}

// again replaces what waits by one call.sync, or by nothing: a room that is rebuilt asks for
// a sync itself.
func (p *posts) again(room string, sync bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tasks == nil {
		return
	}
	p.rooms[room] = nil
	if sync {
		p.rooms[room] = []post{{name: syncName}}
	}
}

// bring posts one message, again while the room is busy.
func (p *posts) bring(ctx context.Context, id string, m post) (err error) {
	for try := range postTries {
		payload := m.payload
		if payload == nil {
			payload = p.live(id)
		}
		data, err := json.Marshal(payload)
		if err != nil {
			return errs.New(m.name, errs.Internal, err)
		}
		limited, cancel := context.WithTimeout(ctx, postTime)
		_, err = p.send(limited, id, room.Message{Name: m.name, Data: data, By: event.Viewer{Role: event.Operator}})
		cancel()
		if errs.KindOf(err) != errs.Busy || try == postTries-1 {
			return err
		}
		pause(ctx, postPause<<try)
	}
	return err
}
