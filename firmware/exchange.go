package firmware

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

// exchange is how rooms reach the media node in charge, and how it reaches them.
//
//	room -> Publish, Mute, ... -> hand -> [lane of a person] -> worker -> Switch -> node
//	room <- call.answer, call.refused <- post <---------------------'
//	room <- call.event <- [lane of a room] <- follow <- Switch.Events
//
// What concerns one person is done in the order in which it was asked for; people do not
// wait for each other. A lane that is full refuses Busy. Neither a node that hangs nor a
// room that does holds up a third.
type exchange struct {
	nodes *media.Switch
	post  posts
	lanes [laneCount]chan errand
	dir   func(room string) (string, error) // where the lesson in a room is recorded
	log   *slog.Logger
}

const (
	laneCount  = 16
	laneLength = 64              // errands of the people of one lane
	errandTime = 5 * time.Second // from its start; a node that is alive takes milliseconds
)

// errand is one thing to do at a node, and what to do when it cannot even be begun.
type errand struct {
	do     func(ctx context.Context)
	refuse func(err error)
}

// newExchange makes one whose posts go out by send.
func newExchange(nodes *media.Switch, send sendFunc, dir func(room string) (string, error), log *slog.Logger) *exchange {
	x := &exchange{nodes: nodes, dir: dir, log: log}
	x.post = posts{send: send, live: x.live, forget: x.forget, log: log, rooms: map[string][]post{}}
	for i := range x.lanes {
		x.lanes[i] = make(chan errand, laneLength)
	}
	return x
}

// String is the service's name.
func (x *exchange) String() string { return "exchange" }

// Serve works until ctx ends. What was told before a crash of its own may be lost, so it
// begins by telling each room how things stand.
func (x *exchange) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	x.post.open(g)
	g.Go(func(ctx context.Context) error { <-ctx.Done(); x.post.close(); return nil })
	for _, lane := range x.lanes {
		g.Go(func(ctx context.Context) error { carry(ctx, lane); return nil })
	}
	for _, room := range x.nodes.Rooms() {
		x.post.sync(room)
	}
	g.Go(x.follow)
	return g.Wait()
}

// follow takes the events of the nodes to their rooms.
func (x *exchange) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-x.nodes.Events():
			x.post.put(e.Room, post{name: "call.event", payload: e})
		}
	}
}

// carry runs the errands of one lane.
func carry(ctx context.Context, lane <-chan errand) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-lane:
			limited, cancel := context.WithTimeout(ctx, errandTime)
			e.do(limited)
			cancel()
		}
	}
}

// hand queues an errand of a person. It never waits.
func (x *exchange) hand(user string, e errand) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user)) // never fails
	select {
	case x.lanes[h.Sum32()%laneCount] <- e:
	default:
		x.log.Warn("media: too much is asked at once")
		e.refuse(errs.Code("media", errs.Busy, "media_busy", "too many requests wait for the media node"))
	}
}

// Publish implements call.Exchange.
func (x *exchange) Publish(req string, p media.Publish) {
	x.nodes.Announce(p.Room, media.Session{User: p.User, Session: p.Session, First: p.First})
	x.offer(req, p.Room, p.User, p.Session, func(ctx context.Context) (media.Answer, error) { return x.nodes.Publish(ctx, p) })
}

// Watch implements call.Exchange.
func (x *exchange) Watch(req string, w media.Watch) {
	x.nodes.Announce(w.Room, media.Session{User: w.User, Session: w.Session, Watch: true})
	x.offer(req, w.Room, w.User, w.Session, func(ctx context.Context) (media.Answer, error) { return x.nodes.Watch(ctx, w) })
}

// offer hands an offer over; the room gets the answer or the refusal.
func (x *exchange) offer(req, room, user, session string, f func(context.Context) (media.Answer, error)) {
	refuse := func(err error) {
		x.nodes.Withdraw(session)
		body := errs.BodyOf(err)
		if body.Reason == errs.Internal.String() {
			x.log.Error("media: an offer failed", "room", room, "err", err)
		}
		x.post.put(room, post{name: "call.refused", payload: call.Refused{To: user, Req: req, Code: body.Code, Kind: body.Reason}})
	}
	x.hand(user, errand{refuse: refuse, do: func(ctx context.Context) {
		a, err := f(ctx)
		if err != nil {
			refuse(err)
			return
		}
		x.post.put(room, post{name: "call.answer", payload: call.Answer{To: user, Req: req, SDP: a.SDP}})
	}})
}

// quietly hands over what has no answer.
func (x *exchange) quietly(user, op string, f func(context.Context) error) {
	failed := func(err error) {
		if err != nil && errs.KindOf(err) != errs.Missing {
			x.log.Warn("media: not done", "op", op, "err", err)
		}
	}
	x.hand(user, errand{refuse: failed, do: func(ctx context.Context) { failed(f(ctx)) }})
}

// owner is the user by whose name a session's begins.
func owner(session string) string {
	user, _, _ := strings.Cut(session, ":")
	return user
}

// Want implements call.Exchange.
func (x *exchange) Want(w media.Want) {
	x.quietly(owner(w.Session), "want", func(ctx context.Context) error { return x.nodes.Want(ctx, w) })
}

// Close implements call.Exchange.
func (x *exchange) Close(session string) {
	x.quietly(owner(session), "close", func(ctx context.Context) error { return x.nodes.Close(ctx, session) })
}

// Mute implements call.Exchange.
func (x *exchange) Mute(room, user string, source media.Source, on bool) {
	x.quietly(user, "mute", func(ctx context.Context) error { return x.nodes.Mute(ctx, room, user, source, on) })
}

// Record implements call.Exchange. Each lesson has a folder of its own.
func (x *exchange) Record(room string, on, all bool) {
	failed := func(err error) {
		if err == nil {
			return
		}
		x.log.Error("media: recording", "room", room, "err", err)
		if on {
			x.post.put(room, post{name: "call.event", payload: media.Event{Kind: media.Recording, Room: room, Err: reason(err)}})
		}
	}
	x.hand(room, errand{refuse: failed, do: func(ctx context.Context) { failed(x.record(ctx, room, on, all)) }})
}

func (x *exchange) record(ctx context.Context, room string, on, all bool) (err error) {
	r := media.Record{Room: room, All: all}
	if on {
		if r.Dir, err = x.dir(room); err != nil {
			return err
		}
	}
	return x.nodes.Record(ctx, r)
}

// reason is a code for the pages.
func reason(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Code != "" {
		return e.Code
	}
	return "failed"
}

// Sync implements call.Exchange.
func (x *exchange) Sync(room string) { x.post.sync(room) }

// live is how things stand in a room.
func (x *exchange) live(room string) any {
	sessions, recorded := x.nodes.Sessions(room)
	l := call.Live{Sessions: []call.Session{}, Recording: recorded}
	for _, s := range sessions {
		l.Sessions = append(l.Sessions, call.Session(s))
	}
	return l
}

// forget ends all media of a room without a lesson.
func (x *exchange) forget(room string) {
	x.hand(room, errand{refuse: func(error) {}, do: func(ctx context.Context) {
		if err := x.nodes.Forget(ctx, room); err != nil && errs.KindOf(err) != errs.Down {
			x.log.Warn("media: a room without a lesson was not closed", "room", room, "err", err)
		}
	}})
}
