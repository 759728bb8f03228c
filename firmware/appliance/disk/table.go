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

// The table is a GUID Partition Table (UEFI specification 2.10, chapter 5.3): a header of one
// sector that says where the list of partitions is, and a copy of both at the end of the disk.
//
// It is changed so that a power cut anywhere leaves a table: first the copy at the end is
// written, then the new list to a place where no list is, and last the header, one sector,
// which the disk writes whole. There is room for two lists before the first partition, and
// they take turns.
const (
	headerSize = 92
	entrySize  = 128
	entries    = 128
	listSize   = entries * entrySize // bytes
	listLength = listSize / Sector   // sectors
	firstList  = 2                   // LBA
	secondList = firstList + listLength
	firstFree  = secondList + listLength
)

var signature = []byte("EFI PART")

// ErrTable tells that a disk has no partition table that we know.
var ErrTable = errors.New("no partition table that we know")

// storage is a disk, or a file in its place.
type storage interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// table is a header and its list.
type table struct {
	header []byte // a sector
	list   []byte
}

// readTable reads the header at a sector and its list.
func readTable(f io.ReaderAt, at int64) (*table, error) {
	t := &table{header: make([]byte, Sector), list: make([]byte, listSize)}
	if _, err := f.ReadAt(t.header, at*Sector); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	switch {
	case !bytes.Equal(t.header[:8], signature) || le.Uint32(t.header[12:]) != headerSize,
		le.Uint32(t.header[80:]) != entries || le.Uint32(t.header[84:]) != entrySize,
		le.Uint32(t.header[16:]) != headerSum(t.header), int64(le.Uint64(t.header[24:])) != at:
		return nil, ErrTable
	}
	if _, err := f.ReadAt(t.list, t.listAt()*Sector); err != nil {
		return nil, err
	}
	if le.Uint32(t.header[88:]) != crc32.ChecksumIEEE(t.list) {
		return nil, fmt.Errorf("the list: %w", ErrTable)
	}
	return t, nil
}

// headerSum is the sum of a header, whose own place counts as zero.
func headerSum(header []byte) uint32 {
	h := bytes.Clone(header[:headerSize])
	clear(h[16:20])
	return crc32.ChecksumIEEE(h)
}

func (t *table) listAt() int64 { return int64(binary.LittleEndian.Uint64(t.header[72:])) }

// sealed is the header for a table at a sector, with its copy at another and the list at.
func (t *table) sealed(at, other, list, last int64) []byte {
	h := bytes.Clone(t.header)
	le := binary.LittleEndian
	le.PutUint64(h[24:], uint64(at))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[40:], firstFree)
	le.PutUint64(h[48:], uint64(last))
	le.PutUint64(h[72:], uint64(list))
	le.PutUint32(h[88:], crc32.ChecksumIEEE(t.list))
	le.PutUint32(h[16:], headerSum(h))
	return h
}

// write writes the table to a disk of so many sectors.
func (t *table) write(f storage, sectors int64) error {
	end, copyAt := sectors-1, sectors-1-listLength
	list := int64(firstList)
	if t.listAt() == list {
		list = secondList
	}
	for _, step := range []struct {
		at   int64
		data []byte
	}{
		{copyAt, t.list},
		{end, t.sealed(end, 1, copyAt, copyAt-1)},
		{list, t.list},
		{1, t.sealed(1, end, list, copyAt-1)},
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

// find is the place in the list of the partition called so; -1: there is none.
func (t *table) find(name string) int {
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

// last is the last sector of the partition that ends last.
func (t *table) last() (end int64) {
	for at := 0; at < len(t.list); at += entrySize {
		if e := t.list[at : at+entrySize]; !bytes.Equal(e[:16], make([]byte, 16)) {
			end = max(end, int64(binary.LittleEndian.Uint64(e[40:])))
		}
	}
	return end
}

// Grow makes the last partition, called name, reach to the end of a disk of so many sectors,
// and tells how many it has then. A disk that is no larger stays as it is.
func Grow(f storage, sectors int64, name string) (int64, error) {
	t, at, err := look(f, name)
	if err != nil {
		return 0, err
	}
	e := t.list[at : at+entrySize]
	start, end := int64(binary.LittleEndian.Uint64(e[32:])), int64(binary.LittleEndian.Uint64(e[40:]))
	if t.last() != end {
		return 0, fmt.Errorf("partition %q is not the last one: %w", name, ErrTable)
	}
	// Whole megabytes, as cards like it.
	const mega = 1 << 20 / Sector
	room := (sectors-1-listLength)/mega*mega - 1
	if room <= end {
		return end - start + 1, nil
	}
	binary.LittleEndian.PutUint64(e[40:], uint64(room))
	return room - start + 1, t.write(f, sectors)
}

// Rename gives the partition called name another one.
func Rename(f storage, sectors int64, name, to string) error {
	t, at, err := look(f, name)
	if err != nil {
		return err
	}
	units := utf16.Encode([]rune(to))
	field := t.list[at+56 : at+entrySize]
	clear(field)
	for i, u := range units[:min(len(units), len(field)/2-1)] {
		binary.LittleEndian.PutUint16(field[2*i:], u)
	}
	return t.write(f, sectors)
}

func look(f storage, name string) (*table, int, error) {
	t, err := readTable(f, 1)
	if err != nil {
		return nil, 0, err
	}
	at := t.find(name)
	if at < 0 {
		return nil, 0, fmt.Errorf("no partition %q", name)
	}
	return t, at, nil
}
