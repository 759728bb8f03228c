package e2e

import (
	"context"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
)

// watchBeats notes which timers the page uses for its heartbeat: "asked" is the delay of
// the timer that sent the last one, "gaveUp" that of the timer that closed the socket, and
// "set" that of the timer that was set last. All are in ms.
const watchBeats = `(() => {
	const b = window.beats = { asked: 0, gaveUp: 0, set: 0 };
	let due = 0;
	const { setTimeout } = window, { send, close } = WebSocket.prototype;
	window.setTimeout = (f, ms, ...args) => { b.set = Math.max(b.set, ms || 0); return setTimeout(() => { due = ms; f(...args); }, ms); };
	WebSocket.prototype.send = function (data) { if (data.includes('"heartbeat"')) b.asked = due; send.call(this, data); };
	WebSocket.prototype.close = function (...args) { b.gaveUp = due; close.apply(this, args); };
})()`

// show has the page believe that its tab is in front, or that it is not.
func (p *page) show(state string) {
	p.t.Helper()
	evalJS[bool](p, `(() => {
		Object.defineProperty(document, "visibilityState", { get: () => "`+state+`", configurable: true });
		Object.defineProperty(document, "hidden", { get: () => "`+state+`" === "hidden", configurable: true });
		beats.set = 0;
		return document.dispatchEvent(new Event("visibilitychange"));
	})()`)
}

// TestADeadBoxIsNoticedWithinFiveSeconds stops the program, whose sockets stay open as those
// of a box without power do. The page's own timers say how long it takes: at most the time
// between two heartbeats and the wait for an answer.
func TestADeadBoxIsNoticedWithinFiveSeconds(t *testing.T) {
	say := loadWords(t, "en")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	p := newPage(t, phone)
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: watchBeats})
		return err
	}))
	p.open("http://" + box.HTTP + "/")
	p.fill(say("join.code"), lesson.Code)
	p.press(lesson.Names[0].Name)
	p.sees(say("conn.live"))

	p.show("hidden")
	if ms := evalJS[int](p, "beats.set"); ms < 20_000 {
		t.Errorf("a hidden page asks after %d ms; browsers run its timers once a minute, so an answer would seem late", ms)
	}
	p.show("visible")
	p.until("a heartbeat", "beats.asked")
	if err := syscall.Kill(box.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.sees(say("conn.offline"))
	if sum := evalJS[int](p, "beats.asked + beats.gaveUp"); sum > 5000 {
		t.Errorf("a dead box is noticed after up to %d ms, want 5000", sum)
	}
	if err := syscall.Kill(box.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.sees(say("conn.live"))
	p.noFaults()
}
