package datafolder

import (
	"path/filepath"

	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/seal"
)

// The names of the box's key: on the boot partition, where a person may see them, and in the data
// folder.
const (
	bootKey     = "livelearn-key-1.txt"
	bootKeyCopy = "livelearn-key-2.txt"
	keyFile     = "keys/box-key.txt"
	keyFileCopy = "keys.copy/box-key.txt"
)

// KeyPlaces are the two places of the box's key. They are on the boot partition of an appliance,
// which is not on the data partition, and in the data folder where there is none.
func KeyPlaces(data string, boot *slots.Folder) []seal.Place {
	if boot == nil {
		return []seal.Place{{Path: filepath.Join(data, keyFile)}, {Path: filepath.Join(data, keyFileCopy)}}
	}
	write := func(path string, text []byte) error { return boot.Replace(filepath.Base(path), string(text)) }
	return []seal.Place{
		{Path: filepath.Join(boot.Dir, bootKey), Write: write},
		{Path: filepath.Join(boot.Dir, bootKeyCopy), Write: write},
	}
}

// LoadKey reads the key of the box and changes nothing. Its Key is nil if the folder is not sealed,
// or if the key is lost.
func LoadKey(data string, boot *slots.Folder) (found seal.Loaded, mark string, err error) {
	mark, err = seal.ReadMark(filepath.Join(data, SealedFile))
	return seal.LoadKey(KeyPlaces(data, boot), mark), mark, err
}
