package datafolder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRestoreIsFinishedAfterACutAtAnyStep stops a restore after each of its renames, as a
// power cut does, and opens the folder again.
func TestRestoreIsFinishedAfterACutAtAnyStep(t *testing.T) {
	stageAll := func(dir string) {
		for path, text := range map[string]string{
			JournalFile: "old", RosterFile: "old", StagingDir + "/" + JournalFile: "new", StagingDir + "/" + RosterFile: "new",
			StagingDir + "/" + CompleteMark: "replaced-x",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	steps := [][2]string{
		{JournalFile, "replaced-x/" + JournalFile},
		{StagingDir + "/" + JournalFile, JournalFile},
		{RosterFile, "replaced-x/" + RosterFile},
		{StagingDir + "/" + RosterFile, RosterFile},
	}
	for cut := range len(steps) + 1 {
		dir := t.TempDir()
		stageAll(dir)
		if err := os.Mkdir(filepath.Join(dir, "replaced-x"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, s := range steps[:cut] {
			if err := os.Rename(filepath.Join(dir, s[0]), filepath.Join(dir, s[1])); err != nil {
				t.Fatal(err)
			}
		}
		f, err := Open(dir)
		if err != nil {
			t.Fatalf("after %d steps: %v", cut, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			JournalFile: "new", RosterFile: "new", "replaced-x/" + JournalFile: "old", "replaced-x/" + RosterFile: "old",
		} {
			if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
				t.Errorf("after %d steps: %s is %q, %v, want %q", cut, path, got, err, want)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, StagingDir)); err == nil {
			t.Errorf("after %d steps: the stage is left", cut)
		}
	}
}

func TestHalfStagedRestoreIsForgotten(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, StagingDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, StagingDir, JournalFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got := listNames(t, dir); got != LockFile {
		t.Errorf("the folder holds %s", got)
	}
}

func listNames(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}
