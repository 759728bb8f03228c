package journal

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

const (
	childEnv = "LIVELEARN_JOURNAL_CHILD" // the part that this binary runs when a test started it
	dirEnv   = "LIVELEARN_JOURNAL_DIR"   // its folder
)

// children are the parts, by name.
var children = map[string]func() int{
	"limited": limitedChild,
	"earlier": earlierChild,
	"load":    loadChild,
	"cut":     cutChild,
}

// childCommand starts this test binary as a part.
func childCommand(t testing.TB, part, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+part, dirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func runChild(t *testing.T, part, dir string) string {
	t.Helper()
	out, err := childCommand(t, part, dir).Output()
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return string(out)
}

// childTB lets a child use the helpers of tests.
type childTB struct{ testing.TB }

func (*childTB) Helper()        {}
func (*childTB) Cleanup(func()) {}
func (*childTB) Fatal(a ...any) { os.Exit(failChild(fmt.Errorf("%v", a))) }
func (*childTB) Error(a ...any) { os.Exit(failChild(fmt.Errorf("%v", a))) }

func failChild(err error) int {
	fmt.Fprintln(os.Stderr, "child:", err)
	return 1
}

func printLine(format string, a ...any) { fmt.Printf(format+"\n", a...) }
