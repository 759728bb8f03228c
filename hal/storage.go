package hal

import (
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Wear is how far a storage is on its way to its end.
type Wear uint8

// The steps. A storage that reaches WearHigh has used 80 % of its life or of its spare blocks.
const (
	WearUnknown Wear = iota // it does not report its wear, as SD cards
	WearLow                 // at most 80 % is used
	WearHigh                // more than 80 % is used
	WearOver                // more than the maker promises is used, or 90 % of the spare blocks
)

// Medium is one storage that is soldered in or a card.
type Medium struct {
	Name string // "mmcblk0"
	Kind string // "MMC" or "SD"
	Used int    // percent of its life that is used, rounded up to tens; 0: unknown; 110: more than all
	Wear Wear
}

// Storage is the set of storages of a board that may wear out.
type Storage interface {
	// List reads how worn each storage is.
	List() []Medium
}

// FindStorage returns the storages of the machine whose root folder is root, nil if there is none.
// Linux shows the wear of eMMC in sysfs. It shows none of SD cards, NVMe and USB.
func FindStorage(root fs.FS) Storage {
	s := sysfsStorage{root}
	if len(s.List()) == 0 {
		return nil
	}
	return s
}

// blockDir has a folder for each storage (Documentation/driver-api/mmc/mmc-dev-attrs.rst).
const blockDir = "sys/block"

// mediumPattern leaves out the parts of an eMMC that have a name of their own, such as mmcblk0boot0.
var mediumPattern = regexp.MustCompile(`^mmcblk[0-9]{1,3}$`)

type sysfsStorage struct{ root fs.FS }

// List implements Storage.
func (s sysfsStorage) List() (list []Medium) {
	all, err := fs.ReadDir(s.root, blockDir)
	if err != nil {
		return nil
	}
	for _, d := range all {
		if mediumPattern.MatchString(d.Name()) {
			list = append(list, readMedium(s.root, d.Name()))
		}
	}
	return list
}

func readMedium(root fs.FS, name string) Medium {
	at := path.Join(blockDir, name, "device")
	m := Medium{Name: name, Kind: ReadWord(root, path.Join(at, "type"))}
	for _, word := range ReadWords(root, path.Join(at, "life_time")) { // of both kinds of cells
		m.Used = max(m.Used, 10*parseStep(word, lifeOver))
	}
	m.Wear = rateWear(m.Used, parseStep(ReadWord(root, path.Join(at, "pre_eol_info")), reserveUrgent))
	return m
}

// The registers of an eMMC (JEDEC JESD84-B51, 7.4.26 to 7.4.28). 0 means that one is not defined.
const (
	lifeOver      = 11 // DEVICE_LIFE_TIME_EST: 1 is 0 to 10 % used, 10 is 90 to 100 %, 11 is more
	reserveLow    = 2  // PRE_EOL_INFO: 1 is normal, 2 means that 80 % of the spare blocks are used
	reserveUrgent = 3  // 90 %
)

// parseStep reads a register such as "0x02". A value above most is reserved and counts as unknown.
func parseStep(text string, most int) int {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 8)
	if err != nil || int(n) > most {
		return 0
	}
	return int(n)
}

func rateWear(used, reserve int) Wear {
	switch {
	case used > 100 || reserve == reserveUrgent:
		return WearOver
	case used > 80 || reserve == reserveLow:
		return WearHigh
	case used > 0 || reserve > 0:
		return WearLow
	}
	return WearUnknown
}
