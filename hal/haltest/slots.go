package haltest

import (
	"context"
	"errors"
	"testing"

	"github.com/livelearn/box/hal"
)

// ErrCut is what a machine's slots fail with when the power went.
var ErrCut = errors.New("the power went")

// SlotMachine is a machine with two slots, its firmware simulated by its documented rules or
// real.
type SlotMachine interface {
	// Start switches the machine on, or on again, and gives the slot that its firmware chose.
	// Slots are then those of that system.
	Start() hal.Slot
	Slots() hal.Slots
	// Restarted tells that the slots asked for a restart since the last Start.
	Restarted() bool
	// Cut makes the power go after so many changes to what the firmware reads, or never (-1).
	Cut(changes int)
}

// TestSlots checks that a machine keeps the promises of hal.Slots. It comes with slot a, which
// holds "one" in both parts and is the default.
func TestSlots(t *testing.T, fresh func(t *testing.T) SlotMachine) {
	t.Helper()
	t.Run("a good update stays", func(t *testing.T) { goodUpdate(t, fresh(t)) })
	t.Run("a bad update goes", func(t *testing.T) { badUpdate(t, fresh(t)) })
	t.Run("the system on trial keeps the other", func(t *testing.T) { keepsOther(t, fresh(t)) })
	t.Run("back to the one before", func(t *testing.T) { backToBefore(t, fresh(t)) })
	t.Run("power cuts", func(t *testing.T) { cuts(t, fresh) })
}

// install writes a system into the spare slot and has it tried.
func install(m SlotMachine, content string) error {
	s := m.Slots()
	st, err := s.State()
	if err != nil {
		return err
	}
	for _, part := range []string{hal.PartRoot, hal.PartBoot} {
		p, err := s.Open(st.Spare(), part, true)
		if err != nil {
			return err
		}
		_, err = p.WriteAt([]byte(content), 0)
		if err := errors.Join(err, p.Sync(), p.Close()); err != nil {
			return err
		}
	}
	if err := s.Try(content, "quiet"); err != nil {
		return err
	}
	return s.Restart(context.Background())
}

// content is what a slot holds; empty if its parts differ.
func content(t *testing.T, m SlotMachine, slot hal.Slot) string {
	t.Helper()
	got := map[string]bool{}
	last := ""
	for _, part := range []string{hal.PartRoot, hal.PartBoot} {
		p, err := m.Slots().Open(slot, part, false)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 3)
		_, _ = p.ReadAt(b, 0) // shorter: it differs
		last = string(b)
		got[last] = true
		_ = p.Close()
	}
	if len(got) != 1 {
		return ""
	}
	return last
}

func is(t *testing.T, m SlotMachine, want hal.SlotState) {
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
	is(t, m, hal.SlotState{Booted: "a", Default: "a"})
	here := hal.SlotA
	for _, version := range []string{"two", "thr", "fou"} {
		if err := install(m, version); err != nil {
			t.Fatal(err)
		}
		is(t, m, hal.SlotState{Booted: here, Default: here, Pending: true, Tries: 1})
		if !m.Restarted() {
			t.Error("no restart was asked for")
		}
		here = here.Other()
		if got := m.Start(); got != here || content(t, m, got) != version {
			t.Fatalf("it starts %s with %q, want %q", got, content(t, m, got), version)
		}
		is(t, m, hal.SlotState{Booted: here, Default: here.Other(), Trying: true})
		if err := m.Slots().Commit(); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			is(t, m, hal.SlotState{Booted: here, Default: here})
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
		if err := install(m, "bad"); err != nil {
			t.Fatal(err)
		}
		starts := 0
		for m.Start() != hal.SlotA {
			if starts++; starts > 3 {
				t.Fatal("a system that was never committed keeps being started")
			}
		}
		if starts == 0 {
			t.Error("it was not tried")
		}
		is(t, m, hal.SlotState{Booted: "a", Default: "a"})
		if m.Start() != hal.SlotA {
			t.Error("it is tried again by itself")
		}
	}
}

func keepsOther(t *testing.T, m SlotMachine) {
	m.Start()
	if _, err := m.Slots().Open(hal.SlotA, hal.PartRoot, true); err == nil {
		t.Error("the running slot was opened for writing")
	}
	if err := install(m, "two"); err != nil {
		t.Fatal(err)
	}
	m.Start()
	for _, slot := range []hal.Slot{hal.SlotA, hal.SlotB} {
		if _, err := m.Slots().Open(slot, hal.PartRoot, true); err == nil {
			t.Errorf("slot %s was opened for writing from a system on trial", slot)
		}
	}
	if got := content(t, m, hal.SlotA); got != "one" {
		t.Errorf("the other slot holds %q", got)
	}
}

func backToBefore(t *testing.T, m SlotMachine) {
	m.Start()
	if err := install(m, "two"); err != nil {
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
	if got := m.Start(); got != hal.SlotA || content(t, m, got) != "one" {
		t.Fatalf("it starts %s", got)
	}
	if err := m.Slots().Commit(); err != nil {
		t.Fatal(err)
	}
	if got := m.Start(); got != hal.SlotA {
		t.Errorf("after the commit it starts %s", got)
	}
}

// cuts takes the power away after each change in turn, in an update and in its commit.
func cuts(t *testing.T, fresh func(t *testing.T) SlotMachine) {
	for n := 0; ; n++ {
		m := fresh(t)
		m.Start()
		m.Cut(n)
		err := install(m, "two")
		if err == nil {
			m.Start()
			err = m.Slots().Commit()
		}
		m.Cut(-1)
		whole := err == nil
		if err != nil && !errors.Is(err, ErrCut) {
			t.Fatalf("cut after %d changes: %v", n, err)
		}
		first := m.Start()
		if got := content(t, m, first); got != "one" && got != "two" {
			t.Fatalf("cut after %d changes: it starts slot %s, which is in pieces", n, first)
		}
		// And from wherever it is, the next update goes through.
		for range 4 {
			if st, err := m.Slots().State(); err != nil || !st.Trying {
				break
			}
			m.Start()
		}
		if err := install(m, "thr"); err != nil {
			t.Fatalf("cut after %d changes, then an update: %v", n, err)
		}
		if got := m.Start(); content(t, m, got) != "thr" {
			t.Fatalf("cut after %d changes, then an update: it starts %q", n, content(t, m, got))
		}
		if whole {
			if n < 2 {
				t.Errorf("only %d changes: the test does not bite", n)
			}
			return
		}
	}
}
