package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

const hillSchool = "Hill School"

// linkedBox is a box that is linked to a cloud, and its admin.
type linkedBox struct {
	*boxtest.Person
	t     *testing.T
	cloud *boxtest.Cloud
}

func newCloud(t *testing.T) *boxtest.Cloud {
	t.Helper()
	c := boxtest.StartCloud(t, t.TempDir(), cloudtest.Postgres(t))
	c.RunCommand("school", "add", hillSchool, "--names", "--chat")
	return c
}

func linkBox(t *testing.T, p *boxtest.Person, c *boxtest.Cloud) *linkedBox {
	t.Helper()
	l := &linkedBox{p, t, c}
	l.do("POST", "/api/admin/cloud/link", map[string]string{"link": c.EnrolLink(hillSchool)}, nil)
	return l
}

// newLinked is a new box, claimed by Ada and linked to a new cloud.
func newLinked(t *testing.T, dir string) *linkedBox {
	t.Helper()
	return linkBox(t, boxtest.Start(t, dir).ClaimBox("Ada"), newCloud(t))
}

func (l *linkedBox) do(method, path string, in, out any) {
	l.t.Helper()
	if _, err := l.CallAPI(method, path, in, out); err != nil {
		l.t.Fatal(err)
	}
}

func (l *linkedBox) status() (s cloud.Status) {
	l.t.Helper()
	l.do("GET", "/api/admin/cloud", nil, &s)
	return s
}

// arrived waits until nothing waits on the box.
func (l *linkedBox) arrived() {
	l.t.Helper()
	l.do("POST", "/api/admin/cloud/sync", nil, nil)
	var s cloud.Status
	for end := time.Now().Add(timetest.Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // two processes exchange facts
		if s = l.status(); s.State == cloud.StateIdle && s.Queue == 0 {
			return
		}
	}
	l.t.Fatalf("not all is in the cloud: %+v\n%s", s, l.cloud.ReadLog())
}

// fact is the identity and the time of a fact.
type fact struct {
	stream         string
	epoch, seq     int64
	kind           string
	boot, mono, at int64
}

// inCloud are the facts of rooms that are in the database, each as often as it is there.
func inCloud(t *testing.T, db string) map[fact]int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `select stream, epoch, seq, kind, boot, mono, floor(extract(epoch from wall) * 1000)::bigint
		from livelearn.facts where stream like 'room:%'`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[fact]int{}
	for rows.Next() {
		var f fact
		if err := rows.Scan(&f.stream, &f.epoch, &f.seq, &f.kind, &f.boot, &f.mono, &f.at); err != nil {
			t.Fatal(err)
		}
		all[f]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// leavingKinds are the kinds of facts of rooms that leave a box.
var leavingKinds = map[string]bool{
	"lesson.started": true, "lesson.ended": true, "room.came": true, "room.went": true, "chat.said": true, "quiz.loaded": true,
	"quiz.opened": true, "quiz.answered": true, "quiz.revealed": true, "quiz.regraded": true,
}

// onBox are the facts of rooms in a stopped box's journal that leave it.
func onBox(t *testing.T, dir string) map[fact]int {
	t.Helper()
	j := openJournal(t, dir)
	defer func() { _ = j.Close() }()
	all := map[fact]int{}
	for e, err := range j.Scan(0, j.Position()) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(e.Stream, "room:") && leavingKinds[string(e.Kind)] {
			all[fact{e.Stream, int64(e.Epoch), int64(e.Seq), string(e.Kind), int64(e.Stamp.Boot), e.Stamp.Mono, e.Stamp.Wall}]++
		}
	}
	return all
}

// checkSame compares what boxes have with what the cloud has.
func checkSame(t *testing.T, db string, boxes ...map[fact]int) {
	t.Helper()
	there := inCloud(t, db)
	lost, doubled := 0, 0
	for _, b := range boxes {
		for f := range b {
			if there[f] == 0 {
				lost++
				t.Logf("not in the cloud: %+v", f)
			}
		}
	}
	for f, n := range there {
		if n > 1 {
			doubled++
			t.Logf("%d times in the cloud: %+v", n, f)
		}
	}
	if lost > 0 || doubled > 0 {
		t.Errorf("%d facts are lost, %d are doubled, of %d", lost, doubled, len(there))
	}
}

// chattingPupils is pupils of a lesson who chat.
type chattingPupils []*wiretest.Member

// joinPupils has the first n pupils of a lesson take their names.
func joinPupils(box *boxtest.Box, l boxtest.Lesson, n int) (class chattingPupils) {
	for _, name := range l.Names[:n] {
		class = append(class, box.JoinLesson(l, name.ID).NewMember(l.Room))
	}
	return class
}

// at is the same pupils at another box.
func (class chattingPupils) at(box *boxtest.Box) (there chattingPupils) {
	for _, m := range class {
		p := boxtest.Person{Box: box, Cookie: m.Cookie}
		there = append(there, p.NewMember(m.Room))
	}
	return there
}

// chat has each say n things, over all drops.
func (class chattingPupils) chat(n int) {
	var all sync.WaitGroup
	for _, m := range class {
		all.Go(func() {
			defer m.Drop()
			for i := range n {
				cmd := wiretest.Command{ID: fmt.Sprint(i, "-", rand.Uint64()), Name: "chat.say", Payload: map[string]any{"text": fmt.Sprint("word ", i), "to": "all"}}
				_, err := m.Connect()
				if err == nil {
					_, err = m.SendCommand(cmd)
				}
				for err != nil {
					time.Sleep(20 * time.Millisecond) // the box is a process that starts
					m.Drop()
					_, err = m.Connect() // what was not acknowledged is sent again
				}
				m.Drop()
				time.Sleep(60 * time.Millisecond) // below the rate limit
			}
		})
	}
	all.Wait()
}

// TestALessonIsInTheCloudOnceHoweverOftenTheTwoAreKilled has a class chat while the box and
// the cloud are killed in turn, at any moment of their exchange.
func TestALessonIsInTheCloudOnceHoweverOftenTheTwoAreKilled(t *testing.T) {
	dir := t.TempDir()
	l := newLinked(t, dir)
	box, ada, c := l.Box, l.Person, l.cloud
	class := ada.AddClass("7B", 10)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range faultCount(t, "LIVELEARN_KILLS", 8) {
		lesson := ada.OpenLesson(class, fmt.Sprint("Lesson ", i))
		joinPupils(box, lesson, 10).chat(6)
		l.do("POST", "/api/admin/cloud/sync", nil, nil)
		time.Sleep(time.Duration(r.IntN(600)) * time.Millisecond) // the kill comes at any moment
		if i%2 == 0 {
			c.Kill()
			c = c.Restart()
		} else {
			box.Kill()
			box = box.Restart()
			ada.Box = box
		}
		l.cloud = c
		l.do("POST", "/api/lessons/"+lesson.ID+"/end", nil, nil)
	}
	l.arrived()
	if s := l.status(); s.School != hillSchool || s.Dead != 0 {
		t.Errorf("%+v", s)
	}
	box.Stop()
	here := onBox(t, dir)
	checkSame(t, c.DB, here)
	t.Logf("%d facts", len(here))
}

// TestARestoredBoxOverwritesNothing brings an old backup back while the cloud is ahead.
func TestARestoredBoxOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	l := newLinked(t, dir)
	box, ada, c := l.Box, l.Person, l.cloud
	pupils := joinPupils(box, ada.OpenLesson(ada.AddClass("7B", 5), "Before"), 5)
	pupils.chat(5)
	l.arrived()
	backup := filepath.Join(t.TempDir(), "old.backup")
	runProgram(t, "backup", "--data", dir, backup)
	pupils.chat(5) // in the cloud, and in no backup
	l.arrived()
	box.Stop()
	lost := onBox(t, dir)
	runProgram(t, "restore", "--yes", "--data", dir, backup)
	box = box.Restart()
	ada.Box = box
	pupils.at(box).chat(5)
	l.arrived()
	s := l.status()
	if len(s.Notes) == 0 || s.Notes[0].Code != "restored" {
		t.Errorf("notes %+v", s.Notes)
	}
	box.Stop()
	here := onBox(t, dir)
	checkSame(t, c.DB, lost, here)
}

// TestACopyOfABoxIsTold starts two boxes from copies of one card.
func TestACopyOfABoxIsTold(t *testing.T) {
	dir := t.TempDir()
	l := newLinked(t, dir)
	box, ada, c := l.Box, l.Person, l.cloud
	pupils := joinPupils(box, ada.OpenLesson(ada.AddClass("7B", 5), "Before"), 5)
	pupils.chat(3)
	l.arrived()
	box.Stop()
	copied := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", dir, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	box = box.Restart()
	ada.Box = box
	other := boxtest.Start(t, copied)
	eve := &linkedBox{&boxtest.Person{Box: other, Cookie: ada.Cookie, User: ada.User}, t, c}
	var both sync.WaitGroup
	for range 2 { // both write to the same room, at the same time
		both.Go(func() { pupils.at(box).chat(5) })
		both.Go(func() { pupils.at(other).chat(5) })
		both.Wait()
		l.arrived()
		eve.arrived()
	}
	l.do("POST", "/api/admin/cloud/sync", nil, nil)
	codes := map[string]bool{}
	timetest.WaitUntil(t, "the notes that one was forked and that there is a copy", func() bool {
		for _, n := range append(l.status().Notes, eve.status().Notes...) {
			codes[n.Code] = true
		}
		return codes[cloud.CodeForked] && codes["copy"]
	})
	box.Stop()
	other.Stop()
	checkConflicts(t, c.DB, onBox(t, dir), onBox(t, copied))
}

// checkConflicts checks that each fact of two copies is in the cloud, as a fact or, where both
// wrote one identity before they knew of each other, as a dead letter.
func checkConflicts(t *testing.T, db string, boxes ...map[fact]int) {
	t.Helper()
	there := inCloud(t, db)
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	kept, lost := 0, 0
	for _, b := range boxes {
		for f := range b {
			if there[f] == 1 {
				continue
			}
			n := 0
			if err := conn.QueryRow(t.Context(), `select count(*) from livelearn.dead_letters where stream = $1 and epoch = $2 and seq = $3
				and boot = $4 and mono = $5 and code = 'forked'`, f.stream, f.epoch, f.seq, f.boot, f.mono).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n == 1 {
				kept++
			} else {
				lost++
				t.Logf("%d times there, %d letters: %+v", there[f], n, f)
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d facts are nowhere", lost)
	}
	t.Logf("%d facts, %d with an identity that both copies gave", len(there), kept)
}

// runProgram runs the program.
func runProgram(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(boxtest.BuildProgram(t), args...).CombinedOutput(); err != nil {
		t.Fatalf("livelearn %s: %v\n%s", args[0], err, out)
	}
}

// TestTwoBoxesOfOneNameAreTwo gives two boxes the same name.
func TestTwoBoxesOfOneNameAreTwo(t *testing.T) {
	c := newCloud(t)
	var boxes []map[fact]int
	var last *linkedBox
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		box := boxtest.Start(t, dir)
		ada := box.ClaimBox("Ada")
		last = linkBox(t, ada, c)
		joinPupils(box, ada.OpenLesson(ada.AddClass("7B", 3), "Same"), 3).chat(3)
		last.arrived()
	}
	if n := last.status().Notes; len(n) == 0 || n[0].Code != "same_name" || n[0].N != 1 {
		t.Errorf("notes %+v", n)
	}
	if out := c.RunCommand("boxes"); strings.Count(out, `"Test box" of "Hill School"`) != 2 && strings.Count(out, "Test box") != 2 {
		t.Errorf("boxes:\n%s", out)
	}
	last.Box.Stop()
	for _, dir := range dirs[1:] {
		boxes = append(boxes, onBox(t, dir))
	}
	checkSame(t, c.DB, boxes...)
}

// TestARevokedBoxIsRefusedAndMayComeBack revokes a box between two lessons.
func TestARevokedBoxIsRefusedAndMayComeBack(t *testing.T) {
	dir := t.TempDir()
	l := newLinked(t, dir)
	box, ada, c := l.Box, l.Person, l.cloud
	pupils := joinPupils(box, ada.OpenLesson(ada.AddClass("7B", 3), "One"), 3)
	pupils.chat(2)
	l.arrived()
	id, _, _ := strings.Cut(c.RunCommand("boxes"), " ")
	c.RunCommand("revoke", id, "--yes")
	pupils.chat(2)
	timetest.WaitUntil(t, "the refusal", func() bool { return l.status().State == cloud.StateRevoked })
	if s := l.status(); s.Queue == 0 {
		t.Fatalf("%+v", s)
	}
	if !strings.Contains(c.ReadLog(), id) {
		t.Error("the cloud's log does not name the box that it refused")
	}
	before := len(inCloud(t, c.DB))
	if _, err := l.CallAPI("POST", "/api/admin/cloud/link", map[string]string{"link": c.EnrolLink(hillSchool) + "x"}, nil); err == nil {
		t.Error("a link that was altered let the box in")
	}
	l.do("POST", "/api/admin/cloud/link", map[string]string{"link": c.EnrolLink(hillSchool)}, nil)
	l.arrived()
	if now := len(inCloud(t, c.DB)); now <= before {
		t.Errorf("%d facts, %d before", now, before)
	}
	box.Stop()
	checkSame(t, c.DB, onBox(t, dir))
}
