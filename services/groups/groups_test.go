package groups

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

var (
	dan    = event.Viewer{User: "p3", Role: event.Pupil}
	screen = event.Viewer{User: "t1", Role: event.Screen}
)

func mustSend(t *testing.T, h *roomtest.Harness, by event.Viewer, name string, payload any) {
	t.Helper()
	if err := h.SendCommand(by, name, "", payload); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func draft(name string, members ...string) map[string]any {
	return map[string]any{"name": name, "members": append([]string{}, members...)}
}

// openPair is a lesson in which Ben is in g1 and Cid in g2, for so many seconds.
func openPair(t *testing.T, dir string, seconds int) *roomtest.Harness {
	t.Helper()
	h := roomtest.New(t, dir, room.Config{}, Kind)
	h.StartLesson("l1")
	mustSend(t, h, roomtest.Ada, "groups.make", map[string]any{"groups": []any{draft("Lions", "p1"), draft("Tigers", "p2")}})
	mustSend(t, h, roomtest.Ada, "groups.open", map[string]any{"seconds": seconds})
	return h
}

func line(group, text string) map[string]any { return map[string]any{"group": group, "text": text} }

func stroke(group, id string) map[string]any {
	return map[string]any{"group": group, "stroke": ink.Stroke{ID: id, Tool: "pen", Size: 2, Points: "10 10 1e 1 1 0"}}
}

// viewOf is the groups as a viewer has them on joining.
func viewOf(t *testing.T, h *roomtest.Harness, v event.Viewer) (view struct {
	Open   bool
	Ends   int64
	Groups []Group
	Last   []Group
},
) {
	t.Helper()
	var in struct{ Groups json.RawMessage }
	if err := json.Unmarshal([]byte(h.JoinView(v)), &in); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(in.Groups, &view); err != nil {
		t.Fatal(err)
	}
	return view
}

func membersOf(list []Group) (out []string) {
	for _, g := range list {
		out = append(out, g.Name+" "+strings.Join(g.Members, ","))
	}
	return out
}

func TestAGroupsChatAndPageReachItsMembersAndTeachersOnly(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openPair(t, dir, 0)
		ada, ben, cid, wall := h.JoinRoom(roomtest.Ada), h.JoinRoom(roomtest.Ben), h.JoinRoom(roomtest.Cid), h.JoinRoom(screen)
		mustSend(t, h, roomtest.Ben, "groups.say", line("g1", "lionword"))
		mustSend(t, h, roomtest.Ben, "groups.draw", stroke("g1", "lionstroke"))
		mustSend(t, h, roomtest.Cid, "groups.say", line("g2", "tigerword"))
		mustSend(t, h, roomtest.Ada, "groups.say", line("g1", "lionhint"))
		synctest.Wait()
		for _, word := range []string{"lionword", "lionstroke", "lionhint"} {
			if !strings.Contains(ada(), word) || !strings.Contains(ben(), word) {
				t.Errorf("a member or the teacher does not get %s", word)
			}
			for who, got := range map[string]string{"another group": cid(), "the wall": wall(), "a view": h.JoinView(roomtest.Cid), "its view": h.JoinView(screen)} {
				if strings.Contains(got, word) {
					t.Errorf("%s gets %s", who, word)
				}
			}
		}
		for _, name := range []string{"groups.look", "groups.undo", "groups.say", "groups.draw"} {
			payload := map[string]any{"group": "g1"}
			switch name {
			case "groups.say":
				payload = line("g1", "x")
			case "groups.draw":
				payload = stroke("g1", "x")
			}
			if b := errs.BodyOf(h.SendCommand(roomtest.Cid, name, "", payload)); b.Code != "not_in_group" {
				t.Errorf("%s in another group: %+v", name, b)
			}
			if b := errs.BodyOf(h.SendCommand(screen, name, "", payload)); b.Code != "role" {
				t.Errorf("%s by a screen: %+v", name, b)
			}
		}
		mustSend(t, h, roomtest.Ben, "groups.look", map[string]any{"group": "g1"})
		synctest.Wait()
		if n := strings.Count(ben(), "lionword"); n != 2 || strings.Contains(cid(), "lionword") {
			t.Errorf("looked: %d", n)
		}
	})
}

func TestATeacherRemovesAMessageOfAGroupForAll(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openPair(t, dir, 0)
		ben, cid := h.JoinRoom(roomtest.Ben), h.JoinRoom(roomtest.Cid)
		mustSend(t, h, roomtest.Ben, "groups.say", line("g1", "rudeword"))
		mustSend(t, h, roomtest.Ben, "groups.say", line("g1", "kindword"))
		synctest.Wait()
		_, rest, _ := strings.Cut(ben(), `"groups.said",{"seq":`)
		seq, err := strconv.Atoi(rest[:strings.Index(rest, ",")])
		if err != nil {
			t.Fatal(err)
		}
		remove := func(by event.Viewer, group string) error {
			return h.SendCommand(by, "groups.remove", "", map[string]any{"group": group, "seq": seq})
		}
		if b := errs.BodyOf(remove(roomtest.Ben, "g1")); b.Code != "role" {
			t.Errorf("by its author: %+v", b)
		}
		if b := errs.BodyOf(remove(roomtest.Ada, "g9")); b.Field != "group" {
			t.Errorf("in a group that is not there: %+v", b)
		}
		for _, group := range []string{"g2", "g1", "g1"} { // of another group, of its own, pressed twice
			if err := remove(roomtest.Ada, group); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := strings.Count(ben(), `"groups.removed"`); n != 1 || strings.Contains(cid(), `"groups.removed"`) {
			t.Errorf("its group hears of it %d times; another one hears %q", n, cid())
		}
		for boot := uint64(2); boot < 4; boot++ {
			got := h.JoinRoom(roomtest.Ada)
			mustSend(t, h, roomtest.Ada, "groups.look", map[string]any{"group": "g1"})
			synctest.Wait()
			if s := got(); strings.Contains(s, "rudeword") || !strings.Contains(s, "kindword") {
				t.Errorf("the group's chat is %s", s)
			}
			h.Stop()
			h = roomtest.NewBoot(t, dir, boot, room.Config{}, Kind)
		}
	})
}

func TestWhoMovesLeavesTheWordsOfTheOldGroupThere(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openPair(t, dir, 0)
		mustSend(t, h, roomtest.Ada, "groups.move", map[string]any{"user": "p2", "group": "g1"})
		cid := h.JoinRoom(roomtest.Cid)
		mustSend(t, h, roomtest.Ben, "groups.say", line("g1", "lionword"))
		mustSend(t, h, roomtest.Ada, "groups.say", line("g2", "tigerword"))
		mustSend(t, h, roomtest.Ada, "groups.move", map[string]any{"user": "p2", "group": ""})
		mustSend(t, h, roomtest.Ben, "groups.say", line("g1", "laterword"))
		synctest.Wait()
		if got := cid(); !strings.Contains(got, "lionword") || strings.Contains(got, "tigerword") || strings.Contains(got, "laterword") {
			t.Error(got)
		}
		if got := membersOf(viewOf(t, h, roomtest.Cid).Groups); !slices.Equal(got, []string{"Lions p1", "Tigers "}) {
			t.Error(got)
		}
	})
}

func TestWhoComesLateIsInTheSmallestGroupAndWhoIsRemovedInNone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, Kind)
		h.StartLesson("l1")
		h.JoinRoom(roomtest.Cid)
		synctest.Wait()
		mustSend(t, h, roomtest.Ada, "groups.make", map[string]any{"groups": []any{draft("Lions", "p1"), draft("Tigers")}})
		if got := viewOf(t, h, roomtest.Cid); len(got.Groups) != 0 {
			t.Errorf("pupils see what the teacher prepares: %v", got)
		}
		mustSend(t, h, roomtest.Ada, "groups.open", map[string]any{"seconds": 0})
		if got := membersOf(viewOf(t, h, roomtest.Ada).Groups); !slices.Equal(got, []string{"Lions p1", "Tigers p2"}) {
			t.Errorf("opened: %v", got)
		}
		mustSend(t, h, roomtest.Ada, "room.remove", map[string]any{"user": "p1"})
		got := h.JoinRoom(dan)
		time.Sleep(time.Second) // the journal's pace
		if list := membersOf(viewOf(t, h, screen).Groups); !slices.Equal(list, []string{"Lions p3", "Tigers p2"}) {
			t.Errorf("late: %v", list)
		}
		if !strings.Contains(got(), `"groups.moved"`) {
			t.Errorf("the pupil is not told: %s", got())
		}
		mustSend(t, h, roomtest.Ada, "room.readmit", map[string]any{"user": "p1"})
		h.JoinRoom(roomtest.Ben)
		time.Sleep(time.Second)
		if list := membersOf(viewOf(t, h, dan).Groups); !slices.Equal(list, []string{"Lions p3,p1", "Tigers p2"}) {
			t.Errorf("back: %v", list)
		}
	})
}

func TestTheClassIsBackWhenTheTimeIsOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openPair(t, dir, 60)
		start := time.Now()
		mustSend(t, h, roomtest.Ada, "groups.extend", map[string]any{"seconds": 30})
		time.Sleep(20 * time.Second)
		if in := viewOf(t, h, roomtest.Ben).Ends - start.UnixMilli(); in < 89_000 || in > 91_000 {
			t.Errorf("ends %d ms after the start", in)
		}
		h.Stop()
	})
	synctest.Test(t, func(t *testing.T) { // the time stops while the box is down
		h := roomtest.NewBoot(t, dir, 2, room.Config{}, Kind)
		ben := h.JoinRoom(roomtest.Ben)
		time.Sleep(65 * time.Second)
		if !viewOf(t, h, roomtest.Ben).Open {
			t.Error("over too early")
		}
		time.Sleep(26 * time.Second)
		synctest.Wait()
		if v := viewOf(t, h, roomtest.Ben); v.Open || len(v.Groups) != 0 || !strings.Contains(ben(), `"groups.closed"`) {
			t.Errorf("after the time: %+v", v)
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "groups.say", "", line("g1", "x"))); b.Code != "groups_closed" {
			t.Errorf("%+v", b)
		}
	})
}

func TestGroupsOutliveTheBoxAndAreOfferedInTheNextLesson(t *testing.T) {
	dir := t.TempDir()
	want := []string{"Lions p1", "Tigers p2"}
	synctest.Test(t, func(t *testing.T) {
		h := openPair(t, dir, 0)
		mustSend(t, h, roomtest.Ben, "groups.say", line("g1", "lionword"))
		mustSend(t, h, roomtest.Ben, "groups.draw", stroke("g1", "s1"))
		mustSend(t, h, roomtest.Ben, "groups.draw", stroke("g1", "s2"))
		mustSend(t, h, roomtest.Ben, "groups.undo", map[string]any{"group": "g1"})
		h.Stop()
	})
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.NewBoot(t, dir, 2, room.Config{}, Kind)
		ben := h.JoinRoom(roomtest.Ben)
		mustSend(t, h, roomtest.Ben, "groups.look", map[string]any{"group": "g1"})
		synctest.Wait()
		if got := ben(); !strings.Contains(got, "lionword") || !strings.Contains(got, `"s1"`) || strings.Contains(got, `"s2"`) {
			t.Error(got)
		}
		mustSend(t, h, roomtest.Ada, "lesson.end", nil)
		for _, lesson := range []string{"l2", "l3"} { // the second one has no groups
			h.StartLesson(lesson)
			if v := viewOf(t, h, roomtest.Ada); v.Open || len(v.Groups) != 0 || !slices.Equal(membersOf(v.Last), want) {
				t.Errorf("%s: %+v", lesson, v)
			}
			if v := viewOf(t, h, roomtest.Ben); len(v.Last) != 0 {
				t.Errorf("a pupil sees %v", v.Last)
			}
		}
		h.Stop()
	})
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.NewBoot(t, dir, 3, room.Config{}, Kind)
		if got := membersOf(viewOf(t, h, roomtest.Ada).Last); !slices.Equal(got, want) {
			t.Error(got)
		}
		mustSend(t, h, roomtest.Ada, "groups.make", map[string]any{"groups": []any{draft("Lions", "p1"), draft("Tigers", "p2")}})
		if got := viewOf(t, h, roomtest.Ada).Groups[0].ID; got != "g3" {
			t.Errorf("a late stroke of the last lesson would find %s", got)
		}
	})
}

func TestBadGroupsNameTheFieldAndTheLimit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, Kind)
		h.StartLesson("l1")
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.open", "", map[string]any{"seconds": 0})); b.Code != "no_groups" {
			t.Errorf("%+v", b)
		}
		many := make([]any, 13)
		for i := range many {
			many[i] = draft("G")
		}
		crowd := make([]string, 201)
		for i := range crowd {
			crowd[i] = fmt.Sprint("p", i)
		}
		for field, c := range map[string]struct {
			groups []any
			limit  int64
		}{
			"groups":            {many, 12},
			"groups[0].name":    {[]any{draft(strings.Repeat("é", 41)), draft("B")}, 40},
			"groups[1].name":    {[]any{draft("A"), draft("B\nC")}, 0},
			"groups[1].members": {[]any{draft("A", "p1"), draft("B", "p1")}, 0},
			"groups[0].members": {[]any{draft("A", crowd...), draft("B")}, 200},
		} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.make", "", map[string]any{"groups": c.groups})); b.Field != field || b.Limit != c.limit {
				t.Errorf("%s: %+v", field, b)
			}
		}
		for _, n := range []int{0, 1} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.make", "", map[string]any{"groups": many[:n]})); b.Field != "groups" {
				t.Errorf("%d groups: %+v", n, b)
			}
		}
		mustSend(t, h, roomtest.Ada, "groups.make", map[string]any{"groups": []any{draft("A", "p1"), draft("B")}})
		for _, seconds := range []int{-1, 9, 7201} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.open", "", map[string]any{"seconds": seconds})); b.Field != "seconds" {
				t.Errorf("%d: %+v", seconds, b)
			}
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.say", "", line("g1", "x"))); b.Code != "groups_closed" {
			t.Errorf("%+v", b)
		}
		mustSend(t, h, roomtest.Ada, "groups.open", map[string]any{"seconds": 7000})
		mustSend(t, h, roomtest.Ada, "groups.open", map[string]any{"seconds": 7000}) // pressed twice
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.make", "", map[string]any{"groups": many[:2]})); b.Code != "groups_open" {
			t.Errorf("%+v", b)
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.extend", "", map[string]any{"seconds": 201})); b.Limit != MaxSeconds {
			t.Errorf("%+v", b)
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "groups.move", "", map[string]any{"user": "p1", "group": "g9"})); b.Field != "group" {
			t.Errorf("%+v", b)
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "groups.say", "", line("g1", strings.Repeat("x", 2001)))); b.Field != "text" || b.Limit != 2000 {
			t.Errorf("%+v", b)
		}
		for _, c := range Kind.Commands {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ben, c.Name, "", nil)); !c.Pupil && b.Code != "role" {
				t.Errorf("%s by a pupil: %+v", c.Name, b)
			}
		}
	})
}

func TestAPageIsBoundedAndComesWhole(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openPair(t, dir, 0)
		wide := func(id string) map[string]any {
			points := "2s0 2s0 1e" + strings.Repeat(" 11 11 0 -11 -11 0", 226)
			return map[string]any{"group": "g1", "stroke": ink.Stroke{ID: id, Tool: "pen", Size: 2, Points: points}}
		}
		var full errs.Body
		n := 0
		for ; full.Code == ""; n++ {
			full = errs.BodyOf(h.SendCommand(roomtest.Ben, "groups.draw", "", wide(fmt.Sprint("s", n))))
		}
		if full.Code != "too_much" || full.Limit != MaxInk {
			t.Errorf("stroke %d: %+v", n, full)
		}
		mustSend(t, h, roomtest.Ben, "groups.draw", wide("s0")) // sent again
		for range 2 * MaxLines {
			mustSend(t, h, roomtest.Ben, "groups.say", line("g1", strings.Repeat("é", 2000)))
		}
		ben := h.JoinRoom(roomtest.Ben)
		before := len(ben())
		mustSend(t, h, roomtest.Ben, "groups.look", map[string]any{"group": "g1"})
		synctest.Wait()
		got := ben()[before:]
		if strings.Count(got, `"groups.seen"`) != 2 || strings.Count(got, `"tool"`) != n-1 || len(got) > 2*64<<10 {
			t.Errorf("%d bytes in %d parts, %d of %d strokes", len(got), strings.Count(got, `"groups.seen"`), strings.Count(got, `"tool"`), n-1)
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "groups.draw", "", map[string]any{"group": "g1", "stroke": ink.Stroke{
			ID: "long", Tool: "pen", Size: 2, Points: "2s0 2s0 1e" + strings.Repeat(" 11 11 0 -11 -11 0", 300),
		}})); b.Field != "stroke.points" || b.Limit != MaxStroke {
			t.Errorf("%+v", b)
		}
		mustSend(t, h, roomtest.Ada, "groups.clear", map[string]any{"group": "g1"})
		for i := range MaxStrokes {
			mustSend(t, h, roomtest.Ben, "groups.draw", stroke("g1", fmt.Sprint(i)))
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "groups.draw", "", stroke("g1", "over"))); b.Code != "too_many" || b.Limit != MaxStrokes {
			t.Errorf("%+v", b)
		}
	})
}

func TestAnErasedPupilIsInNoFactOfAGroup(t *testing.T) {
	x := event.Erasure{User: "p1", As: "erased", Written: map[string]bool{}}
	list := []Group{{ID: "g1", Name: "A", Members: []string{"p2", "p1"}}}
	for kind, payload := range map[event.Kind]any{
		Made: MadeData{list}, Opened: OpenedData{list, 0}, Moved: MovedData{User: "p1", Group: "g1"}, Said: SaidData{"g1", []string{"p1"}, "x"},
		Drawn: DrawnData{Group: "g1", To: []string{"p1"}}, Undone: UndoneData{"g1", []string{"p1"}, "s"}, Cleared: ClearedData{"g1", []string{"p1"}},
		Removed: RemovedData{"g1", []string{"p1"}, 7},
	} {
		data, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(Kind.Events, func(d event.Def) bool { return d.Kind == kind })
		got, changed := Kind.Events[i].Erase(x, event.Event{Kind: kind, Data: data})
		if !changed || strings.Contains(string(got), `"p1"`) || !strings.Contains(string(got), `"erased"`) {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

func FuzzHandle(f *testing.F) {
	for _, c := range Kind.Commands {
		f.Add(c.Name, []byte(`{"group":"g1","stroke":{"id":"a","tool":"pen","color":1,"size":1,"points":"1 1 1 2 -1 0"}}`))
		f.Add(c.Name, []byte(`{"group":"g2","text":"x"}`))
		f.Add(c.Name, []byte(`{"group":"g1","seq":1}`))
		f.Add(c.Name, []byte(`{"user":"p1","group":"g2"}`))
		f.Add(c.Name, []byte(`{"seconds":60}`))
		f.Add(c.Name, []byte(`{"groups":[{"name":"A","members":["p1"]},{"name":"B","members":["p2"]}]}`))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !json.Valid(data) {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			h := openPair(t, t.TempDir(), 60)
			for _, by := range []event.Viewer{roomtest.Ada, roomtest.Ben} {
				_ = h.SendCommand(by, name, "f", json.RawMessage(data))
				h.JoinView(by)
			}
			if dead := h.DeadLetters(); len(dead) > 0 {
				t.Fatalf("%s %s: %s", name, data, dead[0].Err)
			}
		})
	})
}
