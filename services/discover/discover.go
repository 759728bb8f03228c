// Package discover advertises a box in the local network by multicast DNS, as the service
// _livelearn._tcp (RFC 6762, RFC 6763).
//
// The record is a hint, not a proof. A reader must still verify the identity of the box. It holds
// the random id of the box, the version of the program and the port. It holds no name that a
// person chose, and no host name of the machine.
//
// Promises:
//   - The advertisement follows the network. When interfaces or addresses change, it is withdrawn
//     and sent again.
//   - Without a multicast network there is no advertisement, one log line and one call of
//     Deps.Report. It starts by itself when such a network appears.
//   - A fault stops only the advertisement. Serve waits and tries again.
package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/grandcat/zeroconf"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const (
	serviceType = "_livelearn._tcp"
	mdnsDomain  = "local."

	// lookInterval is the time between two checks of the interfaces. A check costs two system
	// calls, and one for each interface.
	lookInterval = 10 * time.Second
)

// Config configures the advertisement. Its zero value works.
type Config struct {
	Off bool // no advertisement
}

// Validate accepts every value.
func (c Config) Validate() error { return nil }

// Deps has the content of the advertisement.
type Deps struct {
	Box     string                // the box's random id
	Version string                // version of the program
	Port    int                   // port of plain HTTP
	Name    func() string         // the box's name; may be nil
	Report  func(error)           // called on each change, with nil when advertised; may be nil
	Log     *slog.Logger          // never nil
	network func() []netInterface // tests replace these three
	hosts   func([]netInterface, []string) (*hosts, error)
	publish func(string, int, []string, []net.Interface) (advert, error)
}

// advert is a running advertisement.
type advert interface{ Shutdown() }

// netInterface is a network interface that supports multicast.
type netInterface struct {
	net.Interface
	addrs string
}

// Advertiser advertises one box.
type Advertiser struct {
	cfg        Config
	deps       Deps
	lastReport string // the last reported state; owned by Serve's goroutine
}

// New makes an advertiser. It sends nothing before Serve.
func New(cfg Config, deps Deps) *Advertiser {
	if deps.network == nil {
		deps.network = multicastInterfaces
	}
	if deps.Name == nil {
		deps.Name = func() string { return "" }
	}
	if deps.hosts == nil {
		deps.hosts = startHosts
	}
	if deps.publish == nil {
		deps.publish = registerService
	}
	return &Advertiser{cfg: cfg, deps: deps}
}

// String returns the name of the service.
func (a *Advertiser) String() string { return "discover" }

// Serve advertises until ctx ends and then withdraws the record. It returns nil.
func (a *Advertiser) Serve(ctx context.Context) error {
	a.lastReport = ""
	if a.cfg.Off {
		a.deps.Log.Info("mDNS is off by the configuration")
		return nil
	}
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		faces, name := a.deps.network(), a.deps.Name()
		ad, err := a.startAdvert(faces)
		stop, hostErr := a.runHosts(ctx, faces, name)
		err = errors.Join(err, hostErr)
		a.reportChange(err)
		changed := a.waitForChange(ctx, tick.C, faces, name, err != nil)
		stop()
		if ad != nil {
			ad.Shutdown()
		}
		if !changed {
			return nil
		}
	}
}

// runHosts answers for the host names until stop is called.
func (a *Advertiser) runHosts(ctx context.Context, faces []netInterface, name string) (stop func(), err error) {
	if len(faces) == 0 {
		return func() {}, nil // startAdvert reports it
	}
	h, err := a.deps.hosts(faces, []string{InstanceName(a.deps.Box), HostName(name)})
	if h == nil || err != nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	g := supervise.Group(ctx)
	g.Go(h.serve)
	return func() {
		cancel()
		if err := g.Wait(); err != nil {
			a.deps.Log.Error("the answers for host names failed", "err", err)
		}
	}, nil
}

// InstanceName returns the name of a box's record. It is random and the same at every start.
func InstanceName(box string) string { return "livelearn-" + box }

func (a *Advertiser) startAdvert(faces []netInterface) (advert, error) {
	if len(faces) == 0 {
		return nil, errs.NewCode("discover", errs.Down, "no_multicast",
			"no network interface that does multicast; browsers still reach the box by its address")
	}
	text := []string{"txtvers=1", "id=" + a.deps.Box, "version=" + a.deps.Version, fmt.Sprintf("http=%d", a.deps.Port)}
	list := make([]net.Interface, 0, len(faces))
	for _, f := range faces {
		list = append(list, f.Interface)
	}
	ad, err := a.deps.publish(InstanceName(a.deps.Box), a.deps.Port, text, list)
	if err != nil {
		return nil, errs.New("discover", errs.Down, err)
	}
	return ad, nil
}

// waitForChange returns true when the interfaces differ from faces or the box has another name, or when it is time to retry
// after a failure. It returns false when ctx ends.
func (a *Advertiser) waitForChange(ctx context.Context, tick <-chan time.Time, faces []netInterface, name string, failed bool) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			if failed && len(faces) > 0 || name != a.deps.Name() || !slices.EqualFunc(faces, a.deps.network(), sameInterface) {
				return true
			}
		}
	}
}

func sameInterface(a, b netInterface) bool {
	return a.Index == b.Index && a.Name == b.Name && a.addrs == b.addrs
}

// reportChange logs and reports a change of state once.
func (a *Advertiser) reportChange(err error) {
	status := "advertised"
	if err != nil {
		status = err.Error()
	}
	if status == a.lastReport {
		return
	}
	a.lastReport = status
	if err == nil {
		a.deps.Log.Info("mDNS advertises the box", "service", serviceType, "instance", InstanceName(a.deps.Box))
	} else {
		a.deps.Log.Warn("mDNS is off", "err", err)
	}
	if a.deps.Report != nil {
		a.deps.Report(err)
	}
}

// CanAdvertise reports whether the machine has a multicast network.
func CanAdvertise() bool { return len(multicastInterfaces()) > 0 }

// multicastInterfaces returns the interfaces that are up, support multicast and have an address,
// without loopback, in a fixed order.
func multicastInterfaces() []netInterface {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var faces []netInterface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil || len(addrs) == 0 {
			continue
		}
		texts := make([]string, 0, len(addrs))
		for _, a := range addrs {
			texts = append(texts, a.String())
		}
		slices.Sort(texts)
		faces = append(faces, netInterface{Interface: i, addrs: strings.Join(texts, " ")})
	}
	return faces
}

// registerService starts the responder. The host is named after the box and has no fixed
// addresses, so each interface answers with its own.
func registerService(instance string, port int, text []string, faces []net.Interface) (advert, error) {
	ad, err := zeroconf.RegisterProxy(instance, serviceType, mdnsDomain, port, instance, nil, text, faces)
	if err != nil {
		return nil, err // a nil *Server inside an interface would not be nil
	}
	return ad, nil
}
