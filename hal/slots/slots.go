// Package slots starts one of two systems on a machine, in two ways: boot counting of systemd-boot
// on machines with EFI, and tryboot of Raspberry Pis. Both are hal.Slots and pass
// haltest.TestSlots.
//
// They change only a few small files on the FAT partition that the firmware reads. Each step
// creates or removes one complete file. After a power cut between any two steps the machine starts
// the committed slot, or the slot on trial.
package slots

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/atomicfile"
)

// ErrTrial means that the running slot is on trial. The machine can only fall back to the other
// slot, so the box does not write to it.
var ErrTrial = errors.New("the running system is on trial: the other slot must stay unchanged")

// ErrEmpty means that the spare slot holds no system.
var ErrEmpty = errors.New("the spare slot is empty")

// Folder is the FAT partition that the firmware reads.
type Folder struct {
	Dir string // mount point
	// MakeWritable makes the folder writable until the returned function is called. nil means that
	// it is always writable.
	MakeWritable func() (func() error, error)
	// Present returns an error while the partition is not mounted. nil means that it always is.
	Present func() error

	beforeChange func() error // called before each change; tests cut the power here
}

// withWritable makes the folder writable while do runs.
func (f *Folder) withWritable(do func() error) error {
	if f.MakeWritable == nil {
		return do()
	}
	done, err := f.MakeWritable()
	if err != nil {
		return err
	}
	return errors.Join(do(), done())
}

// Replace writes a small file for people. The file is complete or absent, and on the medium after
// the call.
func (f *Folder) Replace(name, text string) error {
	return f.withWritable(func() error { return f.writeFileAtomic(name, text) })
}

// Remove removes a small file for people if it exists.
func (f *Folder) Remove(name string) error {
	return f.withWritable(func() error { return f.removeFile(name) })
}

func (f *Folder) callBeforeChange() error {
	if f.beforeChange == nil {
		return nil
	}
	return f.beforeChange()
}

// writeFileAtomic replaces a small file. After a power cut the file has the old or the new content.
func (f *Folder) writeFileAtomic(name, text string) error {
	path := filepath.Join(f.Dir, name)
	if err := f.callBeforeChange(); err != nil {
		temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"1")
		_ = os.WriteFile(temp, []byte(text[:len(text)/2]), 0o600) // only in tests: a cut leaves it
		return err
	}
	return atomicfile.Write(path, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return errors.Join(err, f.callBeforeChange())
	})
}

// removeFile removes a file if it exists.
func (f *Folder) removeFile(name string) error {
	if err := f.callBeforeChange(); err != nil {
		return err
	}
	path := filepath.Join(f.Dir, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// part is a device or a file that holds one part of a slot.
type part struct {
	*os.File
	size    int64
	isFile  bool         // a file, which has its own end
	onClose func() error // called after Close
}

// Cut ends a part at size if the part is a file.
func (p *part) Cut(size int64) error {
	if !p.isFile {
		return nil
	}
	return errors.Join(p.Truncate(size), p.Sync())
}

// Size implements hal.SlotPart.
func (p *part) Size() int64 { return p.size }

// Close implements hal.SlotPart.
func (p *part) Close() error {
	err := p.File.Close()
	if p.onClose != nil {
		err = errors.Join(err, p.onClose())
	}
	return err
}

// openDevice opens a partition.
func openDevice(path string, write bool) (hal.SlotPart, error) {
	flags := os.O_RDONLY
	if write {
		flags = os.O_RDWR
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &part{File: f, size: size}, nil
}
