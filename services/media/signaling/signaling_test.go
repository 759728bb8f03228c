package signaling

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// fakeNode is a node that answers every offer with its session, after a while if it is slow.
type fakeNode struct {
	events chan media.Event

	mu   sync.Mutex
	told []string
	slow map[string]time.Duration // by session
	fail error
}

func (d *fakeNode) note(ctx context.Context, what, session string) (media.Answer, error) {
	d.mu.Lock()
	slow, fail := d.slow[session], d.fail
	d.mu.Unlock()
	if slow > 0 {
		supervise.Sleep(ctx, slow)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, strings.TrimSpace(what+" "+session))
	if ctx.Err() != nil {
		return media.Answer{}, errs.NewCode("dummy", errs.Down, "timeout", "%v", ctx.Err())
	}
	return media.Answer{SDP: session}, fail
}

func (d *fakeNode) heard() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.told...)
}

func (d *fakeNode) Publish(ctx context.Context, p media.Publish) (media.Answer, error) {
	return d.note(ctx, "publish", p.Session)
}

func (d *fakeNode) Watch(ctx context.Context, w media.Watch) (media.Answer, error) {
	return d.note(ctx, "watch", w.Session)
}

func (d *fakeNode) Patch(ctx context.Context, p media.Patch) (media.Answer, error) {
	return d.note(ctx, "patch", p.Session)
}

func (d *fakeNode) Close(ctx context.Context, s string) error {
	_, err := d.note(ctx, "close", s)
	return err
}

func (d *fakeNode) Mute(ctx context.Context, _, user string, s media.Source, on bool) error {
	_, err := d.note(ctx, fmt.Sprint("mute ", user, " ", s, " ", on), "")
	return err
}

func (d *fakeNode) Want(ctx context.Context, w media.Want) error {
	_, err := d.note(ctx, "want", w.Session)
	return err
}

func (d *fakeNode) Record(ctx context.Context, r media.Record) error {
	_, err := d.note(ctx, "record "+r.Room+" "+r.Dir, "")
	return err
}

func (d *fakeNode) Load(context.Context) (media.Load, error) { return media.Load{}, nil }
func (d *fakeNode) Events() <-chan media.Event               { return d.events }

// signalingRig is a Signaling between one node and rooms that record their messages.
type signalingRig struct {
	*Signaling
	node *fakeNode

	mu   sync.Mutex
	told map[string][]string           // by room: the commands with their payloads
	room func(room, name string) error // what a room answers; nil: all is well
	slow map[string]chan struct{}      // by room: it hangs until this is closed
}

func newSwap(t *testing.T) *signalingRig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := &signalingRig{
		node: &fakeNode{events: make(chan media.Event, 100), slow: map[string]time.Duration{}},
		told: map[string][]string{}, slow: map[string]chan struct{}{},
	}
	nodes := media.NewFailover(log)
	s.Signaling = New(nodes, s.receive, func(room string) (string, error) { return "/rec/" + room, nil }, log)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = nodes.Attach(ctx, "a", s.node, nil) })
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	synctest.Wait()
	return s
}

func (s *signalingRig) receive(ctx context.Context, id string, m room.Message) (room.Reply, error) {
	s.mu.Lock()
	hang, answer := s.slow[id], s.room
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return room.Reply{}, errs.New("room.Call", errs.Down, ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.By != (event.Viewer{Role: event.Operator}) {
		return room.Reply{}, errs.NewCode("test", errs.Denied, "role", "by %+v", m.By)
	}
	s.told[id] = append(s.told[id], m.Name+" "+string(m.Data))
	if answer != nil {
		return room.Reply{}, answer(id, m.Name)
	}
	return room.Reply{}, nil
}

// sees compares the messages of a room since the last call.
func (s *signalingRig) sees(t *testing.T, room string, want ...string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.told[room], "\n"); got != strings.Join(want, "\n") {
		t.Errorf("room %s was told\n%s\nwant\n%s", room, got, strings.Join(want, "\n"))
	}
	s.told[room] = nil
}

func (s *signalingRig) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := s.node.heard(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the node was told\n%q\nwant\n%q", got, want)
	}
}

func marshalText(t *testing.T, name string, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return name + " " + string(data)
}

func TestAnOfferIsAnsweredInItsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.Publish("q1", media.Publish{Room: "r", User: "ada", Session: "ada:p", First: true})
		s.sees(t, "r", marshalText(t, "call.answer", call.Answer{To: "ada", Req: "q1", SDP: "ada:p"}))
		s.node.mu.Lock()
		s.node.fail = errs.NewCode("node", errs.Busy, "full", "full")
		s.node.mu.Unlock()
		s.Watch("q2", media.Watch{Room: "r", User: "ben", Session: "ben:w"})
		s.sees(t, "r", marshalText(t, "call.refused", call.Refused{To: "ben", Req: "q2", Code: "full", Kind: "busy"}))
		s.Sync("r")
		s.sees(t, "r", marshalText(t, "call.sync", call.Live{Sessions: []call.Session{{User: "ada", Session: "ada:p", First: true}}}))
	})
}

func TestWhatConcernsOnePersonIsDoneInOrderAndOthersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.node.slow["ada:p"] = time.Second
		s.Publish("q1", media.Publish{Room: "r", User: "ada", Session: "ada:p"})
		s.Mute("r", "ada", media.Camera, true)
		s.Close("ada:p")
		s.Watch("q2", media.Watch{Room: "r", User: "ben", Session: "ben:w"})
		synctest.Wait()
		s.Sync("r") // ada's is handed over and not answered
		s.heard(t, "watch ben:w")
		s.sees(t, "r", marshalText(t, "call.answer", call.Answer{To: "ben", Req: "q2", SDP: "ben:w"}),
			marshalText(t, "call.sync", call.Live{Sessions: []call.Session{{User: "ada", Session: "ada:p"}, {User: "ben", Session: "ben:w", Watch: true}}}))
		time.Sleep(3 * time.Second)
		s.heard(t, "watch ben:w", "publish ada:p", "mute ada camera true", "close ada:p")
	})
}

func TestEventsReachTheirRoomInOrderAndAHungRoomHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		for _, room := range []string{"r", "q"} {
			s.Publish("q1", media.Publish{Room: room, User: room, Session: room + ":p"})
		}
		synctest.Wait()
		s.sees(t, "q", marshalText(t, "call.answer", call.Answer{To: "q", Req: "q1", SDP: "q:p"}))
		s.told["r"] = nil
		hang := make(chan struct{})
		s.mu.Lock()
		s.slow["r"] = hang
		s.mu.Unlock()
		var want []string
		for n := range 20 {
			for _, room := range []string{"r", "q"} {
				e := media.Event{Kind: []string{media.TrackUp, media.TrackDown}[n%2], Room: room, User: room, Session: room + ":p", Source: media.Camera}
				s.node.events <- e
				if room == "q" {
					want = append(want, marshalText(t, "call.event", e))
				}
			}
		}
		s.sees(t, "q", want...)
		s.sees(t, "r")
		close(hang)
		synctest.Wait()
		if n := len(s.told["r"]); n != 20 {
			t.Errorf("r was told %d events", n)
		}
	})
}

func TestARoomThatIsFarBehindIsToldAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.Publish("q1", media.Publish{Room: "r", User: "ada", Session: "ada:p"})
		synctest.Wait()
		s.told["r"] = nil
		hang := make(chan struct{})
		s.mu.Lock()
		s.slow["r"] = hang
		s.mu.Unlock()
		for range outboxLimit + 2 {
			s.outbox.enqueueMessage("r", outMessage{name: "call.event", payload: media.Event{Kind: media.Speakers, Room: "r"}})
		}
		close(hang)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if list := s.told["r"]; len(list) > 3 || !strings.HasPrefix(list[len(list)-1], "call.sync ") && !strings.HasPrefix(list[0], "call.sync ") {
			t.Errorf("told %d: %.200q", len(list), list)
		}
	})
}

func TestARoomThatDoesNotAnswerIsToldAnewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.room = func(string, string) error { return errs.NewCode("room", errs.Busy, "room_busy", "busy") }
		s.outbox.enqueueMessage("r", outMessage{name: "call.event", payload: media.Event{Kind: media.Speakers, Room: "r"}})
		time.Sleep(time.Minute)
		s.mu.Lock()
		if n := len(s.told["r"]); n != 2*deliveryTries || !strings.HasPrefix(s.told["r"][n-1], "call.sync ") {
			t.Errorf("%d tries: %q", n, s.told["r"])
		}
		s.room, s.told["r"] = nil, nil
		s.mu.Unlock()
		s.Sync("r")
		s.sees(t, "r", `call.sync {"sessions":[],"recording":false}`)
	})
}

func TestMediaOfARoomWithoutALessonIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.Publish("q1", media.Publish{Room: "r", User: "ada", Session: "ada:p"})
		s.Publish("q2", media.Publish{Room: "q", User: "eve", Session: "eve:p"})
		s.Mute("r", "ada", media.Camera, true)
		synctest.Wait()
		s.mu.Lock()
		s.room = func(room, _ string) error {
			if room == "r" {
				return errs.NewCode("room", errs.Stale, "no_lesson", "no lesson")
			}
			return nil
		}
		s.mu.Unlock()
		s.node.events <- media.Event{Kind: media.TrackUp, Room: "r", User: "ada", Session: "ada:p", Source: media.Camera}
		synctest.Wait()
		got := s.node.heard()
		if strings.Join(got[len(got)-2:], ", ") != "close ada:p, mute ada camera false" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTooManyRequestsAreRefusedBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.node.slow["ada:p"] = 100 * time.Millisecond
		for range laneCapacity + 5 {
			s.Publish("q1", media.Publish{Room: "r", User: "ada", Session: "ada:p"})
		}
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		refused := strings.Count(strings.Join(s.told["r"], "\n"), `"code":"media_busy","kind":"busy"`)
		if refused < 4 || refused > 5 {
			t.Errorf("%d were refused", refused)
		}
	})
}

func TestARequestThatANodeDoesNotAnswerIsRefusedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.node.slow["ada:p"] = time.Hour
		s.Publish("q1", media.Publish{Room: "r", User: "ada", Session: "ada:p"})
		time.Sleep(taskTimeout)
		s.sees(t, "r", marshalText(t, "call.refused", call.Refused{To: "ada", Req: "q1", Code: "timeout", Kind: "down"}))
		s.Sync("r")
		s.sees(t, "r", `call.sync {"sessions":[],"recording":false}`)
	})
}

func TestARecordingHasAFolderOfItsOwnAndItsFaultIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwap(t)
		s.Record("r", true, false)
		s.heard(t, "record r /rec/r")
		s.Record("r", false, false)
		s.heard(t, "record r /rec/r", "record r")
		s.node.mu.Lock()
		s.node.fail = errs.NewCode("record", errs.Busy, "disk_full", "no room")
		s.node.mu.Unlock()
		s.Record("r", true, true)
		s.sees(t, "r", marshalText(t, "call.event", media.Event{Kind: media.Recording, Room: "r", Err: "disk_full"}))
	})
}
