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

// EFI are slots that systemd-boot chooses from.
//
// A slot is a kernel in a folder of the ESP and an entry of type 1 in its menu (Boot Loader
// Specification). An entry's sort-key falls with each change, so the newest is first. The
// name of one on trial has a counter, "livelearn-b+2.conf", which the loader lowers at each
// start, "livelearn-b+1-1.conf"; at zero the entry goes to the end of the menu (Automatic
// Boot Assessment, systemd.io).
type EFI struct {
	Folder
	Booted  hal.Slot
	Roots   map[hal.Slot]string // devices
	Options func(hal.Slot) string
	Reboot  func(ctx context.Context, arg string) error
}

const (
	entries  = "loader/entries"
	tries    = 2          // starts that a slot on trial has: one may be lost to a power cut
	topKey   = 99_999_999 // the first sort-key; they fall
	bootRoom = 100 << 20  // for a kernel, in bytes
)

var entryName = regexp.MustCompile(`^livelearn-([ab])(?:\+(\d{1,3})(?:-(\d{1,3}))?)?\.conf$`)

// entry is one in the menu.
type entry struct {
	file    string
	slot    hal.Slot
	counted bool
	left    int
	key     int
	options string
	version string
}

// parseEntry reads a name and a text of the menu.
func parseEntry(name, text string) (entry, bool) {
	m := entryName.FindStringSubmatch(name)
	if m == nil {
		return entry{}, false
	}
	e := entry{file: name, slot: hal.Slot(m[1]), counted: m[2] != "", key: topKey}
	e.left, _ = strconv.Atoi(m[2]) // digits, or not counted
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch value = strings.TrimSpace(value); key {
		case "sort-key":
			if n, err := strconv.Atoi(value); err == nil && n > 0 && n <= topKey {
				e.key = n
			}
		case "options":
			e.options = value
		case "version":
			e.version = value
		}
	}
	return e, true
}

// menu are all entries of ours.
func (s *EFI) menu() ([]entry, error) {
	files, err := os.ReadDir(filepath.Join(s.Dir, entries))
	if err != nil {
		return nil, err
	}
	var list []entry
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(s.Dir, entries, f.Name()))
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
	list, err := s.menu()
	st := hal.SlotState{Booted: s.Booted, Default: s.Booted}
	if err != nil {
		return st, err
	}
	good, first := topKey+1, topKey+1
	steady := map[hal.Slot]bool{}
	for _, e := range list {
		if !e.counted {
			steady[e.slot] = true
			if e.key < good {
				good, st.Default = e.key, e.slot
			}
		}
		if e.left > 0 || !e.counted {
			first = min(first, e.key)
		}
	}
	for _, e := range list {
		if e.slot != s.Booted && e.key == first && e.counted && e.left > 0 && !steady[e.slot] {
			st.Pending, st.Tries = true, e.left
		}
	}
	st.Trying = !steady[s.Booted]
	return st, nil
}

// Open implements hal.Slots.
func (s *EFI) Open(slot hal.Slot, name string, write bool) (hal.SlotPart, error) {
	if write {
		if err := s.clear(slot); err != nil {
			return nil, err
		}
	}
	switch name {
	case hal.PartRoot:
		return device(s.Roots[slot], write)
	case hal.PartBoot:
		return s.kernel(slot, write)
	}
	return nil, fmt.Errorf("no part %q", name)
}

// clear takes the spare slot out of the menu, before its first byte is overwritten.
func (s *EFI) clear(slot hal.Slot) error {
	st, err := s.State()
	switch {
	case err != nil:
		return err
	case st.Trying, slot == s.Booted:
		return ErrTrial
	}
	list, err := s.menu()
	if err != nil {
		return err
	}
	return s.change(func() error { return s.drop(list, slot, "") })
}

// drop removes a slot's entries but one.
func (s *EFI) drop(list []entry, slot hal.Slot, but string) error {
	for _, e := range list {
		if e.slot == slot && e.file != but {
			if err := s.remove(filepath.Join(entries, e.file)); err != nil {
				return err
			}
		}
	}
	return nil
}

// kernel opens a slot's kernel. Written to, it keeps what is in it, and the ESP stays writable
// until it is closed.
func (s *EFI) kernel(slot hal.Slot, write bool) (hal.SlotPart, error) {
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
	if s.Write != nil {
		var err error
		if done, err = s.Write(); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return &part{File: f, size: bootRoom, cut: true, done: done}, nil
}

// Try implements hal.Slots. With no version and no options it is what the spare slot holds
// already.
func (s *EFI) Try(version, options string) error {
	spare := s.Booted.Other()
	list, err := s.menu()
	if err != nil {
		return err
	}
	key := topKey
	for _, e := range list {
		key = min(key, e.key-1)
		if version == "" && e.slot == spare {
			version = e.version
			options, _, _ = strings.Cut(e.options, s.Options(spare))
		}
	}
	if version == "" {
		return ErrEmpty
	}
	name := fmt.Sprintf("livelearn-%s+%d.conf", spare, tries)
	return s.change(func() error {
		if err := s.put(filepath.Join(entries, name), s.text(spare, version, options, key)); err != nil {
			return err
		}
		return s.drop(list, spare, name)
	})
}

// text is an entry.
func (s *EFI) text(slot hal.Slot, version, options string, key int) string {
	if options = strings.TrimSpace(options); options != "" {
		options += " "
	}
	return fmt.Sprintf("title LiveLearn Box %s (slot %s)\nsort-key %08d\nversion %s\nlinux /%s/vmlinuz\noptions %s%s\n",
		version, slot, key, version, slot, options, s.Options(slot))
}

// Commit implements hal.Slots: an entry without a counter, and then no other.
func (s *EFI) Commit() error {
	list, err := s.menu()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("livelearn-%s.conf", s.Booted)
	for _, e := range list {
		if e.slot == s.Booted && !e.counted {
			return s.change(func() error { return s.drop(list, s.Booted, name) })
		}
	}
	for _, e := range list {
		if e.slot == s.Booted {
			text, err := os.ReadFile(filepath.Join(s.Dir, entries, e.file))
			if err != nil {
				return err
			}
			return s.change(func() error {
				if err := s.put(filepath.Join(entries, name), string(text)); err != nil {
					return err
				}
				return s.drop(list, s.Booted, name)
			})
		}
	}
	return ErrEmpty
}

// Restart implements hal.Slots.
func (s *EFI) Restart(ctx context.Context) error { return s.Reboot(ctx, "") }
