package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
)

// makeFAT makes a FAT32 file system, fills it, and corrects what the library writes against the
// specification (Microsoft, FAT specification 1.03).
func makeFAT(disk backend.Storage, size, start int64, label string, fill func(*fat32.FileSystem) error) error {
	fsys, err := fat32.Create(disk, fitFAT(size), start, sector, label, true)
	if err != nil {
		return err
	}
	if err := fill(fsys); err != nil {
		return err
	}
	w, err := disk.Writable()
	if err != nil {
		return err
	}
	return correctFAT(io.NewOffsetWriter(w, start), io.NewSectionReader(disk, start, size))
}

// fitFAT returns the largest size, in bytes, at which the file allocation table of the library has
// an entry for each cluster. At most sizes it forgets that the first two entries are not for
// clusters. The clusters of the image have one sector.
func fitFAT(size int64) int64 {
	const reserved = 32 // sectors, as the library has it
	for ; ; size -= sector {
		sectors := size / sector
		table := (4*(sectors-reserved) + sector + 7) / (sector + 8) // as the library computes it
		if clusters := sectors - reserved - 2*table; clusters+2 <= table*sector/4 {
			return size
		}
	}
}

// fatShape is the geometry of a file system.
type fatShape struct {
	table, data int64 // of the first allocation table and of cluster 2, in bytes
	cluster     int64 // bytes
	entries     []byte
	count       int64 // clusters
	root        uint32
}

func readShape(r io.ReaderAt) (s fatShape, err error) {
	b := make([]byte, sector)
	if _, err := r.ReadAt(b, 0); err != nil {
		return s, err
	}
	le := binary.LittleEndian
	perFAT := int64(le.Uint32(b[36:]))
	s.table, s.cluster, s.root = int64(le.Uint16(b[14:]))*sector, int64(b[13])*sector, le.Uint32(b[44:])
	s.data = s.table + int64(b[16])*perFAT*sector
	s.count = (int64(le.Uint32(b[32:]))*sector - s.data) / s.cluster
	s.entries = make([]byte, perFAT*sector)
	_, err = r.ReadAt(s.entries, s.table)
	return s, err
}

// next returns the entry of a cluster in the allocation table.
func (s *fatShape) next(cluster uint32) uint32 {
	return binary.LittleEndian.Uint32(s.entries[4*cluster:]) & 0x0fff_ffff
}

// at returns the place of a cluster.
func (s *fatShape) at(cluster uint32) int64 { return s.data + int64(cluster-2)*s.cluster }

// correctFAT sets ".." of each folder in the root folder to 0, which means the root folder (6.5),
// and the count of the free clusters (5).
func correctFAT(w io.WriterAt, r io.ReaderAt) error {
	s, err := readShape(r)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	b := make([]byte, s.cluster)
	for c := s.root; c >= 2 && int64(c) < s.count+2; c = s.next(c) {
		if _, err := r.ReadAt(b, s.at(c)); err != nil {
			return err
		}
		for e := range slices.Chunk(b, 32) {
			const longName, folder, deleted = 0x0f, 0x10, 0xe5
			if e[0] == 0 || e[0] == deleted || e[11] == longName || e[11]&folder == 0 {
				continue
			}
			first := uint32(le.Uint16(e[20:]))<<16 | uint32(le.Uint16(e[26:]))
			if err := setParentRoot(w, r, s.at(first)+32); err != nil {
				return err
			}
		}
	}
	free := uint32(0)
	for c := range s.count {
		if s.next(uint32(c)+2) == 0 {
			free++
		}
	}
	for _, info := range []int64{1, 7} { // the sector, and its copy
		if _, err := w.WriteAt(le.AppendUint32(nil, free), info*sector+488); err != nil {
			return err
		}
	}
	return nil
}

// setParentRoot sets the cluster in the ".." entry at a place.
func setParentRoot(w io.WriterAt, r io.ReaderAt, at int64) error {
	e := make([]byte, 32)
	if _, err := r.ReadAt(e, at); err != nil {
		return err
	}
	if !bytes.HasPrefix(e, []byte("..         ")) {
		return errors.New("a folder does not begin with its own entry and that of its parent")
	}
	copy(e[20:], []byte{0, 0})
	copy(e[26:], []byte{0, 0})
	_, err := w.WriteAt(e, at)
	return err
}
