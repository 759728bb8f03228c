package call

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/media"
)

func TestAPupilIsOnAirOnlyWhileInvited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.refused(ben, "call.publish", offerPayload(1, camera...), "not_invited")
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": both})
		c.refused(cid, "call.publish", offerPayload(1, camera...), "not_invited")
		c.refused(ben, "call.publish", offerPayload(1, media.Camera, media.Screen), "not_invited")
		c.wantCalls()

		if err := c.SendCommand(ben, "call.publish", "q1", offerPayload(1, both...)); err != nil {
			t.Fatal(err)
		}
		c.wantCalls("publish q1 c1 p1 p1:"+sessionName(1)+" first=false", "mute c1 p1 camera false", "mute c1 p1 microphone false")
		c.wantAir("")
		c.event(media.TrackUp, "p1", 1, media.Camera)
		c.event(media.TrackUp, "p1", 1, media.Microphone)
		c.event(media.TrackUp, "p1", 1, media.Screen) // of no track that was asked for
		c.wantAir("p1 camera, p1 microphone")
		c.wantCalls("mute c1 p1 screen true")

		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.wantCalls("mute c1 p1 microphone true")
		c.wantAir("p1 camera")
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": both})
		c.wantAir("p1 camera") // only the person switches a microphone on
		c.do(ben, "call.publish", offerPayload(1, both...))
		c.wantAir("p1 camera, p1 microphone")
		c.x.took()

		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": []string{}})
		c.wantCalls("mute c1 p1 camera true", "mute c1 p1 microphone true", "close p1:"+sessionName(1))
		c.wantAir("")
		c.event(media.TrackUp, "p1", 1, media.Camera) // was on its way
		c.wantAir("")
		c.wantCalls("close p1:" + sessionName(1))
	})
}

func TestTheSameInvitationAgainIsNoFact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		sent := c.JoinRoom(ben)
		for _, list := range [][]string{{}, {"screen", "camera"}, {"camera", "screen"}, {}, {}} {
			c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": list})
		}
		c.do(ada, "call.stopall", payloadMap{})
		synctest.Wait()
		if n := countIn(sent(), `"call.invited"`); n != 2 {
			t.Errorf("%d facts, want 2", n)
		}
		if n := countIn(sent(), `"call.stopped"`); n != 0 {
			t.Errorf("%d facts of stopping nothing", n)
		}
	})
}

func TestStopAllLeavesOnlyTheTeacherOnAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.publish", offerPayload(0, both...))
		c.event(media.TrackUp, "t1", 0, media.Camera)
		for n, v := range []string{"p1", "p2"} {
			by := ben
			by.User = v
			c.do(ada, "call.invite", payloadMap{"user": v, "sources": both})
			c.do(by, "call.publish", offerPayload(n, both...))
			c.event(media.TrackUp, v, n, media.Microphone)
		}
		c.do(ada, "call.invite", payloadMap{"user": "p3", "sources": camera})
		c.wantAir("p1 microphone, p2 microphone, t1 camera")
		c.x.took()
		c.do(ada, "call.stopall", payloadMap{})
		c.wantAir("t1 camera")
		c.wantCalls(
			"mute c1 p1 camera true", "mute c1 p1 microphone true", "close p1:"+sessionName(0),
			"mute c1 p2 camera true", "mute c1 p2 microphone true", "close p2:"+sessionName(1),
		)
		if v := c.seenBy(ada); len(v.Invited) != 0 || len(v.Muted) != 0 {
			t.Errorf("view %+v", v)
		}
		c.refused(ben, "call.publish", offerPayload(7, both...), "not_invited")
	})
}

func TestAMuteHasTwoSwitches(t *testing.T) {
	mic := func(by, user string, on bool) payloadMap {
		return payloadMap{"by": by, "user": user, "on": on}
	}
	for name, steps := range map[string][]struct {
		do   payloadMap
		code string // of the refusal
		by   string // the user who has muted it then
	}{
		"own":                   {{mic("p1", "p1", true), "", "p1"}, {mic("p1", "p1", true), "", "p1"}, {mic("p1", "p1", false), "", ""}},
		"a teacher's":           {{mic("t1", "p1", true), "", "t1"}, {mic("p1", "p1", false), "muted", "t1"}, {mic("t1", "p1", false), "", ""}},
		"another teacher's":     {{mic("t1", "p1", true), "", "t1"}, {mic("t2", "p1", true), "", "t1"}, {mic("t2", "p1", false), "", ""}},
		"another pupil's":       {{mic("p2", "p1", true), "role", ""}, {mic("t1", "p1", true), "", "t1"}, {mic("p2", "p1", false), "role", "t1"}},
		"own, then a teacher's": {{mic("p1", "p1", true), "", "p1"}, {mic("t1", "p1", true), "", "t1"}, {mic("t1", "p1", false), "", "p1"}, {mic("t1", "p1", false), "self_muted", "p1"}, {mic("p1", "p1", false), "", ""}},
		"a teacher's, then own": {{mic("t1", "p1", true), "", "t1"}, {mic("p1", "p1", true), "", "t1"}, {mic("t1", "p1", false), "", "p1"}},
		"of a teacher":          {{mic("t2", "t1", true), "", "t2"}, {mic("t1", "t1", false), "", ""}, {mic("t1", "t1", true), "", "t1"}, {mic("t2", "t1", false), "self_muted", "t1"}},
		"of nothing":            {{mic("t1", "p1", false), "", ""}, {mic("p1", "p1", false), "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := beginLesson(t)
				was := false
				for i, s := range steps {
					by := ben
					if s.do["by"].(string)[0] == 't' {
						by = ada
					}
					by.User = s.do["by"].(string)
					user := s.do["user"].(string)
					c.refused(by, "call.mute", payloadMap{"user": user, "source": "microphone", "on": s.do["on"]}, s.code)
					var got strings.Builder
					for _, m := range c.seenBy(ada).Muted {
						got.WriteString(m.By)
					}
					if got.String() != s.by {
						t.Fatalf("step %d: muted by %q, want %q", i, got.String(), s.by)
					}
					if on := got.String() != ""; on != was {
						c.wantCalls(fmt.Sprintf("mute c1 %s microphone %v", user, on))
						was = on
					} else {
						c.wantCalls()
					}
				}
			})
		})
	}
}

func TestAMutedPupilPublishesInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": both})
		c.do(ada, "call.mute", payloadMap{"user": "p1", "source": "microphone", "on": true})
		c.x.took()
		if err := c.SendCommand(ben, "call.publish", "q1", offerPayload(1, both...)); err != nil {
			t.Fatal(err)
		}
		c.wantCalls("publish q1 c1 p1 p1:"+sessionName(1)+" first=false", "mute c1 p1 camera false", "mute c1 p1 microphone true")
		c.event(media.TrackUp, "p1", 1, media.Microphone)
		c.wantCalls("mute c1 p1 microphone true")
		c.do(ada, "call.mute", payloadMap{"user": "p1", "source": "microphone", "on": false})
		c.wantCalls("mute c1 p1 microphone false")
		c.wantAir("p1 microphone")
	})
}

func TestWhoeverComesIntoTheRoomWatchesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.refused(ben, "call.watch", watchPayload(1), "in_room")
		c.do(ben, "call.place", payloadMap{"place": "remote"})
		c.do(ben, "call.watch", watchPayload(1))
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.do(ben, "call.publish", offerPayload(2, camera...))
		c.x.took()
		c.do(ada, "call.place", payloadMap{"user": "p1", "place": "room"})
		c.wantCalls("close p1:" + sessionName(1)) // and still publishes
		c.refused(ben, "call.watch", watchPayload(1), "in_room")
		c.refused(ben, "call.want", payloadMap{"session": sessionName(1), "mode": "full"}, "no_session")
	})
}

func TestARoomKeepsSoManyPeopleAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		for i := range MaxRemote {
			u := fmt.Sprint("u", i)
			c.do(ada, "call.place", payloadMap{"user": u, "place": "remote"})
			if i < MaxInvited {
				c.do(ada, "call.invite", payloadMap{"user": u, "sources": camera})
			}
			if i < MaxMuted {
				c.do(ada, "call.mute", payloadMap{"user": u, "source": "camera", "on": true})
			}
		}
		c.refused(ada, "call.place", payloadMap{"user": "more", "place": "remote"}, "too_many")
		c.refused(ada, "call.invite", payloadMap{"user": "more", "sources": camera}, "too_many")
		c.refused(ada, "call.mute", payloadMap{"user": "more", "source": "camera", "on": true}, "too_many")
		c.do(ada, "call.invite", payloadMap{"user": "u1", "sources": both})
		c.do(ada, "call.invite", payloadMap{"user": "u2", "sources": []string{}})
		c.do(ada, "call.invite", payloadMap{"user": "more", "sources": camera})
	})
}

func TestARecordingIsSeenByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		light := func() string { return fmt.Sprint(c.seenBy(cid).Recording) }
		if light() != "<nil>" {
			t.Error("a recording from the start")
		}
		c.do(ada, "call.record", payloadMap{"on": true})
		c.do(ada, "call.record", payloadMap{"on": true})
		c.wantCalls("record c1 true false")
		if light() != "&{true false}" {
			t.Errorf("the light is %s", light())
		}
		c.do(ada, "call.record", payloadMap{"on": true, "pupils": true})
		c.do(ada, "call.record", payloadMap{"on": false})
		c.wantCalls("record c1 true true", "record c1 false false")
		c.do(ada, "call.record", payloadMap{"on": true})
		c.do(box, "call.event", media.Event{Kind: media.Recording, Room: "c1"}) // of the one that was stopped
		if light() != "&{true false}" {
			t.Errorf("the light is %s", light())
		}
		sent := c.JoinRoom(cid)
		c.do(box, "call.event", media.Event{Kind: media.Recording, Room: "c1", Err: "open /var/lib/x: no space"})
		synctest.Wait()
		if light() != "<nil>" || countIn(sent(), `"err":"failed"`) != 1 || countIn(sent(), "/var") != 0 {
			t.Errorf("the light is %s after %s", light(), sent())
		}
	})
}
