// Package slots has the two ways in which a machine starts one of two systems: boot counting
// of systemd-boot on machines with EFI, and tryboot of Raspberry Pis. Both are hal.Slots and
// pass haltest.TestSlots.
//
// All that they change is a few small files on the FAT partition that the firmware reads.
// Each step is one file that appears, or goes, as a whole; the steps are in an order in which
// a power cut after any of them leaves a machine that starts the committed slot, or the one
// on trial.
package slots

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/livelearn/box/hal"
)

// ErrTrial tells that the running slot is on trial: the other one is all that a machine can
// fall back to, so it is not written to.
var ErrTrial = errors.New("the running system is on trial: the other slot is kept as it is")

// ErrEmpty tells that the spare slot holds nothing that could be started.
var ErrEmpty = errors.New("the spare slot is empty")

// Folder is the FAT partition that the firmware reads.
type Folder struct {
	Dir string // where it is mounted
	// Write makes it writable until the function that it gives is called. nil: it is always.
	Write func() (func() error, error)

	step func() error // called before each change; tests cut the power here
}

// change makes the folder writable for do.
func (f *Folder) change(do func() error) error {
	if f.Write == nil {
		return do()
	}
	done, err := f.Write()
	if err != nil {
		return err
	}
	return errors.Join(do(), done())
}

func (f *Folder) cut() error {
	if f.step == nil {
		return nil
	}
	return f.step()
}

// put writes a small file so that it appears as a whole, in place of one of the same name.
func (f *Folder) put(name, text string) error {
	path := filepath.Join(f.Dir, name)
	if err := f.cut(); err != nil {
		_ = os.WriteFile(path+".new", []byte(text[:len(text)/2]), 0o600) // only in tests
		return err
	}
	temp, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(temp, text)
	if err := errors.Join(err, temp.Sync(), temp.Close(), f.cut()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// remove removes a file that may be gone.
func (f *Folder) remove(name string) error {
	if err := f.cut(); err != nil {
		return err
	}
	path := filepath.Join(f.Dir, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// part is a device or a file that holds a part of a slot.
type part struct {
	*os.File
	size int64
	cut  bool         // it is a file, with an end of its own
	done func() error // after Close
}

// Cut forgets what is behind size, where a part is a file.
func (p *part) Cut(size int64) error {
	if !p.cut {
		return nil
	}
	return errors.Join(p.Truncate(size), p.Sync())
}

// Size implements hal.SlotPart.
func (p *part) Size() int64 { return p.size }

// Close implements hal.SlotPart.
func (p *part) Close() error {
	err := p.File.Close()
	if p.done != nil {
		err = errors.Join(err, p.done())
	}
	return err
}

// device opens a partition.
func device(path string, write bool) (hal.SlotPart, error) {
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
