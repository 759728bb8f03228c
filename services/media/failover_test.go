package media

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
)

// failoverRig is a Failover with nodes that come and go.
type failoverRig struct {
	*Failover
	t    *testing.T
	gone map[string]chan struct{}
	ends sync.WaitGroup
}

func newFailoverRig(t *testing.T) *failoverRig {
	p := &failoverRig{Failover: NewFailover(discardLog), t: t, gone: map[string]chan struct{}{}}
	t.Cleanup(func() {
		for name := range p.gone {
			p.kill(name)
		}
		p.ends.Wait()
	})
	return p
}

// up attaches a node and waits until it is ready.
func (p *failoverRig) up(name string) *fakeNode {
	p.t.Helper()
	f := newFakeNode(name)
	p.attach(name, f)
	return f
}

func (p *failoverRig) attach(name string, n Node) {
	gone := make(chan struct{})
	p.gone[name] = gone
	p.ends.Go(func() {
		if err := p.Attach(context.WithoutCancel(p.t.Context()), name, n, gone); err != nil {
			p.t.Errorf("%s: %v", name, err)
		}
	})
	synctest.Wait()
}

func (p *failoverRig) kill(name string) {
	if p.gone[name] != nil {
		close(p.gone[name])
		p.gone[name] = nil
	}
	synctest.Wait()
}

func (p *failoverRig) publish(room, user string) {
	p.t.Helper()
	if _, err := p.Publish(p.t.Context(), Publish{Room: room, User: user, Session: user + ":p"}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *failoverRig) watch(room, user string) {
	p.t.Helper()
	if _, err := p.Watch(p.t.Context(), Watch{Room: room, User: user, Session: user + ":w"}); err != nil {
		p.t.Fatal(err)
	}
}

// newEvents lists the events since the last call.
func (p *failoverRig) newEvents() (list []string) {
	synctest.Wait()
	for {
		select {
		case e := <-p.events:
			list = append(list, strings.TrimSpace(e.Kind+" "+e.Room+" "+e.Session+" "+string(e.Source)))
		default:
			return list
		}
	}
}

// roles is "a charge, b standby".
func (p *failoverRig) roles() string {
	var list []string
	for _, s := range p.States() {
		list = append(list, s.Name+" "+string(s.Role))
	}
	return strings.Join(list, ", ")
}

func (p *failoverRig) checkRoles(want string) {
	p.t.Helper()
	if got := p.roles(); got != want {
		p.t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheFirstNodeIsInChargeAndTheNextTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		b, a := p.up("b"), p.up("a")
		p.checkRoles("a standby, b charge")
		p.publish("r", "ada")
		p.watch("r", "ben")
		b.events <- Event{Kind: TrackUp, Room: "r", User: "ada", Session: "ada:p", Source: Camera}
		compareLists(t, "events", p.newEvents(), []string{"track.up r ada:p camera"})

		began := time.Now()
		p.kill("b")
		compareLists(t, "events", p.newEvents(), []string{"moved r ada:p", "moved r ben:w"})
		if took := time.Since(began); took > 0 {
			t.Errorf("that took %v", took)
		}
		p.checkRoles("a charge, b away")
		p.publish("r", "ada")
		compareLists(t, "a heard", a.callsOf(methodPublish), []string{"ada:p"})

		p.up("b")
		p.checkRoles("a charge, b standby")
		if s := p.States()[1]; s.Restarts != 1 || s.Pong != -1 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestTheDeathOfAStandbyMovesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		p.up("a")
		p.up("b")
		p.publish("r", "ada")
		p.kill("b")
		compareLists(t, "events", p.newEvents(), nil)
		p.checkRoles("a charge, b away")
	})
}

func TestWithNoNodeRequestsAreRefusedAndSessionsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		if _, err := p.Watch(t.Context(), Watch{Session: "x"}); errorCode(err) != "down no_node" {
			t.Errorf("before the first: %v", err)
		}
		a := p.up("a")
		p.publish("r", "ada")
		p.publish("r", "ben")
		p.watch("r", "eve")
		a.events <- Event{Kind: TrackUp, Room: "r", User: "ada", Session: "ada:p", Source: Camera}
		p.newEvents()
		p.kill("a")
		compareLists(t, "events at the death", p.newEvents(), []string{"track.down r ada:p camera"})
		for _, err := range []error{
			p.Want(t.Context(), Want{Session: "eve:w"}),
			func() error { _, err := p.Publish(t.Context(), Publish{Room: "r", Session: "new"}); return err }(),
			func() error { _, err := p.Publish(t.Context(), Publish{Room: "r", Session: "ada:p"}); return err }(),
			func() error { _, err := p.Load(t.Context()); return err }(),
		} {
			if errorCode(err) != "down no_node" {
				t.Errorf("got %v", err)
			}
		}
		if err := p.Close(t.Context(), "ben:p"); err != nil {
			t.Error(err)
		}
		p.up("a")
		compareLists(t, "events at the return", p.newEvents(), []string{"moved r ada:p", "moved r eve:w"})
		if list, _ := p.Sessions("r"); len(list) != 0 {
			t.Errorf("left: %+v", list)
		}
	})
}

func TestANewSessionWhoseNodeDiesIsTakenToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a, b := p.up("a"), p.up("b")
		a.hold(methodPublish)
		a.refuse(methodPublish, errNodeGone("publish"))
		answer := make(chan string)
		go func() {
			ans, err := p.Publish(t.Context(), Publish{Room: "r", User: "ada", Session: "ada:p"})
			answer <- ans.SDP + errorCode(err)
		}()
		synctest.Wait()
		close(p.gone["a"])
		p.gone["a"] = nil
		close(a.wait[methodPublish])
		if got := <-answer; got != "b" {
			t.Errorf("answered by %q", got)
		}
		compareLists(t, "b heard", b.callsOf(methodPublish), []string{"ada:p"})
		compareLists(t, "events", p.newEvents(), nil)
		if list, _ := p.Sessions("r"); len(list) != 1 {
			t.Errorf("sessions %+v", list)
		}
	})
}

func TestWhatANodeRefusesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a := p.up("a")
		p.publish("r", "ada")
		a.refuse(methodPublish, errFull())
		p.AnnounceSession("r", Session{User: "ben", Session: "ben:p", First: true})
		if list, _ := p.Sessions("r"); len(list) != 2 || !list[1].First {
			t.Errorf("announced: %+v", list)
		}
		for _, user := range []string{"ada", "ben"} {
			if _, err := p.Publish(t.Context(), Publish{Room: "r", User: user, Session: user + ":p"}); errorCode(err) != "busy full" {
				t.Errorf("got %v", err)
			}
		}
		list, _ := p.Sessions("r")
		if len(list) != 1 || list[0].Session != "ada:p" { // it only wanted to change its tracks
			t.Errorf("left: %+v", list)
		}
	})
}

func TestRequestsGoToTheNodeOfTheirSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a, ctx := p.up("a"), t.Context()
		p.publish("r", "ada")
		_, err := p.Patch(ctx, Patch{Session: "ada:p"})
		if err := errors.Join(err, p.Want(ctx, Want{Session: "ada:p"}), p.Close(ctx, "ada:p")); err != nil {
			t.Error(err)
		}
		compareLists(t, "a heard", a.calls, []string{"publish ada:p", "patch ada:p", "want ada:pmap[]", "close ada:p"})
		a.events <- Event{Kind: SessionDown, Room: "r", User: "ada", Session: "ada:p"}
		compareLists(t, "events", p.newEvents(), []string{"session.down r ada:p"})
		if err := p.Close(ctx, "ada:p"); errorCode(err) != "missing no_session" {
			t.Errorf("got %v", err)
		}
		if load, err := p.Load(ctx); err != nil || load.Watchers != 7 {
			t.Errorf("got %+v %v", load, err)
		}
	})
}

func TestSessionsKnowWhatIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a := p.up("a")
		p.publish("r", "ada")
		up := func(kind string, s Source) {
			a.events <- Event{Kind: kind, Room: "r", User: "ada", Session: "ada:p", Source: s}
			p.newEvents()
		}
		up(TrackUp, Camera)
		up(TrackUp, Camera)
		up(TrackUp, Screen)
		up(TrackDown, Camera)
		list, recorded := p.Sessions("r")
		if len(list) != 1 || !slices.Equal(list[0].Sources, []Source{Screen}) || recorded {
			t.Errorf("got %+v %v", list, recorded)
		}
		compareLists(t, "rooms", p.Rooms(), []string{"r"})
		a.events <- Event{Kind: TrackUp, Room: "r", User: "eve", Session: "nobody asked", Source: Camera}
		compareLists(t, "events of a stranger", p.newEvents(), nil)
	})
}

func TestMutesAreKnownToWhoeverTakesCharge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ctx := newFailoverRig(t), t.Context()
		if err := p.Mute(ctx, "r", "ada", Camera, true); err != nil {
			t.Error(err) // with no node it is kept
		}
		a, b := p.up("a"), p.up("b")
		err := errors.Join(p.Mute(ctx, "r", "ben", Screen, true), p.Mute(ctx, "r", "ada", Camera, false))
		if err != nil {
			t.Error(err)
		}
		for _, f := range []*fakeNode{a, b} {
			compareLists(t, f.name, f.callsOf(methodMute), []string{"r ada camera true", "r ben screen true", "r ada camera false"})
		}
		c := newFakeNode("c")
		c.hold(methodMute)
		p.attach("c", c)
		p.checkRoles("a charge, b standby, c starting")
		if err := p.Mute(ctx, "r", "eve", Camera, true); err != nil { // while c learns the mutes
			t.Error(err)
		}
		close(c.wait[methodMute])
		synctest.Wait()
		p.checkRoles("a charge, b standby, c standby")
		if got := c.callsOf(methodMute); !slices.Contains(got, "r ben screen true") || !slices.Contains(got, "r eve camera true") {
			t.Errorf("c heard %q", got)
		}
	})
}

func TestARecordingGoesOnInANewPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ctx := newFailoverRig(t), t.Context()
		a, b := p.up("a"), p.up("b")
		if err := p.Record(ctx, Record{Room: "r", Dir: "/rec/1"}); err != nil {
			t.Error(err)
		}
		p.kill("a")
		a2 := p.up("a")
		p.kill("b")
		compareLists(t, "a", a.callsOf(methodRecord), []string{"r /rec/1"})
		compareLists(t, "b", b.callsOf(methodRecord), []string{"r /rec/1"})
		compareLists(t, "a again", a2.callsOf(methodRecord), []string{"r /rec/1"})
		p.kill("a")
		b2 := p.up("b")
		compareLists(t, "b again", b2.callsOf(methodRecord), []string{"r /rec/1"})
		if err := p.Record(ctx, Record{Room: "r"}); err != nil {
			t.Error(err)
		}
		if _, on := p.Sessions("r"); on {
			t.Error("it is still recorded")
		}
		p.up("a")
		p.kill("b")
		compareLists(t, "events", p.newEvents(), nil)

		p.newEvents()
		if err := p.Record(ctx, Record{Room: "q", Dir: "/rec/2"}); err != nil {
			t.Error(err)
		}
		c := newFakeNode("c")
		c.refuse(methodRecord, errs.NewCode("record", errs.Busy, "disk_full", "no room"))
		p.attach("c", c)
		p.kill("a")
		compareLists(t, "events when it cannot go on", p.newEvents(), []string{"recording q"})
	})
}

func TestForgetLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ctx := newFailoverRig(t), t.Context()
		a := p.up("a")
		p.publish("r", "ada")
		p.publish("q", "eve")
		err := errors.Join(p.Mute(ctx, "r", "ada", Camera, true), p.Record(ctx, Record{Room: "r", Dir: "/d"}), p.ForgetRoom(ctx, "r"))
		if err != nil {
			t.Error(err)
		}
		compareLists(t, "closed", a.callsOf(methodClose), []string{"ada:p"})
		compareLists(t, "recorded", a.callsOf(methodRecord), []string{"r /d", "r "})
		a.events <- Event{Kind: SessionDown, Room: "r", User: "ada", Session: "ada:p"}
		p.newEvents()
		compareLists(t, "rooms", p.Rooms(), []string{"q"})
		compareLists(t, "b heard", p.up("b").callsOf(methodMute), nil)
	})
}

// The same with real clients: a stopped node, as the heartbeats see it.
func TestAHungNodeIsReplacedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		core, far := net.Pipe()
		node, c := newFakeNode("a"), NewClient(core, discardLog)
		go func() { _ = c.Serve(t.Context()) }()
		go func() { _ = Serve(t.Context(), far, node, discardLog) }()
		p.ends.Go(func() { _ = p.Attach(t.Context(), "a", c, c.Done()) })
		synctest.Wait()
		p.up("b")
		p.publish("r", "ada")
		time.Sleep(time.Second)
		if s := p.States()[0]; s.Pong < 0 || s.Pong > heartbeatInterval || s.Load.Watchers != 7 || s.Sessions != 1 {
			t.Errorf("got %+v", s)
		}
		node.hold(methodLoad)
		stuck := time.Now()
		if e := <-p.Events(); e.Kind != Moved || time.Since(stuck) > 1300*time.Millisecond {
			t.Errorf("%+v after %v", e, time.Since(stuck))
		}
		p.checkRoles("a away, b charge")
	})
}

func TestANodeThatHasNeverComeIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewFailover(discardLog, "b", "a")
		time.Sleep(time.Minute)
		list := s.States()
		if len(list) != 2 || list[0].Name != "a" || list[0].Role != Away || list[0].Restarts != 0 || time.Since(list[0].Since) != time.Minute {
			t.Errorf("got %+v", list)
		}
	})
}

func TestOneNameIsAttachedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		p.up("a")
		if err := p.Attach(t.Context(), "a", newFakeNode("a"), nil); errorCode(err) != "stale attached" {
			t.Errorf("got %v", err)
		}
	})
}
