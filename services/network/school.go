package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/supplicant"
)

// How the mode wifi goes, in State.School.
const (
	schoolJoining = "joining"
	schoolJoined  = "joined" // in the Wi-Fi, with an address
	schoolAP      = "ap"     // our own access point stands in for it
)

const (
	joinTimeout  = time.Minute     // without the Wi-Fi or an address until our access point opens
	joinRetry    = 5 * time.Minute // without a device on our access point until the next try
	joinInterval = time.Second     // between two looks
	joinBackoff  = 5 * time.Second // after wpa_supplicant ended
)

// runSchool keeps the box in the Wi-Fi of the school until ctx ends. While it cannot join, our own
// access point is there for people. It tries again after a time without a device on it, so that a
// class is not thrown off.
func (n *Network) runSchool(ctx context.Context, cfg Config) error {
	defer n.setSchool("", "")
	for ctx.Err() == nil {
		port, err := n.findSupplicant()
		if err == nil {
			n.setSchool(port, schoolJoining)
			err = n.joinSchool(ctx, cfg, port)
		}
		if ctx.Err() != nil {
			break
		}
		n.reportFault(errs.BodyOf(err).Code, err)
		if port == "" {
			supervise.Sleep(ctx, joinTimeout) // a radio may be plugged in
			continue
		}
		if err := n.standIn(ctx, cfg); err != nil && ctx.Err() == nil {
			n.reportFault(errs.BodyOf(err).Code, err)
			supervise.Sleep(ctx, joinTimeout)
		}
	}
	return nil
}

func (n *Network) setSchool(port, how string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.joinPort, n.school = port, how
	if how == schoolJoined {
		n.code, n.text = "", ""
	}
}

// findSupplicant returns the radio that joins.
func (n *Network) findSupplicant() (string, error) {
	if _, err := os.Stat(n.deps.Supplicant); n.deps.Supplicant == "" || err != nil {
		return "", errs.NewCode("network", errs.Down, "no_supplicant", "this image has no wpa_supplicant, which joins a Wi-Fi")
	}
	return firstRadio()
}

// joinSchool joins the Wi-Fi and stays. It returns the cause when the box is without the Wi-Fi or
// without an address for a time.
func (n *Network) joinSchool(ctx context.Context, cfg Config, port string) error {
	file, err := n.writeSupplicantConf(cfg, port)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }() // it holds the password
	if err := reloadRegulatory(); err != nil {
		n.deps.Log.Warn("the kernel has no list of countries, so the Wi-Fi keeps to what is allowed everywhere", "err", err)
	}
	setLinkUp(port)
	watch := &supplicant.Watch{}
	life, end := context.WithCancel(ctx)
	defer end()
	g := supervise.Group(life)
	g.Go(func(ctx context.Context) error { return n.runSupplicant(ctx, port, file, watch) })
	g.Go(func(ctx context.Context) error { return n.runSchoolLease(ctx, port) })
	g.Go(func(ctx context.Context) error {
		defer end()
		waitForLull(ctx, joinTimeout, func() bool { return n.checkJoined(port) })
		return nil
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return watch.Cause()
}

// waitForLull returns when busy was false for a time without a break, or ctx ended.
func waitForLull(ctx context.Context, lull time.Duration, busy func() bool) {
	for since := time.Now(); ctx.Err() == nil && time.Since(since) < lull; supervise.Sleep(ctx, joinInterval) {
		if busy() {
			since = time.Now()
		}
	}
}

// checkJoined reports whether the box is in the Wi-Fi and has an address, and keeps it for the state.
func (n *Network) checkJoined(port string) bool {
	n.mu.Lock()
	has := n.sources[port] != ""
	n.mu.Unlock()
	joined := has && isLinkUp(port)
	how := schoolJoining
	if joined {
		how = schoolJoined
	}
	n.setSchool(port, how)
	return joined
}

// isLinkUp reports whether a port carries packets. The operational state of a Wi-Fi is up when the
// access point has let us in, while its carrier is there before.
func isLinkUp(port string) bool {
	l, err := netlink.LinkByName(port)
	return err == nil && l.Attrs().OperState == netlink.OperUp
}

// writeSupplicantConf writes the configuration of wpa_supplicant and the certificates, and returns the
// path of the first.
func (n *Network) writeSupplicantConf(cfg Config, port string) (string, error) {
	ca := filepath.Join(n.deps.Run, "school-ca.pem")
	text, err := cfg.School.Format(supplicant.Radio{Country: cfg.Country, Plain: isBroadcom(port)}, ca)
	if err != nil {
		return "", err
	}
	if cfg.School.CA != "" {
		list, err := cfg.School.Certificates()
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(ca, list, 0o600); err != nil {
			return "", err
		}
	}
	file := filepath.Join(n.deps.Run, "wpa_supplicant.conf")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// runSupplicant runs wpa_supplicant and restarts it until ctx ends.
func (n *Network) runSupplicant(ctx context.Context, port, file string, watch *supplicant.Watch) error {
	for ctx.Err() == nil {
		// Its output to a pipe waits in a buffer, and its log does not.
		cmd := exec.Command(n.deps.Supplicant, "-i", port, "-D", "nl80211", "-c", file, "-f", "/proc/self/fd/1") // supervise ends it
		cmd.Stdout = watch
		err := supervise.RunOnce(ctx, cmd, supervise.ProcessOpts{Shutdown: 2 * time.Second})
		if ctx.Err() == nil {
			n.reportFault("supplicant", fmt.Errorf("wpa_supplicant ended: %w", err))
			supervise.Sleep(ctx, joinBackoff)
		}
	}
	return nil
}

// runSchoolLease keeps an address of the Wi-Fi until ctx ends.
func (n *Network) runSchoolLease(ctx context.Context, port string) error {
	defer n.removeAddresses(port)
	for ; ctx.Err() == nil; supervise.Sleep(ctx, joinInterval) {
		if !isLinkUp(port) {
			continue
		}
		if err := n.runLease(ctx, port); ctx.Err() == nil {
			n.deps.Log.Warn("no address from the Wi-Fi", "port", port, "err", err)
		}
	}
	return nil
}

// standIn runs our own access point until no device was on it for a time.
func (n *Network) standIn(ctx context.Context, cfg Config) error {
	cfg.Mode = ModeAP
	port, err := n.pickOwnPort(ctx, cfg)
	if err != nil {
		return err
	}
	n.setSchool(port, schoolAP)
	life, end := context.WithCancel(ctx)
	defer end()
	g := supervise.Group(life)
	g.Go(func(ctx context.Context) error { return n.runOwn(ctx, cfg, port) })
	g.Go(func(ctx context.Context) error {
		defer end()
		waitForLull(ctx, joinRetry, n.hasDevices)
		return nil
	})
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// hasDevices reports whether a device is on our access point. Where the driver does not tell, a valid
// lease counts as one.
func (n *Network) hasDevices() bool {
	n.mu.Lock()
	port, pool := n.radio, n.leases
	n.mu.Unlock()
	if s := readStations(port); port != "" && s != nil {
		return s.Now > 0
	}
	return pool != nil && pool.countLeases(time.Now()) > 0
}
