package e2e

import (
	"slices"
	"testing"
)

// placesOn are where the marks lie on their picture, in hundredths of its sides.
const placesOn = `[...document.querySelectorAll("[data-part=place]")].map((e) => {
  const r = e.getBoundingClientRect(), f = e.ownerSVGElement.getBoundingClientRect();
  return [r.left + r.width / 2 - f.left, r.top + r.height / 2 - f.top].map((v, i) => Math.round((100 * v) / (i ? f.height : f.width))).join(",");
})`

// TestAnswersOnPicturesAreSeenAsTheyWereGiven follows places and drawings to the console, and after
// the lesson to its results.
func TestAnswersOnPicturesAreSeenAsTheyWereGiven(t *testing.T) {
	s := newStage(t, 18)
	say, home := loadWords(t, "en"), "http://"+s.box.HTTP
	list := slices.DeleteFunc(questions(), func(q asking) bool { return !slices.Contains([]string{"pin", "draw", "single-picture"}, q.name) })
	ids, pupils := s.bring(list), s.pupils()
	desk := desk(t, s.ada, s.lesson.Room, laptop)
	for i, q := range list {
		s.round++
		s.do(s.teach, "quiz.open", map[string]any{"items": []string{ids[i]}})
		for n, m := range pupils[:4] {
			s.do(m, "quiz.answer", map[string]any{"round": s.round, "item": ids[i], "response": response(q, n)})
		}
		desk.sees(q.item["text"].(string))
		desk.press(say("console.view.answers"))
		desk.press(say("stage.wall.show"))
		switch q.name {
		case "pin":
			desk.until("the places", placesOn+`.sort().join(" ") === "30,35 35,40 40,45 45,35"`)
		case "draw":
			desk.until("the drawings", `document.querySelectorAll("[data-part=wall] svg path").length >= 4`)
		}
		desk.shot("wall-" + q.name)
		if q.name == "pin" {
			desk.press(say("console.view.question"))
			desk.until("the whole picture in its place", `((e, body) => e && e.getBoundingClientRect().bottom <= body.getBoundingClientRect().bottom)(document.querySelector("[data-part=asked] [role=img] img"), document.querySelector("[data-part=body]"))`)
			if evalJS[bool](desk, `!!document.querySelector("[data-part=region]")`) {
				t.Error("the right place is marked before the reveal")
			}
		}
		s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
		if q.name == "pin" {
			desk.until("the right place", `document.querySelector("[data-part=asked] [data-part=region]")`)
		}
	}
	if _, err := s.ada.CallAPI("POST", "/api/lessons/"+s.lesson.ID+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		lang string
		size [2]int64
	}{{"en", laptop}, {"ar", phone}} {
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, s.ada)
		p.open(home + "/results/" + s.lesson.ID)
		p.until("pictures of two questions", `[...document.querySelectorAll("[data-part=questions] img")].filter((i) => i.naturalWidth > 0).length === 2`)
		p.until("the places", `document.querySelectorAll("[data-part=questions] [data-part=heat] circle").length === 8`)
		p.until("the drawings with their names", `[...document.querySelectorAll("[data-part=drawings] li")].filter((e) => e.querySelector("path") && e.innerText.trim()).length === 4`)
		if wide := evalJS[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s: %d px too wide", at.lang, wide)
		}
		p.axe("results " + at.lang)
		evalJS[bool](p, `(document.querySelector("[data-part=questions]").scrollIntoView(), true)`)
		p.shot("results-" + at.lang)
		p.noFaults()
	}
}

// TestADrawingIsClosedAndHasNoAnswerToShow drives a drawing with the one button of the console: close,
// then the next question. Closed by the tool beside it, the next question is one press away too.
func TestADrawingIsClosedAndHasNoAnswerToShow(t *testing.T) {
	say := loadWords(t, "en")
	drawing := func(text string) map[string]any {
		return map[string]any{"kind": "draw", "text": text, "key": map[string]any{}}
	}
	c := startClass(t, 2, map[string]any{"title": "Drawings", "items": []any{drawing("Draw a leaf"), drawing("Draw a root"), drawing("Draw a seed")}})
	p := desk(t, c.ada, c.lesson.Room, laptop)
	offers := func(key, text string) {
		t.Helper()
		p.until(say(key)+" for "+text, `document.querySelector("[data-go]:not(:disabled)")?.innerText === `+quote(say(key))+` && document.querySelector("[data-part=question]")?.innerText === `+quote(text))
	}
	p.press(say("stage.open"))
	offers("stage.close", "Draw a leaf")
	p.tap("[data-go]")
	offers("stage.next", "Draw a leaf")
	p.tap("[data-go]")
	offers("stage.close", "Draw a root")
	evalJS[bool](p, `([...document.querySelectorAll("[data-part=bar] button:not([data-go])")].find((b) => b.innerText === `+quote(say("stage.close"))+`).click(), true)`)
	offers("stage.next", "Draw a root")
	p.tap("[data-go]")
	offers("stage.close", "Draw a seed")
	p.noFaults()
}
