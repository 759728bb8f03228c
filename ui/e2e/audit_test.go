package e2e

import (
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestAnAdminGivesThePINAgainAndReadsTheAuditLog adds a teacher in a session whose PIN is not fresh:
// the page asks for the PIN, takes no wrong one, and does what was asked. The audit log then tells of
// both, and is found by a search.
func TestAnAdminGivesThePINAgainAndReadsTheAuditLog(t *testing.T) {
	for _, s := range []struct {
		lang, mode string
		size       [2]int64
	}{{"en", "light", laptop}, {"ar", "dark", phone}} {
		say := loadWords(t, s.lang)
		box := boxtest.Start(t, t.TempDir())
		code := box.Code
		box.Stop()
		box = box.Restart()
		box.Code = code
		ada := box.ClaimBox("Ada")
		home := "http://" + box.HTTP
		box.Stop()
		box = box.Restart() // which forgets that the PIN was just entered
		ada.Box = box
		p := newPage(t, s.size)
		p.as(home, ada)
		p.speak(home, s.lang)
		shot := func(what string) {
			p.theme(s.mode)
			p.axe(what + " in " + s.lang)
			p.shot(what + "-" + s.lang + "-" + s.mode)
		}
		p.open(home + "/admin/people")
		p.fill(say("staff.name"), "Grace")
		p.fill(say("staff.pin"), "135790")
		p.press(say("staff.add"))
		p.until("the dialog", `document.querySelector("dialog[open] [name=present-pin]")`)
		shot("1-pin")
		p.answerPIN("000000")
		p.sees(say("err.wrong_pin"))
		p.answerPIN(boxtest.PIN)
		p.until("the new teacher", `document.body.innerText.includes("Grace") && !document.querySelector("dialog[open]")`)

		p.open(home + "/admin/audit")
		p.sees(say("audit.act.staff.added"))
		p.sees(say("audit.act.box.claimed"))
		p.until("the refused PIN", `[...document.querySelectorAll("[data-part=audit] li")].some((li) => li.innerText.includes(`+quote(say("audit.refused"))+`))`)
		p.until("the check of the chain", `document.querySelector("[aria-labelledby='audit.check-title'] .note.ok")`)
		shot("2-audit")
		p.fill(say("audit.search"), "grace")
		p.until("the one entry of the search", `document.querySelectorAll("[data-part=audit] li").length === 1`)
		p.sees(say("audit.act.staff.added"))
		p.fill(say("audit.search"), "nobody has this name")
		p.sees(say("audit.none"))
		p.noFaults()
	}
}

// answerPIN gives a PIN in the open dialog.
func (p *page) answerPIN(pin string) {
	p.t.Helper()
	evalJS[bool](p, `(document.querySelector("dialog[open] [name=present-pin]").focus(), document.activeElement.select(), true)`)
	p.typed(pin)
	evalJS[bool](p, `(document.querySelector("dialog[open] form").requestSubmit(), true)`)
}
