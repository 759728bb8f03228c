package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// listening notes the pitch of each tone that the page plays, and whether it keeps the screen on.
const listening = `(() => {
  window.tones = [];
  window.awake = 0;
  const Tone = window.OscillatorNode;
  window.OscillatorNode = class extends Tone {
    constructor(context, options) { super(context, options); tones.push(Math.round(options.frequency)); }
  };
  if (window.WakeLock) WakeLock.prototype.request = async () => (awake++, { release: async () => void awake-- });
})()`

// TestTheProjectorSoundsAndStaysOn hears the countdown, the reveal and the podium, each once. One tap
// turns the sound off, and the page remembers that.
func TestTheProjectorSoundsAndStaysOn(t *testing.T) {
	s := newStage(t, 3)
	say := loadWords(t, "en")
	list := questions()[:2]
	list[0].item["seconds"] = 15 // the page may hear of the question some seconds late
	ids := s.bring(list)
	pupils := s.pupils()
	s.screen.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: listening})
		return err
	}))
	s.open("en")
	s.screen.until("the screen is kept on", `awake === 1`)
	s.screen.tap("main h1, h1, h2") // a browser is silent until somebody taps the page
	heard := func(what string, want ...int) {
		t.Helper()
		s.screen.until(what, `tones.length >= `+fmt.Sprint(len(want)))
		if got := evalJS[[]int](s.screen, `tones.splice(0)`); !slices.Equal(got, want) {
			t.Errorf("%s: the tones %v, want %v", what, got, want)
		}
	}
	ask := func(id string) {
		t.Helper()
		s.round++
		s.do(s.teach, "quiz.open", map[string]any{"items": []string{id}})
	}
	ask(ids[0])
	s.do(pupils[0], "quiz.answer", map[string]any{"round": s.round, "item": ids[0], "response": map[string]any{"options": []string{"c"}}})
	heard("the last five seconds", 784, 784, 784, 784, 1047)
	s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
	heard("the reveal", 523, 784)
	s.do(s.teach, "quiz.rank", map[string]any{"on": true})
	heard("the podium", 523, 659, 784, 1047)
	s.do(s.teach, "quiz.rank", map[string]any{"on": false})

	s.screen.press(say("screen.mute"))
	s.open("en")
	s.screen.until("the reveal of before", `document.querySelector("[data-state=revealed]")`)
	s.screen.until("the button to turn the sound on", findControl+`("button", `+quote(say("screen.unmute"))+`)`)
	s.screen.tap("h1, h2, [data-stage]")
	ask(ids[1])
	s.screen.sees(list[1].item["text"].(string))
	s.do(s.teach, "quiz.reveal", map[string]any{"round": s.round})
	s.screen.until("the next reveal", `document.querySelector("[data-state=revealed]")`)
	evalJS[bool](s.screen, `new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(true), 100)))`) // the sound follows a paint
	s.screen.press(say("screen.unmute"))                                                                            // plays a tone to try
	heard("only the trial", 1047)
	s.screen.noFaults()
}
