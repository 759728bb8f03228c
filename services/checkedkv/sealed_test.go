package checkedkv

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

func TestAFileOfBeforeIsReadAndThenSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "school.db")
	_, want := makeSchool(t, path, nil)
	sealer := seal.NewKey().For("school.db")
	db, _ := openTestDB(t, path, sealer) // mixed: new values are sealed
	if err := db.Update(func(tx *Tx) error { return Put(tx, "pupils", "new", "Name of a newcomer") }); err != nil {
		t.Fatal(err)
	}
	want["new"] = "Name of a newcomer"
	if got := readNames(t, db); len(got) != len(want) {
		t.Errorf("%d names, want %d", len(got), len(want))
	}
	if err := errors.Join(db.Close(), CompactNext(path)); err != nil {
		t.Fatal(err)
	}
	db, _ = openTestDB(t, path, sealer)
	for id, name := range readNames(t, db) {
		if want[id] != name {
			t.Errorf("%s is %q and was %q", id, name, want[id])
		}
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("Name ")) {
		t.Errorf("the file holds a name in the clear: %v", err)
	}
}

func TestABackupNeedsNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "school.db")
	sealer := seal.NewKey().For("school.db")
	data, want := makeSchool(t, path, sealer)
	if bytes.Contains(data, []byte("Name ")) {
		t.Error("the file holds a name in the clear")
	}
	db, _ := openTestDB(t, path, sealer)
	var saved bytes.Buffer
	if err := BackupDB(db, &saved); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "school.db")
	if err := RestoreDB(&saved, elsewhere, nil); err != nil {
		t.Fatal(err)
	}
	other, found := openTestDB(t, elsewhere, seal.NewKey().For("school.db"))
	if got := readNames(t, other); len(got) != len(want) || found.Reason != "" {
		t.Errorf("%d names, want %d: %+v", len(got), len(want), found)
	}
	left, err := filepath.Glob(path + ".backup-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// A value without its key is told as such, and a salvage of the file does not need the key.
func TestWithAnotherKeyNothingIsReadAndNothingIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "school.db")
	sealer := seal.NewKey().For("school.db")
	data, want := makeSchool(t, path, sealer)
	for page := 2; page < 6; page++ {
		bad := bytes.Clone(data)
		clear(bad[page*4096 : (page+1)*4096])
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		db, _ := openTestDB(t, path, seal.NewKey().For("school.db"))
		var unread error
		err := db.View(func(tx *Tx) error {
			for id := range ReadAll[string](tx, "pupils", "", func(err error) { unread = errors.Join(unread, err) }) {
				t.Error("a value was read:", id)
			}
			return nil
		})
		if e, ok := errors.AsType[*errs.Error](unread); !ok || e.Code != "key_missing" {
			t.Error("the error does not name the cause:", e)
		}
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		db, _, err = OpenDB(path, testOptions(path, sealer), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		missing := len(want) - len(readNames(t, db))
		if on := bytes.Count(data[page*4096:(page+1)*4096], []byte("s_0")); missing > on {
			t.Errorf("page %d: %d names are missing, %d were on it", page, missing, on)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
