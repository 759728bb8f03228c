package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestEveryComponentForEverybody checks the page of all components for each viewer, in the direction
// of the language, with each layer open.
func TestEveryComponentForEverybody(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	for _, v := range viewers() {
		dir := map[string]string{"en": "ltr", "ar": "rtl"}[v.lang]
		name := fmt.Sprint("design ", v.size[0], " ", v.theme, " ", dir)
		p := newPage(t, v.size)
		p.mode(home, "en")
		p.open(home + "/design")
		p.until("the design page", `document.querySelector("[role=tablist]")`)
		evalJS[bool](p, fmt.Sprintf(`(document.documentElement.dataset.theme = %q, document.documentElement.dir = %q, true)`, v.theme, dir))
		p.until("the font", `document.fonts.check("16px 'LiveLearn Sans'") && "font" in document.documentElement.dataset`)
		p.axe(name)
		p.picture(name)
		for _, layer := range []string{"More for Amal", "Open chat", "Delete class", "Toast with Undo"} {
			evalJS[bool](p, `((b) => (b.at(-1).scrollIntoView({block: "end"}), b.at(-1).click(), true))([...document.querySelectorAll("button")].filter((e) => (e.getAttribute("aria-label") || e.innerText).trim() === `+quote(layer)+`))`)
			p.until(layer, `document.querySelector("[role=menu], dialog[open], [role=status] button")`)
			p.axe(name + " " + layer)
			if out := evalJS[int](p, `Math.max(0, ...[...document.querySelectorAll("[role=menu], dialog[open]")].map((e) => e.getBoundingClientRect().bottom - innerHeight))`); out > 0 {
				p.t.Errorf("%s: %q is %d pixels below the window", name, layer, out)
			}
			p.picture(name + " " + layer)
			p.key(kb.Escape)
			// A dialog leaves the page with its close event, which comes after it lost "open".
			p.until("closed "+layer, `!document.querySelector("[role=menu], dialog")`)
		}
		p.noFaults()
	}
}

// TestMenuAndTabsByKeyboard moves through a menu and a row of tabs in both directions of reading.
func TestMenuAndTabsByKeyboard(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	box.ClaimBox("Ada")
	p := newPage(t, laptop)
	p.mode("http://"+box.HTTP, "en")
	p.open("http://" + box.HTTP + "/design")
	p.until("the design page", `document.querySelector("[role=tablist]")`)
	focused := func(want string) {
		t.Helper()
		if got := evalJS[string](p, `(document.activeElement.getAttribute("aria-label") || document.activeElement.innerText).trim().split("\n")[0]`); got != want {
			t.Errorf("the focus is at %q, want %q", got, want)
		}
	}
	evalJS[bool](p, `(document.querySelector("[aria-haspopup=menu]").focus(), true)`)
	p.key(kb.ArrowDown)
	p.until("the menu", `document.activeElement.role === "menuitem"`)
	for _, step := range [][2]string{{kb.ArrowDown, "Copy code"}, {kb.ArrowDown, "Remove from lesson"}, {kb.ArrowDown, "Rename"}, {kb.End, "Remove from lesson"}, {kb.Home, "Rename"}, {kb.Escape, "More for Amal"}} {
		p.key(step[0])
		focused(step[1])
	}
	evalJS[bool](p, `(document.querySelector("[role=tab][aria-selected=true]").focus(), true)`)
	for _, step := range [][2]string{{kb.ArrowRight, "Chat"}, {kb.ArrowLeft, "People"}, {kb.ArrowLeft, "Hands"}} {
		p.key(step[0])
		focused(step[1])
		p.until(step[1], `document.activeElement.ariaSelected === "true"`)
	}
	evalJS[bool](p, `(document.documentElement.dir = "rtl", true)`)
	p.key(kb.ArrowRight)
	focused("Chat")
}

// picture writes a picture of the whole page for people to look at, into the folder that
// LIVELEARN_PICTURES names.
func (p *page) picture(name string) {
	p.t.Helper()
	folder := os.Getenv("LIVELEARN_PICTURES")
	if folder == "" {
		return
	}
	// Chromium moves an Arabic page sideways when it captures beyond the viewport.
	size := evalJS[[3]int64](p, `[innerWidth, innerHeight, Math.max(innerHeight, document.documentElement.scrollHeight)]`)
	p.do(chromedp.EmulateViewport(size[0], size[2]))
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		shot, err := cdp.Call(ctx, tab, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, name+".png"), shot.Data, 0o644)
	}))
	p.do(chromedp.EmulateViewport(size[0], size[1]))
}
