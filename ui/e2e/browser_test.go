// Package e2e drives the real pages of the real program in a real browser. It has only tests.
// Debian: apt-get install chromium.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/services/timetest"
)

// waitTimeout ends a test whose page does not show something. It is no promise.
var waitTimeout = timetest.Patience

// loadWords returns the texts of the pages, so a test uses the words that a person reads.
func loadWords(t testing.TB, lang string) func(key string) string {
	t.Helper()
	files, err := filepath.Glob("../src/locales/" + lang + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &texts); err != nil {
			t.Fatal(err)
		}
	}
	return func(key string) string {
		text, ok := texts[key].(string)
		if !ok {
			t.Fatalf("no plain text %q in %s.json", key, lang)
		}
		return text
	}
}

// disabledFeatures are those of chromedp's own list, and the two pages for an address bar that Chromium
// loads with each window. Nobody sees them, and they take more than a second of a processor.
const disabledFeatures = "Translate,BlinkGenPropertyTrees,WebUIOmniboxPopup,WebUIOmniboxAimPopup"

// browser is one Chromium for all tests of a run. Its camera gives ten pictures a second. More show
// nothing else and take a fifth more of a processor.
var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("no Chromium here; on Debian: apt-get install chromium (%w)", err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("use-fake-device-for-media-stream", "fps=10"), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("auto-select-desktop-capture-source", "Entire screen"), chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("host-resolver-rules", "MAP livelearn.home 127.0.0.1"), // a name that browsers trust less than localhost
		chromedp.Flag("ignore-certificate-errors", true), chromedp.WSURLReadTimeout(timetest.Patience),
		chromedp.Flag("disable-features", disabledFeatures))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, _ = chromedp.NewContext(ctx) // ends with its parent
	browserClosers = append(browserClosers, stop)
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

var browserClosers []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range browserClosers {
		f()
	}
	os.Exit(code)
}

// page is a tab of a person who shares no state with others.
type page struct {
	t   testing.TB
	ctx context.Context
	fox *foxTab // in Firefox, nil means in Chromium

	mu     sync.Mutex
	faults []string // errors of the console and violations of the policy; guarded by mu
}

// phone and laptop are the two screens.
var (
	phone  = [2]int64{360, 740}
	laptop = [2]int64{1366, 768}
)

func newPage(t testing.TB, size [2]int64) *page {
	t.Helper()
	parent, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	p.ctx = ctx
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(size[0], size[1]))
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, cdplog.Enable, cdp.Empty{})
		return err
	}))
	return p
}

// listen collects errors that a user would never see and a developer must see.
func (p *page) listen(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, "exception: "+e.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded:
		text := e.Entry.Text
		away := strings.Contains(text, "ERR_CONNECTION") || strings.Contains(text, "WebSocket connection") || strings.Contains(text, "Failed to load resource")
		if string(e.Entry.Level) == "error" && !away { // in some stories the box is away
			p.faults = append(p.faults, text)
		}
	}
}

func (p *page) noFaults() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.t.Errorf("console: %s", f)
	}
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, waitTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%v\n%s", err, p.text())
	}
}

func (p *page) open(url string) {
	p.t.Helper()
	if p.fox == nil {
		p.do(chromedp.Navigate(url))
	} else if err := p.fox.open(url); err != nil {
		p.t.Fatal(err)
	}
}

func evalJS[T any](p *page, js string) T {
	p.t.Helper()
	v, err := tryJS[T](p, js)
	if err != nil {
		p.t.Fatalf("%.120s: %v", js, err)
	}
	return v
}

func tryJS[T any](p *page, js string) (v T, err error) {
	if p.fox != nil {
		err := p.fox.eval(js, &v)
		return v, err
	}
	ctx, cancel := context.WithTimeout(p.ctx, waitTimeout)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](js, func(e *runtime.EvaluateParams) { e.AwaitPromise = new(true) }))
}

// isLeaving reports whether an expression failed because its page gave way to the next one, as
// after a reload.
func isLeaving(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "navigated or closed") || strings.Contains(err.Error(), "context was destroyed"))
}

func (p *page) text() string {
	if p.fox != nil {
		return evalJS[string](p, "location.pathname + '\\n' + document.body.innerText")
	}
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.pathname + '\\n' + document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return s
}

// until waits for a JavaScript condition.
func (p *page) until(what, js string) {
	p.t.Helper()
	deadline := time.Now().Add(waitTimeout)
	for {
		met, err := tryJS[bool](p, "!!("+js+")")
		switch {
		case err != nil && !isLeaving(err):
			p.t.Fatalf("%.120s: %v", js, err)
		case met:
			return
		case time.Now().After(deadline):
			p.t.Fatalf("waited in vain for %s; the page shows:\n%s", what, p.text())
		}
		time.Sleep(30 * time.Millisecond) // the browser is a process of its own
	}
}

func quote(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(data)
}

func (p *page) sees(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q", text), "document.body.innerText.includes("+quote(text)+")")
}

// findControl finds the visible control with an accessible name. An exact match comes first.
const findControl = `((sel, name) => {
  const label = (e) => (e.getAttribute("aria-label") || e.innerText || e.value || "").trim();
  const all = [...document.querySelectorAll(sel)].filter((e) => e.checkVisibility() && !e.disabled);
  return all.find((e) => label(e) === name) || all.find((e) => label(e).includes(name));
})`

// fieldName gives the accessible name of a field.
const fieldName = `(e) => e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby"))?.innerText || [...(e.labels || [])].map((l) => l.innerText).join(" ")`

// press clicks a button, link or summary by its name.
func (p *page) press(name string) {
	p.t.Helper()
	target := findControl + `("button, a, summary, [role=button], [role=tab]", ` + quote(name) + `)`
	p.until("button "+name, target)
	evalJS[bool](p, "("+target+".click(), true)")
}

// tap presses the middle of an element with the mouse.
func (p *page) tap(selector string) {
	p.t.Helper()
	at := evalJS[[2]float64](p, `((e) => { e.scrollIntoView({block: "nearest"}); const r = e.getBoundingClientRect(); return [Math.round(r.left + r.width / 2), Math.round(r.top + r.height / 2)]; })(document.querySelector(`+quote(selector)+`))`)
	if p.fox != nil {
		if err := p.fox.tap(at); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	p.do(chromedp.MouseEvent(chromedp.MousePressed, at[0], at[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
	p.do(chromedp.MouseEvent(chromedp.MouseReleased, at[0], at[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
}

// confirm presses the button with that name in the open dialog.
func (p *page) confirm(name string) {
	p.t.Helper()
	target := `[...document.querySelectorAll("dialog[open] button")].find((b) => b.innerText.trim() === ` + quote(name) + `)`
	p.until("a dialog with the button "+name, target)
	evalJS[bool](p, "("+target+".click(), true)")
}

// endLesson ends the lesson of the console. On a phone it is in the menu.
func (p *page) endLesson(say func(string) string) {
	p.t.Helper()
	if evalJS[bool](p, `innerWidth < 700`) {
		p.press(say("console.menu"))
	}
	p.press(say("console.end"))
	p.confirm(say("console.end"))
}

// fill types into the field with that label. A page that is still being built may take the focus away
// before the text arrives, and then fill types again.
func (p *page) fill(label, text string) {
	p.t.Helper()
	target := `[...document.querySelectorAll("input, textarea")].filter((e) => e.checkVisibility()).find((e) =>
	  (` + fieldName + `)(e).includes(` + quote(label) + `))`
	for deadline := time.Now().Add(waitTimeout); ; {
		p.until("field "+label, "((e) => e && (e.focus(), e.select(), true))("+target+")")
		p.typed(text)
		missed, err := tryJS[bool](p, "((e) => e && e !== document.activeElement && e.value === '')("+target+") === true")
		if err != nil || !missed || text == "" {
			return // or the page has gone on to the next one
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the field %q does not keep the focus; the page shows:\n%s", label, p.text())
		}
	}
}

// typed types into the focused control.
func (p *page) typed(text string) {
	p.t.Helper()
	if p.fox != nil {
		if err := p.fox.typed(text); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

func (p *page) key(k string) { p.t.Helper(); p.do(chromedp.KeyEvent(k)) }

// tabTo presses Tab until the control of that name has the focus.
func (p *page) tabTo(name string) {
	p.t.Helper()
	for range 60 {
		p.key(kb.Tab)
		here := evalJS[string](p, `((e) => e === document.body ? "" : (`+fieldName+`)(e) || e.innerText || "")(document.activeElement)`)
		if strings.Contains(here, name) {
			return
		}
	}
	p.t.Fatalf("Tab does not reach %q; the page shows:\n%s", name, p.text())
}
