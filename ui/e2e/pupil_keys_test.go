package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// spoken lists the buttons and groups of the accessibility tree, as a screen reader says them.
func (p *page) spoken() []string {
	p.t.Helper()
	var list []string
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		tree, err := cdp.Call(ctx, tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return err
		}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil || n.Name == nil {
				continue
			}
			var role, name string
			if json.Unmarshal(n.Role.Value, &role) != nil || json.Unmarshal(n.Name.Value, &name) != nil || role != "button" && role != "group" && role != "status" && role != "application" {
				continue
			}
			var more []string
			for _, v := range n.Properties {
				if s := string(v.Value.Value); v.Name == "pressed" || v.Name == "disabled" && s == "true" {
					more = append(more, fmt.Sprintf(" %s=%s", v.Name, strings.Trim(s, `"`)))
				}
			}
			slices.Sort(more)
			list = append(list, role+" "+name+strings.Join(more, ""))
		}
		return nil
	}))
	return list
}

// TestAScreenReaderGetsTheQuestion reads Chromium's accessibility tree: the question names the group of
// its tiles, and each tile has its letter, its text, and whether it is chosen.
func TestAScreenReaderGetsTheQuestion(t *testing.T) {
	say := loadWords(t, "en")
	c := startClass(t, 2, manyKinds)
	p := c.pupilPage("en", phone)
	c.ask(0)
	p.until("tiles", `document.querySelectorAll("[data-option]").length === 4`)
	texts := evalJS[[]string](p, `[...document.querySelectorAll("[data-option] bdi")].map((e) => e.innerText)`)
	check := func(state string, tile func(n int, text string) string) {
		t.Helper()
		said := p.spoken()
		want := []string{"group Which gas do plants take in during photosynthesis?"}
		for n, text := range texts {
			want = append(want, fmt.Sprintf("button %c: %s%s", 'A'+n, text, tile(n, text)))
		}
		for _, w := range want {
			if !slices.Contains(said, w) {
				t.Errorf("%s: no %q in %q", state, w, said)
			}
		}
	}
	check("open", func(int, string) string { return " pressed=false" })
	evalJS[bool](p, "("+tileOf("Carbon")+".click(), true)")
	p.sees(say("quiz.saved"))
	chosen := func(more string) func(int, string) string {
		return func(_ int, text string) string {
			return map[bool]string{true: " pressed=true", false: " pressed=false"}[text == "Carbon dioxide"] + more
		}
	}
	check("saved", chosen(""))
	c.tell("quiz.lock")
	p.sees(say("quiz.locked"))
	said := strings.Join(p.spoken(), "\n")
	if strings.Count(said, "disabled=true") < 4 || !strings.Contains(said, "Carbon dioxide disabled=true pressed=true") {
		t.Errorf("closed:\n%s", said)
	}
	c.tell("quiz.reveal")
	p.sees(say("quiz.outcome.right"))
	if said := strings.Join(p.spoken(), "\n"); !strings.Contains(said, "Carbon dioxide "+say("quiz.right")+" · "+say("quiz.yours")) {
		t.Errorf("revealed:\n%s", said)
	}
}

// TestEveryAnswerIsGivenByKeys answers each kind of question without a pointer, apart from a drawing.
func TestEveryAnswerIsGivenByKeys(t *testing.T) {
	installModules(t)
	say := loadWords(t, "en")
	c := startClass(t, 2, manyKinds)
	home := "http://" + c.box.HTTP
	where := c.pin(home)
	p := c.pupilPage("en", laptop)
	p.sees(say("lesson.lobby"))
	enter := func(name string) { t.Helper(); p.tabTo(name); p.key(kb.Enter) }
	sent := func() { t.Helper(); p.sees(say("quiz.saved")) }
	for n, answer := range []func(){
		func() { enter("Nitrogen") },
		func() { enter("Light"); enter("Water"); enter(say("quiz.send")) },
		func() { p.tabTo("green stuff"); p.typed("Chlorophyll"); p.key(kb.Enter) },
		func() { p.tabTo("legs"); p.typed("8"); p.key(kb.Enter) },
		func() {
			enter(strings.ReplaceAll(say("quiz.down"), "{text}", evalJS[string](p, `document.querySelector("[data-part=item] ol bdi").innerText`)))
			enter(say("quiz.send"))
		},
		func() { enter("Catch light"); enter("Take up water"); enter(say("quiz.send")) },
	} {
		c.ask(n)
		p.sees(c.texts()[n])
		p.until("a way to answer", `document.querySelector("[data-part=item] :is(button, [data-part=field])")`)
		evalJS[bool](p, `(document.activeElement.blur(), true)`)
		answer()
		sent()
	}
	c.tell("quiz.lock")
	c.round++
	c.send(c.teacher, "quiz.ask", map[string]any{"item": where})
	p.until("the picture", `document.querySelector("[data-pin] img")?.naturalWidth`)
	p.tabTo("A leaf")
	p.key(kb.ArrowRight) // in the middle
	p.key(kb.ArrowRight)
	p.key(kb.ArrowDown)
	if said := strings.Join(p.spoken(), "\n"); !strings.Contains(said, "application A leaf") {
		t.Errorf("the picture is not in\n%s", said)
	}
	p.looks("en pin")
	p.tabTo("A leaf")
	p.key(kb.Enter)
	sent()
	c.tell("quiz.reveal")
	p.sees(say("quiz.outcome.right"))
	p.looks("en pin revealed")
	p.noFaults()
}

// texts are the texts of the questions.
func (c *class) texts() (list []string) {
	for _, q := range manyKinds["items"].([]any) {
		list = append(list, q.(map[string]any)["text"].(string))
	}
	return list
}

// pin is a question on a picture, which a teacher has given to the box. The right place is in the middle.
func (c *class) pin(home string) map[string]any {
	c.t.Helper()
	p := newPage(c.t, laptop)
	p.as(home, c.ada)
	p.open(home + "/healthz")
	id := evalJS[string](p, `(async () => {
	  const e = new OffscreenCanvas(800, 500), g = e.getContext("2d");
	  g.fillStyle = "#dff2e3"; g.fillRect(0, 0, 800, 500);
	  g.fillStyle = "#17703a"; g.beginPath(); g.ellipse(400, 250, 260, 120, -0.3, 0, 7); g.fill();
	  const body = await e.convertToBlob({ type: "image/png" });
	  const r = await fetch("/api/images", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body });
	  return (await r.json()).id;
	})()`)
	image := map[string]any{"id": id, "alt": "A leaf", "w": 800, "h": 500}
	return map[string]any{"kind": "pin", "text": "Where is the middle?", "points": 1, "image": image, "key": map[string]any{"regions": []any{map[string]any{"x": 0.4, "y": 0.4, "w": 0.2, "h": 0.2}}}}
}

// TestASlideGrowsUnderTwoFingers pinches, taps twice and uses the keys.
func TestASlideGrowsUnderTwoFingers(t *testing.T) {
	c := startClass(t, 1, manyKinds)
	p := c.pupilPage("en", phone)
	c.send(c.teacher, "board.show", map[string]any{"surface": "w:1"})
	p.until("the board", `document.querySelector("[data-zoom]")`)
	zoom := func() float64 {
		t.Helper()
		return evalJS[float64](p, `Number(document.querySelector("[data-zoom]").dataset.zoom)`)
	}
	touch := `(type, id, x, y) => { const e = document.querySelector("[data-zoom]"), r = e.getBoundingClientRect(); e.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: id, isPrimary: id === 1, pointerType: "touch", clientX: r.left + x, clientY: r.top + y })); return new Promise((done) => requestAnimationFrame(() => done(true))); }`
	evalJS[bool](p, `(async (at) => {
	  await at("pointerdown", 1, 100, 100); await at("pointerdown", 2, 140, 100);
	  await at("pointermove", 2, 180, 100); await at("pointermove", 1, 80, 100); await at("pointermove", 2, 200, 100);
	  await at("pointerup", 1, 80, 100); await at("pointerup", 2, 200, 100);
	  return true;
	})(`+touch+`)`)
	if z := zoom(); z < 2.9 || z > 3.1 {
		t.Errorf("fingers three times as far apart zoom %.2f times", z)
	}
	double := `(async (at) => { for (let i = 0; i < 2; i++) { await at("pointerdown", 1, 100, 100); await at("pointerup", 1, 100, 100); } return true; })(` + touch + `)`
	evalJS[bool](p, double)
	if z := zoom(); z != 1 {
		t.Errorf("a double tap on a large slide zooms %.2f times, want 1", z)
	}
	p.press(loadWords(t, "en")("board.zoomIn"))
	if z := zoom(); z != 2.5 {
		t.Errorf("the button zooms %.2f times", z)
	}
	before := evalJS[string](p, `document.querySelector("[data-zoom] > div").style.transform`)
	evalJS[bool](p, `(document.querySelector("[data-zoom]").focus(), true)`)
	p.key(kb.ArrowRight)
	if after := evalJS[string](p, `document.querySelector("[data-zoom] > div").style.transform`); after == before {
		t.Error("an arrow key does not move a large slide")
	}
	p.noFaults()
}

// TestAPageThatCannotStartSaysSo loads the page without its first script, as a browser that is too old
// does, and without JavaScript at all.
func TestAPageThatCannotStartSaysSo(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	p := newPage(t, phone)
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := cdp.Call(ctx, tab, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, tab, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: "http://*:*/assets/*.js", Block: true}}})
		return err
	}))
	p.open("http://" + box.HTTP + "/")
	p.until("the note", `(document.querySelector(".boot-late")?.getAnimations().forEach((a) => a.finish()), Number(getComputedStyle(document.querySelector(".boot-late")).opacity) > 0.9)`)
	p.sees("this browser is too old")
	p.picture("boot too old")
	p.axe("a page that does not start")
}

// TestNotYouFreesTheName lets a child who tapped the wrong name leave: the name is free again, and the
// pupil is no longer in the lesson.
func TestNotYouFreesTheName(t *testing.T) {
	say := loadWords(t, "en")
	c := startClass(t, 2, manyKinds)
	p := c.pupilPage("en", phone)
	p.press(say("lesson.leave"))
	p.until("the way in", `location.pathname === "/" && document.querySelector("input[name=code]")`)
	p.open("http://" + c.box.HTTP + "/j/" + c.lesson.Key)
	p.until("the name is free", findControl+`("button", `+quote(c.lesson.Names[0].Name)+`)`)
	p.noFaults()
}
