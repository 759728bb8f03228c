package datafolder

import (
	"path/filepath"

	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/seal"
)

// The names of the box's key: on the boot partition, where a person may see it, and in the data folder.
const (
	bootKey     = "livelearn-key.txt"
	keyFile     = "keys/box-key.txt"
	keyFileCopy = "keys.copy/box-key.txt"
)

// KeyPlaces are the two places of the box's key. An appliance has it on the boot partition and in the
// data folder: no fault of one partition takes both, and a key that is lost with the data partition is
// no loss. Elsewhere both are in the data folder.
func KeyPlaces(data string, boot *slots.Folder) []seal.Place {
	own := seal.Place{Path: filepath.Join(data, keyFile)}
	if boot == nil {
		return []seal.Place{own, {Path: filepath.Join(data, keyFileCopy)}}
	}
	write := func(path string, text []byte) error { return boot.Replace(filepath.Base(path), string(text)) }
	return []seal.Place{own, {Path: filepath.Join(boot.Dir, bootKey), Write: write, Present: boot.Present}}
}

// LoadKey reads the key of the box and changes nothing. Its Key is nil if the folder is not sealed,
// or if the key is lost. A damaged mark names no key: each one counts then.
func LoadKey(data string, boot *slots.Folder) (found seal.Loaded, mark string, err error) {
	mark, err = seal.ReadMark(filepath.Join(data, SealedFile))
	want := mark
	if !seal.IsID(mark) {
		want = ""
	}
	return seal.LoadKey(KeyPlaces(data, boot), want), mark, err
}

// SealedDir is the folder for databases whose key is lost.
func (f *Folder) SealedDir(mark string) string {
	if !seal.IsID(mark) {
		mark = "unknown"
	}
	return f.PathOf("sealed-" + mark)
}
