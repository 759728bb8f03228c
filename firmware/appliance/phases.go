package appliance

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/supervise"
)

// phase is one step of a start. It returns a note for the admin page. An error is shown on
// that page too, and the start continues: a page that reports the fault is worth more than a
// machine that waits.
type phase struct {
	name string
	run  func(*Machine, context.Context) (string, error)
}

// phases lists the steps of a start, from the kernel to the programs.
var phases = []phase{
	{"mounts", (*Machine).setUpMounts},     // proc, sys, dev and other file systems in memory
	{"watchdog", (*Machine).openWatchdog},  // from here on a hang ends in a restart
	{"drivers", (*Machine).loadDrivers},    // for the devices that are present
	{"board", (*Machine).findBoard},        // its display shows the phases that follow
	{"boot", (*Machine).findBoot},          // the partition that the firmware reads
	{"disk", (*Machine).setOwnIDs},         // two disks of a release are not mixed up
	{"data", (*Machine).findData},          // formats, grows and checks the data partition
	{"log", (*Machine).openLog},            // log files that survive a restart
	{"clock", (*Machine).setClock},         // not before the floor
	{"names", (*Machine).setName},          // the name and secrets of this machine
	{"loopback", (*Machine).setUpLoopback}, // lets the programs talk to each other
}

// runPhases runs the phases in order and records the result of each.
func (m *Machine) runPhases(ctx context.Context, list []phase) {
	for _, p := range list {
		if ctx.Err() != nil {
			return
		}
		m.showPhase(p.name)
		began := time.Now()
		note, err := runPhase(ctx, m, p)
		done := initctl.Phase{Name: p.name, Took: time.Since(began), Note: note}
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
	m.showPhase("services")
}

// runPhase runs one phase and feeds the watchdog while the lease is valid (watchdog_lease.go).
// A phase that panics returns an error.
func runPhase(ctx context.Context, m *Machine, p phase) (note string, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g := supervise.Group(ctx)
	if dog := m.watchdog; dog != nil {
		g.Go(func(ctx context.Context) error { return m.feedWatchdog(ctx, dog) })
	}
	g.Go(func(ctx context.Context) error {
		defer stop()
		var err error
		note, err = p.run(m, ctx)
		return err
	})
	err = g.Wait()
	return note, err
}

// showPhase shows the progress of the start on the display. Progress renews the lease.
func (m *Machine) showPhase(phase string) {
	m.lease.renew(bootLease)
	if m.board.LED != nil {
		_ = m.board.LED.Set(hal.Booting) // the light is optional
	}
	if m.board.Display != nil {
		_ = m.board.Display.Show(hal.Page{Title: "LiveLearn Box", Lines: []string{"starting: " + phase}}) // so is the display
	}
}

// openWatchdog opens the hardware watchdog and starts to feed it.
func (m *Machine) openWatchdog(ctx context.Context) (string, error) {
	open := boards.Probe(os.DirFS("/")).Watchdog
	if open == nil {
		return "none: a hang needs a hand", nil
	}
	dog, err := open()
	if err != nil {
		return "", err
	}
	m.watchdog = dog
	m.services = append(m.services, supervise.Child{ID: "watchdog", Start: func(ctx context.Context, ready func()) error {
		ready()
		return m.feedWatchdog(ctx, dog)
	}})
	return dog.Timeout().String(), dog.Feed()
}

// feedWatchdog feeds the watchdog while the lease is valid, until ctx ends.
func (m *Machine) feedWatchdog(ctx context.Context, dog hal.Watchdog) error {
	return m.lease.feedWatchdog(ctx, dog, func(err error) { m.log.Warn("the watchdog is not fed", "err", err) })
}

// findBoard probes which board this machine is.
func (m *Machine) findBoard(context.Context) (string, error) {
	m.board = boards.Probe(os.DirFS("/"))
	if kernelOption("livelearn.log") == "console" {
		m.output.mirrorTo(OpenConsoles())
	}
	if m.board.Display == nil {
		m.board.Display = sim.NewTerminal(OpenConsoles())
	}
	return m.board.Name, nil
}

// setUpLoopback sets the loopback interface up, so that the programs of this machine can talk
// to each other. The kernel assigns the addresses of the interface.
func (m *Machine) setUpLoopback(context.Context) (string, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return "", err
	}
	return "", netlink.LinkSetUp(lo)
}

// kernelOption returns the value of key= on the kernel's command line.
func kernelOption(key string) string {
	line, _ := os.ReadFile("/proc/cmdline") // empty if it cannot be read
	for word := range strings.FieldsSeq(string(line)) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}

// bootID returns the kernel's random id of this start.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // empty if it cannot be read
	return strings.TrimSpace(string(id))
}

// makeFolders makes the folders of the data partition.
func makeFolders() error {
	for _, dir := range []string{BoxDir, StateDir, LogDir, NetworkDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// mountMemoryData mounts memory at DataDir when the disk cannot be used, so that the pages
// still work.
func mountMemoryData() error {
	if err := unix.Mount("tmpfs", DataDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=25%,mode=700"); err != nil {
		return fmt.Errorf("%s: %w", DataDir, err)
	}
	return makeFolders()
}
