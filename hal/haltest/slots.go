package haltest

import (
	"context"
	"errors"
	"testing"

	"github.com/livelearn/box/hal"
)

// ErrPowerCut is the error of all slots after a power cut.
var ErrPowerCut = errors.New("the power was cut")

// SlotMachine is a machine with two slots. Its firmware is real, or simulated by the documented
// rules.
type SlotMachine interface {
	// Start switches the machine on, also after a power cut, and returns the slot that its firmware
	// chose and the slots of that system.
	Start() hal.Slot
	Slots() hal.Slots
	// Restarted reports whether the slots asked for a restart since the last Start.
	Restarted() bool
	// CutPowerAfter cuts the power after this many changes to the files of the firmware, or never
	// (-1).
	CutPowerAfter(changes int)
}

// bundler is a machine whose parts hold more than their content. Bundle returns the part of a
// bundle, which begins with its content.
type bundler interface {
	Bundle(part, content string) []byte
}

// TestSlots checks that a machine keeps the promises of hal.Slots. The machine starts with slot a,
// which holds "one" in both parts and is the default.
func TestSlots(t *testing.T, fresh func(t *testing.T) SlotMachine) {
	t.Helper()
	t.Run("a good update stays", func(t *testing.T) { goodUpdate(t, fresh(t)) })
	t.Run("a bad update goes", func(t *testing.T) { badUpdate(t, fresh(t)) })
	t.Run("the system on trial keeps the other", func(t *testing.T) { keepsOther(t, fresh(t)) })
	t.Run("back to the one before", func(t *testing.T) { backToBefore(t, fresh(t)) })
	t.Run("power cuts", func(t *testing.T) { powerCuts(t, fresh) })
}

// installUpdate writes a system into the spare slot and tries it.
func installUpdate(m SlotMachine, content string) error {
	s := m.Slots()
	st, err := s.State()
	if err != nil {
		return err
	}
	for _, part := range []string{hal.PartRoot, hal.PartBoot} {
		p, err := s.Open(st.SpareSlot(), part, true)
		if err != nil {
			return err
		}
		data := []byte(content)
		if b, ok := m.(bundler); ok {
			data = b.Bundle(part, content)
		}
		_, err = p.WriteAt(data, 0)
		if err := errors.Join(err, p.Sync(), p.Close()); err != nil {
			return err
		}
	}
	if err := s.Try(content, "quiet"); err != nil {
		return err
	}
	return s.Restart(context.Background())
}

// slotContent returns the content of a slot, empty if its parts differ.
func slotContent(t *testing.T, m SlotMachine, slot hal.Slot) string {
	t.Helper()
	got := map[string]bool{}
	last := ""
	for _, part := range []string{hal.PartRoot, hal.PartBoot} {
		p, err := m.Slots().Open(slot, part, false)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 3)
		_, _ = p.ReadAt(b, 0) // a shorter part differs
		last = string(b)
		got[last] = true
		_ = p.Close()
	}
	if len(got) != 1 {
		return ""
	}
	return last
}

func checkState(t *testing.T, m SlotMachine, want hal.SlotState) {
	t.Helper()
	got, err := m.Slots().State()
	if err != nil {
		t.Fatal(err)
	}
	got.Tries, want.Tries = min(got.Tries, 1), min(want.Tries, 1)
	if got != want {
		t.Errorf("the state is %+v, want %+v", got, want)
	}
}

func goodUpdate(t *testing.T, m SlotMachine) {
	if got := m.Start(); got != hal.SlotA {
		t.Fatalf("a fresh machine starts %s", got)
	}
	checkState(t, m, hal.SlotState{Booted: "a", Default: "a"})
	here := hal.SlotA
	for _, version := range []string{"two", "thr", "fou"} {
		if err := installUpdate(m, version); err != nil {
			t.Fatal(err)
		}
		checkState(t, m, hal.SlotState{Booted: here, Default: here, Pending: true, Tries: 1})
		if !m.Restarted() {
			t.Error("no restart was asked for")
		}
		here = here.Other()
		if got := m.Start(); got != here || slotContent(t, m, got) != version {
			t.Fatalf("it starts slot %s with %q, want %q", got, slotContent(t, m, got), version)
		}
		checkState(t, m, hal.SlotState{Booted: here, Default: here.Other(), Trying: true})
		if err := m.Slots().Commit(); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			checkState(t, m, hal.SlotState{Booted: here, Default: here})
			if got := m.Start(); got != here {
				t.Fatalf("after the commit it starts %s", got)
			}
		}
		if err := m.Slots().Commit(); err != nil {
			t.Errorf("a second commit: %v", err)
		}
	}
}

func badUpdate(t *testing.T, m SlotMachine) {
	m.Start()
	for range 2 {
		if err := installUpdate(m, "bad"); err != nil {
			t.Fatal(err)
		}
		starts := 0
		for m.Start() != hal.SlotA {
			if starts++; starts > 3 {
				t.Fatal("a system without a commit starts every time")
			}
		}
		if starts == 0 {
			t.Error("the system was not tried")
		}
		checkState(t, m, hal.SlotState{Booted: "a", Default: "a"})
		if m.Start() != hal.SlotA {
			t.Error("the system is tried again without a request")
		}
	}
}

func keepsOther(t *testing.T, m SlotMachine) {
	m.Start()
	if _, err := m.Slots().Open(hal.SlotA, hal.PartRoot, true); err == nil {
		t.Error("the running slot was opened for writing")
	}
	if err := installUpdate(m, "two"); err != nil {
		t.Fatal(err)
	}
	m.Start()
	for _, slot := range []hal.Slot{hal.SlotA, hal.SlotB} {
		if _, err := m.Slots().Open(slot, hal.PartRoot, true); err == nil {
			t.Errorf("slot %s was opened for writing from a system on trial", slot)
		}
	}
	if got := slotContent(t, m, hal.SlotA); got != "one" {
		t.Errorf("the other slot holds %q", got)
	}
}

func backToBefore(t *testing.T, m SlotMachine) {
	m.Start()
	if err := installUpdate(m, "two"); err != nil {
		t.Fatal(err)
	}
	m.Start()
	if err := m.Slots().Commit(); err != nil {
		t.Fatal(err)
	}
	if err := m.Slots().Try("", ""); err != nil {
		t.Fatal(err)
	}
	if err := m.Slots().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Start(); got != hal.SlotA || slotContent(t, m, got) != "one" {
		t.Fatalf("it starts %s", got)
	}
	if err := m.Slots().Commit(); err != nil {
		t.Fatal(err)
	}
	if got := m.Start(); got != hal.SlotA {
		t.Errorf("after the commit it starts %s", got)
	}
}

// powerCuts cuts the power after each change in turn, in an update and in its commit.
func powerCuts(t *testing.T, fresh func(t *testing.T) SlotMachine) {
	for n := 0; ; n++ {
		m := fresh(t)
		m.Start()
		m.CutPowerAfter(n)
		err := installUpdate(m, "two")
		if err == nil {
			m.Start()
			err = m.Slots().Commit()
		}
		m.CutPowerAfter(-1)
		whole := err == nil
		if err != nil && !errors.Is(err, ErrPowerCut) {
			t.Fatalf("cut after %d changes: %v", n, err)
		}
		first := m.Start()
		if got := slotContent(t, m, first); got != "one" && got != "two" {
			t.Fatalf("cut after %d changes: it starts slot %s, which is incomplete", n, first)
		}
		// The next update must work from any state.
		for range 4 {
			if st, err := m.Slots().State(); err != nil || !st.Trying {
				break
			}
			m.Start()
		}
		if err := installUpdate(m, "thr"); err != nil {
			t.Fatalf("cut after %d changes, then an update: %v", n, err)
		}
		if got := m.Start(); slotContent(t, m, got) != "thr" {
			t.Fatalf("cut after %d changes, then an update: it starts %q", n, slotContent(t, m, got))
		}
		if whole {
			if n < 2 {
				t.Errorf("only %d changes: the test cuts no update", n)
			}
			return
		}
	}
}
