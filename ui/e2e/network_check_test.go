package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/gateway/adminapi"
)

// TestTheAdminChecksTheNetwork presses the button of a real box, whose checks are those of the doctor,
// and reads the faults that a school's network may have, with what to do, in four ways.
func TestTheAdminChecksTheNetwork(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	faults := adminapi.NetworkCheck{At: 1_790_000_000_000, Findings: []adminapi.NetworkFinding{
		{Level: "warn", Code: "address_made_up", Vars: map[string]string{"port": "eth0", "address": "169.254.3.4/16"}, Guide: "no-address"},
		{Level: "warn", Code: "sign_in", Vars: map[string]string{"port": "eth0"}, Guide: "sign-in"},
		{Level: "warn", Code: "name_taken", Vars: map[string]string{"name": "room-12.local", "addresses": "192.0.2.8"}, Guide: "two-boxes"},
		{Level: "warn", Code: "sign_in_page", Vars: map[string]string{"host": "login.school.example", "status": "302"}, Guide: "no-internet"},
		{Level: "ok", Code: "multicast", Vars: map[string]string{"count": "3"}},
		{Level: "ok", Code: "isolation", Vars: map[string]string{"address": "http://192.0.2.7"}, Guide: "isolation"},
	}}
	for i, at := range []struct {
		lang, theme string
		size        [2]int64
	}{{"en", "light", laptop}, {"ar", "dark", phone}} {
		say := loadWords(t, at.lang)
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		p.open(home + "/admin/network")
		if i == 0 {
			p.sees(say("admin.netCheck.never"))
			p.press(say("admin.netCheck.start"))
			p.until("the box has looked", `!!document.querySelector("[data-finding=isolation]")`)
		}
		p.answer(map[string]any{"GET /api/admin/network/check": faults})
		p.open(home + "/admin/network")
		p.theme(at.theme)
		p.until("the faults are there", `document.querySelectorAll("[data-finding]").length === 6`)
		for _, f := range faults.Findings[:4] {
			p.until(f.Code, fmt.Sprintf(`!!document.querySelector("[data-finding=%s] a[href$='#%s']")`, f.Code, f.Guide))
		}
		if text := p.text(); strings.Contains(text, "{") || !strings.Contains(text, "room-12.local") {
			t.Errorf("%s: %s", at.lang, text)
		}
		p.axe(at.lang + " faults")
		p.until("the findings are in sight", `(document.querySelector("#net-check-title").scrollIntoView(), true)`)
		p.shot(at.lang + " " + at.theme)
	}
}
