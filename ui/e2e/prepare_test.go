package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// give puts a file into a file field, as a person does by picking it.
func (p *page) give(within, name, content string) {
	p.t.Helper()
	field := `document.querySelector(` + quote(within+" input[type=file]") + `)`
	p.until("a file field in "+within, field)
	evalJS[bool](p, fmt.Sprintf(`((field) => {
	  const held = new DataTransfer();
	  held.items.add(new File([%s], %s));
	  field.files = held.files;
	  return field.dispatchEvent(new Event("change", {bubbles: true}));
	})(%s)`, quote(content), quote(name), field))
}

// value returns the content of the field with that label.
func (p *page) value(label string) string {
	p.t.Helper()
	return evalJS[string](p, `([...document.querySelectorAll("input, textarea")].find((e) =>
	  (e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.innerText).join(" ")).includes(`+quote(label)+`)) || {}).value || ""`)
}

// TestSetUpWithAFile claims a box, looks at a class list with a flaw, imports it, and arrives at
// the page of the ready lesson.
func TestSetUpWithAFile(t *testing.T) {
	say := loadWords(t, "en")
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
		evalJS[bool](p, `(document.querySelectorAll("input[name=way]")[1].click(), true)`)
		p.give("[data-part=intake]", "7b.csv", "Name;Class\nAmal Haddad;7B\n\"Ben;7B\nCid Ono;7B\nAmal Haddad;7B\n")
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

// TestAListIsTakenWholeOrAsksForItsColumns imports a list that is half understood, and one with
// lines that are no pupils.
func TestAListIsTakenWholeOrAsksForItsColumns(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	for _, lang := range []string{"en", "fr", "es", "ar"} {
		say := loadWords(t, lang)
		p := newPage(t, phone)
		p.speak(home, lang)
		p.as(home, ada)
		p.open(home + "/teach")
		p.press(say("home.file"))
		p.give("[data-part=intake]", "8c.csv", "Vorname;Hausname;Klasse\nMia;Ott;8c\nZoe;Perl;8c\n")
		if lang == "en" {
			p.sees(say("columns.half_name"))
			p.sees("Hausname")
			p.axe("the columns of a list in " + lang)
			evalJS[bool](p, `((e) => { e.value = "family"; return e.dispatchEvent(new Event("change", {bubbles: true})); })(document.getElementById("column-1"))`)
			p.shot("columns")
			p.press(say("columns.preview"))
			p.sees("Mia Ott")
			p.press(say("intake.take"))
			p.until("the class", `!document.querySelector("[data-part=intake]") && [...document.querySelectorAll("bdi")].some((b) => b.textContent === "8c")`)
			p.press(say("home.file"))
		} else { // the box has learnt it
			p.sees(say("columns.remembered"))
			p.press(say("columns.change"))
			p.axe("the columns of a list in " + lang)
			p.press(say("columns.preview"))
			p.until("the preview", `!document.querySelector("#column-1") && document.querySelector("#intake-0")`)
		}
		p.give("[data-part=intake]", "8c.csv", "Last name,First name,Email,Role,grade\nOtt,Mia,mia@x.example,,B+\nOtt,Mia,mo@x.example,,A\nTeach,Eva,eva@x.example,Teacher,\nClass average,,,,B\n")
		for _, code := range []string{"adult", "marks", "namesake", "summary"} {
			p.sees(say("home.problem." + code))
		}
		p.sees("Mia Ott (2)")
		p.noFaults()
	}
}

// TestAnUnfinishedQuestionSurvivesAReload keeps a question on the device that the box refuses.
func TestAnUnfinishedQuestionSurvivesAReload(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, phone)
	p.as(home, ada)
	p.open(home + "/quiz/q_sample")
	p.choose(0)
	p.add(say, "text")
	p.typed("Half a question")
	p.sees(say("edit.mend.accepted"))
	p.axe("an unfinished question")
	n := evalJS[int](p, `document.querySelectorAll("[data-thumb]").length`)
	p.open(home + "/healthz")
	p.open(home + "/quiz/q_sample")
	p.until("what was written", fmt.Sprintf(`document.querySelectorAll("[data-thumb]").length === %d`, n))
	p.choose(1)
	p.fill(strings.ReplaceAll(say("edit.accepted"), "{n}", "1"), "an answer")
	p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))

	var quiz map[string]any
	if _, err := ada.CallAPI("GET", "/api/quizzes/q_sample", nil, &quiz); err != nil || len(quiz["items"].([]any)) != n {
		t.Fatalf("%v: %d questions on the box, %d here", err, len(quiz["items"].([]any)), n)
	}
	quiz["title"] = "Changed elsewhere"
	if _, err := ada.CallAPI("PUT", "/api/quizzes/q_sample", quiz, nil); err != nil {
		t.Fatal(err)
	}
	p.fill(say("edit.title"), "Mine")
	p.sees(say("edit.mine"))
	p.press(say("edit.reload"))
	p.until("the other version", `document.querySelector("input[name=title]")?.value === "Changed elsewhere"`)
	p.noFaults()
}

// thaiPDF has two letters in a font that is not in it.
const thaiPDF = `%PDF-1.7
1 0 obj
<</Type/Catalog/Pages 2 0 R>>
endobj
2 0 obj
<</Type/Pages/Kids[3 0 R]/Count 1>>
endobj
3 0 obj
<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 225]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>
endobj
4 0 obj
<</Length 41>>stream
BT /F1 36 Tf 30 120 Td <010203> Tj ET    
endstream
endobj
5 0 obj
<</Type/Font/Subtype/TrueType/BaseFont/Arial/FirstChar 1/LastChar 3/Widths[500 500 500]/Encoding<</Differences[1/A/uni0E01/uni0E02]>>/FontDescriptor<</Type/FontDescriptor/FontName/Arial/Flags 32>>>>
endobj
trailer
<</Root 1 0 R>>
`

// TestPicturesThatComeTogetherBecomeOneDeck uploads two pictures, watches the job, and renames the
// deck.
func TestPicturesThatComeTogetherBecomeOneDeck(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	p := newPage(t, phone)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/teach")
	p.sees(say("deck.title"))
	evalJS[bool](p, `(async () => {
	  const held = new DataTransfer();
	  for (const name of ["moon 2.png", "moon 1.png"]) {
	    const c = Object.assign(document.createElement("canvas"), {width: 900, height: 600});
	    c.getContext("2d").fillRect(0, 0, 450, 300);
	    held.items.add(new File([await new Promise((r) => c.toBlob(r))], name, {type: "image/png"}));
	  }
	  return document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: held})) || true;
	})()`)
	p.sees("moon 1")
	p.until("two pages", `[...document.querySelectorAll("[data-part=decks] li")].some((li) => li.innerText.includes("moon 1") && li.innerText.includes("2 pages"))`)
	p.axe("home with slides")
	p.give("[data-part=decks]", "leaf.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40" fill="green"/></svg>`)
	p.until("a page of a drawing", `[...document.querySelectorAll("[data-part=decks] li")].some((li) => li.innerText.includes("leaf") && li.innerText.includes("1 page"))`)
	p.give("[data-part=decks]", "words.pdf", thaiPDF)
	p.until("a letter that is not drawn is told", `[...document.querySelectorAll("[data-part=decks] li")].some((li) => li.innerText.includes("words") && li.innerText.includes("(ก ข)"))`)
	p.give("[data-part=decks]", "map.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><image href="map.png" width="80" height="40"/></svg>`)
	p.sees(say("err.svg"))
	evalJS[bool](p, `(document.querySelector("[data-part=decks]").scrollIntoView(), true)`)
	p.shot("slides-told")
	p.give("[data-part=decks]", "talk.pptx", "PK\x03\x04[Content_Types].xml")
	p.sees(say("err.office"))
	p.give("[data-part=decks]", "notes.pdf", "this is no PDF")
	p.sees(say("err.unknown_type"))
	p.press(strings.ReplaceAll(say("home.more"), "{name}", "moon 1"))
	p.press(say("home.rename"))
	p.fill(say("edit.title"), "The Moon")
	p.press(say("home.save"))
	p.until("the new name", `[...document.querySelectorAll("[data-part=decks] li")].some((li) => li.innerText.includes("The Moon"))`)
	p.noFaults()
}

// TestPreparationForEverybody checks the pages and dialogs of the preparation for each viewer.
func TestPreparationForEverybody(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	class := ada.AddClass("7B", 8)
	home := "http://" + box.HTTP
	for _, v := range viewers() {
		name := v.String() + " "
		say := loadWords(t, v.lang)
		p := newPage(t, v.size)
		p.speak(home, v.lang)
		p.as(home, ada)
		at := func(path, ready string) {
			p.t.Helper()
			p.open(home + path)
			p.theme(v.theme)
			p.until(path, ready)
			p.axe(name + path)
			p.calm(name + path)
		}
		at("/cards/"+class, `[...document.images].length === 8`)
		at("/quiz/q_sample", `document.querySelectorAll("[data-thumb]").length > 4`)
		p.press(say("quizzes.gift"))
		p.until("the dialog", `document.querySelector("dialog[open]")`)
		p.axe(name + "GIFT")
		at("/teach", `document.querySelector("[data-part=ready] img")?.complete && document.querySelector("[data-part=decks] img")`)
		for _, open := range []string{"home.list", "home.start", "home.add"} {
			p.press(say(open))
			p.until("the dialog", `document.querySelector("dialog[open]")`)
			p.axe(name + open)
			p.calm(name + open)
			if evalJS[string](p, `document.activeElement.ariaLabel ?? ""`) == say("close") {
				t.Errorf("%s%s: the dialog opens at its close button", name, open)
			}
			p.press(say("close"))
			p.until("no dialog", `!document.querySelector("dialog")`)
		}
		p.noFaults()
	}
}

// TestAQuizIsWrittenWhileTheBoxIsAway writes while the box restarts.
func TestAQuizIsWrittenWhileTheBoxIsAway(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	p := newPage(t, laptop)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/q_sample")
	p.until("the editor", `document.querySelector("[data-thumb]")`)
	box.Kill()
	p.fill(say("edit.title"), "Written while the box was away")
	p.sees(say("edit.offline"))
	box.Restart()
	p.until("saved", `document.getElementById("saving").innerText === `+quote(say("edit.saved")))
	var quiz struct{ Title string }
	if _, err := ada.CallAPI("GET", "/api/quizzes/q_sample", nil, &quiz); err != nil || quiz.Title != "Written while the box was away" {
		t.Errorf("%v: the title is %q", err, quiz.Title)
	}
	p.noFaults()
}
