package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/roster"
)

const pupilName = "Zuzana Novotna"

// openStopped opens a box and serves nothing.
func openStopped(t *testing.T, data string, parts Parts) *Box {
	t.Helper()
	parts.Pages = testPages()
	b, err := New(testConfig(t, data), parts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func closeBox(t *testing.T, b *Box) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// makeSchool claims a box and adds a pupil.
func makeSchool(t *testing.T, b *Box) {
	t.Helper()
	code, err := b.roster.ClaimCode()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.roster.Claim(t.Context(), roster.Claimant{Code: code, Box: "Box", Name: "Ada", PIN: "246810"}); err != nil {
		t.Fatal(err)
	}
	c, err := b.roster.AddClass("7B")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.roster.AddNames(c.ID, pupilName, false); err != nil {
		t.Fatal(err)
	}
}

// hasPupil reports whether a box knows the pupil of makeSchool.
func hasPupil(t *testing.T, b *Box) bool {
	t.Helper()
	classes, err := b.roster.Classes()
	if err != nil {
		t.Fatal(err)
	}
	return len(classes) == 1 && len(classes[0].Pupils) == 1 && classes[0].Pupils[0].Name == pupilName
}

// filesWithName lists the files of a folder that hold the pupil's name in the clear.
func filesWithName(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(pupilName)) {
			list = append(list, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func keyPaths(data string, boot *slots.Folder) (paths []string) {
	for _, p := range datafolder.KeyPlaces(data, boot) {
		paths = append(paths, p.Path)
	}
	return paths
}

func TestTheDatabasesAreSealedWithAKeyThatExistsTwice(t *testing.T) {
	for name, boot := range map[string]*slots.Folder{"installed": nil, "appliance": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			b := openStopped(t, data, Parts{Boot: boot})
			makeSchool(t, b)
			b.copyDatabases(true)
			closeBox(t, b)
			if in := filesWithName(t, data); len(in) > 0 {
				t.Errorf("the name is in %v", in)
			}
			for i, path := range keyPaths(data, boot) { // one copy after the other
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				b := openStopped(t, data, Parts{Boot: boot})
				if !hasPupil(t, b) {
					t.Errorf("without copy %d the pupil is gone", i+1)
				}
				if c := keyHealth(b); c.Level != health.Warn || !strings.Contains(c.Text, filepath.Base(path)) {
					t.Errorf("without copy %d health says %+v", i+1, c)
				}
				closeBox(t, b)
			}
			b = openStopped(t, data, Parts{Boot: boot})
			if c := keyHealth(b); c.Level != health.OK {
				t.Errorf("the copies are back and health says %+v", c)
			}
			closeBox(t, b)
		})
	}
}

// keyHealth returns the check of the key in the health of a box.
func keyHealth(b *Box) health.Check {
	for _, c := range b.health.List() {
		if c.Name == keyCheck {
			return c
		}
	}
	return health.Check{Level: health.OK}
}

// Without its key a box starts, says what cannot be read, deletes nothing and stays claimed. With the
// file of the key back in one of its places it is as before.
func TestABoxWhoseKeyIsLostStartsAndKeepsWhatItCannotRead(t *testing.T) {
	data := t.TempDir()
	b := openStopped(t, data, Parts{})
	makeSchool(t, b)
	writeFacts(t, b.journal, 20)
	closeBox(t, b)
	whole, old := readFolder(t, data), b.key.ID()
	paths := keyPaths(data, nil)
	if err := errors.Join(os.Remove(paths[0]), os.Truncate(paths[1], 0)); err != nil { // missing, and empty
		t.Fatal(err)
	}
	for start := range 2 {
		b = openStopped(t, data, Parts{})
		if code, err := b.roster.ClaimCode(); code != "" || err != nil {
			t.Errorf("start %d: it shows the claim code %q, %v", start, code, err)
		}
		if box, err := b.roster.Box(); !box.Claimed || err != nil {
			t.Errorf("start %d: unclaimed: %v", start, err)
		}
		said := strings.Join(b.losses.OpenTexts(), "\n")
		for _, file := range sealedFiles {
			if !strings.Contains(said, file) || !strings.Contains(said, "key") {
				t.Errorf("start %d: %s is not in %s", start, file, said)
			}
		}
		closeBox(t, b)
	}
	now := readFolder(t, data)
	for _, file := range sealedFiles {
		if now[filepath.Join(filepath.Base(b.folder.SealedDir(old)), file)] != whole[file] {
			t.Errorf("%s is not kept as it was", file)
		}
	}
	if err := os.WriteFile(filepath.Join(b.folder.SealedDir(old), "note.txt"), nil, 0o600); err != nil { // of a person
		t.Fatal(err)
	}
	returnKey(t, data, whole[keyName])
}

const keyName = "keys/box-key.txt"

// returnKey puts the file of a lost key back, in each of the places. The databases of before are
// there again each time, and then those since.
func returnKey(t *testing.T, data, text string) {
	t.Helper()
	since, err := os.ReadFile(filepath.Join(data, keyName))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range keyPaths(data, nil) {
		for _, step := range []struct {
			text  string
			facts uint64
		}{{text, 20}, {string(since), 0}} {
			if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for start := range 2 {
				b := openStopped(t, data, Parts{})
				if hasPupil(t, b) != (step.facts > 0) || b.journal.Position() != step.facts {
					t.Errorf("place %d, start %d: the pupil is there: %v, %d facts", i, start, hasPupil(t, b), b.journal.Position())
				}
				if c := keyHealth(b); start == 0 && c.Code != "key_back" || start == 1 && c.Level != health.OK {
					t.Errorf("place %d, start %d: health says %+v", i, start, c)
				}
				if said := b.losses.OpenTexts(); (len(said) == 0) != (step.facts > 0) && i == 0 && step.facts > 0 {
					t.Errorf("place %d: the databases are back, and it says %q", i, said)
				}
				closeBox(t, b)
			}
		}
	}
}

// A power cut between any two moves of the way back leaves a folder that the next start repairs.
func TestTheWayBackSurvivesACutAtEachMove(t *testing.T) {
	data := t.TempDir()
	b := openStopped(t, data, Parts{})
	makeSchool(t, b)
	closeBox(t, b)
	text := readFolder(t, data)[keyName]
	names, err := filepath.Glob(filepath.Join(data, "*.db*"))
	if err != nil || len(names) < 4 {
		t.Fatal(names, err)
	}
	for _, markedFirst := range []bool{true, false} { // the cut came after the mark, or while the key was lost
		for _, name := range names {
			dir := b.folder.SealedDir(b.key.ID())
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.Rename(name, filepath.Join(dir, filepath.Base(name)))); err != nil {
				t.Fatal(err)
			}
			if !markedFirst {
				for _, path := range keyPaths(data, nil) {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
				closeBox(t, openStopped(t, data, Parts{})) // it moves the rest, and begins anew
				if err := os.WriteFile(filepath.Join(data, keyName), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			again := openStopped(t, data, Parts{})
			if !hasPupil(t, again) || keyHealth(again).Code != "key_back" {
				t.Errorf("%s, %v: the pupil is there: %v, and health says %+v", name, markedFirst, hasPupil(t, again), keyHealth(again))
			}
			closeBox(t, again)
		}
	}
}

// A key that cannot be read now is not lost: the box does not start, and changes nothing.
func TestAKeyThatCannotBeReadNowIsNotLost(t *testing.T) {
	mounted, dir := true, t.TempDir()
	boot := &slots.Folder{Dir: dir, Present: func() error {
		if !mounted {
			return errors.New("/boot is not mounted")
		}
		return nil
	}}
	data := t.TempDir()
	b := openStopped(t, data, Parts{Boot: boot})
	makeSchool(t, b)
	closeBox(t, b)
	paths := keyPaths(data, boot)
	mounted = false
	b = openStopped(t, data, Parts{Boot: boot}) // the copy in the data folder is enough
	if c := keyHealth(b); !hasPupil(t, b) || c.Level != health.Warn || !strings.Contains(c.Text, "not mounted") {
		t.Errorf("without the boot partition the pupil is there: %v, and health says %+v", hasPupil(t, b), c)
	}
	closeBox(t, b)
	if err := os.Remove(paths[0]); err != nil {
		t.Fatal(err)
	}
	refuses := func(why string) {
		t.Helper()
		before := readFolder(t, data)
		_, err := New(testConfig(t, data), Parts{Pages: testPages(), Boot: boot})
		if errs.BodyOf(err).Code != "key_unreachable" || !strings.Contains(fmt.Sprint(err), why) {
			t.Errorf("%s: %v", why, err)
		}
		if diff := cmp.Diff(readFolder(t, data), before); diff != "" {
			t.Errorf("%s: the folder has changed: %s", why, diff)
		}
	}
	refuses("not mounted")
	mounted = true
	if err := errors.Join(os.Rename(paths[1], paths[1]+".away"), os.Mkdir(paths[1], 0o700)); err != nil { // its read is an error
		t.Fatal(err)
	}
	refuses("is a directory")
	if err := errors.Join(os.Remove(paths[1]), os.Rename(paths[1]+".away", paths[1])); err != nil {
		t.Fatal(err)
	}
	b = openStopped(t, data, Parts{Boot: boot})
	if !hasPupil(t, b) {
		t.Error("the pupil is gone")
	}
	closeBox(t, b)
}

// A power cut may leave empty files on a FAT partition, and a mark that names no key.
func TestADamagedMarkLosesNothing(t *testing.T) {
	data := t.TempDir()
	b := openStopped(t, data, Parts{})
	makeSchool(t, b)
	closeBox(t, b)
	if err := os.WriteFile(filepath.Join(data, datafolder.SealedFile), []byte("../\x00\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	b = openStopped(t, data, Parts{})
	if !hasPupil(t, b) || keyHealth(b).Level != health.OK {
		t.Errorf("the pupil is there: %v, and health says %+v", hasPupil(t, b), keyHealth(b))
	}
	closeBox(t, b)
}

func readFolder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		data, err := os.ReadFile(path)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// onTrial is a machine whose running system is on trial.
type onTrial struct{ hal.Slots }

func (onTrial) State() (hal.SlotState, error) { return hal.SlotState{Trying: true}, nil }

// A version on trial seals nothing: the one before, to which the box may go back, could not read it. The
// first start after the trial seals all of it.
func TestAFolderFromBeforeIsSealedAfterTheTrial(t *testing.T) {
	data := t.TempDir()
	b := openStopped(t, data, Parts{Board: hal.Board{Slots: onTrial{}}})
	makeSchool(t, b)
	b.copyDatabases(true)
	closeBox(t, b)
	if in := filesWithName(t, data); len(in) != 2 {
		t.Fatalf("the name is in %v", in)
	}
	b = openStopped(t, data, Parts{})
	if !hasPupil(t, b) {
		t.Error("the pupil is gone")
	}
	b.copyDatabases(true)
	closeBox(t, b)
	if in := filesWithName(t, data); len(in) > 0 {
		t.Errorf("the name is in %v", in)
	}
}

func TestABackupComesBackOnABoxWithAnotherKey(t *testing.T) {
	b := openStopped(t, t.TempDir(), Parts{})
	makeSchool(t, b)
	writeFacts(t, b.journal, 20)
	var saved bytes.Buffer
	if err := b.Backup(&saved); err != nil {
		t.Fatal(err)
	}
	closeBox(t, b)
	data := t.TempDir()
	other := openStopped(t, data, Parts{})
	closeBox(t, other)
	if _, _, err := backup.Restore(data, bytes.NewReader(saved.Bytes()), false); err != nil {
		t.Fatal(err)
	}
	other = openStopped(t, data, Parts{})
	facts, err := other.journal.Since("room:a", 0, 0)
	if !hasPupil(t, other) || len(facts) != 10 || err != nil {
		t.Errorf("%d facts, %v", len(facts), err)
	}
	if other.key.ID() == b.key.ID() {
		t.Error("both boxes have one key: the test proves nothing")
	}
	other.copyDatabases(true)
	closeBox(t, other)
	for _, file := range filesWithName(t, data) {
		t.Errorf("the name is in %s", file)
	}
}

// A power cut at any step of the first sealing, and of the start without a key, leaves a box that
// starts with its data, or says that they are lost.
func TestTheFirstSealingSurvivesACut(t *testing.T) {
	data := t.TempDir()
	b := openStopped(t, data, Parts{})
	makeSchool(t, b)
	closeBox(t, b)
	if err := os.Remove(filepath.Join(data, datafolder.SealedFile)); err != nil { // the cut came before the mark
		t.Fatal(err)
	}
	b = openStopped(t, data, Parts{})
	if !hasPupil(t, b) || keyHealth(b).Level != health.OK {
		t.Error("the pupil is gone")
	}
	closeBox(t, b)
	if mark, err := os.Stat(filepath.Join(data, datafolder.SealedFile)); err != nil || time.Since(mark.ModTime()) > time.Hour {
		t.Errorf("no mark: %v", err)
	}
}
