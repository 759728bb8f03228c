package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud/cloudtest"
)

// TestALessonIsInTheCloudBeforeTheTeacherIsHome links a box to a real node with a real Postgres, on
// a phone, and checks the results of a lesson.
func TestALessonIsInTheCloudBeforeTheTeacherIsHome(t *testing.T) {
	installModules(t)
	node := boxtest.StartCloud(t, t.TempDir(), cloudtest.Postgres(t))
	node.RunCommand("school", "add", "Hill School", "--names")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	past := endedLesson(t, box, ada)
	home := "http://" + box.HTTP
	say := loadWords(t, "en")
	p := newPage(t, phone)
	p.speak(home, "en")
	p.as(home, ada)
	p.open(home + "/admin/cloud")
	p.sees(say("admin.cloud.is.off"))
	p.tabTo(say("admin.cloud.link"))
	p.typed("https://" + node.Addr[len("https://"):] + "/#WRONGCODEWRONGCODE23")
	p.key(kb.Enter)
	p.until("a word about the link", `document.querySelector("input[name=link]").ariaInvalid === "true"`)
	p.fill(say("admin.cloud.link"), node.EnrolLink("Hill School"))
	p.key(kb.Enter)
	p.sees(say("admin.cloud.linked"))
	p.sees(say("admin.cloud.is.idle"))
	p.sees("Hill School")
	p.axe("linked")
	p.open(home + "/results/" + past.ID)
	p.sees(say("incloud.there"))
	p.noFaults()
}

// TestADatabaseLoginIsPastedIntoTheAdminPage links a box to a Postgres without a node. The admin
// gives the box's id to the operator of the database and pastes the login that comes back.
func TestADatabaseLoginIsPastedIntoTheAdminPage(t *testing.T) {
	installModules(t)
	cloud := &boxtest.Cloud{T: t, DB: cloudtest.Postgres(t)}
	cloud.RunCommand("school", "add", "Hill School", "--names")
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	past := endedLesson(t, box, ada)
	home := "http://" + box.HTTP
	say := loadWords(t, "en")
	p := newPage(t, phone)
	p.speak(home, "en")
	p.as(home, ada)
	p.open(home + "/admin/cloud")
	p.sees(say("admin.cloud.is.off"))
	id := evalJS[string](p, `document.querySelector("[data-part=cloud] code").textContent`)
	link, _, _ := strings.Cut(cloud.RunCommand("direct", id, "--school", "Hill School"), "\n")
	p.fill(say("admin.cloud.link"), link)
	p.key(kb.Enter)
	p.sees(say("admin.cloud.linked"))
	p.sees(say("admin.cloud.is.idle"))
	p.sees("Hill School")
	p.axe("linked to a database")
	p.open(home + "/results/" + past.ID)
	p.sees(say("incloud.there"))
	p.noFaults()

	db, err := pgx.Connect(t.Context(), cloud.DB)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(t.Context()) }()
	var facts, results int
	err = db.QueryRow(t.Context(), `select (select count(*) from livelearn.facts where box = $1 and kind = 'quiz.answered'),
		(select count(*) from livelearn.results where box = $1 and lesson = $2)`, id, past.ID).Scan(&facts, &results)
	if err != nil || facts == 0 || results == 0 {
		t.Errorf("%d answers and %d results of the lesson are in the database, %v", facts, results, err)
	}
}
