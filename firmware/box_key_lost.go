package firmware

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/seal"
)

// sealedEndings follow the name of a database in the names of the files that belong to it.
var sealedEndings = []string{".copy", ".copies", ".owner", ""}

// beginWithoutKey starts a box whose key is lost in both places. It moves the sealed databases to a
// folder of their own, for the day on which the key is found (see bringBack), and begins with a new
// key. The roster begins claimed.
func (b *Box) beginWithoutKey(mark string, faults []string) error {
	cause := errs.NewCode("data folder", errs.Corrupt, "key_missing",
		"the box's key %s is lost, and without it the data cannot be read; "+
			"the next start with its file in one of these places brings the data back: %s",
		mark, strings.Join(faults, "; "))
	dir := b.folder.SealedDir(mark)
	if err := moveDatabases(b.folder.Path, dir); err != nil {
		return err
	}
	b.loggerFor("firmware").Error("the sealed databases were set aside", "path", dir, "err", cause)
	for _, name := range sealedFiles {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			b.losses.Note(name, checkedkv.OpenResult{SetAside: filepath.Join(dir, name), Reason: cause.Error()})
		}
	}
	b.saveLosses()
	if err := os.Remove(b.folder.PathOf(datafolder.SealedFile)); err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	b.createKey()
	return nil
}

// bringBack brings the databases back whose key is found: a person has put its file where the key
// lies. The databases of now leave in the same way, with their key beside the one of before. Each
// step can run again, so the next start repairs a power cut anywhere.
func (b *Box) bringBack() error {
	mark, err := seal.ReadMark(b.folder.PathOf(datafolder.SealedFile))
	if err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	places := datafolder.KeyPlaces(b.folder.Path, b.parts.Boot)
	key := b.findReturnedKey(places, mark)
	if key == nil {
		return nil
	}
	dir := b.folder.SealedDir(key.ID())
	if mark != key.ID() { // otherwise a power cut came after the next steps
		for _, p := range places {
			if err := p.Put(key); err != nil {
				return errs.New("data folder", errs.Down, err)
			}
		}
		aside := b.folder.SealedDir(mark)
		if mark == "" { // they are not sealed
			aside = b.unusedReplaced()
		}
		if err := moveDatabases(b.folder.Path, aside); err != nil {
			return err
		}
		if err := seal.MarkFile(b.folder.PathOf(datafolder.SealedFile), key); err != nil {
			return errs.New("data folder", errs.Down, err)
		}
	}
	if err := moveDatabases(dir, b.folder.Path); err != nil {
		return err
	}
	for _, name := range sealedFiles {
		b.losses.Forget(filepath.Join(filepath.Base(dir), name))
	}
	b.saveLosses()
	b.warnKey(health.Warn, "key_back", "the key "+key.ID()+" is back, and with it the databases that were set aside. "+
		"Those that were in use since then are kept in the data folder")
	if os.Remove(dir) != nil { // a person has put something there
		if err := os.Rename(dir, b.unusedReplaced()); err != nil {
			return errs.New("data folder", errs.Down, err)
		}
	}
	return nil
}

// unusedReplaced is a new folder for what the box never deletes, as after a restore.
func (b *Box) unusedReplaced() string {
	return datafolder.UnusedPath(b.folder.PathOf("replaced-" + datafolder.FormatStamp(time.Now())))
}

// findReturnedKey finds a key for which databases were set aside. Nil: there is none.
func (b *Box) findReturnedKey(places []seal.Place, mark string) *seal.Key {
	var found *seal.Key
	for _, p := range places {
		key, err := p.Read()
		if err != nil {
			continue
		}
		if _, err := os.Lstat(b.folder.SealedDir(key.ID())); err == nil && (found == nil || key.ID() != mark) {
			found = key
		}
	}
	return found
}

// moveDatabases moves the sealed databases and what belongs to them to another folder. Nothing is
// overwritten.
func moveDatabases(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	for _, name := range sealedFiles {
		for _, end := range sealedEndings {
			err := os.Rename(filepath.Join(from, name+end), datafolder.UnusedPath(filepath.Join(to, name+end)))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return errs.New("data folder", errs.Down, err)
			}
		}
	}
	if err := errors.Join(atomicfile.SyncDir(to), atomicfile.SyncDir(from)); err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	return nil
}
