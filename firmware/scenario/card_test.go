package scenario

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// The pace of a lesson: one message or tap of the class every two seconds.
const (
	cardClass  = 30
	cardPace   = 2 * time.Second
	cardBeat   = 25 * time.Second // between two heartbeats of a page
	cardLesson = 45 * time.Minute
)

// BenchmarkCard measures what a box writes to its card, with the file system of an image on a loop
// device: in a day without people, and in a lesson of 45 minutes with 30 pupils, 3 questions that
// all answer, and a message or tap every two seconds. It watches each for LIVELEARN_CARD (default 1m)
// and scales the part that depends on the time. The journal and the metadata of ext4 count too.
// It needs root.
func BenchmarkCard(b *testing.B) {
	span := time.Minute
	if env := os.Getenv("LIVELEARN_CARD"); env != "" {
		var err error
		if span, err = time.ParseDuration(env); err != nil || span < 10*time.Second {
			b.Fatalf("LIVELEARN_CARD: %q: must be a time of 10s or more, such as 10m", env)
		}
	}
	for b.Loop() {
		card := mountCard(b)
		box := boxtest.Start(b, card.dir)
		ada := box.ClaimBox("Ada")
		class := ada.AddClass("7b", cardClass)
		time.Sleep(10 * time.Second) // what the start does at leisure is no part of a day
		idle := card.countWritten(b, func() { time.Sleep(span) })
		b.ReportMetric(megabytes(idle)*float64(24*time.Hour)/float64(span), "MB-idle-day")
		l := &cardRun{b: b, box: box, ada: ada}
		fixed := card.countWritten(b, func() { l.open(class) })
		steady := card.countWritten(b, func() { l.teach(span) })
		fixed += card.countWritten(b, l.end)
		b.ReportMetric(megabytes(fixed)+megabytes(steady)*float64(cardLesson)/float64(span), "MB-lesson")
		b.ReportMetric(megabytes(fixed), "MB-lesson-fixed")
		box.Stop()
	}
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// cardRun is a lesson on a box whose card is watched.
type cardRun struct {
	b      *testing.B
	box    *boxtest.Box
	ada    *boxtest.Person
	lesson boxtest.Lesson
	people []*wiretest.Member // the teacher and the pupils
	sent   int
}

// open opens a lesson with three questions. All pupils join and answer them.
func (l *cardRun) open(class string) {
	var quiz struct{ ID string }
	l.call("/api/quizzes", threeQuestions(), &quiz)
	l.lesson = l.ada.OpenLesson(class, "Water")
	l.call("/api/lessons/"+l.lesson.ID+"/quiz", map[string]string{"quiz": quiz.ID}, nil)
	l.people = []*wiretest.Member{l.ada.NewMember(l.lesson.Room)}
	for _, n := range l.lesson.Names {
		l.people = append(l.people, l.box.JoinLesson(l.lesson, n.ID).NewMember(l.lesson.Room))
	}
	for _, m := range l.people {
		if _, err := m.Connect(); err != nil {
			l.b.Fatal(err)
		}
	}
	for round := 1; round <= 3; round++ {
		l.command(l.people[0], "quiz.open", map[string]any{})
		for i, m := range l.people[1:] {
			l.command(m, "quiz.answer", map[string]any{
				"round": round, "item": fmt.Sprint("q", round), "response": map[string]any{"options": []string{chosenOption(i, round)}},
			})
		}
		l.command(l.people[0], "quiz.reveal", map[string]any{"round": round})
	}
}

// teach lets the class write and tap for a time. Each page sends its heartbeats.
func (l *cardRun) teach(span time.Duration) {
	end, beat := time.Now().Add(span), time.Now()
	for n := 0; time.Now().Before(end); n++ {
		m := l.people[1+n%cardClass]
		if n%3 == 0 {
			l.command(m, "tap.set", map[string]any{"tap": []string{"yes", "no", "lost"}[n/3%3]})
		} else {
			l.command(m, "chat.say", map[string]any{"text": fmt.Sprint("this is message ", n, " of the lesson"), "to": "all"})
		}
		if time.Since(beat) > cardBeat {
			beat = time.Now()
			for _, m := range l.people {
				_, _ = m.CurrentConn().SendEvent("", "phoenix", "heartbeat", struct{}{}) // the next command shows a closed socket
			}
		}
		time.Sleep(min(cardPace, time.Until(end)))
	}
}

// end ends the lesson.
func (l *cardRun) end() {
	l.call("/api/lessons/"+l.lesson.ID+"/end", struct{}{}, nil)
	for _, m := range l.people {
		m.Drop()
		if faults := m.Faults(); len(faults) > 0 {
			l.b.Error(strings.Join(faults, "; "))
		}
	}
}

func (l *cardRun) call(path string, in, out any) {
	if _, err := l.ada.CallAPI("POST", path, in, out); err != nil {
		l.b.Fatal(err)
	}
}

func (l *cardRun) command(m *wiretest.Member, name string, payload map[string]any) {
	l.sent++
	if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("c", l.sent), Name: name, Payload: payload}); err != nil {
		l.b.Fatalf("%s: %v", name, err)
	}
}

// card is a file system on a loop device.
type card struct {
	dir  string
	stat string // the counters of the device, Documentation/block/stat.rst in the kernel
}

// mountCard makes a card with the file system of an image's data, and mounts it until the end.
func mountCard(b *testing.B) card {
	b.Helper()
	if os.Getuid() != 0 {
		b.Skip("a loop device needs root")
	}
	dir, file := b.TempDir(), filepath.Join(b.TempDir(), "card")
	for _, line := range [][]string{
		{"truncate", "--size=1G", file},
		{"mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", file},
		{"mount", "-o", "loop,noatime,errors=remount-ro", file, dir},
	} {
		if out, err := exec.CommandContext(b.Context(), line[0], line[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%s: %v: %s", line[0], err, out)
		}
	}
	b.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			b.Error(err)
		}
	})
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		b.Fatal(err)
	}
	return card{dir, fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev))}
}

// countWritten returns how many bytes act writes to the card. What waits in memory counts too.
func (c card) countWritten(b *testing.B, act func()) int64 {
	b.Helper()
	before := c.readWritten(b)
	act()
	return c.readWritten(b) - before
}

// readWritten returns how many bytes the device has written since it is there.
func (c card) readWritten(b *testing.B) int64 {
	b.Helper()
	f, err := os.Open(c.dir)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(c.stat)
	if err != nil {
		b.Fatal(err)
	}
	const sectors = 6 // place of the sectors written, of 512 bytes each
	fields := strings.Fields(string(text))
	if len(fields) <= sectors {
		b.Fatalf("%s: %q", c.stat, text)
	}
	n, err := strconv.ParseInt(fields[sectors], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n * 512
}
