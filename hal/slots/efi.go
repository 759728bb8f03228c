package slots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/hal"
)

// EFI are the slots on a machine with systemd-boot.
//
// A slot is a kernel in a folder of the ESP and an entry of type 1 in the boot menu (Boot Loader
// Specification). The sort-key of an entry falls with each change, so the newest entry is first.
// The name of an entry on trial has a counter, "livelearn-b+2.conf". The loader lowers it at each
// start, "livelearn-b+1-1.conf". At zero it moves the entry to the end of the menu (Automatic Boot
// Assessment, systemd.io).
type EFI struct {
	Folder
	Booted  hal.Slot
	Roots   map[hal.Slot]string // devices
	Options func(hal.Slot) string
	Reboot  func(ctx context.Context, arg string) error
}

const (
	entriesDir    = "loader/entries"
	trialStarts   = 2          // starts of a slot on trial: a power cut may use up one
	topKey        = 99_999_999 // the first sort-key; later ones are lower
	maxKernelSize = 100 << 20  // for a kernel, in bytes
)

var entryName = regexp.MustCompile(`^livelearn-([ab])(?:\+(\d{1,3})(?:-(\d{1,3}))?)?\.conf$`)

// menuEntry is one entry of the boot menu.
type menuEntry struct {
	file      string
	slot      hal.Slot
	counted   bool
	triesLeft int
	sortKey   int
	options   string
	version   string
}

// parseEntry reads the name and the text of an entry.
func parseEntry(name, text string) (menuEntry, bool) {
	m := entryName.FindStringSubmatch(name)
	if m == nil {
		return menuEntry{}, false
	}
	e := menuEntry{file: name, slot: hal.Slot(m[1]), counted: m[2] != "", sortKey: topKey}
	e.triesLeft, _ = strconv.Atoi(m[2]) // digits, or empty without a counter
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch value = strings.TrimSpace(value); key {
		case "sort-key":
			if n, err := strconv.Atoi(value); err == nil && n > 0 && n <= topKey {
				e.sortKey = n
			}
		case "options":
			e.options = value
		case "version":
			e.version = value
		}
	}
	return e, true
}

// readMenu returns all entries of LiveLearn.
func (s *EFI) readMenu() ([]menuEntry, error) {
	files, err := os.ReadDir(filepath.Join(s.Dir, entriesDir))
	if err != nil {
		return nil, err
	}
	var list []menuEntry
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(s.Dir, entriesDir, f.Name()))
		if err != nil {
			return nil, err
		}
		if e, ok := parseEntry(f.Name(), string(text)); ok {
			list = append(list, e)
		}
	}
	return list, nil
}

// State implements hal.Slots.
func (s *EFI) State() (hal.SlotState, error) {
	list, err := s.readMenu()
	st := hal.SlotState{Booted: s.Booted, Default: s.Booted}
	if err != nil {
		return st, err
	}
	good, first := topKey+1, topKey+1
	steady := map[hal.Slot]bool{}
	for _, e := range list {
		if !e.counted {
			steady[e.slot] = true
			if e.sortKey < good {
				good, st.Default = e.sortKey, e.slot
			}
		}
		if e.triesLeft > 0 || !e.counted {
			first = min(first, e.sortKey)
		}
	}
	for _, e := range list {
		if e.slot != s.Booted && e.sortKey == first && e.counted && e.triesLeft > 0 && !steady[e.slot] {
			st.Pending, st.Tries = true, e.triesLeft
		}
	}
	st.Trying = !steady[s.Booted]
	return st, nil
}

// Open implements hal.Slots.
func (s *EFI) Open(slot hal.Slot, name string, write bool) (hal.SlotPart, error) {
	if write {
		if err := s.clearSpare(slot); err != nil {
			return nil, err
		}
	}
	switch name {
	case hal.PartRoot:
		return openDevice(s.Roots[slot], write)
	case hal.PartBoot:
		return s.openKernel(slot, write)
	}
	return nil, fmt.Errorf("no part %q", name)
}

// clearSpare removes the spare slot from the menu before the first write to it.
func (s *EFI) clearSpare(slot hal.Slot) error {
	st, err := s.State()
	switch {
	case err != nil:
		return err
	case st.Trying, slot == s.Booted:
		return ErrTrial
	}
	list, err := s.readMenu()
	if err != nil {
		return err
	}
	return s.withWritable(func() error { return s.removeEntries(list, slot, "") })
}

// removeEntries removes all entries of a slot except one.
func (s *EFI) removeEntries(list []menuEntry, slot hal.Slot, but string) error {
	for _, e := range list {
		if e.slot == slot && e.file != but {
			if err := s.removeFile(filepath.Join(entriesDir, e.file)); err != nil {
				return err
			}
		}
	}
	return nil
}

// openKernel opens a slot's kernel. Written to, it keeps what is in it, and the ESP stays writable
// until it is closed. The file is written in place: it is a part of a slot that the menu does not
// start, and the ESP may not have room for a third kernel.
func (s *EFI) openKernel(slot hal.Slot, write bool) (hal.SlotPart, error) {
	path := filepath.Join(s.Dir, string(slot), "vmlinuz")
	if !write {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &part{File: f, size: info.Size()}, nil
	}
	done := func() error { return nil }
	if s.MakeWritable != nil {
		var err error
		if done, err = s.MakeWritable(); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return &part{File: f, size: maxKernelSize, isFile: true, onClose: done}, nil
}

// Try implements hal.Slots. Without a version and options it takes those of the system in the spare
// slot.
func (s *EFI) Try(version, options string) error {
	spare := s.Booted.Other()
	list, err := s.readMenu()
	if err != nil {
		return err
	}
	key := topKey
	for _, e := range list {
		key = min(key, e.sortKey-1)
		if version == "" && e.slot == spare {
			version = e.version
			options = e.releaseOptions()
		}
	}
	if version == "" {
		return ErrEmpty
	}
	name := fmt.Sprintf("livelearn-%s+%d.conf", spare, trialStarts)
	return s.withWritable(func() error {
		if err := s.writeFileAtomic(filepath.Join(entriesDir, name), s.entryText(spare, version, options, key)); err != nil {
			return err
		}
		return s.removeEntries(list, spare, name)
	})
}

// entryText returns the text of an entry.
func (s *EFI) entryText(slot hal.Slot, version, options string, key int) string {
	if options = strings.TrimSpace(options); options != "" {
		options += " "
	}
	return fmt.Sprintf("title LiveLearn Box %s (slot %s)\nsort-key %08d\nversion %s\nlinux /%s/vmlinuz\noptions %s%s\n",
		version, slot, key, version, slot, options, s.Options(slot))
}

// SetRoot sets the value of root= with which the running slot starts. It replaces one file for each
// entry of the slot.
func (s *EFI) SetRoot(root string) error {
	list, err := s.readMenu()
	if err != nil {
		return err
	}
	return s.withWritable(func() error {
		for _, e := range list {
			if e.slot != s.Booted {
				continue
			}
			name := filepath.Join(entriesDir, e.file)
			text, err := os.ReadFile(filepath.Join(s.Dir, name))
			if err != nil {
				return err
			}
			options := strings.TrimSpace(e.releaseOptions() + " " + KernelOptions(e.slot, root))
			if err := s.writeFileAtomic(name, strings.Replace(string(text), e.options, options, 1)); err != nil {
				return err
			}
		}
		return nil
	})
}

// releaseOptions returns the options of the release, without those of the slot.
func (e menuEntry) releaseOptions() string {
	options, _, _ := strings.Cut(e.options, "root=")
	return strings.TrimSpace(options)
}

// Commit implements hal.Slots. It writes an entry without a counter, then removes the others.
func (s *EFI) Commit() error {
	list, err := s.readMenu()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("livelearn-%s.conf", s.Booted)
	for _, e := range list {
		if e.slot == s.Booted && !e.counted {
			return s.withWritable(func() error { return s.removeEntries(list, s.Booted, name) })
		}
	}
	for _, e := range list {
		if e.slot == s.Booted {
			text, err := os.ReadFile(filepath.Join(s.Dir, entriesDir, e.file))
			if err != nil {
				return err
			}
			return s.withWritable(func() error {
				if err := s.writeFileAtomic(filepath.Join(entriesDir, name), string(text)); err != nil {
					return err
				}
				return s.removeEntries(list, s.Booted, name)
			})
		}
	}
	return ErrEmpty
}

// Restart implements hal.Slots.
func (s *EFI) Restart(ctx context.Context) error { return s.Reboot(ctx, "") }
