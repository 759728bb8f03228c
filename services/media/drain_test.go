package media

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
)

// drain empties a node in the background.
func (p *plant) drain(ctx context.Context, name string) <-chan error {
	end := make(chan error, 1)
	go func() { end <- p.Drain(ctx, name) }()
	synctest.Wait()
	return end
}

func TestDrainMovesAllAndLetsTheOldNodeGoOnUntilTheyHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		a, b := p.up("a"), p.up("b")
		p.publish("r", "ada")
		p.watch("r", "ben")
		if err := p.Record(t.Context(), Record{Room: "r", Dir: "/d"}); err != nil {
			t.Error(err)
		}
		end := p.drain(t.Context(), "a")
		p.stands("a draining, b charge")
		same(t, "told", p.told(), []string{"moved r ada:p", "moved r ben:w"})
		same(t, "a closed", a.heard(methodClose), nil)
		same(t, "b records", b.heard(methodRecord), []string{"r /d"})

		if _, err := p.Publish(t.Context(), Publish{Room: "r", User: "ada", Session: "ada:p"}); code(err) != "stale moved" {
			t.Errorf("the old session: %v", err)
		}
		a.events <- Event{Kind: TrackUp, Room: "r", User: "ada", Session: "ada:p", Source: Screen}
		a.events <- Event{Kind: Speakers, Room: "r", Users: []string{"ada"}}
		same(t, "told by the old node", p.told(), nil)

		if _, err := p.Publish(t.Context(), Publish{Room: "r", User: "ada", Session: "ada:p2"}); err != nil {
			t.Error(err)
		}
		if err := p.Close(t.Context(), "ada:p"); err != nil { // make before break
			t.Error(err)
		}
		same(t, "a closed", a.heard(methodClose), []string{"ada:p"})
		a.events <- Event{Kind: SessionDown, Room: "r", User: "ada", Session: "ada:p"}
		a.events <- Event{Kind: SessionDown, Room: "r", User: "ben", Session: "ben:w"}
		began := time.Now()
		if err := <-end; err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		p.stands("a standby, b charge")
		same(t, "a records", a.heard(methodRecord), []string{"r /d", "r "})
		same(t, "told", p.told(), nil)
	})
}

func TestDrainEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		a := p.up("a")
		p.up("b")
		p.publish("r", "ada")
		began := time.Now()
		if err := p.Drain(t.Context(), "a"); err != nil || time.Since(began) != drainTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		same(t, "a closed", a.heard(methodClose), []string{"ada:p"})

		p.publish("r", "eve")
		ctx, cancel := context.WithCancel(t.Context())
		end := p.drain(ctx, "b")
		cancel()
		if err := <-end; err != context.Canceled { //nolint:errorlint // as it is
			t.Errorf("got %v", err)
		}
		p.stands("a charge, b standby")
	})
}

func TestDrainIsRefusedWhereItWouldEndTheLesson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		p.up("a")
		for name, want := range map[string]string{"a": "stale no_standby", "x": "missing no_such_node"} {
			if err := p.Drain(t.Context(), name); code(err) != want {
				t.Errorf("%s: got %v", name, err)
			}
		}
		p.stands("a charge")
		p.up("b")
		p.publish("r", "ada")
		end := p.drain(t.Context(), "a")
		if err := p.Drain(t.Context(), "a"); code(err) != "busy draining" {
			t.Errorf("again: %v", err)
		}
		if err := p.Drain(t.Context(), "b"); code(err) != "stale no_standby" {
			t.Errorf("the other: %v", err)
		}
		p.kill("a") // before it is empty
		if err := <-end; err != nil {
			t.Error(err)
		}
		p.stands("a away, b charge")
	})
}

// An offer that is under way when its node is emptied is told to move when it is answered.
func TestAnOfferDuringADrainMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
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
		same(t, "told", p.told(), []string{"moved r ada:p"})
		a.refuse(methodClose, errs.Code("close", errs.Missing, "no_session", "gone"))
		if err := <-end; err != nil {
			t.Error(err)
		}
		if list, _ := p.Sessions("r"); len(list) != 0 {
			t.Errorf("left: %+v", list)
		}
	})
}
