package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

// What was said to another box while the link was cut comes after it, in order, although nothing new is
// said: facts, and who left.
func TestLostMessagesAreFoundWithoutNewOnes(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, net *clustertest.Net, a, b *box) {
		teacher, here, there := a.joined("t1", "a1"), a.joined("p1", "a1"), b.joined("p2", "a1")
		time.Sleep(time.Second)
		net.SetOneWayCut("a", "b", true)
		for i := range 3 {
			must(t, teacher, say(fmt.Sprint("c", i), fmt.Sprint("text ", i), "all"))
		}
		here.Drop()
		time.Sleep(time.Second)
		if n := len(there.SeenEvents()); n != 0 {
			t.Fatalf("%d facts came through a cut", n)
		}
		net.SetOneWayCut("a", "b", false)
		time.Sleep(time.Second)
		checkKinds(t, "pupil at b", there, "chat.said", "chat.said", "chat.said")
		if got, want := there.PresentCounts(), map[string]int{"t1": 1, "p2": 1}; !maps.Equal(got, want) {
			t.Errorf("the pupil at b sees %v, want %v", got, want)
		}
		if there.PhxCount(wire.Error) > 0 {
			t.Error("the pupil at b had to join again")
		}
		noFaults(t, there)
	})
}

// T5: the people of a box that dies are gone within 3 s, and the pupils among them have left the lesson.
// When the box is back, its pages join again, and each person is there once.
func TestNoGhostOfALostBox(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, net *clustertest.Net, a, b *box) {
		teacher, there := a.joined("t1", "a1"), b.joined("p2", "a1")
		time.Sleep(time.Second)
		net.SetDown("b", true)
		time.Sleep(3 * time.Second)
		if got, want := teacher.PresentCounts(), map[string]int{"t1": 1}; !maps.Equal(got, want) {
			t.Errorf("3 s after the loss the teacher sees %v, want %v", got, want)
		}
		if kinds := seenKinds(teacher); !slices.Contains(kinds, "room.went") {
			t.Errorf("the teacher has seen %v, and not that the pupil left", kinds)
		}
		must(t, teacher, say("c1", "meanwhile", "all"))
		net.SetDown("b", false)
		time.Sleep(2 * time.Second)
		if there.PhxCount(wire.Error) != 1 {
			t.Fatal("the page of the pupil was not told to join again")
		}
		body, err := there.Join()
		if err != nil || body.Missed == nil {
			t.Fatalf("join again: %v, resumed: %v", err, body.Missed != nil)
		}
		time.Sleep(time.Second)
		want := map[string]int{"t1": 1, "p2": 1}
		for who, m := range map[string]*wiretest.Member{"teacher": teacher, "pupil at b": there} {
			if got := m.PresentCounts(); !maps.Equal(got, want) {
				t.Errorf("the %s sees %v, want %v", who, got, want)
			}
		}
		checkKinds(t, "pupil at b", there, "chat.said")
		noFaults(t, teacher, there)
	})
}

// A command that the owner does not answer is refused as not saved after 2 s. Sent again with its id
// it counts once, although the first one had arrived. A box that is away refuses joins.
func TestCommandWithoutAnAnswerIsNotSaved(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, net *clustertest.Net, a, b *box) {
		there := b.joined("p2", "a1")
		time.Sleep(time.Second)
		net.SetOneWayCut("a", "b", true)
		asked := time.Now()
		body, err := there.SendCommand(say("c1", "once", "all"))
		took := time.Since(asked)
		if err == nil || body.Code != "not_saved" || body.ID != "c1" || took < 2*time.Second || took > 2200*time.Millisecond {
			t.Errorf("after %v the answer is %+v, %v", took, body, err)
		}
		time.Sleep(2 * time.Second)
		if body, err := b.person("p3", "a1").Connect(); err == nil || body.Code != "box_away" {
			t.Errorf("a join at a box that is away: %+v, %v", body, err)
		}
		net.SetOneWayCut("a", "b", false)
		time.Sleep(2 * time.Second)
		if _, err := there.Join(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if len(there.UnackedCommands()) > 0 {
			t.Error("the command was not acknowledged")
		}
		checkKinds(t, "pupil at b", there, "chat.said")
		if n := b.rooms.Len(); n != 1 {
			t.Errorf("box b runs %d rooms, want its own one", n)
		}
	})
}

// The owner's log answers with the facts after a position. A position that its epoch never reached is
// refused once the epoch has ended, and waits before.
func TestLogOfTheOwner(t *testing.T) {
	withBoxes(t, 1, []room.Kind{crashKind()}, func(t *testing.T, net *clustertest.Net, a, b *box) {
		teacher := a.joined("t1", "a1")
		b.joined("t2", "a1")
		for i := range 3 {
			must(t, teacher, say(fmt.Sprint("c", i), "text", "all")) // 2 to 4, behind the start of the lesson
		}
		ask := func(epoch, seq uint64, ended bool) string {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			data, err := net.Box("x").Ask(ctx, "log.a", b.cluster.EncodeLogQuestion("a1", journal.Cursor{Epoch: epoch, Seq: seq}, ended))
			if err != nil {
				t.Fatal(err)
			}
			seqs, diverged, err := cluster.DecodeLogAnswer(data)
			return fmt.Sprint(seqs, diverged, err)
		}
		check := func(epoch, seq uint64, ended bool, want string) {
			t.Helper()
			if got := ask(epoch, seq, ended); got != want {
				t.Errorf("after %d of epoch %d, ended: %v: answer %s, want %s", seq, epoch, ended, got, want)
			}
		}
		check(1, 1, false, "[2 3 4] false <nil>")
		check(1, 4, false, "[] false <nil>")
		check(1, 9, false, "[] false <nil>") // early facts, not on disk yet
		check(1, 9, true, "[] true <nil>")
		check(7, 1, false, "[] true <nil>")
		must(t, teacher, wiretest.Command{ID: "x", Name: "crash.room"}) // epoch 2 begins behind 4
		must(t, teacher, say("c3", "text", "all"))
		must(t, teacher, say("c4", "text", "all"))
		check(1, 4, true, "[5 6] false <nil>")
		check(1, 5, false, "[] true <nil>")
		check(2, 5, false, "[6] false <nil>")
		checkKinds(t, "teacher", teacher, "chat.said", "chat.said", "chat.said", "chat.said", "chat.said")
	})
}

// T7: the last person of a box leaves, and a box without people of the room does anything. The room is
// the same for all others.
func TestOnlyTheOwnerEndsAnything(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, _ *clustertest.Net, a, b *box) {
		teacher, there := a.joined("t1", "a1"), b.joined("p2", "a1")
		time.Sleep(time.Second)
		there.Drop()
		time.Sleep(time.Second)
		if _, err := b.rooms.Call(context.Background(), "a1", room.Message{Name: "lesson.end", By: event.Viewer{Role: event.Operator}}); err == nil {
			t.Error("another box ended the lesson")
		}
		b.stop()
		time.Sleep(5 * time.Second)
		if got, want := teacher.PresentCounts(), map[string]int{"t1": 1}; !maps.Equal(got, want) {
			t.Errorf("the teacher sees %v, want %v", got, want)
		}
		must(t, teacher, say("c1", "still here", "all"))
		if kinds := seenKinds(teacher); slices.Contains(kinds, string(room.LessonEnded)) || teacher.PhxCount(wire.Error) > 0 {
			t.Errorf("the lesson ended: %v", kinds)
		}
		noFaults(t, teacher)
	})
}

// shaky is a feature whose fact crashes whoever shows it to a pupil, some times.
type shaky struct{ crashes atomic.Int32 }

func (s *shaky) kind() room.Kind {
	return room.Kind{
		Name: "shaky", New: func() room.Feature { return quiet{} },
		Commands: []room.Command{{Name: "shaky.do"}},
		Events: []event.Def{{Kind: "shaky.done", PayloadFor: func(_ event.Event, v event.Viewer) json.RawMessage {
			if v.Role == event.Pupil && s.crashes.Add(-1) >= 0 {
				panic("shaky")
			}
			return json.RawMessage("{}")
		}}},
	}
}

type quiet struct{}

func (quiet) Handle(t *room.Turn, _ room.Message) error {
	t.Record("shaky.done", struct{}{})
	return nil
}
func (quiet) Apply(event.Event)                  {}
func (quiet) View(event.Viewer, event.Stamp) any { return nil }

// A crash of the process that shows a remote room takes no seat away, and later facts come.
func TestSeatsSurviveACrashOfTheirAnnex(t *testing.T) {
	s := &shaky{}
	withBoxes(t, 1, []room.Kind{s.kind()}, func(t *testing.T, _ *clustertest.Net, a, b *box) {
		there := b.joined("p2", "a1")
		time.Sleep(time.Second)
		s.crashes.Store(1)
		if _, err := a.rooms.Call(context.Background(), "a1", room.Message{
			Name: "shaky.do", ID: "s1", By: event.Viewer{User: "t1", Role: event.Teacher}, Data: json.RawMessage("{}"),
		}); err != nil {
			t.Fatal(err)
		}
		must(t, there, say("c1", "after the crash", "all"))
		time.Sleep(2 * time.Second)
		if n := len(b.crashes()); n != 1 {
			t.Errorf("%d crashes at box b, want 1", n)
		}
		if n := len(a.crashes()); n != 0 {
			t.Errorf("%d crashes at box a, want none", n)
		}
		if kinds := seenKinds(there); !slices.Contains(kinds, "chat.said") {
			t.Errorf("the pupil has seen %v", kinds)
		}
		if got, want := there.PresentCounts(), map[string]int{"p2": 1}; !maps.Equal(got, want) || there.PhxCount(wire.Error) > 0 {
			t.Errorf("the pupil sees %v and was let go %d times", got, there.PhxCount(wire.Error))
		}
	})
}

// The service that talks to the other boxes crashes at the owner. It is started again, its guests keep their
// seats, and new ones join.
func TestTheServiceGoesOnAfterACrash(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, _ *clustertest.Net, a, b *box) {
		there := b.joined("p2", "a1")
		must(t, there, say("c1", "before", "all"))
		a.bus.broken.Store(true)
		time.Sleep(2 * time.Second)
		if a.bus.broken.Load() {
			t.Fatal("nothing crashed")
		}
		must(t, there, say("c2", "after", "all"))
		late := b.joined("p3", "a1")
		time.Sleep(time.Second)
		checkKinds(t, "pupil at b", there, "chat.said", "chat.said")
		if got, want := late.PresentCounts(), map[string]int{"p2": 1, "p3": 1}; !maps.Equal(got, want) || there.PhxCount(wire.Error) > 0 {
			t.Errorf("the new one sees %v, want %v; the first was let go %d times", got, want, there.PhxCount(wire.Error))
		}
		noFaults(t, there, late)
	})
}

// silent is a member that nobody looks at.
type silent struct{}

func (silent) Send(wire.Frame)   {}
func (silent) Closed(*room.Seat) {}

// Joins and the removal of annexes take the cluster's lock before the annex's. A tick that took them in
// the other order would stop the box for good.
func TestATickNeedsTheLockOfItsAnnexOnly(t *testing.T) {
	withBoxes(t, 1, nil, func(_ *testing.T, _ *clustertest.Net, _, b *box) {
		for _, lost := range []bool{false, true} {
			b.cluster.TickLocked(&room.Seat{Room: "a1", Viewer: event.Viewer{User: "p2"}, Member: silent{}}, lost)
		}
	})
}
