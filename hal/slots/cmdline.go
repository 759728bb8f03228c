package slots

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/livelearn/box/hal"
)

// The firmware of a Pi reads cmdline.txt from the same partition as the kernel, so the file in the
// boot partition of a slot names the root file system of that slot. config.txt cannot choose
// between two files: the EEPROM of a Pi 5 from before 2025-03-10 does not know the filter
// [boot_partition=N], and applies every section after it (raspberrypi/rpi-eeprom#676).
//
// A signed bundle is the same for both slots and for all cards. Its cmdline.txt is for
// SlotOfBundles and finds the root file system by name. Try sets the letter of the slot and the id
// of the partition in it:
//
//	Receive writes the signed part -> reads it back -> Try sets letter and id -> asks for the start
//
// A power cut between any two steps is harmless. Before the last step the firmware ignores the
// spare slot, and Try sets them again.

// SlotOfBundles is the slot in the cmdline.txt of a bundle. Version 0.1.0 writes a bundle without
// setting the letter. It runs from slot a of a fresh card and writes to slot b.
const SlotOfBundles = hal.SlotB

// cmdlineSector is the sector size of the FAT and the largest size of cmdline.txt, in bytes.
const cmdlineSector = 512

// CommandLine finds the sector of cmdline.txt in a boot partition. It returns the sector for the
// given slot and value of root=, and its offset in bytes. The image writes this file first, so it is
// in cluster 3: the root folder is in 2. sector is nil without such a file, as in a partition of
// version 0.1.0, whose config.txt chooses a file.
func CommandLine(boot io.ReaderAt, slot hal.Slot, root string) (sector []byte, at int64, err error) {
	b := make([]byte, cmdlineSector)
	if _, err := boot.ReadAt(b, 0); err != nil {
		return nil, 0, ignoreShort(err)
	}
	le := binary.LittleEndian
	if le.Uint16(b[11:]) != cmdlineSector { // bytes per sector (Microsoft, FAT specification 1.03, 3.1)
		return nil, 0, nil
	}
	reserved, fats, perFAT, perCluster := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint32(b[36:])), int64(b[13])
	at = (reserved + fats*perFAT + perCluster) * cmdlineSector
	if _, err := boot.ReadAt(b, at); err != nil {
		return nil, 0, ignoreShort(err)
	}
	const slotKey = " livelearn.slot="
	from, to := bytes.Index(b, []byte("root=")), bytes.Index(b, []byte(slotKey))
	if from < 0 || to < from || to+len(slotKey) >= len(b) {
		return nil, 0, nil
	}
	field := b[from:to]
	if len("root="+root) > len(field) { // a bundle from before the ids
		root = RootByName(slot)
	}
	if len("root="+root) > len(field) {
		return nil, 0, nil
	}
	for n := copy(field, "root="+root); n < len(field); n++ {
		field[n] = ' '
	}
	b[to+len(slotKey)] = slot[0]
	return b, at, nil
}

// ignoreShort returns nil for a partition that ends before its cmdline.txt.
func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// signedBoot is a boot partition that reads as the signed bundle, whatever the slot of its
// cmdline.txt. Neighbours and the next update compare it with the sums of bundles.
type signedBoot struct {
	hal.SlotPart
	sector []byte
	at     int64
}

// asSigned returns p with the content of the signed bundle.
func asSigned(p hal.SlotPart) (hal.SlotPart, error) {
	sector, at, err := CommandLine(p, SlotOfBundles, RootByName(SlotOfBundles))
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &signedBoot{p, sector, at}, nil
}

// ReadAt implements io.ReaderAt.
func (p *signedBoot) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.SlotPart.ReadAt(b, off)
	from, to := max(off, p.at), min(off+int64(n), p.at+int64(len(p.sector)))
	if from < to {
		copy(b[from-off:to-off], p.sector[from-p.at:])
	}
	return n, err
}
