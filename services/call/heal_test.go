package call

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// bang crashes its room.
var bang = room.Kind{
	Name: "bang", New: func() room.Feature { return bomb{} }, Commands: []room.Command{{Name: "bang.now"}},
}

type bomb struct{}

func (bomb) Handle(*room.Turn, room.Message) error { panic("bang") }
func (bomb) Apply(event.Event)                     {}
func (bomb) View(event.Viewer, event.Stamp) any    { return nil }

func fragile(t *testing.T, x Exchange) class {
	t.Helper()
	e, _ := x.(*exchange)
	return class{roomtest.New(t, t.TempDir(), room.Config{}, Kind(x), bang), t, e}
}

// crash has the room rebuilt.
func (c class) crash() {
	c.t.Helper()
	if err := c.Ask(ada, "bang.now", "", nil); err == nil {
		c.t.Fatal("no crash")
	}
	time.Sleep(time.Second) // it rests a little before it is back
	synctest.Wait()
}

func TestARebuiltRoomTakesTheNodesWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fragile(t, &exchange{})
		c.Lesson("l1")
		c.do(box, "call.sync", Live{})
		c.do(ada, "call.invite", with{"user": "p1", "sources": both})
		c.do(ada, "call.mute", with{"user": "p1", "source": "microphone", "on": true})
		c.do(ada, "call.record", with{"on": true})
		for n, by := range []event.Viewer{ada, ben} {
			c.do(by, "call.publish", offer(n, both...))
			c.event(media.TrackUp, by.User, n, media.Camera)
		}
		c.wantAir("p1 camera, t1 camera")
		c.x.took()
		c.crash()
		if calls := c.x.took(); !slices.Contains(calls, "sync c1") || len(slices.Compact(calls)) != 1 {
			t.Fatalf("asked %q, want nothing but a sync", calls)
		}
		c.wantAir("p1 camera, t1 camera") // as the log has it
		c.event(media.TrackUp, "p2", 9, media.Camera)
		c.wantCalls() // the sync will tell
		c.do(ada, "call.want", with{"session": sid(5), "mode": "saver"})
		c.do(ada, "call.leave", with{"session": sid(6)})
		c.wantCalls("want t1:"+sid(5)+" saver map[]", "close t1:"+sid(6))

		c.do(box, "call.sync", Live{Sessions: []Session{
			{User: "p1", Session: "p1:" + sid(1), Sources: both},
			{User: "p2", Session: "p2:" + sid(9), Sources: camera}, // nobody has invited p2
			{User: "p3", Session: "p4:" + sid(3), Sources: camera}, // not theirs
			{User: "t1", Session: "whip0", First: true, Sources: []media.Source{media.Screen}},
			{User: "t2", Session: "t2:" + sid(4), First: true, Sources: camera},
			{User: "t1", Session: "t1:" + sid(5), Watch: true},
		}})
		c.wantAir("p1 camera, p1 microphone, t1 screen, t2 camera")
		c.wantCalls("close p2:"+sid(9), "close p4:"+sid(3), "mute c1 p1 microphone true", "record c1 true false")

		c.do(ada, "call.invite", with{"user": "p1", "sources": camera})
		c.wantCalls("mute c1 p1 microphone true")
		c.refused(ada, "call.want", with{"session": sid(6), "mode": "saver"}, "no_session")
		c.do(ada, "call.want", with{"session": sid(5), "mode": "saver"})
		c.do(box, "call.sync", Live{Recording: true})
		c.wantAir("")
	})
}

func TestWithoutANodeNothingStaysOnAir(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := class{roomtest.New(t, dir, room.Config{}, Kind(&exchange{})), t, &exchange{}}
		c.Lesson("l1")
		c.do(ada, "call.publish", offer(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.record", with{"on": true})
		c.wantAir("t1 camera")
	})
	synctest.Test(t, func(t *testing.T) {
		c := class{roomtest.NewBoot(t, dir, 2, room.Config{}, Kind(nil)), t, nil}
		c.do(ben, "call.place", with{"place": "remote"}) // starts the room, which rings
		c.wantAir("")
		if r := c.seenBy(ben).Recording; r != nil {
			t.Errorf("recording %v", r)
		}
	})
}

func TestALostSyncIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fragile(t, &exchange{})
		c.Lesson("l1")
		synctest.Wait()
		c.x.took()
		c.do(ada, "call.watch", watching(1))
		time.Sleep(askAgain)
		c.do(ada, "call.watch", watching(1))
		c.do(ada, "call.watch", watching(1))
		if calls := c.x.took(); count(strings.Join(calls, "\n"), "sync") != 1 {
			t.Errorf("asked %q", calls)
		}
	})
}

func TestTheEndOfTheLessonEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begin(t)
		sent := c.Sit(ada)
		c.do(ada, "call.publish", offer(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.watch", watching(2))
		c.do(box, "call.event", media.Event{Kind: media.TrackUp, User: "t1", Session: "whip0", Source: media.Screen})
		c.do(ada, "call.record", with{"on": true})
		c.x.took()
		c.do(ada, "lesson.end", nil)
		c.wantCalls("record c1 false false", "close t1:"+sid(1), "close t1:"+sid(2), "close whip0")
		synctest.Wait()
		told := sent()
		if count(told, `"call.ended"`) != 2 || count(told, `"call.recorded"`) != 2 || strings.Index(told, "lesson.ended") > strings.Index(told, "call.ended") {
			t.Errorf("told %s", told)
		}
		if v := c.seenBy(ada); len(v.OnAir) != 0 || v.Recording != nil {
			t.Errorf("view %+v", v)
		}
		c.refused(ada, "call.publish", offer(3, camera...), "no_lesson")
	})
}

func TestANewLessonClosesWhatTheLastHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begin(t)
		c.do(ada, "call.publish", offer(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.record", with{"on": true})
		c.x.took()
		c.Lesson("l2") // the first was never ended
		c.do(ada, "call.publish", offer(2, camera...))
		c.x.took()
		c.wantAir("")
		c.do(box, "call.sync", Live{Recording: true, Sessions: []Session{
			{User: "t1", Session: "t1:" + sid(1), First: true, Sources: camera},
			{User: "t1", Session: "t1:" + sid(2), First: true},
		}})
		c.wantCalls("close t1:"+sid(1), "record c1 false false")
		c.wantAir("")
		c.event(media.TrackUp, "t1", 2, media.Camera)
		c.wantAir("t1 camera")
	})
}

func TestWhoeverIsRemovedIsOffAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begin(t)
		c.do(ada, "call.invite", with{"user": "p1", "sources": camera})
		c.do(ada, "call.place", with{"user": "p1", "place": "remote"})
		c.do(ben, "call.publish", offer(1, camera...))
		c.do(ben, "call.watch", watching(2))
		c.event(media.TrackUp, "p1", 1, media.Camera)
		c.x.took()
		c.do(ada, "room.remove", with{"user": "p1"})
		c.wantCalls("mute c1 p1 camera true", "close p1:"+sid(1), "close p1:"+sid(2))
		if v := c.seenBy(ada); len(v.OnAir) != 0 || len(v.Invited) != 0 {
			t.Errorf("view %+v", v)
		}
		c.do(ada, "room.readmit", with{"user": "p1"})
		c.refused(ben, "call.publish", offer(1, camera...), "not_invited")
	})
}

// act does something random, of which most is allowed.
func (c class) act(rnd *rand.Rand) {
	users := []event.Viewer{ada, ben, cid, {User: "p3", Role: event.Pupil}}
	by, n := users[rnd.IntN(4)], rnd.IntN(2)
	about, on := users[1+rnd.IntN(3)].User, rnd.IntN(2) == 0
	var some []media.Source
	for _, s := range sources {
		if rnd.IntN(2) == 0 {
			some = append(some, s)
		}
	}
	source := sources[rnd.IntN(3)]
	kinds := []string{media.TrackUp, media.TrackUp, media.TrackUp, media.TrackDown, media.SessionDown, media.Moved}
	switch rnd.IntN(12) {
	case 0, 1, 2:
		_ = c.ask(by, "call.publish", offer(n, some...))
	case 3:
		_ = c.ask(by, "call.watch", watching(n))
	case 4:
		_ = c.ask(by, "call.leave", with{"session": sid(n)})
	case 5:
		_ = c.ask(by, "call.place", with{"place": []string{inRoom, remote}[rnd.IntN(2)]})
	case 6:
		_ = c.ask(by, "call.mute", with{"source": source, "on": on})
	case 7:
		_ = c.ask(ada, "call.mute", with{"user": about, "source": source, "on": on})
	case 8:
		_ = c.ask(ada, "call.invite", with{"user": about, "sources": append([]media.Source{}, some...)})
	case 9:
		_ = c.ask(ada, "call.record", with{"on": on})
		if rnd.IntN(4) == 0 {
			_ = c.ask(ada, "call.stopall", with{})
		}
	default:
		c.event(kinds[rnd.IntN(len(kinds))], by.User, n, source)
	}
}

func TestARebuiltRoomShowsWhatTheRoomShowed(t *testing.T) {
	viewers := []event.Viewer{ada, ben, cid, wall}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := fragile(t, &exchange{})
				c.Lesson("l1")
				c.do(box, "call.sync", Live{})
				for _, v := range viewers {
					c.Sit(v)
				}
				c.Sit(event.Viewer{User: "p3", Role: event.Pupil})
				rnd, aired := rand.New(rand.NewPCG(seed, 7)), 0
				for range 5 {
					for range 10 {
						for range 5 {
							c.act(rnd)
						}
						aired += c.uninvited()
					}
					var before []view
					for _, v := range viewers {
						before = append(before, c.seenBy(v))
					}
					c.crash()
					for i, v := range viewers {
						if d := cmp.Diff(before[i], c.seenBy(v)); d != "" {
							t.Fatalf("%v: %s", v, d)
						}
					}
					c.do(box, "call.sync", Live{Recording: before[0].Recording != nil, Sessions: c.truth(before[0].OnAir)})
					if d := cmp.Diff(before[0], c.seenBy(ada)); d != "" {
						t.Fatalf("after the sync: %s", d)
					}
				}
				if aired == 0 {
					t.Error("nothing was ever on air")
				}
				for _, l := range c.Dead() {
					if l.Kind != "bang.now" {
						t.Errorf("%s: %s\n%s", l.Kind, l.Err, l.Stack)
					}
				}
			})
		})
	}
}

// truth is a node's word that agrees with what is on air.
func (c class) truth(air []onair) (list []Session) {
	for _, a := range air {
		i := slices.IndexFunc(list, func(s Session) bool { return s.User == a.User })
		if i < 0 {
			i, list = len(list), append(list, Session{User: a.User, Session: name(a.User, sid(0)), First: a.User == "t1"})
		}
		list[i].Sources = append(list[i].Sources, a.Source)
	}
	return list
}

// uninvited wants nobody on air who is not invited. It counts who is.
func (c class) uninvited() int {
	c.t.Helper()
	v := c.seenBy(ada)
	for _, a := range v.OnAir {
		if a.User != "t1" && !slices.Contains(v.Invited[a.User], a.Source) {
			c.t.Fatalf("%v is on air and invited to %v", a, v.Invited[a.User])
		}
	}
	return len(v.OnAir)
}

func FuzzHandle(f *testing.F) {
	seeds := []any{
		offer(1, both...), watching(1),
		with{"session": sid(1), "mode": "full", "heights": with{"0": 1}},
		with{"user": "p1", "sources": both},
		with{"user": "p1", "source": "camera", "on": true},
		with{"place": "remote", "user": "p1"},
		Answer{To: "p1", Req: "f"},
		Refused{To: "t1", Req: "f"},
		Live{Recording: true, Sessions: []Session{{User: "p1", Session: "p1:x", Sources: both}, {User: "", Session: "y", Watch: true}}},
		media.Event{Kind: media.TrackUp, User: "t1", Session: "whip", Source: "camera"},
		media.Event{Kind: media.Speakers, Users: []string{"t1"}},
	}
	for _, c := range Kind(nil).Commands {
		for _, s := range seeds {
			data, err := json.Marshal(s)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(c.Name, data)
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !json.Valid(data) {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			c := begin(t)
			c.do(ada, "call.invite", with{"user": "p1", "sources": camera})
			c.do(ben, "call.publish", offer(1, camera...))
			for _, by := range []event.Viewer{box, ada, ben, wall} {
				_ = c.Ask(by, name, "f", json.RawMessage(data))
				c.View(by)
			}
			if dead := c.Dead(); len(dead) > 0 {
				t.Fatalf("%s %s: %s", name, data, dead[0].Err)
			}
		})
	})
}
