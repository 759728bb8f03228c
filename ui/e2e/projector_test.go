package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/services/wire/wiretest"
)

// TestEveryQuestionFitsTheProjector asks questions of each kind, with some that are hard to show,
// and checks each at the smallest size of each shape, or at every size.
func TestEveryQuestionFitsTheProjector(t *testing.T) {
	s := newStage(t, 18)
	s.look("lobby empty", least)
	list := questions()
	ids := s.bring(list)
	pupils := s.pupils()
	s.screen.until("the names", `document.querySelector("[data-here='18']")`)
	s.look("lobby full", least)
	s.openAll("en")
	for i, q := range list {
		s.ask(q, ids[i], s.answers(q, ids[i], pupils, 0))
		if q.name == "open" {
			s.showWords(ids[i])
		}
	}
	if !whole() {
		s.desk, s.pupil = nil, nil // TestAPupilsLessonLooksRight and TestTheConsoleIsWhole see them in Arabic
	}
	s.open("ar")
	for i, q := range list {
		if whole() || q.again && inTurn(2, i) {
			s.ask(q, ids[i], s.answers(q, ids[i], pupils, 5))
		}
	}
	s.do(s.teach, "quiz.close", map[string]any{"round": s.round})
	s.screen.until("the lobby again", `document.querySelector("[data-here]")`)
	s.look("lobby full", least)
	s.screen.noFaults()
}

// ask opens a question and checks the page, and checks again after the reveal.
func (s *stage) ask(q asking, id string, answers func()) {
	s.t.Helper()
	s.round++
	s.do(s.teach, "quiz.open", map[string]any{"items": []string{id}})
	s.screen.until("the question", `document.querySelector("[data-state=open] [data-stem]")?.textContent.replace(/\([^)]+\) (?=_____)/g, "") === `+quote(fmt.Sprint(q.item["text"])))
	s.look(q.name+" open", q.least)
	usual := !strings.Contains(q.name, "-") // the hard forms are for the projector
	if usual {
		s.lookAround(q, "open")
	}
	if q.item["kind"] == "match" {
		s.bothSides(q)
	}
	if answers != nil {
		answers()
	}
	if usual {
		s.do(s.teach, "quiz.lock", map[string]any{"round": s.round})
		s.screen.until("the lock", `document.querySelector("[data-state=locked]")`)
		s.look(q.name+" closed", q.least)
		s.lookAround(q, "locked")
	}
	s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
	s.screen.until("the reveal", `document.querySelector("[data-state=revealed]")`)
	s.look(q.name+" revealed", q.least)
	if usual {
		s.lookAround(q, "revealed")
	}
	if q.item["kind"] == "match" {
		s.bothSides(q)
	}
	if usual && whole() {
		s.do(s.teach, "quiz.rank", map[string]any{"on": true})
		s.screen.until("the leaderboard", `document.querySelector("[data-stage=ranking]")`)
		s.look(q.name+" leaderboard", least)
		s.do(s.teach, "quiz.rank", map[string]any{"on": false})
	}
}

// bothSides checks that a match shows each text of each side once.
func (s *stage) bothSides(q asking) {
	s.t.Helper()
	shown := "\n" + evalJS[string](s.screen, `[...document.querySelectorAll("[data-option] bdi, [data-choice] bdi")].map((e) => e.textContent).join("\n")`) + "\n"
	for _, side := range []string{"options", "choices"} {
		for _, o := range q.item[side].([]map[string]string) {
			if n := strings.Count(shown, "\n"+o["text"]+"\n"); n < 1 {
				s.t.Errorf("%s: %q of the %s is not there", q.name, o["text"], side)
			}
		}
	}
}

// answers makes five pupils answer, from one on. A text and a drawing of that one get a star.
func (s *stage) answers(q asking, id string, pupils []*wiretest.Member, from int) func() {
	if response(q, 0) == nil {
		return nil
	}
	return func() {
		for n, m := range pupils[from : from+5] {
			s.do(m, "quiz.answer", map[string]any{"round": s.round, "item": id, "response": response(q, n)})
		}
		if kind := q.item["kind"]; (kind == "text" && q.name != "open") || kind == "draw" {
			s.do(s.teach, "quiz.star", map[string]any{"round": s.round, "item": id, "user": s.lesson.Names[from].ID, "on": true})
		}
	}
}

// TestTheLeaderboardSharesPlaces has 18 pupils with equal answers, then some with better ones.
func TestTheLeaderboardSharesPlaces(t *testing.T) {
	s := newStage(t, 18)
	ids := s.bring(questions()[:2])
	pupils := s.pupils()
	answer := func(item string, who []*wiretest.Member, options ...string) {
		t.Helper()
		s.round++
		s.do(s.teach, "quiz.open", map[string]any{"items": []string{item}})
		for _, m := range who {
			s.do(m, "quiz.answer", map[string]any{"round": s.round, "item": item, "response": map[string]any{"options": options}})
		}
		s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
		s.do(s.teach, "quiz.rank", map[string]any{"on": true})
		s.screen.until("the leaderboard", `document.querySelector("[data-place]")`)
	}
	board := func() []string {
		t.Helper()
		return evalJS[[]string](s.screen, `[...document.querySelectorAll("[data-place]")].map((e) => e.dataset.place + ": " + e.innerText.replace(/\s+/g, " ").trim())`)
	}
	answer(ids[0], pupils, "c")
	s.look("leaderboard all", least)
	if got := board(); len(got) != 1 || got[0] != "1: 1 18 pupils share this place 1 point" {
		t.Errorf("18 equals are %q", got)
	}
	answer(ids[1], pupils[:2], "a", "c", "e")
	s.look("leaderboard two", least)
	if got := board(); len(got) != 2 || got[0] != "1: Pupil A1 Pupil B2 1 3 points" || got[1] != "3: 16 pupils share this place 3 1 point" {
		t.Errorf("two ahead of 16 are %q", got)
	}
	if n := evalJS[int](s.screen, `document.querySelectorAll("[data-ornament] i").length`); n == 0 {
		t.Error("no confetti at the podium")
	}
	s.screen.press(loadWords(t, "en")("screen.theme"))
	s.screen.until("the dark", `document.documentElement.dataset.theme === "dark"`)
	s.look("leaderboard dark", least)
	s.open("ar")
	s.screen.until("the podium", `document.documentElement.dataset.theme === "dark" && document.querySelector("[data-place]")`)
	s.look("leaderboard two", least)
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}
	s.screen.until("the end card", `document.querySelector("[data-stage=ended]")`)
	s.look("end", least)
}

// TestTheNextLessonAsksForItsOwnCode ends a lesson under a projector and starts the next one.
func TestTheNextLessonAsksForItsOwnCode(t *testing.T) {
	s := newStage(t, 18)
	s.screen.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}) // like after a long lesson
		return err
	}))
	s.screen.until("the QR code", `document.querySelector("[data-qr]")?.naturalWidth`)
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/end", nil, nil); err != nil {
		t.Fatal(err)
	}
	s.screen.until("the end", `document.querySelector("[data-stage=ended]")`)
	next := s.ada.OpenLesson(s.lesson.Room, "Animals")
	s.screen.until("the next QR code", `document.querySelector("[data-qr][src*=`+next.ID+`]")?.naturalWidth`)
	codes := `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/qr.svg"))`
	if n := evalJS[int](s.screen, codes+`.length`); n < 2 {
		t.Errorf("%d codes were asked for", n)
	}
	if bad := evalJS[[]string](s.screen, codes+`.filter((e) => e.responseStatus !== 200).map((e) => e.responseStatus + " " + e.name)`); len(bad) > 0 {
		t.Errorf("refused: %q", bad)
	}
}
