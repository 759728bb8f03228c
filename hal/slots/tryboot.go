package slots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/livelearn/box/hal"
)

// Tryboot are the slots of a Raspberry Pi. Its firmware reads autoboot.txt on the first partition.
// The file names the partition of an ordinary start, and the partition of a start with the tryboot
// flag. The flag lasts for one start (Raspberry Pi documentation, autoboot.txt and tryboot).
type Tryboot struct {
	Folder
	Booted hal.Slot
	Parts  map[hal.Slot]map[string]string // devices, by part
	Root   func(hal.Slot) string          // the value of root=
	Reboot func(ctx context.Context, arg string) error

	pending bool
}

const autoboot = "autoboot.txt"

// bootPartition holds the partition number of each slot's boot partition on a card of LiveLearn.
var bootPartition = map[hal.Slot]int{hal.SlotA: 2, hal.SlotB: 3}

// parseAutoboot returns the partitions that an autoboot.txt names for a start and for a try, 0 if
// it names none.
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

// autobootFor returns the file for a default slot.
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

// Open implements hal.Slots. Before a write there is nothing to undo: without the flag the firmware
// ignores the spare slot.
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
	p, err := openDevice(path, write)
	if err != nil || write || name != hal.PartBoot {
		return p, err
	}
	return asSigned(p)
}

// Try implements hal.Slots. The kernel options are in the boot partition, which is part of a
// bundle.
func (s *Tryboot) Try(string, string) error {
	st, err := s.State()
	if err != nil {
		return err
	}
	if st.Trying {
		// An ordinary start takes the default slot.
		return nil
	}
	if err := s.setSpare(); err != nil {
		return err
	}
	if err := s.withWritable(func() error { return s.writeFileAtomic(autoboot, autobootFor(s.Booted)) }); err != nil {
		return err
	}
	s.pending = true
	return nil
}

// setSpare sets the spare slot in its cmdline.txt.
func (s *Tryboot) setSpare() error {
	spare := s.Booted.Other()
	return s.setCommandLine(spare, s.Root(spare))
}

// SetRoot sets the value of root= with which the running slot starts.
func (s *Tryboot) SetRoot(root string) error { return s.setCommandLine(s.Booted, root) }

func (s *Tryboot) setCommandLine(slot hal.Slot, root string) error {
	p, err := openDevice(s.Parts[slot][hal.PartBoot], true)
	if err != nil {
		return err
	}
	sector, at, err := CommandLine(p, slot, root)
	if err == nil && sector != nil {
		if err = s.callBeforeChange(); err == nil {
			_, err = p.WriteAt(sector, at)
		}
		err = errors.Join(err, p.Sync(), s.callBeforeChange())
	}
	return errors.Join(err, p.Close())
}

// Commit implements hal.Slots.
func (s *Tryboot) Commit() error {
	st, err := s.State()
	if err != nil || !st.Trying {
		return err
	}
	return s.withWritable(func() error { return s.writeFileAtomic(autoboot, autobootFor(s.Booted)) })
}

// Restart implements hal.Slots. The flag is for one start. reboot(2) passes it to the firmware.
func (s *Tryboot) Restart(ctx context.Context) error {
	if s.pending {
		return s.Reboot(ctx, "0 tryboot")
	}
	return s.Reboot(ctx, "")
}
