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

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/services/supervise"
)

// doorway answers the programs.
type doorway struct {
	m    *Machine
	path string
}

// String is the service's name.
func (d *doorway) String() string { return "door" }

// Serve answers until ctx ends.
func (d *doorway) Serve(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", d.path)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: door.Mux(d.m), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 10 * time.Second}
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

// Alive implements door.Handler.
func (m *Machine) Alive(_ string, a door.Alive) { m.program.sign(a) }

// Boot implements door.Handler.
func (m *Machine) Boot() door.Boot {
	m.mu.Lock()
	b := m.boot
	b.Phases, b.Failures = slices.Clone(b.Phases), slices.Clone(b.Failures)
	m.mu.Unlock()
	b.Slot, b.Ports = string(m.slot), listening()
	if m.clock != nil {
		b.Clock = m.clock.State().Source
	}
	m.out.report(&b)
	return b
}

// Restart implements door.Handler.
func (m *Machine) Restart() { m.program.again() }

// Reboot implements door.Handler.
func (m *Machine) Reboot(r door.Reboot) {
	m.log.Info("a restart is asked for", "why", r.Why)
	m.goDown(end{arg: r.Arg})
}

// Off implements door.Handler.
func (m *Machine) Off() { m.goDown(end{off: true}) }

func (m *Machine) goDown(how end) {
	select {
	case m.down <- how:
	default: // it is on its way
	}
}

// listening are the ports of this machine that take connections or datagrams from others, by
// the kernel's tables (proc_net_tcp(5)): "tcp :80".
func listening() (list []string) {
	for _, table := range []struct{ file, kind, state string }{
		{"tcp", "tcp", "0A"}, {"tcp6", "tcp", "0A"}, {"udp", "udp", "07"}, {"udp6", "udp", "07"},
	} {
		f, err := os.Open("/proc/net/" + table.file)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if port, ok := open(s.Text(), table.state); ok {
				list = append(list, fmt.Sprintf("%s :%d", table.kind, port))
			}
		}
		_ = f.Close()
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// open is the port of one line of a table, if it is in state and not for this machine alone.
func open(line, state string) (port int, ok bool) {
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
