package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// shownQuestion is the question that the editor shows, of all that are in the page.
const shownQuestion = `document.querySelector("[data-question]:not([hidden])")`

// choose opens a question in the editor, by its position.
func (p *page) choose(n int) {
	p.t.Helper()
	p.until("the list", fmt.Sprintf(`document.querySelectorAll("[data-thumb]").length > %d`, n))
	evalJS[bool](p, fmt.Sprintf(`(document.querySelectorAll("[data-thumb]")[%d].click(), true)`, n))
	p.until("the question", fmt.Sprintf(`%s?.dataset.question === "%d"`, shownQuestion, n+1))
}

// question fills the text of a question in the editor, by its position.
func (p *page) question(n int, text string) {
	p.t.Helper()
	p.choose(n)
	p.into("textarea", text)
}

// into fills a field of the question that the editor shows.
func (p *page) into(field, text string) {
	p.t.Helper()
	p.until("the field "+field, shownQuestion+`.querySelector(`+quote(field)+`)`)
	evalJS[bool](p, `((e) => (e.focus(), e.select(), true))(`+shownQuestion+`.querySelector(`+quote(field)+`))`)
	if text == "" {
		evalJS[bool](p, `((e) => { e.value = ""; return e.dispatchEvent(new InputEvent("input", {bubbles: true})); })(document.activeElement)`)
		return
	}
	p.typed(text)
}

// texts returns the texts of all questions as the editor has them.
func (p *page) texts() string {
	p.t.Helper()
	var list []string
	for n := range evalJS[int](p, `document.querySelectorAll("[data-thumb]").length`) {
		p.choose(n)
		list = append(list, evalJS[string](p, shownQuestion+`.querySelector("textarea").value`))
	}
	return strings.Join(list, "|")
}

// add adds a question of a kind and waits for its text field.
func (p *page) add(say func(string) string, kind string) {
	p.t.Helper()
	n := evalJS[int](p, `document.querySelectorAll("[data-thumb]").length`)
	if n > 0 {
		p.press(say("edit.add"))
	}
	p.press(say("edit.kind." + kind))
	p.until("the new question", fmt.Sprintf(`document.querySelectorAll("[data-thumb]").length === %d && document.activeElement === %s?.querySelector("textarea")`, n+1, shownQuestion))
}

// tabUntil presses Tab until a condition is true.
func (p *page) tabUntil(what, js string) {
	p.t.Helper()
	for range 80 {
		p.key(kb.Tab)
		if evalJS[bool](p, "!!("+js+")") {
			return
		}
	}
	p.t.Fatalf("Tab does not reach %s; the page shows:\n%s", what, p.text())
}

// pictureFile is JavaScript for a file: a picture of 60 by 40 pixels, with its left half dark. turned:
// its EXIF says that it lies on its side.
func pictureFile(turned bool) string {
	return fmt.Sprintf(`(async () => {
	  const c = Object.assign(document.createElement("canvas"), {width: 600, height: 400});
	  const pen = c.getContext("2d");
	  pen.fillStyle = "#cde"; pen.fillRect(0, 0, 600, 400);
	  pen.fillStyle = "#136"; pen.fillRect(60, 60, 200, 280);
	  pen.fillStyle = "#a33"; pen.beginPath(); pen.arc(430, 200, 110, 0, 7); pen.fill();
	  const data = new Uint8Array(await (await new Promise((r) => c.toBlob(r, "image/jpeg", 0.9))).arrayBuffer());
	  const exif = %t ? [0xff, 0xe1, 0, 34, 69, 120, 105, 102, 0, 0, 77, 77, 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0] : [];
	  return new File([data.slice(0, 2), new Uint8Array(exif), data.slice(2)], "map.jpg", {type: "image/jpeg"});
	})()`, turned)
}

// bring brings a picture to an element: by "change" of a file field, "paste" or "drop".
func (p *page) bring(how, element string, turned bool) {
	p.t.Helper()
	p.until(element, element)
	evalJS[bool](p, fmt.Sprintf(`(async () => {
	  const [to, how] = [%s, %q];
	  const held = new DataTransfer();
	  held.items.add(await %s);
	  if (how === "change") to.files = held.files;
	  const e = how === "paste" ? new ClipboardEvent(how, {clipboardData: held, bubbles: true, cancelable: true})
	    : how === "drop" ? new DragEvent(how, {dataTransfer: held, bubbles: true, cancelable: true}) : new Event(how, {bubbles: true});
	  return to.dispatchEvent(e) || true;
	})()`, element, how, pictureFile(turned)))
}

// itemsOn returns the questions of a quiz on the box.
func itemsOn(t *testing.T, ada *boxtest.Person, id string) (list []map[string]any) {
	t.Helper()
	var quiz struct{ Items []map[string]any }
	if _, err := ada.CallAPI("GET", "/api/quizzes/"+id, nil, &quiz); err != nil {
		t.Fatal(err)
	}
	return quiz.Items
}

// dig returns a part of JSON by a path such as "key.regions.0.x".
func dig(v any, path string) string {
	for part := range strings.SplitSeq(path, ".") {
		switch have := v.(type) {
		case map[string]any:
			v = have[part]
		case []any:
			var n int
			if _, err := fmt.Sscan(part, &n); err != nil || n >= len(have) {
				return "none"
			}
			v = have[n]
		default:
			return "none"
		}
	}
	data, _ := json.Marshal(v)
	return string(data)
}

// TestAQuizIsWrittenWithoutAMouse writes a question of each kind by keys and finds everything on the
// box and after a reload.
func TestAQuizIsWrittenWithoutAMouse(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.as(home, ada)
	p.open(home + "/teach")
	p.press(say("quizzes.new"))
	p.until("the editor", `location.pathname.startsWith("/quiz/")`)
	p.sees(say("edit.empty"))
	p.axe("an empty quiz")
	kinds := []string{"single", "multi", "truefalse", "text", "numeric", "open", "order", "match", "poll", "pin", "draw", "slide"}
	for n, kind := range kinds {
		if n > 0 {
			p.tabTo(say("edit.add"))
			p.key(kb.Enter)
		}
		p.tabUntil("the kind "+kind, `document.activeElement.dataset.kind === `+quote(kind))
		p.key(kb.Enter)
		p.until("the field of the new question", `document.activeElement === `+shownQuestion+`?.querySelector("textarea") && !document.activeElement.value`)
		p.typed("About " + kind)
		answers := shownQuestion + `.querySelectorAll("[data-answers] input[type=text]")`
		for i := range evalJS[int](p, answers+`.length`) {
			evalJS[bool](p, fmt.Sprintf(`((e) => (e.focus(), e.select(), true))(%s[%d])`, answers, i))
			if kind == "numeric" {
				p.typed([]string{"-2,5", "0,5"}[i])
			} else {
				p.typed(fmt.Sprint(kind, " ", i))
			}
		}
		switch kind {
		case "single", "multi":
			p.tabUntil("the first mark", `document.activeElement.matches("[data-answers] input[type=radio], [data-answers] input[type=checkbox]")`)
			p.key(" ")
		case "pin":
			p.bring("change", shownQuestion+`.querySelector("[data-picture] input[type=file]")`, false)
			p.until("the picture", shownQuestion+`.querySelector("[data-regions] img")?.complete`)
			p.into(`[id$="-alt"]`, "A blue square and a red disc")
			p.tabTo(say("edit.pin.round"))
			p.key(kb.Enter)
			p.tabTo(say("edit.pin.add"))
			p.key(kb.Enter)
			p.until("the place", shownQuestion+`.querySelector("[data-region]")`)
			evalJS[bool](p, `(`+shownQuestion+`.querySelector("[data-region]").focus(), true)`)
			for range 5 {
				p.key(kb.ArrowRight)
			}
			p.until("the place further right", shownQuestion+`.querySelector('[id$="-region-0-x"]').value === "45"`)
			p.into(`[id$="-region-0-h"]`, "33")
		}
	}
	p.saves(say("edit.saved"))
	id := strings.TrimPrefix(evalJS[string](p, "location.pathname"), "/quiz/")
	items := itemsOn(t, ada, id)
	if len(items) != len(kinds) {
		t.Fatalf("the box has %d questions", len(items))
	}
	for at, want := range map[string]string{
		"0.key.weights": `{"a":1}`, "2.kind": `"truefalse"`, "3.key.texts.0.text": `"text 0"`, "4.key.numbers.0.value": "-2.5",
		"5.kind": `"text"`, "5.key.texts": "null", "9.key.regions.0": `{"h":0.33,"round":true,"w":0.2,"x":0.45,"y":0.4}`,
		"9.image.alt": `"A blue square and a red disc"`, "10.kind": `"draw"`, "11.text": `"About slide"`,
	} {
		list := make([]any, len(items))
		for i := range items {
			list[i] = items[i]
		}
		if got := dig(list, at); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	p.open(home + "/quiz/" + id)
	var want []string
	for _, kind := range kinds {
		want = append(want, "About "+kind)
	}
	p.until("the questions", fmt.Sprintf(`document.querySelectorAll("[data-thumb]").length === %d`, len(kinds)))
	if got := p.texts(); got != strings.Join(want, "|") {
		t.Errorf("got %s", got)
	}
	p.choose(6)
	if got := evalJS[string](p, `[...`+shownQuestion+`.querySelectorAll("[data-answers] input[type=text]")].map((e) => e.value).join()`); got != "order 0,order 1,order 2" {
		t.Errorf("the order is %s", got)
	}
	for n := range kinds {
		p.choose(n)
		for _, place := range []string{"phone", "projector"} {
			p.press(say("edit.preview." + place))
			p.until("the preview", `document.querySelector("[data-preview=`+place+`]")?.innerText.includes("About `+kinds[n]+`")`)
		}
		p.axe("the editor with " + kinds[n])
		p.shot("editor-" + kinds[n])
	}
	p.noFaults()
}

// TestQuestionsAreDuplicatedMovedAndBroughtBack duplicates a question, moves questions by buttons,
// by keys and by the mouse, and takes a deletion back.
func TestQuestionsAreDuplicatedMovedAndBroughtBack(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	id := four(t, ada)
	p := newPage(t, laptop)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/" + id)
	fill := func(key string, n int) string { return strings.ReplaceAll(say(key), "{n}", fmt.Sprint(n)) }
	expect := func(want string) {
		t.Helper()
		p.saves(say("edit.saved"))
		if got := onBox(t, ada, id); got != "Numbers|"+want {
			t.Errorf("the box has %s, want %s", got, want)
		}
	}
	p.choose(1)
	p.press(fill("edit.copy", 2))
	p.until("the copy", `document.activeElement === `+shownQuestion+`.querySelector("textarea") && `+shownQuestion+`.dataset.question === "3"`)
	p.until("the message", `[...document.querySelectorAll("[role=status]")].some((e) => e.innerText.includes(`+quote(strings.NewReplacer("{n}", "2", "{to}", "3").Replace(say("edit.copied")))+`))`)
	evalJS[bool](p, `(document.activeElement.select(), true)`)
	p.typed("two again")
	expect("one|two|two again|three|four")

	p.press(fill("edit.down", 3))
	moved := func(n, to int) string {
		return strings.NewReplacer("{n}", fmt.Sprint(n), "{to}", fmt.Sprint(to), "{of}", "5").Replace(say("edit.moved"))
	}
	p.until("the message", `[...document.querySelectorAll("[role=status]")].some((e) => e.innerText === `+quote(moved(3, 4))+`)`)
	expect("one|two|three|two again|four")

	evalJS[bool](p, `(document.querySelectorAll("[data-thumb]")[4].focus(), true)`)
	evalJS[bool](p, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowUp", altKey: true, bubbles: true}))`)
	expect("one|two|three|four|two again")
	if !evalJS[bool](p, `document.activeElement.innerText.includes("four")`) {
		t.Error("the moved question lost the focus")
	}

	p.drag("[data-thumb]", [2]float64{50, 50}, [2]float64{50, 450}) // not the grip: nothing moves
	p.drag("li:nth-child(1) > [data-grip]", [2]float64{50, 50}, [2]float64{50, 330})
	expect("two|three|one|four|two again")

	p.choose(1)
	p.press(fill("edit.remove", 2))
	expect("two|one|four|two again")
	p.press(say("undo"))
	p.until("the question", shownQuestion+`.querySelector("textarea")?.value === "three"`)
	expect("two|three|one|four|two again")
	p.noFaults()
}

// TestPicturesComeByFileDropAndPaste brings pictures to a question and to its answers. The box turns
// a picture that lies on its side, and the editor asks for the words.
func TestPicturesComeByFileDropAndPaste(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	id := four(t, ada)
	p := newPage(t, phone)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/" + id)
	p.until("the list", `document.querySelector("[data-thumb]")`)
	p.choose(3)
	p.add(say, "poll")
	p.typed("Which of these?")
	p.bring("change", shownQuestion+`.querySelector("[data-picture] input[type=file]")`, true)
	p.until("the picture", shownQuestion+`.querySelector("[data-picture] img")?.naturalHeight > 0`)
	if size := evalJS[[2]int](p, `((i) => [i.naturalWidth, i.naturalHeight])(`+shownQuestion+`.querySelector("[data-picture] img"))`); size != [2]int{400, 600} {
		t.Errorf("the picture has %v pixels: it is not upright", size)
	}
	p.bring("paste", shownQuestion+`.querySelectorAll("[data-option]")[0].querySelector("input[type=text]")`, false)
	p.until("the picture of A", shownQuestion+`.querySelectorAll("[data-option]")[0].querySelector("img")`)
	p.bring("drop", shownQuestion+`.querySelectorAll("[data-option]")[1]`, true)
	p.until("the picture of B", shownQuestion+`.querySelectorAll("[data-option]")[1].querySelector("img")`)
	p.sees(say("edit.mend.alt"))
	if n := len(itemsOn(t, ada, id)); n != 4 {
		t.Errorf("the box has %d questions: one without the words for its picture", n)
	}
	p.axe("a picture without words")
	p.shot("words")
	evalJS[bool](p, `(`+shownQuestion+`.querySelector("[data-picture] input[type=checkbox]").click(), true)`)
	p.sees(say("edit.mend.optionAlt"))
	p.into(`[id$="-option-0-alt"]`, "A map")
	p.into(`[id$="-option-1-alt"]`, "A map on its side")
	p.saves(say("edit.saved"))
	item := itemsOn(t, ada, id)[4]
	for at, want := range map[string]string{
		"image.decorative": "true", "image.w": "400", "image.h": "600", "options.0.image.alt": `"A map"`, "options.0.image.w": "600",
		"options.1.image.alt": `"A map on its side"`, "options.1.image.w": "400",
	} {
		if got := dig(item, at); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	p.axe("pictures")
	p.noFaults()
}

// TestAPlaceIsDrawnOnAPicture drags a new place on the picture of a pin, moves it, and sees its
// numbers.
func TestAPlaceIsDrawnOnAPicture(t *testing.T) {
	say := loadWords(t, "ar")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	id := four(t, ada)
	home := "http://" + box.HTTP
	p := newPage(t, laptop)
	p.speak(home, "ar")
	p.as(home, ada)
	p.open(home + "/quiz/" + id)
	p.until("the list", `document.querySelector("[data-thumb]")`)
	p.choose(3)
	p.add(say, "pin")
	p.typed("أين؟")
	p.sees(say("edit.mend.image"))
	p.bring("paste", shownQuestion+`.querySelector("textarea")`, false)
	p.until("the picture", shownQuestion+`.querySelector("[data-regions] img")?.complete`)
	p.into(`[id$="-alt"]`, "خريطة")
	p.drag("[data-regions] [data-place]", [2]float64{10, 20}, [2]float64{40, 60})
	p.until("the place", shownQuestion+`.querySelector("[data-region]")`)
	p.drag("[data-regions] [data-place]", [2]float64{25, 40}, [2]float64{55, 50})
	p.saves(say("edit.saved"))
	if got := dig(itemsOn(t, ada, id)[4], "key.regions"); got != `[{"h":0.4,"w":0.3,"x":0.4,"y":0.3}]` {
		t.Errorf("the places are %s", got)
	}
	p.axe("a place in Arabic")
	p.shot("place-ar")
	p.noFaults()
}

// TestFormulasAreDrawn writes a formula and sees MathML in the list and in both previews, and the
// formula as it is written where it has a mistake.
func TestFormulasAreDrawn(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	id := four(t, ada)
	p := newPage(t, laptop)
	p.as("http://"+box.HTTP, ada)
	p.open("http://" + box.HTTP + "/quiz/" + id)
	p.until("the list", `document.querySelector("[data-thumb]")`)
	loaded := `performance.getEntriesByType("resource").filter((e) => /\/math-/.test(e.name)).length`
	p.question(0, "It costs $5 and $6")
	if n := evalJS[int](p, loaded); n != 0 {
		t.Errorf("%d files for formulas without a formula", n)
	}
	p.question(0, `Solve $\frac{1}{x} = 2$ for \$5`)
	p.until("a fraction in the list", `document.querySelector("[data-thumb] mfrac")`)
	p.press(say("edit.preview.projector"))
	p.until("a fraction on the projector", `document.querySelector("[data-preview] mfrac") && document.querySelector("[data-preview]")?.innerText.includes("for $5")`)
	p.axe("a formula")
	p.shot("formula")
	p.question(0, `Solve $\frac{1}{$`)
	p.until("the formula as it is written", `!document.querySelector("[data-thumb] math") && document.querySelector("[data-thumb]")?.innerText.includes("$\\frac{1}{$")`)
	p.noFaults()
}
