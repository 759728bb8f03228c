package appliance

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/supervise"
)

// phase is one step of a start. What it gives back is worth a word on the admin page. An
// error is told there too, and the start goes on: a page that says what is missing is worth
// more than a machine that waits.
type phase struct {
	name string
	run  func(*Machine, context.Context) (string, error)
}

// phases are a start, from the kernel to the programs.
var phases = []phase{
	{"mounts", (*Machine).mounts},     // proc, sys, dev and what else is memory
	{"watchdog", (*Machine).watchdog}, // from here on a hang ends
	{"drivers", (*Machine).coldplug},  // for the devices that are there
	{"board", (*Machine).findBoard},   // its display shows the phases that follow
	{"boot", (*Machine).findBoot},     // the partition that the firmware reads
	{"data", (*Machine).findData},     // made, grown and checked
	{"log", (*Machine).keepLog},       // survives a restart
	{"clock", (*Machine).setClock},    // not before the floor
	{"names", (*Machine).nameIt},      // the box's own name and secrets
	{"loopback", (*Machine).loopback}, // the programs speak to each other
}

// start goes through the phases.
func (m *Machine) start(ctx context.Context, list []phase) {
	for _, p := range list {
		if ctx.Err() != nil {
			return
		}
		m.show(p.name)
		began := time.Now()
		note, err := guarded(ctx, m, p)
		done := door.Phase{Name: p.name, Took: time.Since(began), Note: note}
		if err != nil {
			done.Err = err.Error()
			m.log.Error("a phase failed", "phase", p.name, "err", err)
		} else {
			m.log.Info("phase", "phase", p.name, "dur", done.Took, "note", note)
		}
		m.mu.Lock()
		m.boot.Phases = append(m.boot.Phases, done)
		m.mu.Unlock()
	}
	m.show("services")
}

// guarded runs a phase. One that panics failed.
func guarded(ctx context.Context, m *Machine, p phase) (note string, err error) {
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		var err error
		note, err = p.run(m, ctx)
		return err
	})
	err = g.Wait()
	return note, err
}

// show tells people who stand before the machine how far it is.
func (m *Machine) show(phase string) {
	if m.board.LED != nil {
		_ = m.board.LED.Set(hal.Booting) // the light is a comfort
	}
	if m.board.Display != nil {
		_ = m.board.Display.Show(hal.Page{Title: "LiveLearn Box", Lines: []string{"starting: " + phase}}) // and so is this
	}
}

// watchdog opens the hardware watchdog and begins to feed it.
func (m *Machine) watchdog(ctx context.Context) (string, error) {
	open := boards.Probe(os.DirFS("/")).Watchdog
	if open == nil {
		return "none: a hang needs a hand", nil
	}
	dog, err := open()
	if err != nil {
		return "", err
	}
	m.dog = dog
	m.keepers = append(m.keepers, supervise.Child{ID: "watchdog", Start: func(ctx context.Context, ready func()) error {
		ready()
		return m.lease.feed(ctx, dog, func(err error) { m.log.Warn("the watchdog is not fed", "err", err) })
	}})
	return dog.Timeout().String(), dog.Feed()
}

// findBoard looks what the machine is.
func (m *Machine) findBoard(context.Context) (string, error) {
	m.board = boards.Probe(os.DirFS("/"))
	if kernelOption("livelearn.log") == "console" {
		m.out.mirrorTo(Consoles())
	}
	if m.board.Display == nil {
		m.board.Display = sim.NewTerminal(Consoles())
	}
	return m.board.Name, nil
}

// loopback lets the programs of this machine speak to each other. The kernel gives the
// interface its addresses when it is up.
func (m *Machine) loopback(context.Context) (string, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return "", err
	}
	return "", netlink.LinkSetUp(lo)
}

// kernelOption is the value of key= on the kernel's command line.
func kernelOption(key string) string {
	line, _ := os.ReadFile("/proc/cmdline") // empty: not told
	for word := range strings.FieldsSeq(string(line)) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}

// bootID is the kernel's own number of this start.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // empty: not told
	return strings.TrimSpace(string(id))
}

// folders are made where there is a place to keep them.
func folders() error {
	for _, dir := range []string{BoxDir, StateDir, LogDir, NetworkDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// dataInMemory is for a machine whose disk cannot be used: it shows its page all the same.
func dataInMemory() error {
	if err := unix.Mount("tmpfs", DataDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=25%,mode=700"); err != nil {
		return fmt.Errorf("%s: %w", DataDir, err)
	}
	return folders()
}
