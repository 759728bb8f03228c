package media

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
)

// drain drains a node in the background.
func (p *failoverRig) drain(ctx context.Context, name string) <-chan error {
	end := make(chan error, 1)
	go func() { end <- p.Drain(ctx, name) }()
	synctest.Wait()
	return end
}

func TestDrainMovesAllAndLetsTheOldNodeGoOnUntilTheyHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a, b := p.up("a"), p.up("b")
		p.publish("r", "ada")
		p.watch("r", "ben")
		if err := p.Record(t.Context(), Record{Room: "r", Dir: "/d"}); err != nil {
			t.Error(err)
		}
		end := p.drain(t.Context(), "a")
		p.checkRoles("a draining, b charge")
		compareLists(t, "events", p.newEvents(), []string{"moved r ada:p", "moved r ben:w"})
		compareLists(t, "a closed", a.callsOf(methodClose), nil)
		compareLists(t, "b records", b.callsOf(methodRecord), []string{"r /d"})

		if _, err := p.Publish(t.Context(), Publish{Room: "r", User: "ada", Session: "ada:p"}); errorCode(err) != "stale moved" {
			t.Errorf("the old session: %v", err)
		}
		a.events <- Event{Kind: TrackUp, Room: "r", User: "ada", Session: "ada:p", Source: Screen}
		a.events <- Event{Kind: Speakers, Room: "r", Users: []string{"ada"}}
		compareLists(t, "events of the old node", p.newEvents(), nil)

		if _, err := p.Publish(t.Context(), Publish{Room: "r", User: "ada", Session: "ada:p2"}); err != nil {
			t.Error(err)
		}
		if err := p.Close(t.Context(), "ada:p"); err != nil { // make before break
			t.Error(err)
		}
		compareLists(t, "a closed", a.callsOf(methodClose), []string{"ada:p"})
		a.events <- Event{Kind: SessionDown, Room: "r", User: "ada", Session: "ada:p"}
		a.events <- Event{Kind: SessionDown, Room: "r", User: "ben", Session: "ben:w"}
		began := time.Now()
		if err := <-end; err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		p.checkRoles("a standby, b charge")
		compareLists(t, "a records", a.callsOf(methodRecord), []string{"r /d", "r "})
		compareLists(t, "events", p.newEvents(), nil)
	})
}

func TestDrainEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a := p.up("a")
		p.up("b")
		p.publish("r", "ada")
		began := time.Now()
		if err := p.Drain(t.Context(), "a"); err != nil || time.Since(began) != drainTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		compareLists(t, "a closed", a.callsOf(methodClose), []string{"ada:p"})

		p.publish("r", "eve")
		ctx, cancel := context.WithCancel(t.Context())
		end := p.drain(ctx, "b")
		cancel()
		if err := <-end; err != context.Canceled { // as it is
			t.Errorf("got %v", err)
		}
		p.checkRoles("a charge, b standby")
	})
}

func TestDrainIsRefusedWhereItWouldEndTheLesson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		p.up("a")
		for name, want := range map[string]string{"a": "stale no_standby", "x": "missing no_such_node"} {
			if err := p.Drain(t.Context(), name); errorCode(err) != want {
				t.Errorf("%s: got %v", name, err)
			}
		}
		p.checkRoles("a charge")
		p.up("b")
		p.publish("r", "ada")
		end := p.drain(t.Context(), "a")
		if err := p.Drain(t.Context(), "a"); errorCode(err) != "busy draining" {
			t.Errorf("again: %v", err)
		}
		if err := p.Drain(t.Context(), "b"); errorCode(err) != "stale no_standby" {
			t.Errorf("the other: %v", err)
		}
		p.kill("a") // before it is empty
		if err := <-end; err != nil {
			t.Error(err)
		}
		p.checkRoles("a away, b charge")
	})
}

// An offer that is under way when its node is drained gets Moved with its answer.
func TestAnOfferDuringADrainMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFailoverRig(t)
		a := p.up("a")
		p.up("b")
		slow := a.hold(methodPublish)
		answered := make(chan error)
		go func() {
			_, err := p.Publish(t.Context(), Publish{Room: "r", User: "ada", Session: "ada:p"})
			answered <- err
		}()
		synctest.Wait()
		end := p.drain(t.Context(), "a")
		close(slow)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		compareLists(t, "events", p.newEvents(), []string{"moved r ada:p"})
		a.refuse(methodClose, errs.NewCode("close", errs.Missing, "no_session", "gone"))
		if err := <-end; err != nil {
			t.Error(err)
		}
		if list, _ := p.Sessions("r"); len(list) != 0 {
			t.Errorf("left: %+v", list)
		}
	})
}
