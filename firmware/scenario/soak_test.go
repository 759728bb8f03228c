package scenario

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// soakPlan is the size of a soak. The environment makes it long: see scripts/soak.
type soakPlan struct {
	length  time.Duration // of the lessons, joining included
	warm    time.Duration // at the start, which the slopes leave out
	classes int
	pupils  int           // of a class; a teacher and a projector come to each lesson too
	lesson  time.Duration // of one lesson
	faults  time.Duration // between two kills of media, and of workers
	slopes  bool          // a short soak shows none
}

func readSoakPlan(t *testing.T) soakPlan {
	t.Helper()
	env := os.Getenv("LIVELEARN_SOAK")
	if env == "" {
		return soakPlan{length: 12 * time.Second, classes: 2, pupils: 8, lesson: 4 * time.Second, faults: 5 * time.Second}
	}
	length, err := time.ParseDuration(env)
	if err != nil || length < 10*time.Minute {
		t.Fatalf("LIVELEARN_SOAK: %q: must be a time of 10m or more, such as 2h", env)
	}
	return soakPlan{
		length: length, warm: length / 5, classes: faultCount(t, "LIVELEARN_SOAK_CLASSES", 20), pupils: 98,
		lesson: length / 12, faults: 4 * time.Minute, slopes: true,
	}
}

// soakTick is the time between two things that people do. It bounds the load: a core of a laptop is
// busy for a tenth of the time with 2,000 sockets.
const soakTick = 250 * time.Millisecond

// soakBeat is how often a page sends its heartbeat.
const soakBeat = 25 * time.Second

// TestSoakOfLessonsLeavesNothingBehind runs lessons one after the other in all classes. Pupils come,
// leave and write, media nodes and workers are killed. Memory and descriptors have no slope, and
// after the last lesson the box has as many goroutines and descriptors as before the first.
func TestSoakOfLessonsLeavesNothingBehind(t *testing.T) {
	plan := readSoakPlan(t)
	// One teacher has all the lessons at once, with a projector each.
	box := boxtest.Start(t, t.TempDir(), "--set", "media.udp=127.0.0.1:0", "--set", "session.sockets=100")
	s := &soak{t: t, plan: plan, box: box, ada: box.ClaimBox("Ada")}
	if _, err := s.ada.CallAPI("POST", "/api/quizzes", threeQuestions(), &s.quiz); err != nil {
		t.Fatal(err)
	}
	for i := range plan.classes {
		s.lessons = append(s.lessons, &soakLesson{class: s.ada.AddClass(fmt.Sprint("Class ", i+1), plan.pupils)})
	}
	s.hearing, s.uploading = *s.ada, *s.ada
	s.playSound(1) // what the first lesson starts for good belongs to the start
	if plan.slopes {
		s.killWorker(1)
	}
	s.openLesson(s.lessons[0])
	s.endLesson(s.lessons[0])
	before := s.settle(nil)
	t.Logf("before: %v", before)

	s.end = time.Now().Add(plan.length)
	var others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() { s.keepAlive(stop) })
	others.Go(func() { s.repeatUntilEnd(func(n int) { s.playSound(n + 1) }) })
	if plan.slopes {
		others.Go(func() { s.repeatUntilEnd(func(n int) { s.killWorker(n + 1) }) })
	}
	samples := s.teach()
	close(stop)
	others.Wait()
	for _, l := range s.lessons {
		s.endLesson(l)
	}
	t.Logf("%d lessons, %d joins, %d leaves, %d commands, %d times sound, %d workers killed",
		s.opened, s.joins, s.leaves, s.commands, s.sounds, s.workers)
	after := s.settle(&before)
	t.Logf("after: %v", after)
	t.Logf("%.0f s of processor time in the core", s.readMetric("process_cpu_seconds_total"))
	if plan.slopes {
		checkSlopes(t, samples)
	}
	if t.Failed() {
		log := box.ReadLog()
		t.Logf("the box:\n%s", log[max(0, len(log)-8000):])
	}
}

// soak is a box in a soak and the people on it. One goroutine teaches, and two others play sound and
// kill workers.
type soak struct {
	t    *testing.T
	plan soakPlan
	box  *boxtest.Box
	ada  *boxtest.Person
	// The goroutines beside the lessons have a copy each, because a call may change the cookie.
	hearing, uploading boxtest.Person

	quiz    struct{ ID string }
	end     time.Time
	lessons []*soakLesson

	opened, joins, leaves, commands int
	sounds, workers                 int

	mu        sync.Mutex         // guards the field below
	connected []*wiretest.Member // who sends heartbeats
}

// soakLesson is a class and its present lesson.
type soakLesson struct {
	class  string
	id     string // empty between two lessons
	room   string
	round  int
	people []*wiretest.Member // the teacher, the projector and the pupils
	away   []*wiretest.Member // pupils who left for a while
	closes time.Time
}

// repeatUntilEnd calls act again and again, with the time of plan.faults between two beginnings.
func (s *soak) repeatUntilEnd(act func(n int)) {
	for n := 1; time.Until(s.end) > s.plan.faults/2; n++ {
		next := time.Now().Add(s.plan.faults)
		act(n)
		time.Sleep(min(time.Until(next), time.Until(s.end))) // a fault comes every few minutes
	}
}

// teach runs the lessons until the end and samples the box meanwhile.
func (s *soak) teach() (samples []soakSample) {
	began := time.Now()
	for i, l := range s.lessons {
		s.openLesson(l) // the lessons of a school end one after the other
		l.closes = began.Add(s.plan.lesson * time.Duration(i+1) / time.Duration(len(s.lessons)))
	}
	sampleEvery := max(s.plan.length/600, time.Second)
	nextSample := began.Add(max(s.plan.warm, time.Since(began)))
	for n := 0; time.Now().Before(s.end); n++ {
		next := time.Now().Add(soakTick)
		s.act(n)
		if now := time.Now(); now.After(nextSample) {
			samples = append(samples, s.takeSample())
			if len(samples)%25 == 1 {
				s.t.Logf("sample %d: %v", len(samples), samples[len(samples)-1])
			}
			nextSample = now.Add(sampleEvery)
		}
		time.Sleep(time.Until(next)) // people do few things a second
	}
	return samples
}

// act lets somebody do something. Every lesson that is over is followed by the next of its class.
func (s *soak) act(n int) {
	for _, l := range s.lessons {
		if time.Now().After(l.closes) {
			s.endLesson(l)
			s.openLesson(l)
			l.closes = time.Now().Add(s.plan.lesson)
			return
		}
	}
	l := s.lessons[rand.IntN(len(s.lessons))]
	pupil := l.people[2+rand.IntN(len(l.people)-2)]
	switch n % 8 {
	case 0, 1:
		s.command(pupil, "chat.say", map[string]any{"text": fmt.Sprint("message ", n), "to": "all"})
	case 2:
		s.command(pupil, "hand.raise", nil)
	case 3:
		s.command(l.people[0], "hand.lower", map[string]any{"all": true})
	case 4:
		s.command(pupil, "tap.set", map[string]any{"tap": []string{"yes", "no", "lost"}[n%3]})
	case 5:
		s.askQuestion(l)
	case 6:
		if slices.Contains(l.away, pupil) {
			return
		}
		pupil.Drop()
		l.away = append(l.away, pupil)
		s.leaves++
	case 7:
		s.bringBack(l)
	}
}

// bringBack connects the pupils who left. They resume where they were.
func (s *soak) bringBack(l *soakLesson) {
	for _, m := range l.away {
		s.connect(m)
	}
	l.away = nil
}

// askQuestion opens the next question of a lesson, has a few pupils answer it and shows the answer.
func (s *soak) askQuestion(l *soakLesson) {
	if l.round == 3 {
		return
	}
	l.round++
	s.command(l.people[0], "quiz.open", map[string]any{})
	for i, m := range l.people[2:min(len(l.people), 12)] {
		s.command(m, "quiz.answer", map[string]any{
			"round": l.round, "item": fmt.Sprint("q", l.round), "response": map[string]any{"options": []string{chosenOption(i, l.round)}},
		})
	}
	s.command(l.people[0], "quiz.reveal", map[string]any{"round": l.round})
}

// command sends a command. A person who is away sends none.
func (s *soak) command(m *wiretest.Member, name string, payload map[string]any) {
	if isClosed(m) {
		return
	}
	s.commands++
	if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("s", s.commands), Name: name, Payload: payload}); err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
}

func isClosed(m *wiretest.Member) bool {
	select {
	case <-m.CurrentConn().Done():
		return true
	default:
		return false
	}
}

// keepAlive sends the heartbeats of all pages, as often as pages do.
func (s *soak) keepAlive(stop <-chan struct{}) {
	const parts = 25
	tick := time.NewTicker(soakBeat / parts)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		members := slices.Clone(s.connected)
		s.mu.Unlock()
		for i := n % parts; i < len(members); i += parts {
			_, _ = members[i].CurrentConn().SendEvent("", "phoenix", "heartbeat", struct{}{}) // somebody may be away
		}
	}
}

func (s *soak) openLesson(l *soakLesson) {
	lesson := s.ada.OpenLesson(l.class, fmt.Sprint("Lesson ", s.opened))
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": s.quiz.ID}, nil); err != nil {
		s.t.Fatal(err)
	}
	s.opened++
	l.id, l.room, l.round = lesson.ID, lesson.Room, 0
	screen := s.ada.NewMember(lesson.Room)
	screen.As = "screen"
	l.people = []*wiretest.Member{s.ada.NewMember(lesson.Room), screen}
	for _, n := range lesson.Names {
		l.people = append(l.people, s.box.JoinLesson(lesson, n.ID).NewMember(lesson.Room))
	}
	for _, m := range l.people {
		s.connect(m)
		s.mu.Lock()
		s.connected = append(s.connected, m)
		s.mu.Unlock()
	}
}

func (s *soak) connect(m *wiretest.Member) {
	if _, err := m.Connect(); err != nil {
		s.t.Fatal(err)
	}
	s.joins++
}

// endLesson ends a lesson. Each who was there got every fact once.
func (s *soak) endLesson(l *soakLesson) {
	if l.id == "" {
		return
	}
	s.mu.Lock()
	s.connected = slices.DeleteFunc(s.connected, func(m *wiretest.Member) bool { return slices.Contains(l.people, m) })
	s.mu.Unlock()
	for i, m := range l.people {
		if !slices.Contains(l.away, m) && isClosed(m) {
			code, why := m.CurrentConn().CloseReason()
			s.t.Errorf("lesson %s, person %d: the box closed the socket: %d %s", l.id, i, code, why)
		}
		m.Drop()
		if f := m.Faults(); len(f) > 0 {
			s.t.Errorf("lesson %s, person %d: %s", l.id, i, strings.Join(f, "; "))
		}
	}
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+l.id+"/end", struct{}{}, nil); err != nil {
		s.t.Fatal(err)
	}
	l.id, l.people, l.away = "", nil, nil
}

// playSound runs a lesson with a voice and a listener whose media node is killed.
func (s *soak) playSound(n int) {
	s.sounds++
	s.t.Run("sound "+strconv.Itoa(n), func(t *testing.T) {
		ada := &s.hearing
		lesson := ada.OpenLesson(s.soundClass(t), "Sound")
		teacher := newVoice(t, ada, lesson.Room)
		teacher.n = n * 1000 // the room has one answer for each id of a command
		pupil := newListener(t, s.box.JoinLesson(lesson, lesson.Names[n%soundPupils].ID), lesson.Room)
		active, _ := mediaNodes(t, ada)
		pupil.connect()
		teacher.connect()
		pupil.hears(1)
		followCalls(t, teacher)
		followCalls(t, pupil.mediaCaller)
		if err := syscall.Kill(findProcess(t, s.box, active), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		pupil.hears(2)
		time.Sleep(min(s.plan.faults/2, time.Until(s.end))) // the sound lasts, in the soak's own lessons
		if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/end", struct{}{}, nil); err != nil {
			t.Error(err)
		}
		teacher.m.Drop()
		pupil.m.Drop()
	})
}

// soundPupils is how many pupils listen, each in another lesson.
const soundPupils = 90

// soundClass returns the class that has lessons with sound.
func (s *soak) soundClass(t *testing.T) string {
	t.Helper()
	var classes []struct{ ID, Name string }
	if _, err := s.hearing.CallAPI("GET", "/api/classes", nil, &classes); err != nil {
		t.Fatal(err)
	}
	for _, c := range classes {
		if c.Name == "Sound" {
			return c.ID
		}
	}
	return s.hearing.AddClass("Sound", soundPupils)
}

// killWorker uploads a deck and kills the worker that makes its pages. The queue tries again.
func (s *soak) killWorker(n int) {
	s.workers++
	s.t.Run("worker "+strconv.Itoa(n), func(t *testing.T) { s.killOneWorker(t, n) })
}

func (s *soak) killOneWorker(t *testing.T, n int) {
	t.Helper()
	if status := send(&s.uploading, "/api/decks?title=Deck"+strconv.Itoa(n), []byte(pdf)); status != 200 {
		t.Errorf("the deck: %d", status)
		return
	}
	timetest.WaitUntil(t, "a worker", func() bool {
		for pid, line := range family(s.box.PID()) {
			if strings.Contains(line, " task ") {
				return syscall.Kill(pid, syscall.SIGKILL) == nil
			}
		}
		return false
	})
	began := time.Now()
	for !s.deleteMadeDecks(t) {
		if time.Since(began) > time.Hour {
			t.Fatalf("no pages in an hour:\n%s", s.box.ReadLog())
		}
		time.Sleep(time.Second) // a worker has the lowest priority on a machine that is busy
	}
}

// deleteMadeDecks deletes all decks, once none is being made.
func (s *soak) deleteMadeDecks(t *testing.T) bool {
	t.Helper()
	var decks []struct{ ID, State string }
	if _, err := s.uploading.CallAPI("GET", "/api/decks", nil, &decks); err != nil {
		t.Fatal(err)
	}
	for _, d := range decks {
		if d.State == "making" {
			return false
		}
	}
	for _, d := range decks {
		if _, err := s.uploading.CallAPI("DELETE", "/api/decks/"+d.ID, nil, nil); err != nil {
			t.Error(err)
		}
	}
	return true
}
