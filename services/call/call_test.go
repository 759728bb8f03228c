package call

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestWhoMayDoWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.place", payloadMap{"user": "p2", "place": "remote"})
		on := true
		for _, r := range []struct {
			name                     string
			payload                  any
			teacher, pupil, cid, wal string // the code of the refusal; empty: allowed. cid is remote
		}{
			{"call.publish", offerPayload(1, both...), "", "not_invited", "not_invited", "role"},
			{"call.watch", watchPayload(2), "", "in_room", "", ""},
			{"call.want", payloadMap{"session": sessionName(2), "mode": "saver", "heights": payloadMap{"0": 90}}, "", "no_session", "", ""},
			{"call.leave", payloadMap{"session": sessionName(1)}, "", "", "", ""},
			{"call.place", payloadMap{"user": "p9", "place": "remote"}, "", "role", "role", "role"},
			{"call.place", payloadMap{"place": "remote"}, "", "", "", "role"},
			{"call.mute", payloadMap{"source": "camera", "on": &on}, "", "", "", "role"},
			{"call.mute", payloadMap{"user": "p9", "source": "camera", "on": &on}, "", "role", "role", "role"},
			{"call.invite", payloadMap{"user": "p9", "sources": camera}, "", "role", "role", "role"},
			{"call.stopall", payloadMap{}, "", "role", "role", "role"},
			{"call.record", payloadMap{"on": true}, "", "role", "role", "role"},
		} {
			for i, by := range []event.Viewer{ada, wall, cid, ben} {
				want := []string{r.teacher, r.wal, r.cid, r.pupil}[i]
				if got := errs.BodyOf(c.ask(by, r.name, r.payload)).Code; got != want {
					t.Errorf("%s %v by %v: %q, want %q", r.name, r.payload, by, got, want)
				}
			}
		}
		for _, k := range Kind(nil).Commands {
			if by := roomtest.Ben; k.Box {
				c.refused(by, k.Name, payloadMap{}, "role")
				c.refused(wall, k.Name, payloadMap{}, "role")
			}
		}
	})
}

func TestTheBoxsCommandsAreNoMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		for _, k := range Kind(nil).Commands {
			if !k.Box {
				continue
			}
			err := c.post(ada, k.Name, `{}`)
			if b := errs.BodyOf(err); b.Code != "role" {
				t.Errorf("%s by a teacher's page: %+v", k.Name, b)
			}
		}
	})
}

func TestWhatIsRefusedNamesTheFieldAndTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		pub := func(change payloadMap) payloadMap { return mergePayloads(offerPayload(1, camera...), change) }
		wat := func(change payloadMap) payloadMap { return mergePayloads(watchPayload(1), change) }
		track := func(list ...string) payloadMap {
			tracks := []payloadMap{}
			for i := 0; i < len(list); i += 2 {
				tracks = append(tracks, payloadMap{"mid": list[i], "source": list[i+1]})
			}
			return pub(payloadMap{"tracks": tracks})
		}
		many := payloadMap{}
		for i := range MaxSlots + 1 {
			many[string(rune('a'+i))] = 1
		}
		for _, r := range []struct {
			name    string
			payload any
			field   string
			code    string
			limit   int64
		}{
			{"call.publish", pub(payloadMap{"session": strings.Repeat("a", 15)}), "session", "bad_session", MaxName},
			{"call.publish", pub(payloadMap{"session": strings.Repeat("a", 65)}), "session", "bad_session", MaxName},
			{"call.publish", pub(payloadMap{"session": "p1:" + sessionName(1)}), "session", "bad_session", MaxName},
			{"call.publish", pub(payloadMap{"session": "seventeen letters"}), "session", "bad_session", MaxName},
			{"call.publish", pub(payloadMap{"sdp": ""}), "sdp", "empty", 1},
			{"call.publish", pub(payloadMap{"sdp": strings.Repeat("v", MaxSDP+1)}), "sdp", "too_long", MaxSDP},
			{"call.publish", pub(payloadMap{"first": true}), "first", "unknown_field", 0},
			{"call.publish", pub(payloadMap{"user": "t2"}), "user", "unknown_field", 0},
			{"call.publish", track(), "tracks", "out_of_range", MaxTracks},
			{"call.publish", track("0", "camera", "1", "screen", "2", "microphone", "3", "a", "4", "b", "5", "c", "6", "d"), "tracks", "out_of_range", MaxTracks},
			{"call.publish", track("", "camera"), "tracks[0].mid", "bad_mid", MaxMID},
			{"call.publish", track("0", "screen", strings.Repeat("m", 17), "camera"), "tracks[1].mid", "bad_mid", MaxMID},
			{"call.publish", track("0", "screen", "0", "camera"), "tracks[1].mid", "twice", 0},
			{"call.publish", track("0", "camera", "1", "camera"), "tracks[1].source", "twice", 0},
			{"call.publish", track("0", "webcam"), "tracks[0].source", "unknown", 0},
			{"call.watch", wat(payloadMap{"session": ""}), "session", "bad_session", MaxName},
			{"call.watch", wat(payloadMap{"sdp": ""}), "sdp", "empty", 1},
			{"call.watch", wat(payloadMap{"mode": "best"}), "mode", "unknown", 0},
			{"call.watch", wat(payloadMap{"x": 1}), "x", "unknown_field", 0},
			{"call.want", payloadMap{"session": sessionName(1), "mode": ""}, "mode", "unknown", 0},
			{"call.want", payloadMap{"session": "x", "mode": "full"}, "session", "bad_session", MaxName},
			{"call.want", payloadMap{"session": sessionName(1), "mode": "full", "heights": payloadMap{"a": 8641}}, "heights", "out_of_range", MaxHeight},
			{"call.want", payloadMap{"session": sessionName(1), "mode": "full", "heights": payloadMap{"a": -1}}, "heights", "out_of_range", MaxHeight},
			{"call.want", payloadMap{"session": sessionName(1), "mode": "full", "heights": payloadMap{"a b": 1}}, "heights", "bad_mid", MaxMID},
			{"call.want", payloadMap{"session": sessionName(1), "mode": "full", "heights": many}, "heights", "too_many", MaxSlots},
			{"call.leave", payloadMap{"session": "x"}, "session", "bad_session", MaxName},
			{"call.place", payloadMap{"place": "home"}, "place", "unknown", 0},
			{"call.place", payloadMap{"place": "remote", "user": strings.Repeat("u", 65)}, "user", "bad_user", room.MaxID},
			{"call.invite", payloadMap{"user": "", "sources": camera}, "user", "bad_user", room.MaxID},
			{"call.invite", payloadMap{"user": "p1"}, "sources", "empty", 0},
			{"call.invite", payloadMap{"user": "p1", "sources": []string{"sound"}}, "sources", "unknown", 0},
			{"call.invite", payloadMap{"user": "p1", "sources": []string{"camera", "camera"}}, "sources", "twice", 0},
			{"call.mute", payloadMap{"user": "p1", "source": "camera"}, "on", "empty", 0},
			{"call.mute", payloadMap{"user": "p1", "source": "", "on": true}, "source", "unknown", 0},
			{"call.stopall", payloadMap{"user": "p1"}, "user", "unknown_field", 0},
			{"call.record", payloadMap{}, "on", "empty", 0},
			{"call.record", payloadMap{"on": false, "pupils": true}, "pupils", "unknown_field", 0},
			{"call.record", payloadMap{"on": "yes"}, "on", "bad_type", 0},
		} {
			b := errs.BodyOf(c.ask(ada, r.name, r.payload))
			if b.Reason != "invalid" || b.Field != r.field || b.Code != r.code || b.Limit != r.limit || b.Message == "" {
				t.Errorf("%s: got %+v, want %s %s %d", r.name, b, r.field, r.code, r.limit)
			}
		}
		if b := errs.BodyOf(c.SendCommand(ada, "call.publish", "", offerPayload(1, camera...))); b.Field != "id" {
			t.Errorf("an offer without an id: %+v", b)
		}
		c.refused(box, "call.publish", offerPayload(1, camera...), "role")
		c.wantCalls()
	})
}

func TestWithoutMediaAllElseWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := class{roomtest.New(t, t.TempDir(), room.Config{}, Kind(nil)), t, &exchange{}}
		c.StartLesson("l1")
		for name, payload := range map[string]any{
			"call.publish": offerPayload(1, camera...), "call.watch": watchPayload(2), "call.record": payloadMap{"on": true},
		} {
			if b := errs.BodyOf(c.ask(ada, name, payload)); b.Reason != "down" || b.Code != "no_media" {
				t.Errorf("%s: %+v", name, b)
			}
		}
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
		c.do(ben, "call.place", payloadMap{"place": "remote"})
		c.do(ada, "call.record", payloadMap{"on": false})
		c.do(ada, "call.stopall", payloadMap{})
		if v := c.seenBy(ben); v.Place != "remote" || len(v.Invited) != 0 {
			t.Errorf("view %+v", v)
		}
	})
}

func TestEachSeesOnlyWhatConcernsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := beginLesson(t)
		c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": []string{"screen", "camera"}})
		c.do(ada, "call.invite", payloadMap{"user": "p2", "sources": camera})
		c.do(ada, "call.mute", payloadMap{"user": "p2", "source": "camera", "on": true})
		c.do(ben, "call.mute", payloadMap{"source": "camera", "on": true})
		c.do(ben, "call.place", payloadMap{"place": "remote"})
		c.do(ada, "call.record", payloadMap{"on": true, "pupils": true})
		c.do(ada, "call.publish", offerPayload(1, camera...))
		c.event(media.TrackUp, "t1", 1, media.Camera)
		air, light := []SourceData{{"t1", media.Camera}}, &recording{true, true}
		p1, p2 := []media.Source{media.Camera, media.Screen}, camera
		m1, m2 := mutedView{"p1", media.Camera, "p1"}, mutedView{"p2", media.Camera, "t1"}
		invites := map[string][]media.Source{}
		for v, want := range map[event.Viewer]view{
			ada:  {"room", []string{"p1"}, map[string][]media.Source{"p1": p1, "p2": p2}, []mutedView{m2, m1}, air, light},
			ben:  {"remote", nil, map[string][]media.Source{"p1": p1}, []mutedView{m1}, air, light},
			cid:  {"room", nil, map[string][]media.Source{"p2": p2}, []mutedView{m2}, air, light},
			wall: {"room", nil, invites, []mutedView{}, air, light},
		} {
			if d := cmp.Diff(want, c.seenBy(v)); d != "" {
				t.Errorf("%v: %s", v, d)
			}
		}
	})
}

func mergePayloads(a, b payloadMap) payloadMap {
	maps.Copy(a, b)
	return a
}
