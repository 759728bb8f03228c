package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestTheAdminAcknowledgesWhatWasLost shows a damaged roster and a missing journal on the health
// page, in a language of each direction, and acknowledges both warnings.
func TestTheAdminAcknowledgesWhatWasLost(t *testing.T) {
	installModules(t)
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	box.ClaimBox("Ada")
	box.Stop()
	if err := os.Truncate(filepath.Join(dir, "roster.db"), 9000); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "journal.db")); err != nil {
		t.Fatal(err)
	}
	box = box.Restart()
	home := "http://" + box.HTTP
	ada := &boxtest.Person{Box: box}
	if _, err := ada.CallAPI("POST", "/api/login", map[string]string{"name": "Ada", "pin": "246810"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		lang, check string
		size        [2]int64
	}{{"ar", "journal", phone}, {"en", "roster", laptop}} {
		say := loadWords(t, at.lang)
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		p.open(home + "/admin")
		p.sees(say("admin.lost." + at.check))
		p.sees(say("admin.lost.roster")) // the second of the two
		p.sees("roster.db.damaged-")
		p.axe("lost " + at.lang)
		p.press(say("admin.seen"))
		p.until("the warning is gone", `!document.body.innerText.includes(`+quote(say("admin.lost."+at.check))+`)`)
		p.noFaults()
	}
}
