package e2e

import (
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
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

// TestATeacherSharesAClass makes a class as a teacher, whom another teacher does not see, and shares
// it with that teacher.
func TestATeacherSharesAClass(t *testing.T) {
	for _, s := range []struct {
		lang, mode string
		size       [2]int64
	}{{"en", "light", laptop}, {"ar", "dark", phone}} {
		say := loadWords(t, s.lang)
		box := boxtest.Start(t, t.TempDir())
		ada := box.ClaimBox("Ada")
		home := "http://" + box.HTTP
		people := map[string]*boxtest.Person{}
		for _, name := range []string{"Ben", "Cleo"} {
			if _, err := ada.CallAPI("POST", "/api/staff", map[string]any{"name": name, "pin": boxtest.PIN}, nil); err != nil {
				t.Fatal(err)
			}
			people[name] = &boxtest.Person{Box: box}
			if _, err := people[name].CallAPI("POST", "/api/login", map[string]string{"name": name, "pin": boxtest.PIN}, nil); err != nil {
				t.Fatal(err)
			}
		}
		people["Ben"].AddClass("7B", 3)
		sees := func(name string) bool {
			var list []struct{ Name string }
			if _, err := people[name].CallAPI("GET", "/api/classes", nil, &list); err != nil {
				t.Fatal(err)
			}
			return len(list) == 1
		}
		if !sees("Ben") || sees("Cleo") {
			t.Errorf("at first Ben sees the class: %t, Cleo: %t", sees("Ben"), sees("Cleo"))
		}
		p := newPage(t, s.size)
		p.as(home, people["Ben"])
		p.speak(home, s.lang)
		p.open(home + "/teach")
		p.sees("7B")
		p.press(strings.ReplaceAll(say("home.more"), "{name}", "7B"))
		p.until("the menu", `[...document.querySelectorAll("[role=menuitem]")].some((e) => e.innerText.includes(`+quote(say("home.share"))+`))`)
		evalJS[bool](p, `([...document.querySelectorAll("[role=menuitem]")].find((e) => e.innerText.includes(`+quote(say("home.share"))+`)).click(), true)`)
		p.until("Cleo in the list", `[...document.querySelectorAll("dialog[open] label")].some((l) => l.innerText.includes("Cleo"))`)
		p.theme(s.mode)
		p.axe("sharing a class in " + s.lang)
		p.shot("3-share-" + s.lang + "-" + s.mode)
		evalJS[bool](p, `([...document.querySelectorAll("dialog[open] label")].find((l) => l.innerText.includes("Cleo")).querySelector("input").click(), true)`)
		p.confirm(say("home.save"))
		timetest.WaitUntil(t, "the shared class", func() bool { return sees("Cleo") })
		p.noFaults()
	}
}
