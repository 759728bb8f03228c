package call

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

// bombKind crashes its room.
var bombKind = room.Kind{
	Name: "bang", New: func() room.Feature { return bombFeature{} }, Commands: []room.Command{{Name: "bang.now"}},
}

type bombFeature struct{}

func (bombFeature) Handle(*room.Turn, room.Message) error { panic("bang") }
func (bombFeature) Apply(event.Event)                     {}
func (bombFeature) View(event.Viewer, event.Stamp) any    { return nil }

func fragileClass(t *testing.T, x Exchange) class {
	t.Helper()
	e, _ := x.(*exchange)
	return class{roomtest.New(t, t.TempDir(), room.Config{}, Kind(x), bombKind), t, e}
}

// crash has the room rebuilt.
func (c class) crash() {
	c.t.Helper()
	if err := c.SendCommand(ada, "bang.now", "", nil); err == nil {
		c.t.Fatal("no crash")
	}
	time.Sleep(time.Second) // it rests a little before it is back
	synctest.Wait()
}

func TestARebuiltRoomTakesTheNodesWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fragileClass(t, &exchange{})
		c.StartLesson("l1")
		c.do(box, "call.sync", Live{})
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": both})
		c.do(ada, "call.mute", payloadMap{"user": "p1", "source": "microphone", "on": true})
		c.do(ada, "call.record", payloadMap{"on": true})
		for n, by := range []event.Viewer{ada, ben} {
			c.do(by, "call.publish", offerPayload(n, both...))
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
		c.wantCalls() // the sync has the answer
		c.do(ada, "call.want", payloadMap{"session": sessionName(5), "mode": "saver"})
		c.do(ada, "call.leave", payloadMap{"session": sessionName(6)})
		c.wantCalls("want t1:"+sessionName(5)+" saver map[]", "close t1:"+sessionName(6))

		c.do(box, "call.sync", Live{Sessions: []Session{
			{User: "p1", Session: "p1:" + sessionName(1), Sources: both},
			{User: "p2", Session: "p2:" + sessionName(9), Sources: camera}, // p2 is not invited
			{User: "p3", Session: "p4:" + sessionName(3), Sources: camera}, // not theirs
			{User: "t1", Session: "whip0", First: true, Sources: []media.Source{media.Screen}},
			{User: "t2", Session: "t2:" + sessionName(4), First: true, Sources: camera},
			{User: "t1", Session: "t1:" + sessionName(5), Watch: true},
		}})
		c.wantAir("p1 camera, p1 microphone, t1 screen, t2 camera")
		c.wantCalls("close p2:"+sessionName(9), "close p4:"+sessionName(3), "mute c1 p1 microphone true", "record c1 true false")

		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.wantCalls("mute c1 p1 microphone true")
		c.refused(ada, "call.want", payloadMap{"session": sessionName(6), "mode": "saver"}, "no_session")
		c.do(ada, "call.want", payloadMap{"session": sessionName(5), "mode": "saver"})
		c.x.took()
		c.do(box, "call.sync", Live{Recording: true, Sessions: []Session{
			{User: "t3", Session: "t3:" + sessionName(1), First: true, Sources: camera}, // closed a moment ago
			{User: "t3", Session: "whip3", Sources: camera},                             // whose event was lost
			{User: "t1", Session: "wheps", Watch: true},
		}})
		c.wantAir("t3 camera")
		c.wantCalls("close t3:"+sessionName(1), "mute c1 p1 microphone true")
	})
}

func TestWithoutANodeNothingStaysOnAir(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := class{roomtest.New(t, dir, room.Config{}, Kind(&exchange{})), t, &exchange{}}
		c.StartLesson("l1")
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.record", payloadMap{"on": true})
		c.wantAir("t1 camera")
	})
	synctest.Test(t, func(t *testing.T) {
		c := class{roomtest.NewBoot(t, dir, 2, room.Config{}, Kind(nil)), t, nil}
		c.do(ben, "call.place", payloadMap{"place": "remote"}) // starts the room, which rings
		c.wantAir("")
		if r := c.seenBy(ben).Recording; r != nil {
			t.Errorf("recording %v", r)
		}
	})
}

func TestALostSyncIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fragileClass(t, &exchange{})
		c.StartLesson("l1")
		synctest.Wait()
		c.x.took()
		c.do(ada, "call.watch", watchPayload(1))
		time.Sleep(syncRetry)
		c.do(ada, "call.watch", watchPayload(1))
		c.do(ada, "call.watch", watchPayload(1))
		if calls := c.x.took(); countIn(strings.Join(calls, "\n"), "sync") != 1 {
			t.Errorf("asked %q", calls)
		}
	})
}

func TestTheEndOfTheLessonEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		sent := c.JoinRoom(ada)
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.watch", watchPayload(2))
		c.do(box, "call.event", media.Event{Kind: media.TrackUp, User: "t1", Session: "whip0", Source: media.Screen})
		c.do(ada, "call.record", payloadMap{"on": true})
		c.x.took()
		c.do(ada, "lesson.end", nil)
		c.wantCalls("record c1 false false", "close t1:"+sessionName(1), "close t1:"+sessionName(2), "close whip0")
		synctest.Wait()
		told := sent()
		if countIn(told, `"call.ended"`) != 2 || countIn(told, `"call.recorded"`) != 2 || strings.Index(told, "lesson.ended") > strings.Index(told, "call.ended") {
			t.Errorf("sent %s", told)
		}
		if v := c.seenBy(ada); len(v.OnAir) != 0 || v.Recording != nil {
			t.Errorf("view %+v", v)
		}
		c.refused(ada, "call.publish", offerPayload(3, camera...), "no_lesson")
	})
}

func TestANewLessonClosesWhatTheLastHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.record", payloadMap{"on": true})
		c.x.took()
		c.StartLesson("l2") // the first was never ended
		c.do(ada, "call.publish", offerPayload(2, camera...))
		c.x.took()
		c.wantAir("")
		c.do(box, "call.sync", Live{Recording: true, Sessions: []Session{
			{User: "t1", Session: "t1:" + sessionName(1), First: true, Sources: camera},
			{User: "t1", Session: "t1:" + sessionName(2), First: true},
		}})
		c.wantCalls("close t1:"+sessionName(1), "record c1 false false")
		c.wantAir("")
		c.event(media.TrackUp, "t1", 2, media.Camera)
		c.wantAir("t1 camera")
	})
}

func TestWhoeverIsRemovedIsOffAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.do(ada, "call.place", payloadMap{"user": "p1", "place": "remote"})
		c.do(ben, "call.publish", offerPayload(1, camera...))
		c.do(ben, "call.watch", watchPayload(2))
		c.event(media.TrackUp, "p1", 1, media.Camera)
		c.x.took()
		c.do(ada, "room.remove", payloadMap{"user": "p1"})
		c.wantCalls("mute c1 p1 camera true", "close p1:"+sessionName(1), "close p1:"+sessionName(2))
		if v := c.seenBy(ada); len(v.OnAir) != 0 || len(v.Invited) != 0 {
			t.Errorf("view %+v", v)
		}
		c.do(ada, "room.readmit", payloadMap{"user": "p1"})
		c.refused(ben, "call.publish", offerPayload(1, camera...), "not_invited")
	})
}
