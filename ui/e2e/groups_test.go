package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
)

// groupsSheet is what the teacher has open.
const groupsSheet = `document.querySelector("[data-part=groups-sheet]")`

// groupStory is a lesson of four pupils: two have a page, two are members only.
type groupStory struct {
	*testing.T
	say    func(string) string
	teach  *page
	screen *page
	pupils []*page
	ada    *boxtest.Person
	lesson boxtest.Lesson
}

func newGroupStory(t *testing.T, lang string) *groupStory {
	t.Helper()
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 4), "Planets")
	home := "http://" + box.HTTP
	s := &groupStory{T: t, say: loadWords(t, lang), ada: ada, lesson: lesson}
	open := func(who *boxtest.Person, path string, size [2]int64) *page {
		p := newPage(t, size)
		p.as(home, who)
		p.open(home + "/healthz")
		evalJS[bool](p, `(localStorage.setItem("ll:lang", `+quote(lang)+`), true)`)
		p.open(home + path)
		return p
	}
	for i, n := range lesson.Names[:4] {
		who := box.JoinLesson(lesson, n.ID)
		if i < 2 {
			s.pupils = append(s.pupils, open(who, "/lesson", [][2]int64{phone, laptop}[i]))
			continue
		}
		m := who.NewMember(lesson.Room)
		if _, err := m.Connect(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Drop)
	}
	s.teach = open(ada, "/teach/"+lesson.Room, laptop)
	s.screen = open(ada, "/screen/"+lesson.Room, [2]int64{1920, 1080})
	return s
}

// start makes two groups by chance, moves the second pupil's page out of the first one's group, and
// opens them.
func (s *groupStory) start() {
	s.Helper()
	p := s.teach
	p.press(s.say("groups.title"))
	p.until("the sheet", groupsSheet)
	p.press(s.say("groups.random"))
	p.until("four members", groupsSheet+`?.querySelectorAll("li select").length === 4`)
	for i := range 2 { // the first pupil by name is in the first group, the second one in the second
		evalJS[bool](p, fmt.Sprintf(`(() => {
		  const all = [...%s.querySelectorAll("li select")].sort((a, b) => a.ariaLabel.localeCompare(b.ariaLabel));
		  all[%d].value = all[%d].options[%d].value;
		  all[%d].dispatchEvent(new Event("change", {bubbles: true}));
		  return true;
		})()`, groupsSheet, i, i, i, i))
	}
	p.shot("teacher-prepares")
	p.press(s.say("groups.start"))
	p.until("the groups", groupsSheet+`?.querySelector("[role=tab]")`)
}

// TestGroupsTakeTheProjectorFromAShownAnswer opens groups after an answer and its leaderboard were shown.
func TestGroupsTakeTheProjectorFromAShownAnswer(t *testing.T) {
	s := newGroupStory(t, "en")
	items := loadQuiz(t, s.ada, s.lesson, manyKinds)
	s.teach.until("the quiz", `document.querySelector("[data-go]:not(:disabled)")`)
	s.teach.press(s.say("stage.open"))
	s.teach.press(s.say("stage.reveal"))
	s.screen.until("the answer of "+items[0].ID, `document.querySelector("[data-state=revealed]")`)
	s.start()
	s.screen.until("the groups", `document.querySelector("[data-stage=groups]")`)
	s.screen.noFaults()
}

const inGroup = `document.querySelector("[data-part=group]")`

func TestTwoGroupsTalkAndDrawApart(t *testing.T) {
	s := newGroupStory(t, "en")
	s.start()
	words := []string{"We are first", "We are second"}
	for i, p := range s.pupils {
		p.until("the group", inGroup)
		p.fill(s.say("groups.say"), words[i])
		p.press(s.say("chat.send"))
		p.sees(words[i])
		p.drag("[data-part=group-page]", [2]float64{20, 20}, [2]float64{70, 60 + 10*float64(i)})
		p.until("own ink", `document.querySelectorAll("[data-part=group-page] path").length === 1`)
		p.shot(fmt.Sprint("pupil", i))
	}
	for i, p := range s.pupils {
		if evalJS[bool](p, "document.body.innerText.includes("+quote(words[1-i])+")") || !evalJS[bool](p, `document.querySelectorAll("[data-part=group-page] path").length === 1`) {
			t.Errorf("pupil %d sees the other group", i)
		}
	}
	for i, word := range words {
		evalJS[bool](s.teach, fmt.Sprintf(`(%s.querySelectorAll("[role=tab]")[%d].click(), true)`, groupsSheet, i))
		s.teach.until("what the group says", groupsSheet+`.innerText.includes(`+quote(word)+`)`)
		s.teach.until("what the group draws", groupsSheet+`.querySelectorAll("[data-part=group-page] path").length === 1`)
	}
	s.teach.shot("teacher-watches")
	s.screen.until("the wall", `document.querySelectorAll("[data-part=groups-wall] li").length === 2 && document.querySelector("[data-part=groups-wall] [role=timer]")`)
	for _, size := range projectors[:3] { // the largest has the shape of the third
		s.screen.do(chromedp.EmulateViewport(size[0], size[1]))
		s.screen.fits(fmt.Sprint("the wall at ", size))
	}
	s.screen.shot("wall")
	for _, word := range words {
		if evalJS[bool](s.screen, "document.body.innerText.includes("+quote(word)+")") {
			t.Error("the wall shows what a group says")
		}
	}
	s.teach.press(s.say("groups.callBack"))
	for i, p := range s.pupils {
		p.sees(s.say("groups.back"))
		p.shot(fmt.Sprint("back", i))
		p.press(s.say("groups.toClass"))
		p.until("the class", `!document.body.innerText.includes(`+quote(s.say("groups.back"))+`)`)
		p.noFaults()
	}
	s.screen.until("the wall is free", `!document.querySelector("[data-part=groups-wall]")`)
	s.teach.noFaults()
	s.screen.noFaults()
}

func TestGroupsInArabic(t *testing.T) {
	s := newGroupStory(t, "ar")
	s.start()
	s.teach.shot("teacher-ar")
	p := s.pupils[0]
	p.until("the group", inGroup)
	p.fill(s.say("groups.say"), "مرحبا")
	p.press(s.say("chat.send"))
	p.sees("مرحبا")
	if over := evalJS[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		t.Errorf("the phone scrolls sideways by %d", over)
	}
	p.shot("pupil-ar")
	s.screen.until("the wall", `document.querySelector("[data-part=groups-wall]")`)
	s.screen.shot("wall-ar")
	s.teach.press(s.say("groups.callBack"))
	p.sees(s.say("groups.back"))
}
