package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// TestTheExampleOfTheProtocolJoinsAnswersAndLeaves runs the example of PROTOCOL.md as a person with
// only the stock client would.
func TestTheExampleOfTheProtocolJoinsAnswersAndLeaves(t *testing.T) {
	installModules(t)
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 2), "Planets")
	var quiz struct{ ID string }
	items := []any{map[string]any{"id": "q1", "kind": "truefalse", "text": "Mars is red.", "points": 1, "key": map[string]any{"weights": map[string]any{"t": 1}}}}
	if _, err := ada.CallAPI("POST", "/api/quizzes", map[string]any{"title": "Planets", "items": items}, &quiz); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson.ID+"/quiz", map[string]string{"quiz": quiz.ID}, nil); err != nil {
		t.Fatal(err)
	}
	lead := ada.NewMember(lesson.Room)
	if _, err := lead.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lead.Drop)

	out := startExample(t, "http://"+box.HTTP, lesson.Code, lesson.Names[0].Name)
	readLine(t, out, "joined "+lesson.Names[0].ID)
	if _, err := lead.SendCommand(wiretest.Command{ID: "open", Name: "quiz.open", Payload: map[string]any{}}); err != nil {
		t.Fatal(err)
	}
	readLine(t, out, "saved q1 true")
	// The reply to a later command comes after the answer.
	if _, err := lead.SendCommand(wiretest.Command{ID: "lock", Name: "quiz.lock", Payload: map[string]any{"round": 1}}); err != nil {
		t.Fatal(err)
	}
	for _, e := range lead.SeenEvents() {
		if e.Kind == "quiz.answered" && e.By == lesson.Names[0].ID {
			return
		}
	}
	t.Error("the answer did not reach the teacher")
}

// startExample runs the example next to its npm packages.
func startExample(t *testing.T, args ...string) *bufio.Scanner {
	t.Helper()
	dir := t.TempDir()
	modules, err := filepath.Abs("../node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../services/wire/example/pupil.mjs")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pupil.mjs")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{file}, args...)...)
	cmd.Stderr = t.Output()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("the example ended with %v", err)
		}
	})
	return bufio.NewScanner(pipe)
}

func readLine(t *testing.T, s *bufio.Scanner, want string) {
	t.Helper()
	if !s.Scan() || strings.TrimSpace(s.Text()) != want {
		t.Fatalf("the example printed %q, want %q: %v", s.Text(), want, s.Err())
	}
}
