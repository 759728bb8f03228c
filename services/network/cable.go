package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/supplicant"
)

// runCable signs in to the switch at a port, and keeps the address of it meanwhile, until ctx ends. A
// switch that does not ask changes nothing. One that lets the box in may move it to another network,
// so the box asks for an address again then.
func (n *Network) runCable(ctx context.Context, cfg Config, port string) error {
	defer n.setSignIn(port, "")
	again := make(chan struct{}, 1)
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		n.runSignIn(ctx, cfg.Wired, port, again)
		return nil
	})
	g.Go(func(ctx context.Context) error {
		for ctx.Err() == nil {
			life, end := context.WithCancel(ctx)
			address := supervise.Group(life)
			address.Go(func(ctx context.Context) error {
				defer end()
				n.runGuest(ctx, cfg, port)
				return nil
			})
			select {
			case <-life.Done():
			case <-again:
			}
			end()
			if err := address.Wait(); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// runSignIn runs wpa_supplicant on a port and restarts it until ctx ends. It writes to again when the
// switch has let the box in.
func (n *Network) runSignIn(ctx context.Context, s supplicant.SignIn, port string, again chan<- struct{}) {
	for ctx.Err() == nil {
		watch := &supplicant.CableWatch{}
		life, end := context.WithCancel(ctx)
		g := supervise.Group(life)
		g.Go(func(ctx context.Context) error {
			defer end()
			return n.runCableSupplicant(ctx, s, port, watch)
		})
		g.Go(func(ctx context.Context) error {
			n.followSignIn(ctx, port, watch, again)
			return nil
		})
		err := g.Wait()
		end()
		if ctx.Err() == nil {
			n.deps.Log.Error("the box cannot sign in on the cable", "port", port, "err", err)
			n.setSignIn(port, errs.BodyOf(err).Code)
			supervise.Sleep(ctx, joinBackoff)
		}
	}
}

// runCableSupplicant runs wpa_supplicant once. Its files are in memory and go with it.
func (n *Network) runCableSupplicant(ctx context.Context, s supplicant.SignIn, port string, watch *supplicant.CableWatch) error {
	if _, err := os.Stat(n.deps.Supplicant); n.deps.Supplicant == "" || err != nil {
		return errs.NewCode("network", errs.Down, "no_supplicant", "this image has no wpa_supplicant, which signs in")
	}
	ca, file := filepath.Join(n.deps.Run, "cable-"+port+"-ca.pem"), filepath.Join(n.deps.Run, "cable-"+port+".conf")
	defer func() { _ = os.Remove(file) }() // it holds the password
	defer func() { _ = os.Remove(ca) }()
	text, err := s.Format(ca)
	if err != nil {
		return err
	}
	if s.CA != "" {
		list, err := s.Certificates()
		if err != nil {
			return err
		}
		if err := os.WriteFile(ca, list, 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(n.deps.Supplicant, "-i", port, "-D", "wired", "-c", file, "-f", "/proc/self/fd/1") // supervise ends it
	cmd.Stdout = watch
	err = supervise.RunOnce(ctx, cmd, supervise.ProcessOpts{Shutdown: 2 * time.Second})
	return errs.NewCode("network", errs.Down, "supplicant", "%v", fmt.Errorf("wpa_supplicant ended: %w", err))
}

// followSignIn keeps the state of a sign-in until ctx ends.
func (n *Network) followSignIn(ctx context.Context, port string, watch *supplicant.CableWatch, again chan<- struct{}) {
	for before := ""; ctx.Err() == nil; supervise.Sleep(ctx, joinInterval) {
		now := watch.State()
		if now == before {
			continue
		}
		n.setSignIn(port, now)
		n.deps.Log.Info("sign-in on a cable", "port", port, "state", now)
		if now == supplicant.CableDone {
			select {
			case again <- struct{}{}:
			default:
			}
		}
		before = now
	}
}

func (n *Network) setSignIn(port, state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signIns[port] = state
}
