package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// sheet collects small pictures of one thing: a row for each state, a column for each size.
type sheet struct {
	name string
	rows []string
	got  map[string]image.Image // by row and width
}

// thumb is the width of a picture on a sheet.
const thumb = 640

// shoot adds a picture to the sheets in the folder that LIVELEARN_PICTURES names. What is the name
// of the sheet and, after a space, of the row.
func (s *stage) shoot(what string, size [2]int64) {
	s.t.Helper()
	folder := os.Getenv("LIVELEARN_PICTURES")
	if folder == "" {
		return
	}
	name, row, _ := strings.Cut(what, " ")
	name = s.lang + "-" + name
	if s.sheet.name != name {
		s.sheet = sheet{name: name, got: map[string]image.Image{}}
	}
	if n := len(s.sheet.rows); n == 0 || s.sheet.rows[n-1] != row {
		s.sheet.rows = append(s.sheet.rows, row)
	}
	s.screen.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		clip := &cdppage.Viewport{Width: float64(size[0]), Height: float64(size[1]), Scale: thumb / float64(size[0])}
		got, err := cdp.Call(ctx, tab, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{Format: cdppage.CaptureScreenshotFormatJpeg, Clip: clip})
		if err != nil {
			return err
		}
		s.sheet.got[fmt.Sprint(row, size[0])], err = jpeg.Decode(bytes.NewReader(got.Data))
		return err
	}))
	if size == projectors[len(projectors)-1] {
		s.sheet.save(s.t, folder)
	}
}

func (h sheet) save(t *testing.T, folder string) {
	t.Helper()
	const gap, high = 12, thumb * 3 / 4
	all := image.NewRGBA(image.Rect(0, 0, len(projectors)*(thumb+gap), len(h.rows)*(high+gap)))
	draw.Draw(all, all.Bounds(), image.NewUniform(color.Gray{90}), image.Point{}, draw.Src)
	for y, row := range h.rows {
		for x, size := range projectors {
			if img := h.got[fmt.Sprint(row, size[0])]; img != nil {
				draw.Draw(all, img.Bounds().Add(image.Pt(x*(thumb+gap), y*(high+gap))), img, image.Point{}, draw.Src)
			}
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, all)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "projector-"+h.name+".png"), out.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settle waits until nothing moves.
func (s *stage) settle() {
	s.t.Helper()
	s.screen.still()
}

// showWords shows the written answers as a word cloud and as a wall.
func (s *stage) showWords(id string) {
	s.t.Helper()
	for _, as := range []string{"cloud", "wall"} {
		s.do(s.teach, "quiz.wall", map[string]any{"round": s.round, "item": id, "as": as})
		s.screen.until(as, fmt.Sprintf(`document.querySelector("[data-words=%s]")`, as))
		s.look("open "+as, least)
		words := evalJS[string](s.screen, `[...document.querySelectorAll("[data-words] li")].map((e) => e.innerText.replace(/\s+/g, " ")).join(", ")`)
		if words != "Light ×2, Carbon dioxide, Sunshine and a little patience, Water" {
			s.t.Errorf("the %s has %q", as, words)
		}
	}
}

// TestTheRulesOfTheProjectorBite breaks the page on purpose, once for each rule, and the ink on a
// board.
func TestTheRulesOfTheProjectorBite(t *testing.T) {
	s := newStage(t, 18)
	list := questions()[:1]
	ids := s.bring(list)
	s.do(s.teach, "quiz.open", map[string]any{"items": ids})
	s.screen.until("the question", `document.querySelector("[data-option]")`)
	s.settle()
	s.resize(laptop)
	if got := s.faults(least); len(got) > 0 {
		t.Fatalf("before: %q", got)
	}
	const stem, option = `document.querySelector("[data-stem]")`, `document.querySelector("[data-option] bdi")`
	for _, c := range []struct{ name, want, fault string }{
		{"a small text", "small:", stem + `.style.fontSize = "10px"`},
		{"a cut text", "cut:", `Object.assign(` + stem + `.style, {display: "block", height: "20px", overflow: "hidden"})`},
		{"a broken word", "broken:", `Object.assign(` + option + `.style, {display: "block", width: "2em", overflowWrap: "anywhere", hyphens: "manual"})`},
		{"text over text", "over", `Object.assign(` + stem + `.style, {position: "fixed", left: ` + option + `.getBoundingClientRect().left + "px", top: ` + option + `.getBoundingClientRect().top + "px"})`},
		{"text outside", "off the screen:", stem + `.style.cssText = "position: relative; left: 2000px"`},
		{"a page that scrolls", "the page has", `document.body.style.minHeight = "200vh"`},
		{"a squashed picture", "squashed:", `new Promise((done) => { const i = new Image(300, 20); i.onload = () => done(true); i.dataset.fault = 1; i.src = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'/>"; document.querySelector("header").append(i); })`},
	} {
		evalJS[bool](s.screen, `Promise.resolve(`+c.fault+`).then(() => true)`)
		if got := strings.Join(s.faults(least), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s is not seen: %q", c.name, got)
		}
		evalJS[bool](s.screen, `(() => { for (const e of [`+stem+`, `+option+`, document.body]) e.removeAttribute("style"); document.querySelector("[data-fault]")?.remove(); return true; })()`)
	}
	if got := s.faults(least); len(got) > 0 {
		t.Errorf("after: %q", got)
	}

	s.do(s.teach, "quiz.close", map[string]any{"round": 1})
	s.do(s.teach, "board.show", map[string]any{"surface": "w:1"})
	s.do(s.teach, "board.draw", map[string]any{"surface": "w:1", "stroke": map[string]any{"id": "line", "tool": "line", "color": 1, "size": 5, "points": "1jk 2bc 1e 4mo 334 0"}})
	s.screen.until("the line", `document.querySelector("[data-part=ink] line")`)
	s.settle()
	if off := evalJS[float64](s.screen, landing); off > 2 {
		t.Fatalf("before: the ink is %.1f px away", off)
	}
	for name, fault := range map[string]string{
		"ink beside its place": `document.querySelector("[data-part=ink]").style.transform = "translateX(3px)"`,
		"ink of another size":  `document.querySelector("[data-part=ink]").style.transform = "scaleY(0.98)"`,
		"a page that moved":    `document.querySelector("[data-part=page]").style.translate = "0 3px"`,
	} {
		evalJS[bool](s.screen, "("+fault+", true)")
		if off := evalJS[float64](s.screen, landing); off <= 2 {
			t.Errorf("%s is not seen: %.1f px", name, off)
		}
		evalJS[bool](s.screen, `(document.querySelectorAll("[data-part=ink], [data-part=page]").forEach((e) => e.style.removeProperty("transform") + e.style.removeProperty("translate")), true)`)
	}
}

// TestTheRulesOfAPupilsPageBite breaks a pupil's page on purpose, once for each rule.
func TestTheRulesOfAPupilsPageBite(t *testing.T) {
	c := startClass(t, 1, manyKinds)
	p := c.pupilPage("en", phone)
	c.ask(0)
	p.until("tiles", `document.querySelectorAll("[data-option]").length === 4`)
	p.still()
	if got := p.pupilFaults(); len(got) > 0 {
		t.Fatalf("before: %q", got)
	}
	const stem, tile = `document.querySelector("[id^='q-'] bdi")`, `document.querySelector("[data-option] button")`
	for _, c := range []struct{ name, want, fault string }{
		{"a page that is too wide", "wide, the window", `document.querySelector("#main").style.minWidth = "500px"`},
		{"a broken word", "broken:", `Object.assign(` + tile + `.querySelector("bdi").style, {display: "block", flex: "none", width: "1.5em", overflowWrap: "anywhere"})`},
		{"text outside", "off the window:", tile + `.style.cssText = "position: relative; left: -200px"`},
		{"a cut text", "cut:", `Object.assign(` + stem + `.parentElement.style, {width: "60px", overflow: "hidden", whiteSpace: "nowrap"})`},
		{"text over text", " over ", `Object.assign(` + stem + `.style, {display: "inline-block", transform: "translateY(" + (` + tile + `.getBoundingClientRect().top - ` + stem + `.getBoundingClientRect().top) + "px)"})`},
		{"a small target", "small:", tile + `.style.cssText = "min-block-size: 0; block-size: 20px; padding: 0"`},
		{"a squashed picture", "squashed:", `new Promise((done) => { const i = new Image(); i.style.cssText = "width: 200px; height: 20px"; i.onload = () => done(true); i.dataset.fault = 1; i.src = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'/>"; document.querySelector("#main").append(i); })`},
	} {
		evalJS[bool](p, `Promise.resolve(`+c.fault+`).then(() => true)`)
		if got := strings.Join(p.pupilFaults(), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s is not seen: %q", c.name, got)
		}
		evalJS[bool](p, `(document.querySelectorAll("#main, #main [style]").forEach((e) => e.removeAttribute("style")), document.querySelector("[data-fault]")?.remove(), true)`)
	}
}

// TestTheProjectorKeepsItsPictureThroughARestart stops the box under an open question.
func TestTheProjectorKeepsItsPictureThroughARestart(t *testing.T) {
	s := newStage(t, 18)
	ids := s.bring(questions()[:1])
	s.do(s.teach, "quiz.open", map[string]any{"items": ids})
	s.screen.until("the question", `document.querySelector("[data-option]")`)
	evalJS[bool](s.screen, `(() => {
	  window.flashes = [];
	  const note = () => { if (document.querySelectorAll("[data-stage=question] [data-option]").length !== 4) flashes.push(document.body.innerText); };
	  new MutationObserver(note).observe(document.body, { childList: true, subtree: true, attributes: true });
	  return true;
	})()`)
	s.box.Kill()
	s.screen.sees(loadWords(t, "en")("conn.offline"))
	s.look("away offline", least)
	s.box = s.box.Restart()
	s.screen.until("the box again", `!document.body.innerText.includes(`+quote(loadWords(t, "en")("conn.offline"))+`)`)
	if got := evalJS[[]string](s.screen, `flashes`); len(got) > 0 {
		t.Errorf("the question was gone %d times: %q", len(got), got[0])
	}
}
