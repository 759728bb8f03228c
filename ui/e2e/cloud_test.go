package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud"
)

// linked is the status of a cloud in the form of the box.
type linked struct {
	Supported bool `json:"supported"`
	cloud.Status
}

// fakeAnswers answers in place of the box, for states that are rare on a real box. It keeps
// requests in window.asked, and takes answers from window.answers by "METHOD path".
const fakeAnswers = `window.asked = []; window.answers = {};
const real = window.fetch;
window.fetch = (path, init = {}) => {
  const key = (init.method || "GET") + " " + path, told = window.answers[key];
  if (told === undefined) return real(path, init);
  if (init.method !== "GET") window.asked.push((key + " " + (typeof init.body === "string" ? init.body : "")).trim());
  if (told && told.status) return Promise.resolve(new Response(JSON.stringify(told), {status: told.status}));
  return Promise.resolve(told === null ? new Response(null, {status: 204}) : new Response(JSON.stringify(told)));
};
`

// answer sets the answers for the current document and the next ones.
func (p *page) answer(answers map[string]any) {
	p.t.Helper()
	raw, err := json.Marshal(answers)
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{
			Source: "window.answers || (() => {" + fakeAnswers + "})(); Object.assign(window.answers, " + string(raw) + ");",
		})
		return err
	}))
	p.now(answers)
}

// now changes the answers under the open page.
func (p *page) now(answers map[string]any) {
	p.t.Helper()
	raw, err := json.Marshal(answers)
	if err != nil {
		p.t.Fatal(err)
	}
	evalJS[bool](p, "(window.answers && Object.assign(window.answers, "+string(raw)+"), true)")
}

// cloudStates returns a box in each state, by the end of the text's key.
func cloudStates() map[string]linked {
	one := func(state string, change func(*cloud.Status)) linked {
		s := cloud.Status{Way: "https", Where: "cloud.a-school-district-with-a-long-name.example.org:8443", School: "Nordschule", State: state, Last: 1790000000000, Notes: []cloud.Note{}}
		if change != nil {
			change(&s)
		}
		return linked{true, s}
	}
	return map[string]linked{
		"off":  {true, cloud.Status{State: cloud.StateOff, Notes: []cloud.Note{}}},
		"idle": one(cloud.StateIdle, nil),
		"idleDead": one(cloud.StateIdle, func(s *cloud.Status) {
			s.Dead = 3
			s.Notes = []cloud.Note{{Code: "forked", At: s.Last}, {Code: "restored", At: s.Last}, {Code: "left_pupils", At: s.Last, What: "7B", N: 3}, {Code: "left_class", At: s.Last, What: "6A"}, {Code: "copy", At: s.Last, What: "9f3ac21b"}, {Code: "same_name", At: s.Last, What: "Box", N: 1}, {Code: "damaged", At: s.Last}, {Code: "of_a_later_version", At: s.Last, What: "x"}}
		}),
		"sending": one(cloud.StateSending, func(s *cloud.Status) { s.Queue, s.Rate, s.ETA = 48_120, 11_740.4, 4.1 }),
		"offline": one(cloud.StateOffline, func(s *cloud.Status) {
			s.Queue, s.Next, s.Code, s.Text = 1, s.Last+300_000, "certificate", "dial tcp 192.0.2.7:8443: no route to host"
		}),
		"stickWaits":  one(cloud.StateOffline, func(s *cloud.Status) { s.Way, s.Where, s.Queue, s.Last = "stick", "", 311, 0 }),
		"cloud_older": one(cloud.StateCloudOlder, func(s *cloud.Status) { s.Queue = 70 }),
		"box_older":   one(cloud.StateBoxOlder, nil),
		"revoked":     one(cloud.StateRevoked, func(s *cloud.Status) { s.Code, s.Text = "revoked", "the box may not any more" }),
		"stranger":    one(cloud.StateStranger, nil),
	}
}

var refusedFacts = []cloud.Dead{
	{Incarnation: 1<<64 - 1, Pos: 7, Stream: "room:c_k3v9", Epoch: 1, Seq: 5, Kind: "quiz.answered", Code: "22P05", Text: `unsupported Unicode escape sequence: \u0000 cannot be converted to text.`, At: 1790000000000},
	{Incarnation: 1<<64 - 1, Pos: 9, Stream: "room:c_k3v9", Epoch: 1, Seq: 6, Kind: "quiz.answered", Code: cloud.CodeForked, Text: "another fact has its identity", At: 1790000000000},
	{Incarnation: 3, Pos: 10, Stream: "report@4kq7x2m", Epoch: 1, Seq: 6, Kind: "lesson.graded", Code: cloud.CodeForeign, Text: "lesson l_k3v9 belongs to another box", At: 1790000000000},
	{Incarnation: 3, Pos: 12, Stream: "room:c_k3v9", Code: "damaged", Text: "checksum", At: 1790000000000},
}

// TestTheAdminReadsHowTheCloudIs checks each state, in a language of each direction, on a phone and
// in the dark on a laptop.
func TestTheAdminReadsHowTheCloudIs(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	for _, at := range []struct {
		lang, theme string
		size        [2]int64
	}{{"en", "light", phone}, {"ar", "light", phone}, {"fr", "dark", laptop}} {
		say := loadWords(t, at.lang)
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		p.answer(map[string]any{"GET /api/admin/cloud": linked{}, "GET /api/admin/cloud/dead": refusedFacts})
		p.open(home + "/admin/cloud")
		p.theme(at.theme)
		p.sees(say("admin.cloud.none"))
		for state, told := range cloudStates() {
			if at.theme == "dark" && !slices.Contains([]string{"off", "sending", "idleDead", "revoked"}, state) {
				continue // these include all colours
			}
			p.now(map[string]any{"GET /api/admin/cloud": told})
			p.press(say("admin.refresh"))
			p.sees(say("admin.cloud.is." + state))
			p.until("its details", `!document.querySelector("[data-part=cloud] .skeleton")`)
			evalJS[bool](p, `(document.querySelectorAll("[data-part=cloud] details").forEach((d) => (d.open = true)), true)`)
			p.axe(at.lang + " " + state)
			if told.Dead > 0 {
				p.sees(say("admin.cloud.dead.characters"))
				p.sees(say("admin.cloud.dead.foreign"))
				p.sees(say("admin.cloud.note.forked"))
				p.sees("of_a_later_version")
			}
			if got, want := evalJS[bool](p, `!!document.querySelector("input[name=link]")`), slices.Contains([]string{"off", "revoked", "stranger"}, state); got != want {
				t.Errorf("%s: a form for a link: %v", state, got)
			}
		}
		p.now(map[string]any{"GET /api/admin/cloud": map[string]any{"status": 503, "reason": "down"}})
		p.press(say("admin.refresh"))
		p.sees(say("err.down"))
		p.axe(at.lang + " away")
		p.noFaults()
	}
}

// TestTheAdminLinksAndLeavesWithoutAMouse goes the whole way: a refused link, an accepted link, a
// refused entry that is repaired and sent again, and the end of the link.
func TestTheAdminLinksAndLeavesWithoutAMouse(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	say := loadWords(t, "en")
	p := newPage(t, phone)
	p.speak(home, "en")
	p.as(home, ada)
	all := cloudStates()
	p.answer(map[string]any{
		"GET /api/admin/cloud": all["off"], "GET /api/admin/cloud/dead": refusedFacts, "POST /api/admin/cloud/sync": nil, "DELETE /api/admin/cloud/link": nil,
		"POST /api/admin/cloud/link":       map[string]any{"status": 403, "reason": "denied", "code": "bad_code", "field": "link"},
		"POST /api/admin/cloud/dead/retry": nil, "POST /api/admin/cloud/reply": nil,
	})
	p.open(home + "/admin/cloud")
	p.sees(say("admin.cloud.is.off"))
	p.tabTo(say("admin.cloud.link"))
	p.typed("https://cloud.example.org/#USED")
	p.key(kb.Enter)
	p.sees(say("err.bad_code.link"))
	p.until("the field that is at fault", `document.querySelector("input[name=link]").ariaInvalid === "true"`)
	p.now(map[string]any{"POST /api/admin/cloud/link": nil, "GET /api/admin/cloud": all["idleDead"]})
	p.key(kb.Enter)
	p.sees(say("admin.cloud.linked"))
	p.until("the focus on the heading", `document.activeElement.id === "cloud-title"`)
	p.until("no link on the page", `!document.documentElement.outerHTML.includes("#USED")`)
	p.tabTo(say("admin.cloud.sync"))
	p.key(kb.Enter)
	p.sees(say("admin.cloud.tries"))
	repair := strings.NewReplacer("{kind}", "quiz.answered", "{n}", "7").Replace(say("admin.cloud.repairOf"))
	p.tabTo(repair)
	p.key(kb.Enter)
	p.until("the question", `document.querySelector("dialog[open]")`)
	p.tabTo(say("admin.cloud.repair"))
	p.key(kb.Enter)
	p.sees(say("admin.retried"))
	p.until("the focus where the list begins", `!document.querySelector("dialog[open]") && document.activeElement.id === "cloud-dead"`)
	p.press(say("admin.cloud.stick"))
	p.give("[data-part=cloud-stick]", "answer.llcloud", "an answer")
	p.press(say("admin.cloud.read"))
	p.sees(say("admin.cloud.replied"))
	p.press(say("admin.cloud.leave"))
	p.until("the question", `document.querySelector("dialog[open]")`)
	p.now(map[string]any{"GET /api/admin/cloud": all["off"]})
	p.confirm(say("admin.cloud.leave"))
	p.sees(say("admin.cloud.is.off"))
	p.until("the focus on the heading", `document.activeElement.id === "cloud-title"`)
	want := []string{
		`POST /api/admin/cloud/link {"link":"https://cloud.example.org/#USED"}`, `POST /api/admin/cloud/link {"link":"https://cloud.example.org/#USED"}`,
		`POST /api/admin/cloud/sync`, `POST /api/admin/cloud/dead/retry {"incarnation":"18446744073709551615","pos":7,"repair":true}`,
		`POST /api/admin/cloud/reply`, `DELETE /api/admin/cloud/link`,
	}
	if d := cmp.Diff(evalJS[[]string](p, "window.asked"), want); d != "" {
		t.Error(d)
	}
	p.noFaults()
}

// TestATeacherSeesOnlyWhetherItIsInTheCloud checks the end of a lesson and its results.
func TestATeacherSeesOnlyWhetherItIsInTheCloud(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	past := endedLesson(t, box, ada)
	lesson := ada.OpenLesson(ada.AddClass("7B", 3), "Planets")
	home := "http://" + box.HTTP
	type seen struct {
		Linked  bool `json:"linked"`
		Waiting int  `json:"waiting"`
	}
	for _, lang := range []string{"en", "ar"} {
		say := loadWords(t, lang)
		p := newPage(t, phone)
		p.speak(home, lang)
		p.as(home, ada)
		p.answer(map[string]any{"GET /api/cloud": seen{true, 5}})
		p.open(home + "/results/" + past.ID)
		p.sees(say("incloud.waits"))
		p.axe(lang + " results that wait")
		p.answer(map[string]any{"GET /api/cloud": seen{true, 0}})
		p.open(home + "/results/" + past.ID)
		p.sees(say("incloud.there"))
		p.axe(lang + " results in the cloud")
		p.answer(map[string]any{"GET /api/cloud": seen{}})
		p.open(home + "/results/" + past.ID)
		p.sees(say("results.saved"))
		if p.answer(map[string]any{"GET /api/cloud": seen{true, 0}}); strings.Contains(p.text(), say("incloud.there")) {
			t.Error("a box that is linked to nothing speaks of a cloud")
		}
		if lang == "ar" { // the open lesson is ended once
			continue
		}
		p.open(home + "/teach/" + lesson.Room)
		p.endLesson(say)
		p.sees(say("console.ended"))
		p.sees(say("incloud.there"))
		p.axe("the end of a lesson")
		p.noFaults()
	}
}
