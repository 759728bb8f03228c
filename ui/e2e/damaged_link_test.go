package e2e

import (
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestADamagedLinkShowsTheJoinPage opens links that are no valid UTF-8, as a damaged QR code
// gives them.
func TestADamagedLinkShowsTheJoinPage(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	ada.OpenLesson(ada.AddClass("7B", 2), "Planets")
	p := newPage(t, phone)
	for _, path := range []string{"/j/%ff", "/c/%ff", "/j/%e0%a4"} {
		p.open("http://" + box.HTTP + path)
		p.until("a page that says what to do", `document.querySelector("main, #main")?.innerText.trim().length > 20`)
	}
}
