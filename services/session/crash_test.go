package session_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

// newBombKind is a feature that crashes on demand.
func newBombKind(handle, apply *atomic.Int32) room.Kind {
	return room.Kind{
		Name: "bomb", New: func() room.Feature { return &bombFeature{handle: handle, apply: apply} },
		Commands: []room.Command{{Name: "bomb.set", Pupil: true}},
		Events:   []event.Def{{Kind: "bomb.went"}},
	}
}

type bombFeature struct {
	handle, apply *atomic.Int32 // crashes still to come; below zero: always
	N             int
}

func (b *bombFeature) Handle(t *room.Turn, m room.Message) error {
	if v := b.handle.Add(-1); v >= 0 || v < -100 {
		panic("bomb in Handle")
	}
	t.Record("bomb.went", struct{}{})
	return nil
}

func (b *bombFeature) Apply(event.Event) {
	if v := b.apply.Add(-1); v >= 0 || v < -100 {
		panic("bomb in Apply")
	}
	b.N++
}

func (b *bombFeature) View(event.Viewer, event.Stamp) any { return b.N }

func TestACrashedRoomKeepsItsPeople(t *testing.T) {
	var handle, apply atomic.Int32
	withRig(t, session.Config{}, []room.Kind{newBombKind(&handle, &apply)}, func(t *testing.T, r *rig) {
		ada := r.joined("t1")
		var class []*wiretest.Member
		for i := range 30 {
			class = append(class, r.joined(fmt.Sprint("p", i)))
		}
		mustBody(t)(class[0].SendCommand(sayCommand("before", "before", "all")))
		handle.Store(1)
		mustBody(t)(class[1].SendCommand(wiretest.Command{ID: "boom", Name: "bomb.set"})) // tried again on the rebuilt room
		mustBody(t)(class[2].SendCommand(sayCommand("after", "after", "all")))
		time.Sleep(time.Second) // who came goes out a moment later, in one frame
		synctest.Wait()
		want := map[string]int{"t1": 1}
		for i, m := range class {
			want[fmt.Sprint("p", i)] = 1
			if d := cmp.Diff([]string{"before", "after"}, saidTexts(t, m)); d != "" {
				t.Errorf("p%d: %s", i, d)
			}
			if m.PhxCount(wire.Error) != 0 {
				t.Errorf("p%d noticed the crash", i)
			}
		}
		if d := cmp.Diff(want, ada.PresentCounts()); d != "" {
			t.Errorf("presence after the crash: %s", d)
		}
		if len(r.buried()) != 0 || len(r.reports) == 0 {
			t.Errorf("%d letters, %d reports", len(r.buried()), len(r.reports))
		}
	})
}

func TestAMessageThatCrashesTwiceIsSetAside(t *testing.T) {
	var handle, apply atomic.Int32
	withRig(t, session.Config{}, []room.Kind{newBombKind(&handle, &apply)}, func(t *testing.T, r *rig) {
		ben := r.joined("p1")
		handle.Store(2)
		b, err := ben.SendCommand(wiretest.Command{ID: "boom", Name: "bomb.set"})
		if err == nil || b.Code != "" && b.Code != "set_aside" || b.Reason != "internal" {
			t.Errorf("answer %+v, %v", b, err)
		}
		mustBody(t)(ben.SendCommand(sayCommand("on", "it goes on", "all")))
		letters := r.buried()
		if len(letters) != 1 || letters[0].Kind != "bomb.set" || letters[0].By != "p1" || len(letters[0].Stack) == 0 {
			t.Errorf("letters %+v", letters)
		}
	})
}

func TestAFactThatCannotBeFoldedIsPassedOver(t *testing.T) {
	var handle, apply atomic.Int32
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{}, newBombKind(&handle, &apply))
		r.lesson("l1")
		ben := r.joined("p1")
		mustBody(t)(ben.SendCommand(wiretest.Command{ID: "boom", Name: "bomb.set"}))
		mustBody(t)(ben.SendCommand(sayCommand("1", "kept", "all")))
		r.stop()
	})
	if err := os.Rename(dir+"/journal.db", dir+"/x"); err != nil { // only to show that the file is closed
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/x", dir+"/journal.db"); err != nil {
		t.Fatal(err)
	}
	apply.Store(-1000) // and from now on it always crashes
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, session.Config{}, newBombKind(&handle, &apply))
		defer r.stop()
		// The snapshot of the clean stop holds the fact; without it, the log is replayed.
		ben := r.joined("p1")
		if !strings.Contains(string(ben.LastView()), "kept") {
			t.Errorf("view %s", ben.LastView())
		}
		_, err := ben.SendCommand(wiretest.Command{ID: "again", Name: "bomb.set"})
		if err == nil {
			t.Error("a fact that cannot be folded was acknowledged")
		}
		mustBody(t)(ben.SendCommand(sayCommand("2", "room goes on", "all")))
	})
}

func TestARefusedCommitIsSentAgainAndCountsOnce(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada, ben := r.joined("t1"), r.joined("p1")
		mustBody(t)(ben.SendCommand(sayCommand("1", "one", "all")))
		// Another owner of the room raises the epoch: what this one writes is refused.
		if _, err := r.journal.Raise(t.Context(), room.StreamOf("c1")); err != nil {
			t.Fatal(err)
		}
		if b, err := ben.SendCommand(sayCommand("2", "two", "all")); err == nil || b.Code != "not_saved" {
			t.Fatalf("answer %+v, %v; want not_saved", b, err)
		}
		synctest.Wait()
		for _, m := range []*wiretest.Member{ada, ben} { // they saw what was not saved
			if m.PhxCount(wire.Error) != 1 {
				t.Error("no phx_error after seeing what was taken back")
			}
			if b := mustBody(t)(m.Join()); b.Missed != nil {
				t.Error("resumed from an event that the log never got")
			}
		}
		synctest.Wait()
		late := r.joined("t2")
		if v := string(late.LastView()); strings.Count(v, "two") != 1 || strings.Count(v, "one") != 1 {
			t.Errorf("view %s", v)
		}
	})
}

func TestALessonGoesOnWhileTheJournalBecomesANewOne(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ada := r.joined("t1")
		var class []*wiretest.Member
		for i := range 12 {
			class = append(class, r.joined(fmt.Sprint("p", i)))
		}
		var talk sync.WaitGroup
		for i, m := range class {
			talk.Go(func() {
				for n := range 20 {
					time.Sleep(time.Duration(100+10*i) * time.Millisecond)
					_, err := m.SendCommand(sayCommand(fmt.Sprint(n), fmt.Sprintf("%d of p%d", n, i), "all"))
					for err != nil { // as a page does: it joins again and sends again
						time.Sleep(100 * time.Millisecond)
						_, _ = m.Join()
						_, err = m.SendCommand(sayCommand(fmt.Sprint(n), fmt.Sprintf("%d of p%d", n, i), "all"))
					}
				}
			})
		}
		for range 5 {
			time.Sleep(300 * time.Millisecond)
			if err := r.journal.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		talk.Wait()
		for i, m := range append(class, ada) {
			select {
			case <-m.CurrentConn().Done():
				t.Errorf("the socket of member %d was closed", i)
			default:
			}
		}
		said := map[string]int{}
		for e, err := range r.journal.Replay(room.StreamOf("c1"), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == "chat.said" {
				said[string(e.Data)]++
			}
		}
		for text, n := range said {
			if n != 1 {
				t.Errorf("%s is in the journal %d times", text, n)
			}
		}
		if len(said) != 12*20 || len(r.buried()) != 0 {
			t.Errorf("%d texts are in the journal, %d were said; %d letters", len(said), 12*20, len(r.buried()))
		}
	})
}
