// Package signaling connects the rooms to the media nodes. A room asks through call.Exchange and
// gets its answers, and the events of the nodes, as messages. Package firmware starts one
// Signaling for each box that carries media.
//
// Requests of one person keep their order. A slow node or a slow room delays no other room.
package signaling

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strings"
	"time"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/supervise"
)

// Signaling connects the rooms and the active media node.
//
//	room -> Publish, Mute, ... -> enqueueTask -> [lane of a person] -> runLane -> Failover -> node
//	room <- call.answer, call.refused <- roomOutbox <--------------------'
//	room <- call.event <- roomOutbox <- forwardEvents <- Failover.Events
//
// Requests of one person keep their order, and people do not wait for each other. A lane that
// is full refuses with Busy. A node or a room that hangs does not delay another room.
type Signaling struct {
	nodes     *media.Failover
	outbox    roomOutbox
	lanes     [laneCount]chan laneTask
	recordDir func(room string) (string, error) // where the lesson in a room is recorded
	log       *slog.Logger
}

const (
	laneCount    = 16
	laneCapacity = 64              // tasks of the people of one lane
	taskTimeout  = 5 * time.Second // from its start; a node that is alive takes milliseconds
)

// laneTask is one request to a node. Refuse runs when the lane is full.
type laneTask struct {
	do     func(ctx context.Context)
	refuse func(err error)
}

// New makes a Signaling that sends to rooms by send.
func New(nodes *media.Failover, send SendFunc, dir func(room string) (string, error), log *slog.Logger) *Signaling {
	x := &Signaling{nodes: nodes, recordDir: dir, log: log}
	x.outbox = roomOutbox{send: send, liveState: x.liveState, endRoomMedia: x.endRoomMedia, log: log, rooms: map[string][]outMessage{}}
	for i := range x.lanes {
		x.lanes[i] = make(chan laneTask, laneCapacity)
	}
	return x
}

// String is the service's name.
func (x *Signaling) String() string { return "exchange" }

// Serve works until ctx ends. A crash of Signaling may lose messages, so it
// begins with a call.sync to each room.
func (x *Signaling) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	x.outbox.startAccepting(g)
	g.Go(func(ctx context.Context) error { <-ctx.Done(); x.outbox.stopAccepting(); return nil })
	for _, lane := range x.lanes {
		g.Go(func(ctx context.Context) error { runLane(ctx, lane); return nil })
	}
	for _, room := range x.nodes.Rooms() {
		x.outbox.enqueueSync(room)
	}
	g.Go(x.forwardEvents)
	return g.Wait()
}

// forwardEvents passes the events of the nodes to their rooms.
func (x *Signaling) forwardEvents(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-x.nodes.Events():
			x.outbox.enqueueMessage(e.Room, outMessage{name: "call.event", payload: e})
		}
	}
}

// runLane runs the tasks of one lane.
func runLane(ctx context.Context, lane <-chan laneTask) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-lane:
			limited, cancel := context.WithTimeout(ctx, taskTimeout)
			e.do(limited)
			cancel()
		}
	}
}

// enqueueTask queues a task of a person. It never waits.
func (x *Signaling) enqueueTask(user string, e laneTask) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user)) // never fails
	select {
	case x.lanes[h.Sum32()%laneCount] <- e:
	default:
		x.log.Warn("media: too much is asked at once")
		e.refuse(errs.NewCode("media", errs.Busy, "media_busy", "too many requests wait for the media node"))
	}
}

// Publish implements call.Exchange.
func (x *Signaling) Publish(req string, p media.Publish) {
	x.nodes.AnnounceSession(p.Room, media.Session{User: p.User, Session: p.Session, First: p.First})
	x.enqueueOffer(req, p.Room, p.User, p.Session, func(ctx context.Context) (media.Answer, error) { return x.nodes.Publish(ctx, p) })
}

// Watch implements call.Exchange.
func (x *Signaling) Watch(req string, w media.Watch) {
	x.nodes.AnnounceSession(w.Room, media.Session{User: w.User, Session: w.Session, Watch: true})
	x.enqueueOffer(req, w.Room, w.User, w.Session, func(ctx context.Context) (media.Answer, error) { return x.nodes.Watch(ctx, w) })
}

// enqueueOffer queues an offer. The room gets the answer or the refusal.
func (x *Signaling) enqueueOffer(req, room, user, session string, f func(context.Context) (media.Answer, error)) {
	refuse := func(err error) {
		x.nodes.WithdrawSession(session)
		body := errs.BodyOf(err)
		if body.Reason == errs.Internal.String() {
			x.log.Error("media: an offer failed", "room", room, "err", err)
		}
		x.outbox.enqueueMessage(room, outMessage{name: "call.refused", payload: call.Refused{To: user, Req: req, Code: body.Code, Kind: body.Reason}})
	}
	x.enqueueTask(user, laneTask{refuse: refuse, do: func(ctx context.Context) {
		a, err := f(ctx)
		if err != nil {
			refuse(err)
			return
		}
		x.outbox.enqueueMessage(room, outMessage{name: "call.answer", payload: call.Answer{To: user, Req: req, SDP: a.SDP}})
	}})
}

// enqueueNoReply queues a request that has no answer.
func (x *Signaling) enqueueNoReply(user, op string, f func(context.Context) error) {
	failed := func(err error) {
		if err != nil && errs.KindOf(err) != errs.Missing {
			x.log.Warn("media: not done", "op", op, "err", err)
		}
	}
	x.enqueueTask(user, laneTask{refuse: failed, do: func(ctx context.Context) { failed(f(ctx)) }})
}

// sessionUser returns the user of a session. Its id is the prefix of the session's.
func sessionUser(session string) string {
	user, _, _ := strings.Cut(session, ":")
	return user
}

// Want implements call.Exchange.
func (x *Signaling) Want(w media.Want) {
	x.enqueueNoReply(sessionUser(w.Session), "want", func(ctx context.Context) error { return x.nodes.Want(ctx, w) })
}

// Close implements call.Exchange.
func (x *Signaling) Close(session string) {
	x.enqueueNoReply(sessionUser(session), "close", func(ctx context.Context) error { return x.nodes.Close(ctx, session) })
}

// Mute implements call.Exchange.
func (x *Signaling) Mute(room, user string, source media.Source, on bool) {
	x.enqueueNoReply(user, "mute", func(ctx context.Context) error { return x.nodes.Mute(ctx, room, user, source, on) })
}

// Record implements call.Exchange. Each lesson has a folder of its own.
func (x *Signaling) Record(room string, on, all bool) {
	failed := func(err error) {
		if err == nil {
			return
		}
		x.log.Error("media: recording", "room", room, "err", err)
		if on {
			x.outbox.enqueueMessage(room, outMessage{name: "call.event", payload: media.Event{Kind: media.Recording, Room: room, Err: errorCode(err)}})
		}
	}
	x.enqueueTask(room, laneTask{refuse: failed, do: func(ctx context.Context) { failed(x.setRecording(ctx, room, on, all)) }})
}

func (x *Signaling) setRecording(ctx context.Context, room string, on, all bool) (err error) {
	r := media.Record{Room: room, All: all}
	if on {
		if r.Dir, err = x.recordDir(room); err != nil {
			return err
		}
	}
	return x.nodes.Record(ctx, r)
}

// errorCode returns the code that the pages show.
func errorCode(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Code != "" {
		return e.Code
	}
	return "failed"
}

// Sync implements call.Exchange.
func (x *Signaling) Sync(room string) { x.outbox.enqueueSync(room) }

// liveState returns the payload of a call.sync.
func (x *Signaling) liveState(room string) any {
	sessions, recorded := x.nodes.Sessions(room)
	l := call.Live{Sessions: []call.Session{}, Recording: recorded}
	for _, s := range sessions {
		l.Sessions = append(l.Sessions, call.Session(s))
	}
	return l
}

// endRoomMedia ends all media of a room without a lesson.
func (x *Signaling) endRoomMedia(room string) {
	x.enqueueTask(room, laneTask{refuse: func(error) {}, do: func(ctx context.Context) {
		if err := x.nodes.ForgetRoom(ctx, room); err != nil && errs.KindOf(err) != errs.Down {
			x.log.Warn("media: a room without a lesson was not closed", "room", room, "err", err)
		}
	}})
}
