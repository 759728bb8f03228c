//go:build qemu

package qemutest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Config is a machine to be.
type Config struct {
	Arch  string // "amd64" (default: a PC, q35) or "arm64" (QEMU's virt)
	Disk  string // a disk image, or "nbd+unix:///?socket=..." of a Drive; it is written to
	Raw   bool   // Disk is a raw image; else QEMU finds out
	NVMe  bool   // the disk is on NVMe; else virtio-blk
	RAM   int    // MiB; 0: 1024
	CPUs  int    // 0: 2
	Patch []int  // guest TCP ports to reach from here, beside 80 and 443

	// Kernel is started without firmware, with Initrd and Append, if it is not empty.
	Kernel, Initrd, Append string
}

// Machine is a machine that was switched on at least once. Its firmware's variables, its
// ports and its serial text stay over Kill and Start.
type Machine struct {
	Config
	Serial *Serial

	t     testing.TB
	dir   string         // sockets and variables
	ports map[int]string // of the guest to "127.0.0.1:port"
	began time.Time      // when it was last switched on
	cmd   *exec.Cmd
	mon   *monitor
	ended chan struct{}
	fault bytes.Buffer // what the emulator complained about
}

// New makes a machine and switches it on. It is switched off with the test, which shows
// the end of the serial line if it failed.
func New(t testing.TB, c Config) *Machine {
	t.Helper()
	c.RAM, c.CPUs, c.Arch = cmp.Or(c.RAM, 1024), cmp.Or(c.CPUs, 2), cmp.Or(c.Arch, "amd64")
	dir, err := os.MkdirTemp("", "qemutest") // a socket's path has 108 bytes at most: t.TempDir is too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &Machine{Config: c, Serial: newSerial(), t: t, dir: dir, ports: map[int]string{}}
	for _, p := range append([]int{80, 443}, c.Patch...) {
		m.ports[p] = freePort(t)
	}
	if err := m.variables(); err != nil {
		t.Fatal(err)
	}
	m.Start()
	t.Cleanup(func() {
		m.Kill()
		if t.Failed() {
			t.Log(m.Serial.Tail())
		}
	})
	return m
}

// Start switches it on. Start after Kill is the way of a machine whose power comes back.
func (m *Machine) Start() {
	m.t.Helper()
	if err := m.start(); err != nil {
		m.t.Fatalf("%v\n%s\n%s", err, m.fault.String(), m.Serial.Tail())
	}
}

func (m *Machine) start() error {
	args, err := m.args()
	if err != nil {
		return err
	}
	program := map[string]string{"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[m.Arch]
	m.cmd = exec.Command(program, args...)
	m.cmd.Stdout, m.cmd.Stderr = m.Serial, &m.fault
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.began = time.Now()
	if err := m.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := m.cmd, make(chan struct{})
	m.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() { // an emulator that ends at once has no monitor
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	m.mon, err = dialMonitor(ctx, filepath.Join(m.dir, "qmp"))
	return err
}

// freePort is an address that nobody listens at. It stays free while the machine is off: it is
// below the ports that the kernel gives to connections (ip_local_port_range).
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Addr is where a TCP port of the guest is reached from here.
func (m *Machine) Addr(port int) string { return m.ports[port] }

// Kill cuts the power: the emulator is gone with whatever it had not written.
func (m *Machine) Kill() {
	_ = m.cmd.Process.Kill() // it may have ended by itself
	<-m.ended
}

// Reset presses the reset button.
func (m *Machine) Reset() {
	m.t.Helper()
	if _, err := m.mon.do("system_reset", nil); err != nil {
		m.t.Fatal(err)
	}
}

// Events is a place in the list of events, for WaitEvent.
func (m *Machine) Events() int { return m.mon.count() }

// WaitEvent waits for an event of that name at place from or later, and gives the place
// after it.
func (m *Machine) WaitEvent(ctx context.Context, from int, name string) int {
	m.t.Helper()
	_, next, err := m.mon.wait(ctx, from, name)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.Serial.Tail())
	}
	return next
}

// Ready waits until the box in the machine says so on /readyz and gives the time since the
// power came.
func (m *Machine) Ready(limit time.Duration) time.Duration {
	m.t.Helper()
	d, err := m.ready(limit)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.Serial.Tail())
	}
	return d
}

func (m *Machine) ready(limit time.Duration) (time.Duration, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	fault := errors.New("no answer")
	for end := time.Now().Add(limit); time.Now().Before(end); {
		resp, err := client.Get("http://" + m.Addr(80) + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(m.began), nil
			}
			fault = errors.New(resp.Status)
		}
		select {
		case <-m.ended:
			return 0, fmt.Errorf("the emulator ended before the box was ready: %s", m.fault.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("the box is not ready after %v: %w", limit, fault)
}
