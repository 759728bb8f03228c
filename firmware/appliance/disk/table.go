package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// The partition table is a GUID Partition Table (UEFI specification 2.10, chapter 5.3). Its header
// has one sector and points at the list of partitions. A copy of both is at the end of the disk.
//
// A power cut at any write leaves a valid table. writeTable first writes the copy at the end,
// then the new list to a free place, and last the header. The header has one sector, which the
// disk writes atomically. Before the first partition there is room for two lists, which take
// turns.
const (
	headerSize  = 92
	entrySize   = 128
	entryCount  = 128
	listSize    = entryCount * entrySize // bytes
	listLength  = listSize / Sector      // sectors
	firstList   = 2                      // LBA
	secondList  = firstList + listLength
	firstUsable = secondList + listLength
)

var signature = []byte("EFI PART")

// ErrTable means that a disk has no partition table that we know.
var ErrTable = errors.New("no partition table that we know")

// storage is a disk, or a file in tests.
type storage interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// table is a header and the list of partitions.
type table struct {
	header []byte // one sector
	list   []byte
}

// readTable reads the header at a sector, and its list.
func readTable(f io.ReaderAt, at int64) (*table, error) {
	t := &table{header: make([]byte, Sector), list: make([]byte, listSize)}
	if _, err := f.ReadAt(t.header, at*Sector); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	switch {
	case !bytes.Equal(t.header[:8], signature) || le.Uint32(t.header[12:]) != headerSize,
		le.Uint32(t.header[80:]) != entryCount || le.Uint32(t.header[84:]) != entrySize,
		le.Uint32(t.header[16:]) != headerSum(t.header), int64(le.Uint64(t.header[24:])) != at:
		return nil, ErrTable
	}
	if _, err := f.ReadAt(t.list, t.listLBA()*Sector); err != nil {
		return nil, err
	}
	if le.Uint32(t.header[88:]) != crc32.ChecksumIEEE(t.list) {
		return nil, fmt.Errorf("the list: %w", ErrTable)
	}
	return t, nil
}

// headerSum returns the CRC of a header. The CRC field itself counts as zero.
func headerSum(header []byte) uint32 {
	h := bytes.Clone(header[:headerSize])
	clear(h[16:20])
	return crc32.ChecksumIEEE(h)
}

func (t *table) listLBA() int64 { return int64(binary.LittleEndian.Uint64(t.header[72:])) }

// sealHeader returns a GPT header with its CRC set. at, other and list are the sectors of this
// header, of its copy and of its list. last is the last usable sector.
func (t *table) sealHeader(at, other, list, last int64) []byte {
	h := bytes.Clone(t.header)
	le := binary.LittleEndian
	le.PutUint64(h[24:], uint64(at))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[40:], firstUsable)
	le.PutUint64(h[48:], uint64(last))
	le.PutUint64(h[72:], uint64(list))
	le.PutUint32(h[88:], crc32.ChecksumIEEE(t.list))
	le.PutUint32(h[16:], headerSum(h))
	return h
}

// writeTable writes the table to a disk with this number of sectors.
func (t *table) writeTable(f storage, sectors int64) error {
	end, copyAt := sectors-1, sectors-1-listLength
	list := int64(firstList)
	if t.listLBA() == list {
		list = secondList
	}
	for _, step := range []struct {
		at   int64
		data []byte
	}{
		{copyAt, t.list},
		{end, t.sealHeader(end, 1, copyAt, copyAt-1)},
		{list, t.list},
		{1, t.sealHeader(1, end, list, copyAt-1)},
	} {
		if _, err := f.WriteAt(step.data, step.at*Sector); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// findEntry returns the offset in the list of the partition with this name, or -1.
func (t *table) findEntry(name string) int {
	for at := 0; at < len(t.list); at += entrySize {
		if entryName(t.list[at:at+entrySize]) == name {
			return at
		}
	}
	return -1
}

func entryName(e []byte) string {
	var units []uint16
	for i := 56; i < entrySize; i += 2 {
		u := binary.LittleEndian.Uint16(e[i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// lastSector returns the highest sector of all partitions.
func (t *table) lastSector() (end int64) {
	for at := 0; at < len(t.list); at += entrySize {
		if e := t.list[at : at+entrySize]; !bytes.Equal(e[:16], make([]byte, 16)) {
			end = max(end, int64(binary.LittleEndian.Uint64(e[40:])))
		}
	}
	return end
}

// GrowPartition extends the last partition, which has this name, to the end of the disk, and
// returns its size in sectors. It changes nothing on a disk without more room.
func GrowPartition(f storage, sectors int64, name string) (int64, error) {
	t, at, err := findPartition(f, name)
	if err != nil {
		return 0, err
	}
	e := t.list[at : at+entrySize]
	start, end := int64(binary.LittleEndian.Uint64(e[32:])), int64(binary.LittleEndian.Uint64(e[40:]))
	if t.lastSector() != end {
		return 0, fmt.Errorf("partition %q is not the last one: %w", name, ErrTable)
	}
	// Align to whole megabytes, which suits the erase blocks of cards.
	const mega = 1 << 20 / Sector
	room := (sectors-1-listLength)/mega*mega - 1
	if room <= end {
		return end - start + 1, nil
	}
	binary.LittleEndian.PutUint64(e[40:], uint64(room))
	return room - start + 1, t.writeTable(f, sectors)
}

// RenamePartition renames the partition called name.
func RenamePartition(f storage, sectors int64, name, to string) error {
	t, at, err := findPartition(f, name)
	if err != nil {
		return err
	}
	units := utf16.Encode([]rune(to))
	field := t.list[at+56 : at+entrySize]
	clear(field)
	for i, u := range units[:min(len(units), len(field)/2-1)] {
		binary.LittleEndian.PutUint16(field[2*i:], u)
	}
	return t.writeTable(f, sectors)
}

func findPartition(f storage, name string) (*table, int, error) {
	t, err := readTable(f, 1)
	if err != nil {
		return nil, 0, err
	}
	at := t.findEntry(name)
	if at < 0 {
		return nil, 0, fmt.Errorf("no partition %q", name)
	}
	return t, at, nil
}
