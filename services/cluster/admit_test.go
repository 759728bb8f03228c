package cluster_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// caught is what a box heard of the messages to another one.
type caught struct {
	mu   sync.Mutex
	list [][]byte
}

func (c *caught) take(data []byte, _ func([]byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, slices.Clone(data))
}

func (c *caught) all() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// A third box hears all that box b sends for its teacher. It cannot give a command in her name, and it
// gets no seat with her grant.
func TestARogueBoxCannotActForTheTeacherOfAnother(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, net *clustertest.Net, a, b *box) {
		rogue := net.Box("c")
		var heard, answers caught
		for subject, into := range map[string]*caught{"in.a": &heard, "out.c": &answers} {
			stop, err := rogue.Subscribe(subject, into.take)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
		}
		teacher, pupil := b.joined("t1", "a1"), a.joined("p1", "a1")
		must(t, teacher, say("c1", "hello", "all"))
		time.Sleep(time.Second)
		posts, joins := 0, 0
		for _, data := range heard.all() {
			if forged := cluster.ForgePost(data, "c2", "room.lock", `{"id":"c2","what":"chat","on":true}`); forged != nil {
				posts++
				_ = rogue.Publish("in.a", forged)
				_ = rogue.Publish("in.a", data) // a repeated command counts once
			}
			if forged := cluster.ForgeJoin(data, 77); forged != nil {
				joins++
				_ = rogue.Publish("in.a", forged)
			}
		}
		time.Sleep(time.Second)
		if posts == 0 || joins == 0 {
			t.Fatalf("the rogue box has heard %d commands and %d joins", posts, joins)
		}
		checkKinds(t, "pupil", pupil, "chat.said")
		codes := []string{}
		for _, data := range answers.all() {
			if code := cluster.RefusalIn(data); code != "" {
				codes = append(codes, code)
			}
		}
		if !slices.Equal(slices.Compact(codes), []string{"bad_grant"}) {
			t.Errorf("the rogue box is answered by %v", codes)
		}
		noFaults(t, teacher, pupil)
	})
}

// A third box can end no seat of another one, reads no log of a room where it has no people, and fills no
// memory with names of boxes.
func TestARogueBoxEndsNoSeatAndReadsNoLog(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, net *clustertest.Net, a, b *box) {
		rogue := net.Box("c")
		var heard caught
		stop, err := rogue.Subscribe("in.a", heard.take)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		teacher, there := a.joined("t1", "a1"), b.joined("p2", "a1")
		must(t, teacher, say("c1", "a secret", "all"))
		time.Sleep(time.Second)
		joins := 0
		for _, data := range heard.all() {
			for _, forged := range cluster.ForgeEnds(data) {
				joins++
				_ = rogue.Publish("in.a", forged)
				_ = rogue.Publish("beat", forged)
			}
			if q := cluster.ForgeLogQuestion(data); q != nil {
				answer, err := rogue.Ask(t.Context(), "log.a", q)
				if seqs, diverged, bad := cluster.DecodeLogAnswer(answer); err != nil || bad != nil || len(seqs) > 0 || diverged {
					t.Errorf("the rogue box reads facts %v of the log: %v, %v", seqs, err, bad)
				}
			}
		}
		for i := range 100 {
			_ = rogue.Publish("beat", cluster.SayBeat(fmt.Sprint("box ", i)))
		}
		time.Sleep(time.Second)
		if joins == 0 {
			t.Fatal("the rogue box has heard no join")
		}
		if n := a.cluster.BoxesHeard(); n > 2 {
			t.Errorf("box a keeps %d boxes", n)
		}
		if kinds := seenKinds(teacher); slices.Contains(kinds, "room.went") || teacher.PresentCounts()["p2"] != 1 {
			t.Errorf("the pupil of box b lost the seat: %v", kinds)
		}
		must(t, there, say("c2", "still here", "all"))
		noFaults(t, teacher, there)
	})
}

// A person whose token is void loses the socket at the other box. Others keep theirs.
func TestAKickReachesAGuest(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, _ *clustertest.Net, a, b *box) {
		gone, other := b.joined("p1", "a1"), b.joined("p2", "a1")
		a.cluster.Kick("p1", "another device", "", "signed out")
		a.cluster.Kick("p1", "", "another room", "signed out")
		time.Sleep(time.Second)
		must(t, gone, say("c1", "still here", "all"))
		a.cluster.Kick("p1", "d", "a1", "the teacher released the name")
		time.Sleep(time.Second)
		if code, why := gone.CurrentConn().CloseReason(); code != 4001 || why != "the teacher released the name" {
			t.Errorf("the socket is closed with %d %q", code, why)
		}
		if got := other.PresentCounts(); got["p1"] != 0 || got["p2"] != 1 {
			t.Errorf("the other one sees %v", got)
		}
		must(t, other, say("c2", "me too", "all"))
	})
}

// A page hears it when the room's box is silent, and goes on where it was when it is back.
func TestALostBoxIsToldToThePages(t *testing.T) {
	withBoxes(t, 1, nil, func(t *testing.T, net *clustertest.Net, a, b *box) {
		there, here := b.joined("p2", "a1"), a.joined("p1", "a1")
		must(t, here, say("c1", "one", "all"))
		net.SetCut("a", "b", true)
		time.Sleep(4 * time.Second)
		if n := there.PhxCount("phx_error"); n != 1 {
			t.Errorf("the page was let go %d times", n)
		}
		if body, err := there.Join(); err == nil || body.Code != "box_away" {
			t.Errorf("the page joins again: %+v, %v", body, err)
		}
		must(t, here, say("c2", "two", "all"))
		net.SetCut("a", "b", false)
		time.Sleep(time.Second)
		if body, err := there.Join(); err != nil || len(body.View) > 0 {
			t.Errorf("the page gets a new view: %+v, %v", body, err)
		}
		must(t, there, say("c3", "three", "all"))
		time.Sleep(time.Second)
		for who, m := range map[string]*wiretest.Member{"here": here, "there": there} {
			checkKinds(t, who, m, "chat.said", "chat.said", "chat.said")
		}
		noFaults(t, here, there)
	})
}
