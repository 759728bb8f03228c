package slots

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/livelearn/box/hal"
)

// Tryboot are the slots of a Raspberry Pi. Its firmware reads autoboot.txt on the first
// partition: the partition to start from, and another one for a start that was asked for
// with the tryboot flag, which lasts for one start (Raspberry Pi documentation, autoboot.txt
// and tryboot).
type Tryboot struct {
	Folder
	Booted hal.Slot
	Parts  map[hal.Slot]map[string]string // devices, by part
	Reboot func(ctx context.Context, arg string) error

	pending bool
}

const autoboot = "autoboot.txt"

// Where the slots' boot partitions are on a card of ours.
var bootPartition = map[hal.Slot]int{hal.SlotA: 2, hal.SlotB: 3}

// parseAutoboot is the partition that an autoboot.txt names, for a start and for a try; 0: it
// names none.
func parseAutoboot(text string) (start, try int) {
	section := "all"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(s, "]")
			continue
		}
		value, ok := strings.CutPrefix(line, "boot_partition=")
		n, err := strconv.Atoi(value)
		if !ok || err != nil || n < 1 || n > 128 {
			continue
		}
		switch section {
		case "all":
			start = n
		case "tryboot":
			try = n
		}
	}
	return start, try
}

// autobootFor is the file for a slot that is the default.
func autobootFor(slot hal.Slot) string {
	return fmt.Sprintf("[all]\ntryboot_a_b=1\nboot_partition=%d\n[tryboot]\nboot_partition=%d\n", bootPartition[slot], bootPartition[slot.Other()])
}

// State implements hal.Slots.
func (s *Tryboot) State() (hal.SlotState, error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, autoboot))
	if err != nil {
		return hal.SlotState{Booted: s.Booted, Default: s.Booted}, err
	}
	st := hal.SlotState{Booted: s.Booted, Default: hal.SlotA, Pending: s.pending}
	if start, _ := parseAutoboot(string(text)); start == bootPartition[hal.SlotB] {
		st.Default = hal.SlotB
	}
	st.Trying = st.Default != st.Booted
	if st.Pending {
		st.Tries = 1
	}
	return st, nil
}

// Open implements hal.Slots. Nothing needs to be taken back before a write: without the flag
// the firmware does not look at the spare slot.
func (s *Tryboot) Open(slot hal.Slot, name string, write bool) (hal.SlotPart, error) {
	if write {
		st, err := s.State()
		if err != nil {
			return nil, err
		}
		if st.Trying || slot == s.Booted {
			return nil, ErrTrial
		}
		s.pending = false
	}
	path, ok := s.Parts[slot][name]
	if !ok {
		return nil, fmt.Errorf("no part %q", name)
	}
	return device(path, write)
}

// Try implements hal.Slots. The kernel's options are in the boot partition itself, which is
// part of a bundle.
func (s *Tryboot) Try(string, string) error {
	st, err := s.State()
	if err != nil {
		return err
	}
	if st.Trying {
		// Back to the one that is the default: an ordinary start does that.
		return nil
	}
	if err := s.change(func() error { return s.put(autoboot, autobootFor(s.Booted)) }); err != nil {
		return err
	}
	s.pending = true
	return nil
}

// Commit implements hal.Slots.
func (s *Tryboot) Commit() error {
	st, err := s.State()
	if err != nil || !st.Trying {
		return err
	}
	return s.change(func() error { return s.put(autoboot, autobootFor(s.Booted)) })
}

// Restart implements hal.Slots. The flag is for one start: reboot(2) hands it to the firmware.
func (s *Tryboot) Restart(ctx context.Context) error {
	if s.pending {
		return s.Reboot(ctx, "0 tryboot")
	}
	return s.Reboot(ctx, "")
}
