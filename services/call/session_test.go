package call

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
)

func TestAFloodOfOffersLeavesTwoSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		open := map[string]bool{}
		for i := range 200 {
			c.do(ada, "call.publish", offerPayload(i, camera...))
			c.do(ada, "call.watch", watchPayload(1000+i))
			for _, call := range c.x.took() {
				f := strings.Fields(call)
				switch f[0] {
				case "publish", "watch":
					open[f[4]] = true
				case "close":
					delete(open, f[1])
				}
			}
			if len(open) > maxPublish+maxWatchStaff {
				t.Fatalf("%d sessions are open", len(open))
			}
		}
		for _, n := range []int{199, 1199} {
			if !open["t1:"+sessionName(n)] {
				t.Errorf("the last session %d was closed", n)
			}
		}
	})
}

func TestASessionThatCarriesMediaReplacesTheEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		sent := c.JoinRoom(ben)
		c.do(ada, "call.publish", offerPayload(1, both...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.publish", offerPayload(2, both...))
		c.do(ada, "call.publish", offerPayload(3, both...)) // the page tried again: 1 is on air, 2 goes
		if calls := strings.Join(c.x.took(), "\n"); countIn(calls, "close") != 1 || countIn(calls, "close t1:"+sessionName(2)) != 1 {
			t.Errorf("asked\n%s", calls)
		}
		c.event(media.TrackUp, "t1", 3, media.Camera)
		c.wantCalls("close t1:" + sessionName(1))
		c.event(media.SessionDown, "t1", 1, "")
		c.wantAir("t1 camera")
		synctest.Wait()
		if n := countIn(sent(), `"call.ended"`); n != 0 {
			t.Errorf("the picture was said to have ended %d times", n)
		}
	})
}

func TestNobodyReachesAnothersSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.do(ada, "call.watch", watchPayload(2))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ben, "call.place", payloadMap{"place": "remote"})
		c.x.took()
		c.do(ben, "call.leave", payloadMap{"session": sessionName(1)})
		c.refused(ben, "call.want", payloadMap{"session": sessionName(2), "mode": "sound"}, "no_session")
		c.wantCalls()
		c.refused(ada, "call.watch", watchPayload(1), "in_use")
		c.refused(ada, "call.publish", offerPayload(2, camera...), "in_use")
		c.do(ben, "call.watch", watchPayload(1)) // the same name is another session
		if calls := c.x.took(); len(calls) != 1 || !strings.Contains(calls[0], " p1 p1:"+sessionName(1)) {
			t.Errorf("asked %q", calls)
		}
		c.do(ada, "call.leave", payloadMap{"session": sessionName(1)})
		c.wantCalls("close t1:" + sessionName(1))
		c.wantAir("")
	})
}

func TestWhatIsToldOfOthersSessionsGoesToThemAlone(t *testing.T) {
	const canary = "CANARY-9c1e"
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.place", payloadMap{"user": "p1", "place": "remote"})
		all := map[string]func() string{"teacher": c.JoinRoom(ada), "ben": c.JoinRoom(ben), "cid": c.JoinRoom(cid), "wall": c.JoinRoom(wall)}
		if err := c.SendCommand(ben, "call.watch", "req-"+canary, watchPayload(canary)); err != nil {
			t.Fatal(err)
		}
		own := sessionID("p1", sessionName(canary))
		c.do(box, "call.answer", Answer{To: "p1", Req: "req-" + canary, SDP: "v=0 " + canary})
		c.do(box, "call.refused", Refused{To: "p1", Req: "req-" + canary, Code: "full", Kind: "busy"})
		for _, e := range []media.Event{
			{Kind: media.SlotsAre, User: "p1", Session: own, Slots: []media.Slot{{MID: "4", User: "t1", Source: media.Camera}}},
			{Kind: media.Layers, User: "p1", Session: own, Source: media.Camera, Active: []string{"q"}},
			{Kind: media.Moved, User: "p1", Session: own},
		} {
			c.do(box, "call.event", e)
		}
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.do(ada, "call.mute", payloadMap{"user": "p1", "source": "camera", "on": true})
		synctest.Wait()
		for who, sent := range all {
			told := sent()
			if who == "ben" {
				for _, want := range []string{
					`"call.answer",{"req":"req-CANARY-9c1e","sdp":"v=0 CANARY-9c1e"}`,
					`"call.refused",{"req":"req-CANARY-9c1e","code":"full","reason":"busy"}`,
					`"call.slots",{"session":"` + sessionName(canary) + `","slots":[{"mid":"4","user":"t1","source":"camera"}]}`,
					`"call.layers",{"session":"` + sessionName(canary) + `","source":"camera","active":["q"]}`,
					`"call.moved",{"session":"` + sessionName(canary) + `"}`,
					`"call.invited"`, `"call.muted"`, `"call.placed"`,
				} {
					if !strings.Contains(told+`"call.placed"`, want) {
						t.Errorf("ben did not get %s", want)
					}
				}
				if strings.Contains(told, own) {
					t.Error("ben got the session's inner name")
				}
				continue
			}
			if strings.Contains(told, canary) {
				t.Errorf("the %s got another's session: %s", who, told)
			}
			if who != "teacher" && (strings.Contains(told, "call.invited") || strings.Contains(told, "call.muted")) {
				t.Errorf("the %s got another's invitation: %s", who, told)
			}
		}
		for _, v := range []event.Viewer{cid, wall, ada, ben} {
			if strings.Contains(c.JoinView(v), canary) {
				t.Errorf("the view of %v has a session", v)
			}
		}
		if v := c.JoinView(cid); strings.Contains(v, `"p1"`) && strings.Contains(v, `"invited":{"p1"`) {
			t.Errorf("the view has another's invitation: %s", v)
		}
	})
}

func TestARefusedOfferLeavesNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		offers := func(id string) {
			if err := c.SendCommand(ada, "call.watch", id, watchPayload(1)); err != nil {
				t.Fatal(err)
			}
		}
		want := payloadMap{"session": sessionName(1), "mode": "full"}
		offers("q1")
		c.do(ada, "call.want", want)
		c.do(box, "call.refused", Refused{To: "p1", Req: "q1", Code: "full", Kind: "busy"}) // another's q1
		c.do(ada, "call.want", want)
		c.do(box, "call.refused", Refused{To: "t1", Req: "q1", Code: "full", Kind: "busy"})
		c.refused(ada, "call.want", want, "no_session")
		offers("q2")
		c.do(box, "call.answer", Answer{To: "t1", Req: "q2", SDP: "v=0"})
		offers("q3") // wants to change only
		c.do(box, "call.refused", Refused{To: "t1", Req: "q3", Code: "bad_offer", Kind: "invalid"})
		c.do(ada, "call.want", want)
	})
}

func TestWhatIsToldOfNobodysSessionIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.publish", offerPayload(1, camera...))
		sent := c.JoinRoom(ben)
		synctest.Wait()
		before := len(sent())
		c.x.took()
		for _, kind := range []string{media.TrackUp, media.TrackDown, media.SessionDown, media.SlotsAre, media.Layers, media.Moved, "new.kind"} {
			for _, e := range []media.Event{
				{User: "ghost", Session: "ghost:" + sessionName(1), Source: media.Camera},
				{User: "p1", Session: "t1:" + sessionName(1), Source: media.Camera},
				{User: "p1", Session: "", Source: media.Camera},
				{Session: "x", Source: media.Camera},
				{User: "t1", Session: "t1:" + sessionName(1), Source: "smell"},
			} {
				if e.Kind = kind; e.User == "t1" && kind != media.TrackUp {
					continue
				}
				c.do(box, "call.event", e)
			}
		}
		c.do(box, "call.answer", Answer{Req: "x", SDP: "v=0"})
		synctest.Wait()
		if got := sent()[before:]; got != "" {
			t.Errorf("sent %s", got)
		}
		c.wantAir("")
		c.wantCalls("close ghost:" + sessionName(1))
	})
}

func TestSpeakersAreThoseOnAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		sent := c.JoinRoom(ben)
		c.do(ada, "call.publish", offerPayload(1, both...))
		c.event(media.TrackUp, "t1", 1, media.Microphone)
		c.do(box, "call.event", media.Event{Kind: media.Speakers, Users: []string{"ghost", "t1", "t1"}})
		synctest.Wait()
		if !strings.Contains(sent(), `"call.speakers",{"users":["t1"]}`) {
			t.Errorf("sent %s", sent())
		}
	})
}

func TestAMovedSessionIsOffAirUntilItIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.do(ada, "call.watch", watchPayload(2))
		c.event(media.Moved, "t1", 1, "")
		c.event(media.Moved, "t1", 2, "")
		c.wantAir("")
		c.x.took()
		c.do(ada, "call.publish", offerPayload(3, camera...))
		c.event(media.TrackUp, "t1", 3, media.Camera)
		c.wantAir("t1 camera")
		if calls := c.x.took(); calls[len(calls)-1] != "close t1:"+sessionName(1) {
			t.Errorf("asked %q", calls)
		}
		for n := 4; n < 8; n++ { // one place of the four is the moved one's
			c.do(ada, "call.watch", watchPayload(n))
		}
		if calls := strings.Join(c.x.took(), "\n"); countIn(calls, "close") != 1 || countIn(calls, "close t1:"+sessionName(2)) != 1 {
			t.Errorf("asked\n%s", calls)
		}
	})
}

func TestAStreamByWHIPIsOnAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		tell := func(kind string, n int) {
			c.do(box, "call.event", media.Event{Kind: kind, User: "t1", Session: fmt.Sprint("whip", n), Source: media.Screen})
		}
		tell(media.TrackUp, 0)
		c.wantAir("t1 screen")
		c.do(ada, "call.publish", offerPayload(1, camera...)) // a second page
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.wantAir("t1 camera, t1 screen")
		if calls := c.x.took(); len(calls) != 2 || strings.Contains(strings.Join(calls, " "), "close") {
			t.Errorf("asked %q", calls)
		}
		tell(media.SessionDown, 0)
		c.wantAir("t1 camera")
		for i := range 3 * maxWHIPSessions {
			tell(media.TrackUp, i)
		}
		for i := range maxWHIPSessions {
			tell(media.TrackDown, i)
		}
		c.wantAir("t1 camera")
	})
}

func TestWhoeverHasLeftEndsAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.JoinRoom(ada)
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.do(ben, "call.publish", offerPayload(2, camera...)) // has no seat
		c.event(media.TrackUp, "t1", 1, media.Camera)
		c.event(media.TrackUp, "p1", 2, media.Camera)
		c.x.took()
		time.Sleep(sweepInterval + time.Second)
		c.wantAir("p1 camera, t1 camera")
		time.Sleep(sweepInterval)
		c.wantAir("t1 camera")
		c.wantCalls("sync c1", "close p1:"+sessionName(2), "sync c1")
		time.Sleep(time.Hour)
		c.wantAir("t1 camera")
	})
}
