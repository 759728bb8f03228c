package slots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/atomicfile"
)

// Programs are two slots on a system that is not ours, such as Debian: a folder for each, with the
// program in it. A launcher takes the part of the firmware: it calls Choose and starts the program of
// the slot (firmware/cmd/livelearn). A bundle is the same as for an appliance, and the program is
// taken out of its root file system.
//
//	default        the slot that an ordinary start takes: "a"
//	trial          the slot to try and its tries left: "b 1"
//	seed           the installed program that was copied last
//	a/, b/         livelearn, version, build; boot and root are the parts of the bundle
type Programs struct {
	Folder // on the data disk
	Booted hal.Slot

	// Extract copies the program out of a root file system and returns its build number.
	Extract func(root *os.File, program io.Writer) (build int, err error)
	Reboot  func(ctx context.Context, arg string) error // starts the launcher again
}

const (
	defaultFile = "default"
	trialFile   = "trial"
	seedFile    = "seed"
	versionFile = "version"
	buildFile   = "build"

	programMode = 0o755
	maxPartSize = 512 << 20 // bytes, as in a bundle
)

// ProgramName is the name of the program in a slot.
const ProgramName = "livelearn"

// Path returns the path of the program in a slot.
func (s *Programs) Path(slot hal.Slot) string {
	return filepath.Join(s.Dir, string(slot), ProgramName)
}

// Version returns the version of the program in a slot, empty if it is unknown.
func (s *Programs) Version(slot hal.Slot) string {
	return s.readLine(filepath.Join(string(slot), versionFile))
}

// Build returns the build number of an update in a slot, and 0 for a program that was installed.
func (s *Programs) Build(slot hal.Slot) int {
	n, err := strconv.Atoi(s.readLine(filepath.Join(string(slot), buildFile)))
	if err != nil {
		return 0
	}
	return n
}

// readLine returns the first line of a small file, empty if it cannot be read.
func (s *Programs) readLine(name string) string {
	text, _ := os.ReadFile(filepath.Join(s.Dir, name)) // a file that is missing is empty
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// Default returns the slot that an ordinary start takes, empty if no program was copied yet.
func (s *Programs) Default() hal.Slot {
	slot := hal.Slot(s.readLine(defaultFile))
	if slot != hal.SlotA && slot != hal.SlotB {
		return ""
	}
	return slot
}

// readTrial returns the slot that is to be tried, and how often.
func (s *Programs) readTrial() (slot hal.Slot, tries int) {
	name, count, _ := strings.Cut(s.readLine(trialFile), " ")
	tries, err := strconv.Atoi(count)
	if slot = hal.Slot(name); err != nil || slot != hal.SlotA && slot != hal.SlotB {
		return "", 0
	}
	return slot, tries
}

// Trial returns the slot that is being tried or that the next start tries, empty if there is none.
func (s *Programs) Trial() hal.Slot {
	if slot, _ := s.readTrial(); slot != s.Default() {
		return slot
	}
	return ""
}

// Choose returns the slot that this start takes, and uses up one try of a trial. ErrEmpty means that
// no program was copied yet.
func (s *Programs) Choose() (hal.Slot, error) {
	usual := s.Default()
	if usual == "" {
		return "", ErrEmpty
	}
	slot, tries := s.readTrial()
	if slot == "" || slot == usual || tries < 1 {
		return usual, s.removeFile(trialFile)
	}
	if err := s.writeFileAtomic(trialFile, fmt.Sprintf("%s %d\n", slot, tries-1)); err != nil {
		return usual, err
	}
	return slot, nil
}

// Seed copies the installed program into the spare slot and tries it, if it was not copied before.
// The first one becomes the default. A program that newer refuses is not copied: it is older than an
// update that the box received. It reports whether the program was copied.
func (s *Programs) Seed(program, version string, newer func(than string) bool) (bool, error) {
	info, err := os.Stat(program)
	if err != nil {
		return false, err
	}
	usual, id := s.Default(), seedID(info, version)+"\n"
	if s.IsSeeded(info, version) {
		return false, nil
	}
	if usual != "" && !newer(s.Version(usual)) {
		return false, s.writeFileAtomic(seedFile, id)
	}
	slot := hal.SlotA
	if usual != "" {
		slot = usual.Other()
	}
	if err := s.fillSlot(slot, program, version); err != nil {
		return false, err
	}
	if usual == "" {
		err = s.writeFileAtomic(defaultFile, string(slot)+"\n")
	} else {
		err = s.writeFileAtomic(trialFile, string(slot)+" 1\n")
	}
	return err == nil, errors.Join(err, s.writeFileAtomic(seedFile, id))
}

// seedID identifies an installed program. It contains the version, because packages of two versions may
// have the same size and time.
func seedID(program os.FileInfo, version string) string {
	return fmt.Sprintf("%d %d %s", program.Size(), program.ModTime().UnixNano(), version)
}

// IsSeeded reports whether an installed program was copied, or passed over for a newer one.
func (s *Programs) IsSeeded(program os.FileInfo, version string) bool {
	return s.Default() != "" && s.readLine(seedFile) == seedID(program, version)
}

// fillSlot replaces the content of a slot that no start takes by a program.
func (s *Programs) fillSlot(slot hal.Slot, program, version string) error {
	if err := s.emptySlot(slot); err != nil {
		return err
	}
	for _, name := range []string{hal.PartBoot, hal.PartRoot, buildFile} {
		if err := os.Remove(s.partPath(slot, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	err = atomicfile.Write(s.Path(slot), programMode, func(w io.Writer) error { _, err := io.Copy(w, from); return err })
	return errors.Join(err, s.writeFileAtomic(filepath.Join(string(slot), versionFile), version+"\n"))
}

// emptySlot makes a slot that has no program, so no start takes it.
func (s *Programs) emptySlot(slot hal.Slot) error {
	if err := os.MkdirAll(filepath.Join(s.Dir, string(slot)), 0o755); err != nil {
		return err
	}
	if err := s.removeFile(trialFile); err != nil {
		return err
	}
	return s.removeFile(filepath.Join(string(slot), ProgramName))
}

func (s *Programs) partPath(slot hal.Slot, part string) string {
	return filepath.Join(s.Dir, string(slot), part)
}

// State implements hal.Slots.
func (s *Programs) State() (hal.SlotState, error) {
	st := hal.SlotState{Booted: s.Booted, Default: s.Default()}
	if st.Default == "" {
		return st, ErrEmpty
	}
	st.Trying = st.Booted != st.Default
	if slot, tries := s.readTrial(); !st.Trying && slot == st.SpareSlot() && tries > 0 {
		st.Pending, st.Tries = true, tries
	}
	return st, nil
}

// Open implements hal.Slots.
func (s *Programs) Open(slot hal.Slot, name string, write bool) (hal.SlotPart, error) {
	if name != hal.PartBoot && name != hal.PartRoot {
		return nil, fmt.Errorf("slot %s has no part %q", slot, name)
	}
	if !write {
		return openDevice(s.partPath(slot, name), false)
	}
	st, err := s.State()
	switch {
	case err != nil:
		return nil, err
	case st.Trying:
		return nil, ErrTrial
	case slot != st.SpareSlot():
		return nil, fmt.Errorf("slot %s is running", slot)
	}
	if err := s.emptySlot(slot); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.partPath(slot, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &part{File: f, size: maxPartSize, isFile: true}, nil
}

// Try implements hal.Slots. Without a version it takes the program that is in the spare slot. The
// options are for a kernel, and this system has its own.
func (s *Programs) Try(version, _ string) error {
	spare := s.Booted.Other()
	if _, err := os.Stat(s.Path(spare)); errors.Is(err, fs.ErrNotExist) {
		if err := s.extractProgram(spare, version); err != nil {
			return err
		}
	}
	return s.writeFileAtomic(trialFile, string(spare)+" 1\n")
}

// extractProgram takes the program out of the root file system that was written to a slot.
func (s *Programs) extractProgram(slot hal.Slot, version string) error {
	root, err := os.Open(s.partPath(slot, hal.PartRoot))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrEmpty
	}
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if version == "" {
		return ErrEmpty // the parts were not received as a whole
	}
	if err := s.writeFileAtomic(filepath.Join(string(slot), versionFile), version+"\n"); err != nil {
		return err
	}
	if err := s.callBeforeChange(); err != nil {
		return err
	}
	return atomicfile.Write(s.Path(slot), programMode, func(w io.Writer) error {
		build, err := s.Extract(root, w)
		if err != nil {
			return err
		}
		return s.writeFileAtomic(filepath.Join(string(slot), buildFile), strconv.Itoa(build)+"\n")
	})
}

// Commit implements hal.Slots.
func (s *Programs) Commit() error {
	if s.Default() != s.Booted {
		if err := s.writeFileAtomic(defaultFile, string(s.Booted)+"\n"); err != nil {
			return err
		}
	}
	return s.removeFile(trialFile)
}

// Restart implements hal.Slots.
func (s *Programs) Restart(ctx context.Context) error { return s.Reboot(ctx, "") }
