package firmware

import (
	"errors"
	"os"
	"strings"

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
//
// A key that is lost in both places does not end the start, see beginWithoutKey. A key that may be
// there does: errs.Down (code key_unreachable), and nothing is changed.
func (b *Box) openKey() error {
	if err := b.bringBack(); err != nil {
		return err
	}
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
	case mark != "" && found.IsUndecided():
		return errs.NewCode("data folder", errs.Down, "key_unreachable",
			"the box's key %s cannot be read now, and without it the data cannot be read. Nothing was changed: %s", mark, strings.Join(faults, "; "))
	case mark != "":
		return b.beginWithoutKey(mark, faults)
	case found.IsUndecided(): // a new key could take the place of one that cannot be read now
		b.warnKey(health.Warn, "key_not_written", "the box has no key, so its data is not encrypted: "+strings.Join(faults, "; "))
	default:
		b.createKey()
	}
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

func (b *Box) warnKey(level health.Level, code, text string) {
	b.loggerFor("firmware").Error("the key of the box needs attention", "err", text)
	b.health.SetCheck(keyCheck, level, code, text)
}
