package firmware

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/seal"
)

// sealedFiles are the databases whose values are sealed.
var sealedFiles = []string{datafolder.JournalFile, datafolder.RosterFile, datafolder.LibraryFile, datafolder.CloudFile}

// sealAtOnce is the size of a database from before up to which the next Open seals all its values. A
// larger one would delay the start: its old values stay as they are, and stay readable.
const sealAtOnce = 256 << 20

const keyCheck = "key"

// openKey loads the key of the box, before the first database opens. A folder that has none gets
// one. While an update is on trial it does not: the version before could not read a sealed value.
// A key that is lost in both places never ends the start, see beginWithoutKey.
func (b *Box) openKey() error {
	found, mark, err := datafolder.LoadKey(b.folder.Path, b.parts.Boot)
	if err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	if mark == "" && b.isOnTrial() {
		return nil
	}
	faults := found.Repair()
	switch {
	case found.Key != nil:
		b.useKey(found.Key, mark == "")
		if len(faults) > 0 {
			b.warnKey(health.Warn, "key_copy", "a copy of the box's key was damaged: "+strings.Join(faults, "; "))
		}
		return nil
	case mark != "":
		return b.beginWithoutKey(mark, faults)
	}
	b.createKey()
	return nil
}

func (b *Box) isOnTrial() bool {
	if b.parts.Board.Slots == nil {
		return false
	}
	st, err := b.parts.Board.Slots.State()
	return err != nil || st.Trying
}

// createKey makes a key. Without one the box runs, and its databases are as before.
func (b *Box) createKey() {
	key, err := seal.CreateKey(datafolder.KeyPlaces(b.folder.Path, b.parts.Boot))
	if err != nil {
		b.warnKey(health.Warn, "key_not_written", "the box has no key, so its data is not encrypted: "+err.Error())
		return
	}
	b.useKey(key, true)
}

// useKey seals with a key from now on. A first use has the databases of before sealed when they are
// opened.
func (b *Box) useKey(key *seal.Key, first bool) {
	err := error(nil)
	for _, name := range sealedFiles {
		if info, e := os.Stat(b.folder.PathOf(name)); e == nil && first && info.Size() <= sealAtOnce {
			err = errors.Join(err, checkedkv.CompactNext(b.folder.PathOf(name)))
		}
	}
	if err = errors.Join(err, seal.MarkFile(b.folder.PathOf(datafolder.SealedFile), key)); err != nil {
		b.warnKey(health.Warn, "key_not_used", "the data is not encrypted yet: "+err.Error())
		return // nothing may be sealed that is not marked as sealed
	}
	b.key = key
}

// beginWithoutKey starts a box whose key is lost in both places. It sets the sealed databases aside,
// for the day on which the key is found, and begins with a new key. The roster begins claimed.
func (b *Box) beginWithoutKey(mark string, faults []string) error {
	cause := errs.NewCode("data folder", errs.Corrupt, "key_missing",
		"the box's key %s is lost, and without it the data cannot be read: %s", mark, strings.Join(faults, "; "))
	for _, name := range sealedFiles {
		aside, err := b.setAsideSealed(name, cause)
		if err != nil {
			return err
		}
		if aside != "" {
			b.losses.Note(name, checkedkv.OpenResult{SetAside: aside, Reason: cause.Error()})
		}
	}
	b.saveLosses()
	if err := os.Remove(b.folder.PathOf(datafolder.SealedFile)); err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	b.createKey()
	return nil
}

// setAsideSealed sets a database aside, with its copies. It returns the database's new name.
func (b *Box) setAsideSealed(name string, cause error) (aside string, err error) {
	for _, end := range []string{".copy", ".copies", ".owner", ""} {
		path := b.folder.PathOf(name + end)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if aside, err = checkedkv.SetAside(path, cause, time.Now, b.loggerFor("firmware")); err != nil {
			return "", err
		}
	}
	return aside, nil
}

func (b *Box) warnKey(level health.Level, code, text string) {
	b.loggerFor("firmware").Error("the key of the box needs attention", "err", text)
	b.health.SetCheck(keyCheck, level, code, text)
}
