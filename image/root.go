package main

import (
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
)

// rootFolders are empty in the image. The start mounts file systems on them.
var rootFolders = []string{"boot", "data", "dev", "etc", "lib", "proc", "run", "sys", "tmp", "usr/share/livelearn", "var"}

// rootFS writes the root file system: our program, the modules of the kernel, the files of Debian
// packages, and the description of the image. It has no shell, no user and no password.
func (b *build) rootFS() error {
	b.root = filepath.Join(b.work, "root.squashfs")
	store, err := file.CreateFromPath(b.root, rootSize)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	fsys, err := squashfs.Create(store, rootSize, 0, 128<<10)
	if err != nil {
		return err
	}
	dir := fsys.Workspace()
	defer func() { _ = os.RemoveAll(dir) }()
	if err := b.fillRoot(dir); err != nil {
		return err
	}
	if err := normaliseFiles(dir, b); err != nil {
		return err
	}
	owner := uint32(0)
	// The kernels support squashfs only with zlib.
	err = fsys.Finalize(squashfs.FinalizeOptions{Compression: &squashfs.CompressorGzip{CompressionLevel: uint32(b.zipLevel()), WindowSize: 15}, FileUID: &owner, FileGID: &owner})
	if err != nil {
		return err
	}
	return b.trimRoot()
}

func (b *build) fillRoot(dir string) error {
	for _, name := range rootFolders {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := b.buildProgram(filepath.Join(dir, "livelearn")); err != nil {
		return err
	}
	if err := b.copyDrivers(dir); err != nil {
		return err
	}
	if err := b.copyPackages(dir); err != nil {
		return err
	}
	about, err := b.releaseJSON()
	if err != nil {
		return err
	}
	share := filepath.Join(dir, "usr/share/livelearn")
	if err := os.WriteFile(filepath.Join(share, "release.json"), about, 0o644); err != nil {
		return err
	}
	if err := b.writeLicences(share, filepath.Join(dir, "livelearn")); err != nil {
		return fmt.Errorf("licences: %w", err)
	}
	if n := len(b.Roots); n > 0 {
		if err := copyFile(b.Roots[n-1], filepath.Join(share, "root.json"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copyDrivers copies the modules of the kernel, except those that no box needs.
func (b *build) copyDrivers(dir string) error {
	from := filepath.Join(b.kernel, "lib", "modules")
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(b.kernel, path)
		if err != nil {
			return err
		}
		for _, part := range []string{"/media/dvb", "/media/tuners", "/media/usb/dvb", "/drivers/xen", ".bin"} {
			if strings.Contains(name, part) {
				return nil
			}
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return copyFile(path, to, 0o644)
	})
}

// normaliseFiles makes modes and times of the files the same on each machine.
func normaliseFiles(dir string, b *build) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := os.FileMode(0o644)
		if d.IsDir() || path == "livelearn" || isProgram(path) {
			mode = 0o755
		}
		if err := root.Chmod(path, mode); err != nil {
			return err
		}
		return root.Chtimes(path, b.date, b.date)
	})
}

// trimRoot sets the time in the superblock (squashfs.rst in the kernel's documentation: bytes 8 to
// 11) and cuts the file to its size (bytes 40 to 47), in whole pages.
func (b *build) trimRoot() error {
	f, err := os.OpenFile(b.root, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var head [80]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	if err := checkFolders(f, head[:]); err != nil {
		return err
	}
	if _, err := f.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(b.Date)), 8); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint64(head[40:]))
	return f.Truncate((size + 4095) &^ 4095)
}

// checkFolders checks that the names of all files fit into the first block of the folders, which has
// 8 KiB (bytes 72 to 79 of the superblock: where it is). go-diskfs 1.9.4 writes the numbers of more
// blocks where their places belong, so no system finds the folders in them.
func checkFolders(f *os.File, head []byte) error {
	const most = 8 << 10
	start := int64(binary.LittleEndian.Uint64(head[72:]))
	var size [2]byte
	if _, err := f.ReadAt(size[:], start); err != nil {
		return err
	}
	packed := binary.LittleEndian.Uint16(size[:])
	var block io.Reader = io.NewSectionReader(f, start+2, int64(packed&0x7fff))
	if packed&0x8000 == 0 {
		unpacked, err := zlib.NewReader(block)
		if err != nil {
			return err
		}
		block = unpacked
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(block, most)); err != nil || n == most {
		return errors.Join(fmt.Errorf("the root file system has too many files: their names take more than %d bytes", most-1), err)
	}
	return nil
}
