package link

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/livelearn/box/services/supervise"
)

const (
	engineMemory = 256 << 20 // bytes of one engine, unless Deps.Memory says more
	engineScore  = 500       // the kernel kills it before the core and the active media node
	stopTimeout  = 2 * time.Second
)

// runEngine runs one life of the engine's process, with its two connections.
func (m *Mesh) runEngine(ctx context.Context) error {
	control, farControl, err := supervise.SocketPair()
	if err != nil {
		return err
	}
	bus, farBus, err := supervise.SocketPair()
	if err != nil {
		return errors.Join(err, control.Close(), farControl.Close())
	}
	far := []*os.File{farControl, farBus} // controlFD and busFD
	closeFar := func() error { return errors.Join(farControl.Close(), farBus.Close()) }
	defer func() { _ = closeFar() }() // closed already, unless the process did not start
	cmd, err := m.newCommand(far)
	if err != nil {
		return errors.Join(err, control.Close(), bus.Close())
	}
	name, addresses := m.Describe()
	if err := m.deps.List.Describe(name, addresses); err != nil {
		return errors.Join(err, control.Close(), bus.Close())
	}
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(control.Close(), bus.Close())
	})
	g.Go(func(ctx context.Context) error {
		p := supervise.Process("mesh", func(context.Context) *exec.Cmd { return cmd }, supervise.ProcessOpts{
			Notify: true, Shutdown: stopTimeout, MemoryMax: cmp.Or(m.deps.Memory, engineMemory), OOMScore: engineScore,
			Ready: func(context.Context, *os.Process) error { return closeFar() },
		})
		return cmp.Or(p.Start(ctx, func() {}), errEnded)
	})
	g.Go(func(ctx context.Context) error { return m.drive(ctx, control, bus) })
	return g.Wait()
}

// newCommand is this program as an engine.
func (m *Mesh) newCommand(far []*os.File) (*exec.Cmd, error) {
	program := m.deps.Program
	if program == "" {
		own, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = own
	}
	cmd := exec.Command(program, "mesh") // our own program
	cmd.Env = append(os.Environ(), "GOGC=50")
	cmd.ExtraFiles, cmd.Stderr = far, m.deps.Stderr
	return cmd, nil
}

// drive gives the engine its orders and runs the bus over it.
func (m *Mesh) drive(ctx context.Context, control, bus net.Conn) error {
	out := json.NewEncoder(control)
	life := rand.Text()
	told := m.newSpec(life)
	if err := out.Encode(told); err != nil {
		return err
	}
	ended := make(chan error, 1)
	l, err := m.connect(bus, life, func(err error) { ended <- cmp.Or(err, errEnded) })
	if err != nil {
		return err
	}
	defer m.drop(l)
	m.use(l)
	m.watch.noteFault(nil)
	stop, err := m.Subscribe(listSubject, m.learn)
	if err != nil {
		return err
	}
	defer stop()
	links := make(chan struct{}, 1) // the routes changed
	g := supervise.Group(ctx)
	g.Go(l.pump)
	g.Go(func(ctx context.Context) error {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	g.Go(func(context.Context) error { return m.readReports(json.NewDecoder(control), links) })
	g.Go(func(ctx context.Context) error { return m.watch.run(ctx) })
	g.Go(func(ctx context.Context) error { return m.follow(ctx, out, told, links) })
	g.Go(func(ctx context.Context) error { // readReports waits in a read
		<-ctx.Done()
		return control.Close()
	})
	return g.Wait()
}

// readReports hears of the routes until the engine ends.
func (m *Mesh) readReports(in *json.Decoder, links chan<- struct{}) error {
	for {
		var r report
		if err := in.Decode(&r); err != nil {
			return err
		}
		m.setLinked(r.Linked)
		select {
		case links <- struct{}{}:
		default: // follow has not looked yet
		}
	}
}

// follow sends the others the list, and the engine their addresses.
func (m *Mesh) follow(ctx context.Context, out *json.Encoder, told spec, links <-chan struct{}) error {
	tick := time.NewTicker(gossipInterval)
	defer tick.Stop()
	for {
		changed := m.deps.List.Changed()
		next := m.newSpec(told.Life)
		switch gone := func(key string) bool { return !slices.Contains(next.Members, key) }; {
		case len(next.Members) == 0:
			return errAlone
		case slices.ContainsFunc(told.Members, gone):
			return errRemoved
		case !slices.Equal(told.Members, next.Members) || !slices.Equal(told.Routes, next.Routes):
			if err := out.Encode(next); err != nil {
				return err
			}
			told = next
		}
		_ = m.tell(m.deps.List.All()) // a box that is not connected gets it later
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-links:
		case <-tick.C:
			name, addresses := m.Describe()
			if err := m.deps.List.Describe(name, addresses); err != nil {
				m.deps.Log.Warn("the list of boxes was not saved", "err", err)
			}
			m.lookNearby(ctx)
		}
	}
}
