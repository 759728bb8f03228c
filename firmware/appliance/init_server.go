package appliance

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/services/supervise"
)

// initServer serves the control socket for the programs (package initctl).
type initServer struct {
	m    *Machine
	path string
}

// String returns the name of the service.
func (s *initServer) String() string { return "initctl" }

// Serve answers requests until ctx ends.
func (s *initServer) Serve(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", s.path)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: initctl.NewMux(s.m), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 10 * time.Second}
	g := supervise.Group(ctx)
	g.Go(func(context.Context) error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func(ctx context.Context) error {
		<-ctx.Done()
		return srv.Close()
	})
	return g.Wait()
}

// ReportAlive implements initctl.Handler.
func (m *Machine) ReportAlive(_ string, a initctl.Alive) { m.program.queueHeartbeat(a) }

// BootReport implements initctl.Handler.
func (m *Machine) BootReport() initctl.Boot {
	m.mu.Lock()
	b := m.boot
	b.Phases, b.Failures, b.Repairs = slices.Clone(b.Phases), slices.Clone(b.Failures), slices.Clone(b.Repairs)
	m.mu.Unlock()
	b.Slot, b.Ports = string(m.slot), listeningPorts()
	if m.clock != nil {
		b.Clock = m.clock.State().Source
	}
	m.output.fillReport(&b)
	return b
}

// RestartProgram implements initctl.Handler.
func (m *Machine) RestartProgram() { m.program.requestRestart() }

// Reboot implements initctl.Handler.
func (m *Machine) Reboot(r initctl.Reboot) {
	m.log.Info("a restart was requested", "why", r.Why)
	m.requestShutdown(shutdownRequest{rebootArg: r.Arg})
}

// RepairData implements initctl.Handler.
func (m *Machine) RepairData() error {
	if err := orderRepair(BootFolder()); err != nil {
		return err
	}
	m.Reboot(initctl.Reboot{Why: "a person asked to repair the data"})
	return nil
}

// PowerOff implements initctl.Handler.
func (m *Machine) PowerOff() { m.requestShutdown(shutdownRequest{powerOff: true}) }

// Press implements initctl.Handler.
func (m *Machine) Press(ctx context.Context, after int) initctl.Press {
	return m.buttons.waitForPress(ctx, after)
}

// Down implements initctl.Handler.
func (m *Machine) Down() bool { return m.buttons.isHeld() }

func (m *Machine) requestShutdown(req shutdownRequest) {
	select {
	case m.shutdown <- req:
	default: // a shutdown is under way
	}
}

// listeningPorts returns the TCP and UDP ports that are reachable from other machines, such as
// "tcp :80". It reads the kernel's tables (proc_net_tcp(5)).
func listeningPorts() (list []string) {
	for _, table := range []struct{ file, kind, state string }{
		{"tcp", "tcp", "0A"}, {"tcp6", "tcp", "0A"}, {"udp", "udp", "07"}, {"udp6", "udp", "07"},
	} {
		f, err := os.Open("/proc/net/" + table.file)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if port, ok := parsePortLine(s.Text(), table.state); ok {
				list = append(list, fmt.Sprintf("%s :%d", table.kind, port))
			}
		}
		_ = f.Close()
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// parsePortLine returns the port of one table line that has the state and is not on loopback.
func parsePortLine(line, state string) (port int, ok bool) {
	f := strings.Fields(line)
	if len(f) < 4 || f[3] != state {
		return 0, false
	}
	host, hexPort, _ := strings.Cut(f[1], ":")
	b, err := hex.DecodeString(hexPort)
	if err != nil || len(b) != 2 || strings.HasSuffix(host, "7F") || host == "00000000000000000000000001000000" {
		return 0, false
	}
	return int(b[0])<<8 | int(b[1]), true
}
