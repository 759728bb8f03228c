package disk

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// All cards of a release have the same ids in their partition table. The first start gives a card
// ids of its own, so that two cards in one machine are never mixed up. The ids of a release are
// UUIDs of version 8. Release 0.1.0 has ids that start with "6c6c626f-7800-".

// IDs are the ids of a disk and of its partitions by name, in lower case.
type IDs struct {
	Disk  string
	Parts map[string]string
}

// AreShared reports whether other disks of the release have the same ids.
func (i IDs) AreShared() bool { return isShared(i.Disk) }

func isShared(id string) bool {
	return strings.HasPrefix(id, "6c6c626f-7800-") || len(id) == 36 && id[14] == '8'
}

// ReadIDs reads the ids of a disk.
func ReadIDs(f io.ReaderAt) (IDs, error) {
	t, err := readTable(f, 1)
	if err != nil {
		return IDs{}, err
	}
	ids := IDs{formatGUID(t.header[56:72]), map[string]string{}}
	for at := 0; at < len(t.list); at += entrySize {
		if e := t.list[at : at+entrySize]; !isUnused(e) {
			ids.Parts[entryName(e)] = formatGUID(e[16:32])
		}
	}
	return ids, nil
}

func isUnused(e []byte) bool { return bytes.Equal(e[:16], make([]byte, 16)) }

// SetOwnIDs gives the disk and all its partitions new random ids, and the MBR a new disk id. After a
// power cut the partitions have all the old ids or all the new ones.
func SetOwnIDs(f storage, sectors int64) (IDs, error) {
	t, err := readTable(f, 1)
	if err != nil {
		return IDs{}, err
	}
	mbr := make([]byte, Sector)
	if _, err := f.ReadAt(mbr, 0); err != nil {
		return IDs{}, err
	}
	_, _ = rand.Read(mbr[440:444]) // never fails
	if _, err := f.WriteAt(mbr, 0); err != nil {
		return IDs{}, err
	}
	copy(t.header[56:72], newGUID())
	for at := 0; at < len(t.list); at += entrySize {
		if e := t.list[at : at+entrySize]; !isUnused(e) {
			copy(e[16:32], newGUID())
		}
	}
	if err := t.writeTable(f, sectors); err != nil {
		return IDs{}, err
	}
	return ReadIDs(f)
}

// newGUID returns a random UUID (RFC 9562, version 4) in the form of the table.
func newGUID() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[7] = b[7]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return b
}

// formatGUID returns the text of a GUID of the table. Its first three fields are little-endian (UEFI
// specification 2.10, appendix A).
func formatGUID(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// HasTwin reports whether another disk of the machine has the same ids.
func HasTwin(root fs.FS, d Disk, ids IDs) bool {
	disks, err := fs.ReadDir(root, "sys/class/block")
	if err != nil {
		return false
	}
	for _, e := range disks {
		device := "dev/" + path.Base(e.Name())
		if "/"+device == d.Device || readNumber(root, path.Join("sys/class/block", e.Name(), "size")) == 0 {
			continue
		}
		f, err := root.Open(device)
		if err != nil {
			continue
		}
		if r, ok := f.(io.ReaderAt); ok {
			other, err := ReadIDs(r)
			_ = f.Close()
			if err == nil && other.Disk == ids.Disk {
				return true
			}
		}
	}
	return false
}

// ReadIDs reads the ids of the disk.
func (d Disk) ReadIDs() (IDs, error) {
	f, err := os.Open(d.Device)
	if err != nil {
		return IDs{}, err
	}
	defer func() { _ = f.Close() }()
	return ReadIDs(f)
}

// SetOwnIDs gives the disk ids of its own.
func (d Disk) SetOwnIDs() (IDs, error) {
	f, err := os.OpenFile(d.Device, os.O_RDWR, 0)
	if err != nil {
		return IDs{}, err
	}
	defer func() { _ = f.Close() }()
	return SetOwnIDs(f, d.Size)
}
