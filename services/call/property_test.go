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
