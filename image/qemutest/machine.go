//go:build qemu

package qemutest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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

// Config describes a machine.
type Config struct {
	Arch         string // "amd64" (default: a PC, q35) or "arm64" (QEMU's virt)
	Disk         string // a disk image, or "nbd+unix:///?socket=..." of a Drive; the machine writes to it
	Other        string // a second raw disk, which the kernel finds first and the firmware does not start from
	Raw          bool   // Disk is a raw image; otherwise QEMU detects the format
	Speed        int    // disk speed in bytes a second, 0 means unlimited
	NVMe         bool   // the disk is on NVMe; otherwise virtio-blk
	RAM          int    // MiB; 0: 1024
	CPUs         int    // 0: 2
	ForwardPorts []int  // guest TCP ports to reach from here, in addition to 80 and 443

	// Kernel starts without firmware, with Initrd and Append, if it is not empty.
	Kernel, Initrd, Append string
}

// Machine is a machine that was switched on at least once. Its firmware variables, its ports and
// its serial text survive Kill and Start.
type Machine struct {
	Config
	Serial *Serial

	t         testing.TB
	dir       string         // sockets and variables
	ports     map[int]string // guest port to "127.0.0.1:port"
	startedAt time.Time      // time of the last start
	cmd       *exec.Cmd
	mon       *monitor
	ended     chan struct{}
	stderr    bytes.Buffer // error messages of the emulator
}

// New makes a machine and switches it on. The end of the test switches it off, and shows the end of
// the serial line if the test failed.
func New(t testing.TB, c Config) *Machine {
	t.Helper()
	c.RAM, c.CPUs, c.Arch = cmp.Or(c.RAM, 1024), cmp.Or(c.CPUs, 2), cmp.Or(c.Arch, "amd64")
	dir, err := os.MkdirTemp("", "qemutest") // a socket's path has at most 108 bytes: t.TempDir is too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &Machine{Config: c, Serial: newSerial(), t: t, dir: dir, ports: map[int]string{}}
	for _, p := range append([]int{80, 443}, c.ForwardPorts...) {
		m.ports[p] = freePort(t)
	}
	if err := m.copyVariables(); err != nil {
		t.Fatal(err)
	}
	m.Start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.readSafePage())
			defer func() { t.Log(m.Serial.Tail()) }()
		}
		m.Kill()
	})
	return m
}

// readSafePage returns why the box keeps ending, as the page of the safe mode says. It is empty if
// another page or none answers.
func (m *Machine) readSafePage() string {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + m.Addr(80) + "/")
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	page, _ := io.ReadAll(resp.Body) // a part says something too
	if !bytes.Contains(page, []byte("/safe.css")) {
		return ""
	}
	return string(page)
}

// waitSafePage returns the page of the safe mode. It is empty if none comes.
func (m *Machine) waitSafePage() (page string) {
	for end := time.Now().Add(patience); time.Now().Before(end) && page == ""; time.Sleep(time.Second) { // an emulated machine works
		page = m.readSafePage() // it has no address yet, perhaps
	}
	return page
}

// Start switches it on. Start after Kill simulates a return of the power.
func (m *Machine) Start() {
	m.t.Helper()
	if err := m.startEmulator(); err != nil {
		m.t.Fatalf("%v\n%s\n%s", err, m.stderr.String(), m.Serial.Tail())
	}
}

func (m *Machine) startEmulator() error {
	args, err := m.emulatorArgs()
	if err != nil {
		return err
	}
	program := map[string]string{"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[m.Arch]
	m.cmd = exec.Command(program, args...)
	m.cmd.Stdout, m.cmd.Stderr = m.Serial, &m.stderr
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.startedAt = time.Now()
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

// freePort returns a free address. The port stays free while the machine is off, because it is
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

// Addr returns the address here that leads to a TCP port of the guest.
func (m *Machine) Addr(port int) string { return m.ports[port] }

// Kill cuts the power. The emulator ends and loses everything that it had not written.
func (m *Machine) Kill() {
	_ = m.cmd.Process.Kill() // it may have ended by itself
	<-m.ended
}

// Reset presses the reset button.
func (m *Machine) Reset() {
	m.t.Helper()
	if _, err := m.mon.runCommand("system_reset", nil); err != nil {
		m.t.Fatal(err)
	}
}

// EventCount returns the current length of the event list, for WaitEvent.
func (m *Machine) EventCount() int { return m.mon.eventCount() }

// WaitEvent waits for an event of that name at index from or later, and returns the index after it.
func (m *Machine) WaitEvent(ctx context.Context, from int, name string) int {
	m.t.Helper()
	_, next, err := m.mon.waitEvent(ctx, from, name)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.Serial.Tail())
	}
	return next
}

// WaitReady waits until the box in the machine answers ready on /readyz, and returns the time since
// power-on.
func (m *Machine) WaitReady(limit time.Duration) time.Duration {
	m.t.Helper()
	d, err := m.pollReady(limit)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.Serial.Tail())
	}
	return d
}

func (m *Machine) pollReady(limit time.Duration) (time.Duration, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	fault := errors.New("no answer")
	for end := time.Now().Add(limit); time.Now().Before(end); {
		resp, err := client.Get("http://" + m.Addr(80) + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(m.startedAt), nil
			}
			fault = errors.New(resp.Status)
		}
		select {
		case <-m.ended:
			return 0, fmt.Errorf("the emulator ended before the box was ready: %s", m.stderr.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("the box is not ready after %v: %w", limit, fault)
}
