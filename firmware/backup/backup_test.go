package backup

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/roster"
)

// newBackup is a backup of a fresh box.
func newBackup(t testing.TB) []byte {
	t.Helper()
	f, err := datafolder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.PathOf(datafolder.ConfigFile), []byte("[room]\nmailbox = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(journal.Config{Path: f.PathOf(datafolder.JournalFile), NoBallast: true}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := roster.Open(roster.Config{Path: f.PathOf(datafolder.RosterFile)}, log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := library.Open(LibraryConfig(f.PathOf(datafolder.LibraryFile)), log)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m := Manifest{Version: "test", Made: time.Now().UTC()}
	if err := errors.Join(Write(&out, f, m, Databases{j, r, l}), j.Close(), r.Close(), l.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
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

func TestRestorePutsAsideWhatWasThere(t *testing.T) {
	data, dir := newBackup(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, datafolder.JournalFile), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, aside, err := Restore(dir, bytes.NewReader(data), false)
	if err != nil {
		t.Fatal(err)
	}
	if old, err := os.ReadFile(filepath.Join(aside, datafolder.JournalFile)); err != nil || string(old) != "old" {
		t.Errorf("got %q, %v", old, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, datafolder.ConfigFile)); err != nil || !strings.Contains(string(text), "mailbox = 7") {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, datafolder.StagingDir)); err == nil {
		t.Error("the stage is left")
	}
}

func TestRefusedBackupChangesNothing(t *testing.T) {
	good := newBackup(t)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	manifest := bytes.Clone(good)
	manifest[len(fileHead)+5] ^= 1
	for name, data := range map[string][]byte{
		"empty":             nil,
		"something else":    []byte("PK\x03\x04 a zip file"),
		"cut in the middle": good[:len(good)/2],
		"cut at the end":    good[:len(good)-1],
		"a flipped bit":     flipped,
		"the manifest":      manifest,
		"something after":   append(bytes.Clone(good), 0),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, datafolder.JournalFile), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := Restore(dir, bytes.NewReader(data), false)
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
		if got := listNames(t, dir); got != datafolder.JournalFile+" "+datafolder.LockFile {
			t.Errorf("%s: the folder holds %s", name, got)
		}
	}
}

// FuzzManifest: whatever a backup begins with, it is refused or holds nothing but what a
// box writes.
func FuzzManifest(f *testing.F) {
	f.Add(newBackup(f)[:600])
	f.Add([]byte(fileHead + "{}\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"))
	f.Add([]byte(fileHead + "{\"files\":{\"../x\":\"\"}}\n" + "9d4e\n"))
	f.Add([]byte(fileHead))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readManifest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Errorf("got %v, want invalid", err)
		}
		for path := range m.Files {
			if err == nil && (!fs.ValidPath(path) || path != datafolder.ConfigFile) {
				t.Errorf("the file %q was taken", path)
			}
		}
	})
}
