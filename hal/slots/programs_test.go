package slots

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/haltest"
)

// newPrograms is an installed system whose launcher is Choose.
func newPrograms(t *testing.T) haltest.SlotMachine {
	t.Helper()
	m := &fakeMachine{t: t, dir: t.TempDir(), cut: -1}
	m.make = func(m *fakeMachine, booted hal.Slot) hal.Slots {
		return &Programs{
			Folder: m.folder(), Booted: booted,
			Extract: func(root *os.File, w io.Writer) (int, error) {
				_, err := io.Copy(w, io.LimitReader(root, 3))
				return 7, err
			},
			Reboot: func(context.Context, string) error { m.asked = true; return nil },
		}
	}
	m.start = func(m *fakeMachine) hal.Slot {
		slot, err := m.make(m, "").(*Programs).Choose()
		if errors.Is(err, haltest.ErrPowerCut) { // in the start itself: the next one works, and nothing after it
			m.cut = -1
			slot, err = m.make(m, "").(*Programs).Choose()
			m.cut = 0
		}
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(filepath.Join(m.dir, string(slot), ProgramName))
		if err != nil || len(program) != 3 {
			t.Fatalf("slot %s starts %q, %v", slot, program, err)
		}
		return slot
	}
	write(t, m.dir, "default", "a\n")
	for _, name := range []string{"a/boot", "a/root", "a/" + ProgramName} {
		write(t, m.dir, name, "one")
	}
	return m
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestPrograms(t *testing.T) { haltest.TestSlots(t, newPrograms) }

// installed is an installed program of a version, which the launcher copies.
func installed(t *testing.T, dir, version string) string {
	t.Helper()
	write(t, dir, "installed", version)
	path := filepath.Join(dir, "installed")
	stamp := time.Unix(0, 0) // of a reproducible package
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
	return path
}

func seed(t *testing.T, s *Programs, version string, isNewer bool) bool {
	t.Helper()
	copied, err := s.Seed(installed(t, t.TempDir(), version), version, func(string) bool { return isNewer })
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

func choose(t *testing.T, s *Programs) hal.Slot {
	t.Helper()
	slot, err := s.Choose()
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

func TestAnInstalledProgramIsTriedOnce(t *testing.T) {
	s := &Programs{Folder: Folder{Dir: t.TempDir()}}
	if _, err := s.Choose(); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty folder: %v", err)
	}
	if !seed(t, s, "1.0.0", true) || choose(t, s) != hal.SlotA || s.Version(hal.SlotA) != "1.0.0" || s.Trial() != "" {
		t.Fatalf("the first program is not the default: %q", s.Default())
	}
	if seed(t, s, "1.0.0", true) {
		t.Error("the same program was copied again")
	}
	if !seed(t, s, "2.0.0", true) || s.Trial() != hal.SlotB || choose(t, s) != hal.SlotB {
		t.Fatalf("a new program is not tried: %q", s.Trial())
	}
	if got := choose(t, s); got != hal.SlotA {
		t.Errorf("a program that ended without a commit starts again in slot %s", got)
	}
	if seed(t, s, "2.0.0", true) || choose(t, s) != hal.SlotA {
		t.Error("a program that failed is tried again")
	}
	if !seed(t, s, "3.0.0", true) || choose(t, s) != hal.SlotB {
		t.Fatal("the next program is not tried")
	}
	s.Booted = hal.SlotB
	if err := s.Commit(); err != nil || choose(t, s) != hal.SlotB || s.Version(s.Default()) != "3.0.0" {
		t.Errorf("the commit: %v, default %q", err, s.Default())
	}
}

func TestAnInstalledProgramDoesNotReplaceANewerUpdate(t *testing.T) {
	s := &Programs{Folder: Folder{Dir: t.TempDir()}}
	seed(t, s, "2.0.0", true)
	if seed(t, s, "1.0.0", false) || choose(t, s) != hal.SlotA || s.Version(hal.SlotA) != "2.0.0" {
		t.Errorf("version %q runs", s.Version(s.Default()))
	}
}

func TestADamagedChoiceStartsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "b", "b x", "c 1", "b -1", "a 1", "\x00\xff", "b 99999999999999999999"} {
		s := &Programs{Folder: Folder{Dir: t.TempDir()}}
		seed(t, s, "1.0.0", true)
		write(t, s.Dir, "trial", text)
		if got := choose(t, s); got != hal.SlotA {
			t.Errorf("%q: got slot %s", text, got)
		}
	}
}
