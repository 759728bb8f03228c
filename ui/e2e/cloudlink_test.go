package e2e

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud/cloudtest"
)

// TestALessonIsInTheCloudBeforeTheTeacherIsHome links a box to a real node before a real
// Postgres, on a phone, and looks at the results of a lesson.
func TestALessonIsInTheCloudBeforeTheTeacherIsHome(t *testing.T) {
	modules(t)
	node := boxtest.StartCloud(t, t.TempDir(), cloudtest.Postgres(t))
	node.Do("school", "add", "Hill School", "--names")
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	past := over(t, box, ada)
	home := "http://" + box.HTTP
	say := words(t, "en")
	p := newPage(t, phone)
	p.speak(home, "en")
	p.as(home, ada)
	p.open(home + "/admin")
	p.sees(say("admin.cloud.is.off"))
	p.tabTo(say("admin.cloud.link"))
	p.typed("https://" + node.Addr[len("https://"):] + "/#WRONGCODEWRONGCODE23")
	p.key(kb.Enter)
	p.until("a word about the link", `document.querySelector("input[name=link]").ariaInvalid === "true"`)
	p.fill(say("admin.cloud.link"), node.Link("Hill School"))
	p.key(kb.Enter)
	p.sees(say("admin.cloud.linked"))
	p.sees(say("admin.cloud.is.idle"))
	p.sees("Hill School")
	p.axe("linked")
	p.open(home + "/results/" + past.ID)
	p.sees(say("incloud.there"))
	p.noFaults()
}
