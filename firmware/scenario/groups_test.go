package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/groups"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// groupPupil is a pupil in a group, and every byte that the pupil's sockets get.
type groupPupil struct {
	*wiretest.Member
	user  string
	mu    sync.Mutex
	bytes bytes.Buffer
	sent  int
}

func (p *groupPupil) heard(word string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.bytes.String(), word)
}

// bringIn connects until nothing is unacknowledged.
func (p *groupPupil) bringIn(t *testing.T) {
	t.Helper()
	timetest.WaitUntil(t, "the answers for "+p.user, func() bool {
		if p.CurrentConn() != nil {
			p.Drop()
		}
		_, err := p.Connect()
		return err == nil && len(p.UnackedCommands()) == 0
	})
}

// TestGroupsWorkApartThroughARestart lets two groups talk and draw, kills the box in the middle, and
// looks at every byte of each pupil's sockets.
func TestGroupsWorkApartThroughARestart(t *testing.T) {
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 5), "Planets")
	lead := ada.NewMember(lesson.Room)
	if _, err := lead.Connect(); err != nil {
		t.Fatal(err)
	}
	join := func(i int) *groupPupil {
		person := box.JoinLesson(lesson, lesson.Names[i].ID)
		p := &groupPupil{Member: person.NewMember(lesson.Room), user: person.User}
		dial := p.Dial
		p.Dial = func() (net.Conn, error) {
			c, err := dial()
			return recordingConn{c, &p.mu, &p.bytes}, err
		}
		p.bringIn(t)
		t.Cleanup(p.Drop)
		return p
	}
	n := 0
	teach := func(name string, payload map[string]any) {
		t.Helper()
		n++
		if _, err := lead.SendCommand(wiretest.Command{ID: fmt.Sprint("t", n), Name: name, Payload: payload}); err != nil {
			t.Fatal(name, err)
		}
	}
	class := []*groupPupil{join(0), join(1), join(2), join(3)}
	groupOf := func(i int) string { return []string{"g1", "g2"}[i%2] }
	act := func(i int) {
		p := class[i]
		p.sent++
		word := fmt.Sprintf("%s-word-%s-%d", groupOf(i), p.user, p.sent)
		_, _ = p.SendCommand(wiretest.Command{ID: word, Name: "groups.say", Payload: map[string]any{"group": groupOf(i), "text": word}}) // sent again when the box is back
		_, _ = p.SendCommand(wiretest.Command{ID: word + "s", Name: "groups.draw", Payload: map[string]any{"group": groupOf(i), "stroke": map[string]any{
			"id": fmt.Sprintf("%s-ink-%d-%d", groupOf(i), i, p.sent), "tool": "pen", "color": 0, "size": 2, "points": "a a 1e 1 1 0",
		}}})
	}
	teach("groups.make", map[string]any{"groups": []any{
		map[string]any{"name": "Lions", "members": []string{class[0].user, class[2].user}},
		map[string]any{"name": "Tigers", "members": []string{class[1].user, class[3].user}},
	}})
	teach("groups.open", map[string]any{"seconds": 600})
	for i := range class {
		act(i)
	}
	box.Kill()
	for i := range class {
		act(i) // nobody answers
	}
	box = box.Restart()
	for _, p := range class {
		p.bringIn(t)
	}
	lead.Drop()
	if _, err := lead.Connect(); err != nil {
		t.Fatal(err)
	}
	for i := range class {
		act(i)
		if _, err := class[i].SendCommand(wiretest.Command{ID: fmt.Sprint("look", i), Name: "groups.look", Payload: map[string]any{"group": groupOf(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	class = append(class, join(4)) // late: the box chooses the group
	teach("groups.close", map[string]any{})
	for i, p := range class[:4] {
		own, other := groupOf(i), groupOf(i+1)
		timetest.WaitUntil(t, "the end of the groups", func() bool { return p.heard("groups.closed") })
		if !p.heard(own+"-word") || !p.heard(own+"-ink") {
			t.Errorf("pupil %d does not get what its group says and draws", i)
		}
		if p.heard(other+"-word") || p.heard(other+"-ink") {
			t.Errorf("pupil %d gets what the other group says or draws", i)
		}
	}
	if !class[4].heard(`"groups.moved"`) || class[4].heard("-word") {
		t.Error("the late pupil is in no group, or knows what was said before without asking")
	}
	box.Stop()
	checkGroupFacts(t, dir, lesson.Room)
}

// checkGroupFacts checks that each message and each stroke is in the journal once.
func checkGroupFacts(t *testing.T, dir, class string) {
	t.Helper()
	j := openJournal(t, dir)
	defer j.Close()
	said, drawn := map[string]int{}, map[string]int{}
	for e, err := range j.Replay(room.StreamOf(class), 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case groups.Said:
			var in groups.SaidData
			if err := json.Unmarshal(e.Data, &in); err != nil {
				t.Fatal(err)
			}
			said[in.Text]++
		case groups.Drawn:
			var in groups.DrawnData
			if err := json.Unmarshal(e.Data, &in); err != nil {
				t.Fatal(err)
			}
			drawn[in.Stroke.ID]++
		}
	}
	for what, n := range said {
		if n != 1 {
			t.Errorf("%s: %d times", what, n)
		}
	}
	if len(said) != 12 || len(drawn) != 12 {
		t.Errorf("%d messages and %d strokes of 12", len(said), len(drawn))
	}
}
