// Package appliance is the first process (PID 1) of a machine that runs only our program.
// The kernel starts it, and it runs until the power goes.
//
// The start is the list of phases in phases.go. After that the first process supervises two
// other processes: the network, which people always need, and the box. If the box keeps
// ending, the safe mode replaces it. The safe mode shows the failures and offers an update, a
// restore and a download of the data. If the box runs from a slot on trial, the machine
// restarts into the other slot instead.
//
// Promises:
//   - The hardware watchdog is fed only while the lease is valid (watchdog_lease.go). A phase
//     renews it when it makes progress, a program renews it with its heartbeats. A kernel, a
//     first process or a program that hangs causes a hardware restart.
//   - A disk that cannot be mounted is never formatted. The page that reports it still comes up.
//   - The first process never ends. It reports a fault and continues.
//
// We do not use gokrazy.Boot and gokrazy.Supervise (github.com/gokrazy/gokrazy). They feed
// the watchdog even when the programs hang, and they serve a status page with a password of
// their own. The kernel and the layout of the image come from gokrazy.
package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/disk"
	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/firmware/appliance/timesync"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/supervise"
)

// Paths on an appliance.
const (
	DataDir      = "/data"                // the data partition
	BoxDir       = "/data/box"            // the box's data folder
	StateDir     = "/data/state"          // of the first process: secrets, time floors, failures
	LogDir       = "/data/log"            // output of the programs
	NetworkDir   = "/data/network"        // network settings and DHCP leases
	BootDir      = "/boot"                // the partition that the firmware reads, with livelearn.toml
	ShareDir     = "/usr/share/livelearn" // from the image: release.json, root.json, licences
	RunDir       = "/run/livelearn"       // sockets
	initSocket   = "/run/livelearn/init.sock"
	configPath   = "/boot/livelearn.toml"
	failuresFile = "failures.json"
)

// maxFailures is the number of failures that are kept across restarts.
const maxFailures = 20

// Config is what the first process gets from its command.
type Config struct {
	Program string    // path of this program
	Version string    // version of this program
	Built   time.Time // build time of the release; the clock is never set before it
}

// Machine is the state of the first process. New makes it, and Run is called once.
type Machine struct {
	cfg        Config
	log        *slog.Logger
	output     *output // log and output of the programs
	lease      lease
	program    *program
	buttons    *powerButtons
	board      hal.Board // until the box takes it over
	slots      hal.Slots // nil: the machine has one system and takes no updates
	slot       hal.Slot
	disk       disk.Disk // the disk with our root file system
	clock      *timesync.Keeper
	watchdog   hal.Watchdog // nil: the machine has none
	services   []supervise.Child
	stateDir   string                      // folder of failuresFile; StateDir outside of tests
	newProgram func(name string) *exec.Cmd // command of "box" or "safe"

	mu       sync.Mutex
	boot     initctl.Boot         // guarded by mu
	repaired string               // what this start repaired on the data partition, until it is recorded
	shutdown chan shutdownRequest // holds one
	wasReady bool                 // guarded by mu: boot.Ready is set
}

// shutdownRequest says how the machine goes down.
type shutdownRequest struct {
	powerOff  bool
	rebootArg string // for the firmware; empty: a plain restart
}

// New makes a machine. It touches nothing before Run.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, shutdown: make(chan shutdownRequest, 1), stateDir: StateDir}
	m.newProgram = m.programCommand
	m.output = newOutput()
	m.log = slog.New(slog.NewJSONHandler(m.output, nil)).With("pkg", "init")
	m.program, m.buttons = newProgram(m), newPowerButtons(m)
	return m
}

// Run starts the machine, supervises it, and shuts it down on request. It does not return.
func (m *Machine) Run() {
	req := m.runUntilShutdown(context.Background())
	m.shutDown(req)
	select {} // the kernel is shutting down
}

// runUntilShutdown runs the phases, and then the supervisor until a shutdown is requested.
func (m *Machine) runUntilShutdown(ctx context.Context) shutdownRequest {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m.lease.renew(bootLease)
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		m.runPhases(ctx, phases)
		return supervise.New(m.supervisionTree()).Serve(ctx)
	})
	req := shutdownRequest{}
	g.Go(func(ctx context.Context) error {
		select {
		case req = <-m.shutdown:
			m.lease.renew(stopLease)
			stop()
		case <-ctx.Done():
		}
		return nil
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		m.log.Error("the first process failed", "err", err)
		m.recordFailure(initctl.Failure{At: time.Now(), What: "init", Why: err.Error()})
		supervise.Sleep(ctx, 5*time.Second)
	}
	return req
}

// supervisionTree lists the supervised children. The control socket comes first, because the
// programs connect to it.
func (m *Machine) supervisionTree() supervise.Spec {
	list := []supervise.Child{supervise.Run("initctl", &initServer{m: m, path: initSocket})}
	list = append(list, m.services...)
	list = append(list,
		supervise.Run("reaper", reaper{}),
		supervise.Run("signals", signals{m}),
		supervise.Run("power button", m.buttons),
		supervise.Process("network", m.networkCommand, supervise.ProcessOpts{
			Shutdown: 5 * time.Second, Backoff: supervise.Backoff{Min: time.Second, Max: time.Minute}, OOMScore: networkScore,
		}),
		supervise.Child{ID: "program", Start: func(ctx context.Context, ready func()) error {
			ready()
			return m.program.Serve(ctx)
		}, Shutdown: stopTimeout + 10*time.Second},
	)
	return supervise.Spec{
		Name: "machine", Strategy: supervise.OneForOne, Each: true, MaxRestarts: 1000, Period: time.Hour, Children: list,
		Observe: func(r supervise.Report) {
			m.log.Warn("a part crashed", "part", r.Child, "err", r.Err, "decision", r.Decision)
		},
	}
}

// newCommand returns a command that runs our own program with args.
func (m *Machine) newCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(m.cfg.Program, args...) // supervise ends it
	cmd.Env = []string{
		initctl.Env + "=" + initSocket, "HOME=" + DataDir, "TMPDIR=/tmp",
		"LIVELEARN_DATA=" + BoxDir,
	}
	cmd.Dir = "/"
	cmd.Stderr = m.output.newLineWriter()
	return cmd
}

func (m *Machine) networkCommand(context.Context) *exec.Cmd {
	return m.newCommand("network", "--state", NetworkDir, "--config", configPath, "--own", StateDir)
}

// programCommand returns the command of the box or of the safe mode.
func (m *Machine) programCommand(name string) *exec.Cmd {
	args := []string{"box", "--data", BoxDir, "--log-format", "json"}
	if name == "safe" {
		args = []string{"safe", "--data", BoxDir, "--state", StateDir}
	}
	cmd := m.newCommand(args...)
	cmd.Stdout = m.output.newLineWriter()
	return cmd
}

// isTrial reports whether the running slot is on trial.
func (m *Machine) isTrial() bool {
	if m.slots == nil {
		return false
	}
	s, err := m.slots.State()
	return err == nil && s.Trying
}

// fallBack restarts the machine without a commit, so that the firmware starts the good slot.
func (m *Machine) fallBack(why string) {
	m.recordFailure(initctl.Failure{At: time.Now(), What: "trial", Why: why})
	m.Reboot(initctl.Reboot{Why: why})
}

// recordFailure logs an unwanted end of a program and keeps it across restarts.
func (m *Machine) recordFailure(f initctl.Failure) {
	f.Slot = string(m.slot)
	m.log.Error("failed", "what", f.What, "err", f.Why)
	m.mu.Lock()
	m.boot.Failures = append(m.boot.Failures, f)
	m.boot.Failures = m.boot.Failures[max(0, len(m.boot.Failures)-maxFailures):]
	data, err := json.Marshal(m.boot.Failures)
	m.mu.Unlock()
	if err == nil {
		err = atomicfile.Write(filepath.Join(m.stateDir, failuresFile), 0o600, atomicfile.Bytes(data))
	}
	if err != nil {
		m.log.Warn("the failure was not saved", "err", err)
	}
	m.output.flushLog()
}

// markReady records the time when people could connect for the first time.
func (m *Machine) markReady() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wasReady {
		return
	}
	m.wasReady = true
	m.boot.Ready = sinceBoot().Seconds()
	m.log.Info("the machine is ready", "seconds", m.boot.Ready)
}

func (m *Machine) setSafeMode(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot.Safe = on
}

// sinceBoot returns the time since the kernel started.
func sinceBoot() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // cannot fail with this clock
	return time.Duration(t.Nano())
}

// shutDown unmounts the disks and restarts the machine or switches it off.
func (m *Machine) shutDown(req shutdownRequest) {
	m.log.Info("going down", "off", req.powerOff, "arg", req.rebootArg)
	m.lease.renew(stopLease)
	// Flushing the kernel's cache to a slow disk takes longer than the watchdog timeout.
	_, err := runPhase(context.Background(), m, phase{"unmount", func(m *Machine, _ context.Context) (string, error) {
		m.output.flushLog()
		unmountDisks()
		return "", nil
	}})
	if err != nil {
		m.log.Error("the disks are not unmounted", "err", err)
	}
	switch {
	case req.powerOff:
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case req.rebootArg != "":
		err = rebootWith(req.rebootArg)
	default:
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	}
	fmt.Fprintln(os.Stderr, "reboot:", err) // the log is closed
}
