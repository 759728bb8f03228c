// Package appliance is the first process of a machine that runs nothing but our program:
// what the kernel starts, and what the machine stands on until its power goes.
//
// The start is the list of phases in phases.go. Then it keeps these alive, each a process
// of its own: the network, which people need to reach whatever there is, and the box. A box
// that keeps ending gives way to the safe mode, which tells what happened and offers an
// update, a restore and the data. When the box runs from a slot on trial, the machine goes
// back to the other slot instead.
//
// Promises:
//   - The hardware watchdog is fed only while somebody answers for the machine: a phase that
//     has its time, a program that shows signs of life (lease.go). A kernel, a first process
//     or a program that hangs ends in a fresh start.
//   - A disk that cannot be mounted is never formatted, and never in the way of the page that
//     says so.
//   - The first process never ends. What it cannot do it says, and goes on.
//
// We do not use gokrazy.Boot and gokrazy.Supervise (github.com/gokrazy/gokrazy): they feed
// the watchdog whatever the programs do, and serve a status page with a password of their
// own. The kernel is gokrazy's, and so is the way a machine is put together.
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
	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/firmware/appliance/timekeeper"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/supervise"
)

// Where things are on an appliance.
const (
	DataDir    = "/data"                // the data partition
	BoxDir     = "/data/box"            // the box's data folder
	StateDir   = "/data/state"          // ours: names, secrets, the clock's floor, failures
	LogDir     = "/data/log"            // what the programs wrote
	NetworkDir = "/data/network"        // the network's settings and leases
	BootDir    = "/boot"                // what the firmware reads; livelearn.toml is there
	ShareDir   = "/usr/share/livelearn" // what the image brings: release.json, root.json, licences
	RunDir     = "/run/livelearn"       // sockets
	doorPath   = "/run/livelearn/init.sock"
	configPath = "/boot/livelearn.toml"
	failsFile  = "failures.json"
)

// keptFailures is how many ends are remembered over restarts.
const keptFailures = 20

// Config is what the first process is told.
type Config struct {
	Program string    // path of this program
	Version string    // of it
	Built   time.Time // of the release: no clock is behind it
}

// Machine is the whole of it. Made by New, run once by Run.
type Machine struct {
	cfg     Config
	log     *slog.Logger
	out     *output // where the log and the programs' output go
	lease   lease
	program *program
	board   hal.Board // until the box takes it over
	slots   hal.Slots // nil: one system, no updates
	slot    hal.Slot
	disk    disk.Disk // that we were started from
	clock   *timekeeper.Keeper
	dog     hal.Watchdog // nil: there is none
	keepers []supervise.Child
	state   string                      // where failures are kept; StateDir
	run     func(name string) *exec.Cmd // the box, or the safe mode

	mu       sync.Mutex
	boot     door.Boot // guarded by mu
	down     chan end  // holds one
	finished bool      // guarded by mu: the first readiness was told
}

// end is how the machine goes down.
type end struct {
	off bool
	arg string // for the firmware
}

// New makes a machine. Nothing is touched before Run.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, down: make(chan end, 1), state: StateDir}
	m.run = m.ours
	m.out = newOutput()
	m.log = slog.New(slog.NewJSONHandler(m.out, nil)).With("pkg", "init")
	m.program = newProgram(m)
	return m
}

// Run starts the machine, keeps it alive and takes it down when it is asked to. It does not
// return.
func (m *Machine) Run() {
	how := m.live(context.Background())
	m.takeDown(how)
	select {} // the kernel is on its way down
}

// live is the machine's life, from the first phase to the end of the last process.
func (m *Machine) live(ctx context.Context) end {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m.lease.renew(bootLease)
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		m.start(ctx, phases)
		return supervise.New(m.tree()).Serve(ctx)
	})
	how := end{}
	g.Go(func(ctx context.Context) error {
		select {
		case how = <-m.down:
			m.lease.renew(stopLease)
			stop()
		case <-ctx.Done():
		}
		return nil
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		m.log.Error("the first process cannot go on", "err", err)
		m.failed(door.Failure{At: time.Now(), What: "init", Why: err.Error()})
		pause(ctx, 5*time.Second)
	}
	return how
}

// tree is what is kept alive. The door is first: the programs knock at it.
func (m *Machine) tree() supervise.Spec {
	list := []supervise.Child{supervise.Run("door", &doorway{m: m, path: doorPath})}
	list = append(list, m.keepers...)
	list = append(list,
		supervise.Run("reaper", reaper{}),
		supervise.Run("signals", signals{m}),
		supervise.Process("network", m.network, supervise.ProcessOpts{
			Shutdown: 5 * time.Second, Backoff: supervise.Backoff{Min: time.Second, Max: time.Minute},
		}),
		supervise.Child{ID: "program", Start: func(ctx context.Context, ready func()) error {
			ready()
			return m.program.Serve(ctx)
		}, Shutdown: stopTime + 10*time.Second},
	)
	return supervise.Spec{
		Name: "machine", Strategy: supervise.OneForOne, Each: true, MaxRestarts: 1000, Period: time.Hour, Children: list,
		Observe: func(r supervise.Report) {
			m.log.Warn("a part crashed", "part", r.Child, "err", r.Err, "decision", r.Decision)
		},
	}
}

// command is one of our own programs.
func (m *Machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(m.cfg.Program, args...) //nolint:noctx // supervise ends it
	cmd.Env = []string{
		door.Env + "=" + doorPath, "HOME=" + DataDir, "TMPDIR=/tmp",
		"LIVELEARN_DATA=" + BoxDir,
	}
	cmd.Dir = "/"
	cmd.Stderr = m.out.from()
	return cmd
}

func (m *Machine) network(context.Context) *exec.Cmd {
	return m.command("network", "--state", NetworkDir, "--config", configPath, "--own", StateDir)
}

// ours is the box or the safe mode.
func (m *Machine) ours(name string) *exec.Cmd {
	args := []string{"box", "--data", BoxDir, "--log-format", "json"}
	if name == "safe" {
		args = []string{"safe", "--data", BoxDir, "--state", StateDir}
	}
	cmd := m.command(args...)
	cmd.Stdout = m.out.from()
	return cmd
}

// trial tells that this slot was started to see whether it is any good.
func (m *Machine) trial() bool {
	if m.slots == nil {
		return false
	}
	s, err := m.slots.State()
	return err == nil && s.Trying
}

// fallBack starts the machine anew, which takes the slot that was good.
func (m *Machine) fallBack(why string) {
	m.failed(door.Failure{At: time.Now(), What: "trial", Why: why})
	m.Reboot(door.Reboot{Why: why})
}

// failed remembers an end that nobody wanted, also over a restart.
func (m *Machine) failed(f door.Failure) {
	f.Slot = string(m.slot)
	m.log.Error("failed", "what", f.What, "err", f.Why)
	m.mu.Lock()
	m.boot.Failures = append(m.boot.Failures, f)
	m.boot.Failures = m.boot.Failures[max(0, len(m.boot.Failures)-keptFailures):]
	data, err := json.Marshal(m.boot.Failures)
	m.mu.Unlock()
	if err == nil {
		err = writeFile(filepath.Join(m.state, failsFile), data)
	}
	if err != nil {
		m.log.Warn("the failure is not kept", "err", err)
	}
	m.out.flush()
}

// recall reads what failed before.
func (m *Machine) recall() {
	data, err := os.ReadFile(filepath.Join(m.state, failsFile))
	if err != nil {
		return
	}
	var list []door.Failure
	if json.Unmarshal(data, &list) == nil {
		m.mu.Lock()
		m.boot.Failures = append(list, m.boot.Failures...)
		m.mu.Unlock()
	}
}

// writeFile replaces a file as a whole, also when the power goes.
func writeFile(name string, data []byte) error {
	temp := name + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if c := f.Close(); err == nil {
		err = c
	}
	if err == nil {
		err = os.Rename(temp, name)
	}
	return err
}

// ready notes when people could connect for the first time.
func (m *Machine) ready() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.finished {
		return
	}
	m.finished = true
	m.boot.Ready = uptime().Seconds()
	m.log.Info("the machine is ready", "seconds", m.boot.Ready)
}

func (m *Machine) setSafe(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot.Safe = on
}

// uptime is since the kernel started.
func uptime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // cannot fail with this clock
	return time.Duration(t.Nano())
}

// takeDown ends the machine.
func (m *Machine) takeDown(how end) {
	m.log.Info("going down", "off", how.off, "arg", how.arg)
	m.out.flush()
	unmount()
	var err error
	switch {
	case how.off:
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case how.arg != "":
		err = rebootWith(how.arg)
	default:
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	}
	fmt.Fprintln(os.Stderr, "reboot:", err) // nobody is left to tell
}
