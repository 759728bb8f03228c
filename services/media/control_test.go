package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

// pipedNode is a client and a node in one process, over a pipe.
type pipedNode struct {
	*Client
	node *fakeNode
	core net.Conn // the client's end
	far  net.Conn // the node's end
	end  func() (client, node error)
}

func connectNode(t *testing.T) *pipedNode {
	t.Helper()
	core, far := net.Pipe()
	w := &pipedNode{Client: NewClient(core, discardLog), node: newFakeNode("a"), core: core, far: far}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var clientErr, nodeErr error
	wg.Go(func() { clientErr = w.Serve(ctx) })
	wg.Go(func() { nodeErr = Serve(ctx, far, w.node, discardLog) })
	w.end = func() (error, error) { cancel(); wg.Wait(); return clientErr, nodeErr }
	t.Cleanup(func() { w.end() })
	return w
}

func TestEveryCallReachesTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := connectNode(t), t.Context()
		a, err := w.Publish(ctx, Publish{Room: "r", Session: "s1", SDP: "v=0\r\n<&>", Tracks: []Track{{"0", Camera}}})
		if err != nil || a.SDP != "a" {
			t.Errorf("got %+v %v", a, err)
		}
		if a, err = w.Patch(ctx, Patch{"s1", "a=ice-ufrag:x"}); err != nil || a.SDP != "a=ice-ufrag:x" {
			t.Errorf("got %+v %v", a, err)
		}
		_, err = w.Watch(ctx, Watch{Session: "s2"})
		err = errors.Join(err, w.Close(ctx, "s1"), w.Mute(ctx, "r", "u", Screen, true),
			w.Want(ctx, Want{Session: "s2", Heights: map[string]int{"0": 180}}), w.Record(ctx, Record{Room: "r", Dir: "/d"}))
		load, err2 := w.Load(ctx)
		if err := errors.Join(err, err2); err != nil || load.Watchers != 7 {
			t.Errorf("load %+v: %v", load, err)
		}
		compareLists(t, "calls", w.node.calls, []string{
			"publish s1", "patch s1", "watch s2", "close s1", "mute r u screen true", "want s2map[0:180]", "record r /d",
		})
	})
}

func TestRefusalsAndEventsSurviveTheTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		w.node.refuse(methodPublish, errFull())
		_, err := w.Publish(t.Context(), Publish{Session: "s"})
		e, _ := errors.AsType[*errs.Error](err)
		if e == nil || e.Kind != errs.Busy || e.Code != "full" || e.Field != "sdp" || e.Limit != 30 {
			t.Errorf("got %#v", err)
		}
		_, err = w.Publish(t.Context(), Publish{Session: "s", SDP: strings.Repeat("a", MaxLine)})
		if errorCode(err) != "invalid too_long" {
			t.Errorf("an offer that is too long: %v", err)
		}
		want := Event{Kind: SlotsAre, Room: "r", User: "u", Session: "s", Slots: []Slot{{"0", "ada", Camera}}}
		w.node.events <- want
		if got := <-w.Events(); !cmp.Equal(got, want) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestARequestThatPanicsEndsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		if _, err := w.Publish(t.Context(), Publish{SDP: "panic"}); errorCode(err) != "internal " {
			t.Errorf("got %v", err)
		}
		if _, err := w.Publish(t.Context(), Publish{Session: "s"}); err != nil {
			t.Errorf("the next: %v", err)
		}
	})
}

func TestASlowRequestHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		free := w.node.hold(methodPublish)
		var wg sync.WaitGroup
		for n := range maxRequests {
			wg.Go(func() {
				if _, err := w.Publish(t.Context(), Publish{Session: fmt.Sprint(n)}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := w.Close(t.Context(), "one more"); errorCode(err) != "busy node_busy" {
			t.Errorf("got %v", err)
		}
		close(free)
		wg.Wait()
	})
}

func TestACallThatTakesTooLongIsGivenUpAndItsAnswerDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		free := w.node.hold(methodPublish)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := w.Publish(ctx, Publish{Session: "s"}); errorCode(err) != "down timeout" {
			t.Errorf("got %v", err)
		}
		close(free)
		synctest.Wait()
		if _, err := w.Load(t.Context()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestANodeThatDiesRefusesAllThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		w.node.hold(methodPublish)
		w.node.hold(methodWant)
		answers := make(chan error, 2)
		go func() { _, err := w.Publish(t.Context(), Publish{}); answers <- err }()
		go func() { answers <- w.Want(t.Context(), Want{}) }()
		synctest.Wait()
		began := time.Now()
		w.far.Close()
		for range 2 {
			if err := <-answers; errorCode(err) != "down node_gone" {
				t.Errorf("got %v", err)
			}
		}
		<-w.Done()
		if err := w.Close(t.Context(), "s"); errorCode(err) != "down node_gone" || !errors.Is(w.Err(), io.EOF) || time.Since(began) > 0 {
			t.Errorf("got %v, ended by %v after %v", err, w.Err(), time.Since(began))
		}
	})
}

// A node may live and still be stuck: a goroutine that holds its lock keeps Load from
// answering.
func TestANodeThatDoesNotAnswerIsDeadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		time.Sleep(time.Minute)
		if at, load := w.Pong(); time.Since(at) > heartbeatInterval || load.Watchers != 7 || w.Err() != nil {
			t.Fatalf("pong %v %+v, %v", at, load, w.Err())
		}
		synctest.Wait()
		w.mu.Lock()
		if n := len(w.pings) + len(w.waiting); n > 0 {
			t.Errorf("%d questions are kept though all were answered", n)
		}
		w.mu.Unlock()
		w.node.hold(methodLoad)
		stuck := time.Now()
		<-w.Done()
		if took := time.Since(stuck); !errors.Is(w.Err(), ErrHung) || took > 1300*time.Millisecond || took < 3*heartbeatInterval {
			t.Errorf("%v after %v", w.Err(), took)
		}
	})
}

// A node with a stopped process reads nothing at all.
func TestANodeThatDoesNotReadIsDeadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, far := net.Pipe()
		defer far.Close()
		c := NewClient(core, discardLog)
		began := time.Now()
		go func() { _ = c.Serve(t.Context()) }()
		_, err := c.Publish(t.Context(), Publish{})
		if errorCode(err) != "down node_gone" || !errors.Is(c.Err(), ErrHung) || time.Since(began) > 1300*time.Millisecond {
			t.Errorf("%v, ended by %v after %v", err, c.Err(), time.Since(began))
		}
	})
}

func TestGarbageEndsTheConnection(t *testing.T) {
	for _, text := range []string{
		"\x00\xff\n", "{}\n", `{"id":1,"method":"ping"}` + "\n", `{"id":99,"result":{}}` + "\n", strings.Repeat("a", MaxLine+64<<10),
		`{"event":{"kind":"moved","room":"r","colour":"red"}}` + "\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			core, far := net.Pipe()
			c := NewClient(core, discardLog)
			go func() { _ = c.Serve(t.Context()) }()
			go io.Copy(io.Discard, far)
			_, _ = io.WriteString(far, text)
			<-c.Done()
			if errorCode(c.Err()) != "invalid garbage" {
				t.Errorf("%.40q to the core: %v", text, c.Err())
			}
			far.Close()
		})
	}
	for _, text := range []string{"\x00\xff\n", "{}\n", `{"id":1,"result":{}}` + "\n"} {
		synctest.Test(t, func(t *testing.T) {
			core, far := net.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- Serve(t.Context(), far, newFakeNode("a"), discardLog) }()
			_, _ = io.WriteString(core, text)
			if err := <-ended; errorCode(err) != "invalid garbage" {
				t.Errorf("%.40q to the node: %v", text, err)
			}
			core.Close()
		})
	}
}

func TestBadRequestsAreRefusedAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		for _, c := range []struct {
			method string
			params any
			want   string
		}{
			{"dance", nil, "missing unknown_method"},
			{methodClose, map[string]int{"session": 1}, "invalid bad_params"},
			{methodClose, map[string]string{"colour": "red"}, "invalid bad_params"},
		} {
			if err := w.sendRequest(t.Context(), c.method, c.params, nil); errorCode(err) != c.want {
				t.Errorf("%s %v: got %v", c.method, c.params, err)
			}
		}
		if err := w.Close(t.Context(), "s"); err != nil {
			t.Error(err)
		}
	})
}

func TestBothEndsEndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		time.Sleep(time.Second)
		if client, node := w.end(); client != nil || node != nil || w.Err() != nil {
			t.Errorf("got %v, %v, %v", client, node, w.Err())
		}
	})
	synctest.Test(t, func(t *testing.T) { // the core dies
		core, far := net.Pipe()
		core.Close()
		if err := Serve(t.Context(), far, newFakeNode("a"), discardLog); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestEventsThatNobodyReadsAreDroppedAndAnswersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectNode(t)
		for range 3 * EventQueue {
			w.node.events <- Event{Kind: Speakers, Room: "r"}
		}
		if _, err := w.Load(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(w.Events()); n != EventQueue {
			t.Errorf("%d events wait", n)
		}
	})
}
