package scenario

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

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

// TestALesson is a whole lesson: 45 minutes, a teacher and thirty pupils, everybody over
// HTTP and a socket, real databases. In the middle the room crashes, later the access
// point drops ten pupils.
func TestALesson(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		box := boxtest.StartInMemory(t, dir)
		ada := box.ClaimBox("Ada")
		lesson := ada.OpenLesson(ada.AddClass("7B", 30), "Planets")
		class := &classRig{t: t, teacher: ada.NewMember(lesson.Room), box: box, lesson: lesson}
		class.arrive()
		class.beat()
		class.minutes(20)

		box.CrashRoom(class.teacher)
		class.minutes(1)
		for i, p := range class.pupils {
			if p.PhxCount(wire.Error)+p.PhxCount(wire.Close) > 0 {
				t.Errorf("pupil %d noticed that the room crashed", i)
			}
		}
		class.everybodyIsPresent()

		for _, p := range class.pupils[:10] {
			p.Drop()
		}
		class.only(20)
		class.minutes(2)
		for _, p := range class.pupils[:10] {
			if b, err := p.Connect(); err != nil || b.Missed == nil {
				t.Errorf("back after a drop: missed %v, %v", b.Missed != nil, err)
			}
		}
		class.minutes(22)
		class.everybodyIsPresent()
		class.everybodySawEverything()
		if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/end", struct{}{}, nil); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, p := range class.pupils {
			if e := p.SeenEvents(); e[len(e)-1].Kind != "lesson.ended" {
				t.Error("a pupil was not told that the lesson ended")
			}
		}
	})
}

// classRig is everybody in the lesson and what they have written.
type classRig struct {
	t       *testing.T
	box     *boxtest.Box
	lesson  boxtest.Lesson
	teacher *wiretest.Member
	pupils  []*wiretest.Member
	written []string // to all, acknowledged
	n       int
}

func (c *classRig) arrive() {
	c.t.Helper()
	if _, err := c.teacher.Connect(); err != nil {
		c.t.Fatal(err)
	}
	for _, n := range c.lesson.Names {
		m := c.box.JoinLesson(c.lesson, n.ID).NewMember(c.lesson.Room)
		if _, err := m.Connect(); err != nil {
			c.t.Fatal(err)
		}
		c.pupils = append(c.pupils, m)
	}
}

// beat keeps every connection alive as the clients' heartbeats do.
func (c *classRig) beat() {
	for _, m := range append([]*wiretest.Member{c.teacher}, c.pupils...) {
		var again func()
		again = func() {
			if conn := m.CurrentConn(); conn != nil {
				_, _ = conn.SendEvent("", wire.System, wire.Heartbeat, struct{}{}) // a dropped one is met later
			}
			if c.t.Context().Err() == nil {
				time.AfterFunc(25*time.Second, again)
			}
		}
		time.AfterFunc(25*time.Second, again)
	}
}

// minutes lets the class do things, one each second.
func (c *classRig) minutes(n int) {
	c.t.Helper()
	for range n * 60 {
		c.act()
		time.Sleep(time.Second)
	}
}

func (c *classRig) act() {
	c.t.Helper()
	c.n++
	p := c.pupils[rand.IntN(len(c.pupils))]
	id := fmt.Sprint("c", c.n)
	switch c.n % 6 {
	case 0, 1:
		text := fmt.Sprint("message ", c.n)
		if c.do(p, wiretest.Command{ID: id, Name: "chat.say", Payload: map[string]any{"text": text, "to": "all"}}) {
			c.written = append(c.written, text)
		}
	case 2:
		c.do(p, wiretest.Command{ID: id, Name: "hand.raise"})
	case 3:
		c.do(c.teacher, wiretest.Command{ID: id, Name: "hand.lower", Payload: map[string]any{"all": true}})
	case 4:
		c.do(p, wiretest.Command{ID: id, Name: "tap.set", Payload: map[string]any{"tap": []string{"yes", "no", "lost"}[c.n%3]}})
	case 5:
		c.do(p, wiretest.Command{ID: id, Name: "tap.react", Payload: map[string]any{"emoji": "👏"}})
	}
}

// do gives a command, unless the member has no connection just now.
func (c *classRig) do(m *wiretest.Member, cmd wiretest.Command) bool {
	c.t.Helper()
	select {
	case <-m.CurrentConn().Done():
		return false
	default:
	}
	if b, err := m.SendCommand(cmd); err != nil || !b.Saved {
		c.t.Errorf("%s: %+v %v", cmd.Name, b, err)
		return false
	}
	return true
}

func (c *classRig) everybodyIsPresent() {
	c.t.Helper()
	time.Sleep(time.Second) // a room sends together who comes and goes within 50 ms
	synctest.Wait()
	for _, m := range []*wiretest.Member{c.teacher, c.pupils[3], c.pupils[29]} {
		for _, n := range c.lesson.Names {
			if m.PresentCounts()[n.ID] != 1 {
				c.t.Errorf("%s is present %d times", n.ID, m.PresentCounts()[n.ID])
			}
		}
	}
}

func (c *classRig) only(n int) {
	c.t.Helper()
	time.Sleep(time.Second) // a room sends together who comes and goes within 50 ms
	synctest.Wait()
	if got := len(c.teacher.PresentCounts()) - 1; got != n {
		c.t.Errorf("%d pupils present, want %d", got, n)
	}
}

// everybodySawEverything compares what each has seen since the lesson began.
func (c *classRig) everybodySawEverything() {
	c.t.Helper()
	synctest.Wait()
	for i, m := range append([]*wiretest.Member{c.teacher}, c.pupils...) {
		var seen []string
		for _, e := range m.SeenEvents() {
			var said struct{ Text string }
			if e.Kind == "chat.said" && json.Unmarshal(e.Data, &said) == nil {
				seen = append(seen, said.Text)
			}
		}
		seen = slices.Concat(inView(c.t, m), seen)
		if d := cmp.Diff(c.written, seen); d != "" {
			c.t.Errorf("member %d: %.400s", i, d)
		}
		if f := m.Faults(); len(f) > 0 {
			c.t.Errorf("member %d: %s", i, strings.Join(f, "; "))
		}
	}
}

// inView is the chat that a member's last view began with.
func inView(t *testing.T, m *wiretest.Member) (texts []string) {
	t.Helper()
	var v struct {
		Chat struct {
			Messages []struct{ Data struct{ Text string } }
		}
	}
	if err := json.Unmarshal(m.LastView(), &v); err != nil {
		t.Fatal(err)
	}
	for _, e := range v.Chat.Messages {
		texts = append(texts, e.Data.Text)
	}
	return texts
}
