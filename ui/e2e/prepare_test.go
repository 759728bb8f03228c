package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// give puts a file into a file field, as picking it does.
func (p *page) give(within, name, content string) {
	p.t.Helper()
	field := `document.querySelector(` + quote(within+" input[type=file]") + `)`
	p.until("a file field in "+within, field)
	eval[bool](p, fmt.Sprintf(`((field) => {
	  const held = new DataTransfer();
	  held.items.add(new File([%s], %s));
	  field.files = held.files;
	  return field.dispatchEvent(new Event("change", {bubbles: true}));
	})(%s)`, quote(content), quote(name), field))
}

// value is what a field of that label holds.
func (p *page) value(label string) string {
	p.t.Helper()
	return eval[string](p, `([...document.querySelectorAll("input, textarea")].find((e) =>
	  (e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.innerText).join(" ")).includes(`+quote(label)+`)) || {}).value || ""`)
}

// TestSetUpWithAFile claims a box, looks at a class list with a flaw, imports it, and
// lands beside the ready lesson.
func TestSetUpWithAFile(t *testing.T) {
	say := words(t, "en")
	for _, size := range [][2]int64{phone, laptop} {
		box := boxtest.Start(t, t.TempDir())
		home := "http://" + box.HTTP
		p := newPage(t, size)
		p.open(home + "/claim")
		p.press(say("claim.next"))
		p.until("the code", `document.activeElement.name === "code"`)
		p.fill(say("claim.code"), "0000-0000")
		p.fill(say("claim.box"), "School 7")
		p.fill(say("claim.name"), "Ada")
		p.fill(say("claim.pin"), "246810")
		p.fill(say("claim.again"), "246810")
		p.press(say("claim.claim"))
		p.until("the wrong code", `document.activeElement.name === "code" && document.activeElement.ariaInvalid === "true"`)
		p.fill(say("claim.code"), box.Code)
		p.press(say("claim.claim"))
		p.until("the ways to a list", `document.querySelector("input[name=way]")`)
		p.axe("the class list")
		eval[bool](p, `(document.querySelectorAll("input[name=way]")[1].click(), true)`)
		p.give(".intake", "7b.csv", "Name;Class\nAmal Haddad;7B\n\"Ben;7B\nCid Ono;7B\nAmal Haddad;7B\n")
		p.sees("Cid Ono")
		p.axe("the preview of a file")
		p.press(say("intake.take"))
		p.sees(say("claim.readyTitle"))
		p.axe("home with the ready lesson")
		p.press(say("claim.start"))
		p.until("the console", `location.pathname.startsWith("/teach/")`)
		p.sees(say("claim.sampleTitle"))
		p.noFaults()
	}
}

// TestAQuizIsWrittenWithoutAMouse writes a question of each kind and finds it all after a
// reload.
func TestAQuizIsWrittenWithoutAMouse(t *testing.T) {
	say := words(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.as(home, ada)
	p.open(home + "/teach")
	p.press(say("quizzes.new"))
	p.until("the editor", `location.pathname.startsWith("/quiz/")`)
	p.sees(say("edit.empty"))
	for _, kind := range []string{"single", "multi", "truefalse", "text", "numeric", "order", "match", "poll", "slide"} {
		p.tabTo(say("edit.kind." + kind))
		p.key(kb.Enter)
		p.until("the field of the new question", `document.activeElement.tagName === "TEXTAREA"`)
		p.typed("About " + kind)
		fields := eval[int](p, `document.activeElement.closest("li.editor").querySelectorAll("fieldset input[type=text]").length`)
		for n := range fields {
			eval[bool](p, fmt.Sprintf(`(document.activeElement.closest("li.editor").querySelectorAll("fieldset input[type=text]")[%d].focus(), document.activeElement.select(), true)`, n))
			if kind == "numeric" {
				p.typed([]string{"-2,5", "0,5"}[n])
			} else {
				p.typed(fmt.Sprint(kind, " ", n))
			}
		}
		eval[bool](p, `(document.activeElement.closest("li.editor").querySelector("fieldset input[type=radio]:not(:checked), fieldset input[type=checkbox]")?.click(), true)`)
	}
	p.until("all saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))
	p.axe("the editor")
	p.tabTo(strings.ReplaceAll(say("edit.down"), "{n}", "1"))
	p.key(kb.Enter)
	p.until("the moved question", `document.activeElement.closest("li.editor").querySelector("textarea").value === "About single" && document.activeElement.className.includes("move-down")`)
	p.until("saved again", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))
	p.open(eval[string](p, "location.href"))
	p.until("the questions", `document.querySelectorAll("li.editor").length === 9`)
	got := eval[string](p, `[...document.querySelectorAll("li.editor textarea")].map((e) => e.value.slice(6)).join()`)
	if want := "multi,single,truefalse,text,numeric,order,match,poll,slide"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if v := p.value(say("edit.value")); v != "-2.5" {
		t.Errorf("the number is %q", v)
	}
	order := eval[string](p, `[...document.querySelectorAll("li.editor:nth-child(6) fieldset input[type=text]")].map((e) => e.value).join()`)
	if order != "order 0,order 1,order 2" {
		t.Errorf("the order is %s", order)
	}
	p.noFaults()
}

// TestAnUnfinishedQuestionSurvivesAReload keeps on the device what the box cannot take.
func TestAnUnfinishedQuestionSurvivesAReload(t *testing.T) {
	say := words(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, ada)
	p.open(home + "/quiz/q_sample")
	p.press(say("edit.kind.text"))
	p.until("the new question", `document.activeElement.tagName === "TEXTAREA"`)
	p.typed("Half a question")
	p.sees(say("edit.err.empty"))
	p.axe("an unfinished question")
	n := eval[int](p, `document.querySelectorAll("li.editor").length`)
	p.open(home + "/healthz")
	p.open(home + "/quiz/q_sample")
	p.until("what was written", fmt.Sprintf(`document.querySelectorAll("li.editor").length === %d`, n))
	p.fill(strings.ReplaceAll(say("edit.accepted"), "{n}", "1"), "an answer")
	p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))

	var quiz map[string]any
	if _, err := ada.Call("GET", "/api/quizzes/q_sample", nil, &quiz); err != nil || len(quiz["items"].([]any)) != n {
		t.Fatalf("%v: %d questions on the box, %d here", err, len(quiz["items"].([]any)), n)
	}
	quiz["title"] = "Changed elsewhere"
	if _, err := ada.Call("PUT", "/api/quizzes/q_sample", quiz, nil); err != nil {
		t.Fatal(err)
	}
	p.fill(say("edit.title"), "Mine")
	p.sees(say("edit.mine"))
	p.press(say("edit.reload"))
	p.until("the other version", `document.querySelector("input[name=title]")?.value === "Changed elsewhere"`)
	p.noFaults()
}

// TestPicturesThatComeTogetherBecomeOneDeck uploads two pictures, watches the job, and
// gives the deck another name.
func TestPicturesThatComeTogetherBecomeOneDeck(t *testing.T) {
	say := words(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	p := newPage(t, phone)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/teach")
	p.sees(say("deck.title"))
	eval[bool](p, `(async () => {
	  const held = new DataTransfer();
	  for (const name of ["moon 2.png", "moon 1.png"]) {
	    const c = Object.assign(document.createElement("canvas"), {width: 900, height: 600});
	    c.getContext("2d").fillRect(0, 0, 450, 300);
	    held.items.add(new File([await new Promise((r) => c.toBlob(r))], name, {type: "image/png"}));
	  }
	  return document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: held})) || true;
	})()`)
	p.sees("moon 1")
	p.until("two pages", `[...document.querySelectorAll(".deck-list li")].some((li) => li.innerText.includes("moon 1") && li.innerText.includes("2 pages"))`)
	p.axe("home with slides")
	p.give(".decks", "notes.pdf", "this is no PDF")
	p.sees(say("err.unknown_type"))
	p.press(strings.ReplaceAll(say("home.more"), "{name}", "moon 1"))
	p.press(say("home.rename"))
	p.fill(say("edit.title"), "The Moon")
	p.press(say("home.save"))
	p.until("the new name", `[...document.querySelectorAll(".deck-list li")].some((li) => li.innerText.includes("The Moon"))`)
	p.noFaults()
}

// TestPreparationForEverybody looks at the pages and dialogs for preparing in light, dark
// and Arabic, on a phone and on a laptop.
func TestPreparationForEverybody(t *testing.T) {
	modules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	class := ada.Class("7B", 8)
	home := "http://" + box.HTTP
	for _, size := range [][2]int64{phone, laptop} {
		for _, mode := range []string{"light", "dark", "ar"} {
			name := fmt.Sprint(mode, " ", size[0], " ")
			say := words(t, map[bool]string{true: "ar", false: "en"}[mode == "ar"])
			p := newPage(t, size)
			p.mode(home, mode)
			p.as(home, ada)
			at := func(path, ready string) {
				p.t.Helper()
				p.open(home + path)
				p.theme(mode)
				p.until(path, ready)
				p.axe(name + path)
			}
			at("/cards/"+class, `[...document.images].length === 8`)
			at("/quiz/q_sample", `document.querySelectorAll("li.editor").length > 4`)
			p.press(say("quizzes.gift"))
			p.until("the dialog", `document.querySelector("dialog[open]")`)
			p.axe(name + "GIFT")
			at("/teach", `document.querySelector(".ready img")?.complete && document.querySelector(".deck-list img")`)
			for _, open := range []string{"home.list", "home.start", "home.add"} {
				p.press(say(open))
				p.until("the dialog", `document.querySelector("dialog[open]")`)
				p.axe(name + open)
				p.press(say("close"))
				p.until("no dialog", `!document.querySelector("dialog[open]")`)
			}
			p.noFaults()
		}
	}
}

// TestAQuizIsWrittenWhileTheBoxIsAway keeps writing while the box restarts.
func TestAQuizIsWrittenWhileTheBoxIsAway(t *testing.T) {
	say := words(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	p := newPage(t, laptop)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/q_sample")
	p.until("the editor", `document.querySelector("li.editor")`)
	box.Kill()
	p.fill(say("edit.title"), "Written while the box was away")
	p.sees(say("edit.offline"))
	box.Restart()
	p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))
	var quiz struct{ Title string }
	if _, err := ada.Call("GET", "/api/quizzes/q_sample", nil, &quiz); err != nil || quiz.Title != "Written while the box was away" {
		t.Errorf("%v: the title is %q", err, quiz.Title)
	}
	p.noFaults()
}
