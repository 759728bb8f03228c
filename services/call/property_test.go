package call

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
)

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
		_ = c.ask(by, "call.publish", offerPayload(n, some...))
	case 3:
		_ = c.ask(by, "call.watch", watchPayload(n))
	case 4:
		_ = c.ask(by, "call.leave", payloadMap{"session": sessionName(n)})
	case 5:
		_ = c.ask(by, "call.place", payloadMap{"place": []string{inRoom, remote}[rnd.IntN(2)]})
	case 6:
		_ = c.ask(by, "call.mute", payloadMap{"source": source, "on": on})
	case 7:
		_ = c.ask(ada, "call.mute", payloadMap{"user": about, "source": source, "on": on})
	case 8:
		_ = c.ask(ada, "call.invite", payloadMap{"user": about, "sources": append([]media.Source{}, some...)})
	case 9:
		_ = c.ask(ada, "call.record", payloadMap{"on": on})
		if rnd.IntN(4) == 0 {
			_ = c.ask(ada, "call.stopall", payloadMap{})
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
				c := fragileClass(t, &exchange{})
				c.StartLesson("l1")
				c.do(box, "call.sync", Live{})
				for _, v := range viewers {
					c.JoinRoom(v)
				}
				c.JoinRoom(event.Viewer{User: "p3", Role: event.Pupil})
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
				for _, l := range c.DeadLetters() {
					if l.Kind != "bang.now" {
						t.Errorf("%s: %s\n%s", l.Kind, l.Err, l.Stack)
					}
				}
			})
		})
	}
}

// truth is a node's report that agrees with the sources on air.
func (c class) truth(air []SourceData) (list []Session) {
	for _, a := range air {
		i := slices.IndexFunc(list, func(s Session) bool { return s.User == a.User })
		if i < 0 {
			i, list = len(list), append(list, Session{User: a.User, Session: sessionID(a.User, sessionName(0)), First: a.User == "t1"})
		}
		list[i].Sources = append(list[i].Sources, a.Source)
	}
	return list
}

// uninvited wants that all on air are invited. It counts them.
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
		offerPayload(1, both...), watchPayload(1),
		payloadMap{"session": sessionName(1), "mode": "full", "heights": payloadMap{"0": 1}},
		payloadMap{"user": "p1", "sources": both},
		payloadMap{"user": "p1", "source": "camera", "on": true},
		payloadMap{"place": "remote", "user": "p1"},
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
			c := beginLesson(t)
			c.do(ada, "call.invite", payloadMap{"user": "p1", "sources": camera})
			c.do(ben, "call.publish", offerPayload(1, camera...))
			for _, by := range []event.Viewer{box, ada, ben, wall} {
				_ = c.SendCommand(by, name, "f", json.RawMessage(data))
				c.JoinView(by)
			}
			if dead := c.DeadLetters(); len(dead) > 0 {
				t.Fatalf("%s %s: %s", name, data, dead[0].Err)
			}
		})
	})
}
