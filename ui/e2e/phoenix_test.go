package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/boxtest"
)

// installModules installs the npm packages of the tests from the lock file.
func installModules(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../node_modules/.package-lock.json"); err == nil {
		return
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

func TestTheStockPhoenixClientInNodeJoinsDropsAndResumes(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 2), "Planets")
	a, b := box.JoinLesson(lesson, lesson.Names[0].ID), box.JoinLesson(lesson, lesson.Names[1].ID)
	token := func(p *boxtest.Person) string { return strings.TrimPrefix(p.Cookie, "ll=") }
	cmd := exec.Command("node", "phoenix.mjs", "ws://"+box.HTTP+"/socket", lesson.Room, token(a), token(b))
	raw, err := cmd.Output()
	if err != nil {
		stderr := ""
		if e, ok := err.(*exec.ExitError); ok {
			stderr = string(e.Stderr)
		}
		t.Fatalf("%v\n%s%s\n%s", err, raw, stderr, box.ReadLog())
	}
	type answer struct {
		OK, Saved    bool
		Seq          int
		Reason, Code string
	}
	var got struct {
		Seen, Missed, Present []string
		View                  bool
		Rejoins               int
		Reply, Refusal        answer
		Third, Repeat         answer // the same command twice
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	present := []string{a.User + ":1", b.User + ":1"}
	slices.Sort(present)
	for what, d := range map[string]string{
		"seen": cmp.Diff([]string{"one", "four"}, got.Seen), "present": cmp.Diff(present, got.Present),
		"missed": cmp.Diff([]string{"chat.said two", "chat.said three"}, got.Missed),
	} {
		if d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	if !got.View || got.Rejoins != 1 || !got.Reply.OK || !got.Reply.Saved || got.Refusal.OK || got.Refusal.Code != "role" || got.Repeat.Seq != got.Third.Seq || got.Third.Seq <= got.Reply.Seq {
		t.Errorf("%s", raw)
	}
}
