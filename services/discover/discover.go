// Package discover tells the local network that a box is here, by multicast DNS as
// service _livelearn._tcp (RFC 6762, RFC 6763).
//
// It is a hint for other boxes and a comfort for people, never a proof: whoever finds
// a box this way still has to check who it is. The record holds the box's random id,
// the program's version and the port. It holds no name that a person chose, and not the
// machine's host name either.
//
// Promises:
//   - The advertisement follows the network: when interfaces or addresses change it is
//     taken back and made again.
//   - Without a network that does multicast there is no advertisement, one clear line in
//     the log and one report to Deps.Report, and it begins by itself once there is one.
//   - A fault here stops nothing else: Serve waits and tries again.
package discover

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/grandcat/zeroconf"

	"github.com/livelearn/box/services/errs"
)

const (
	service = "_livelearn._tcp"
	domain  = "local."

	// period is how often the interfaces are looked at. A look costs two system calls
	// and one for each interface.
	period = 10 * time.Second
)

// Config is how the box advertises itself. Its zero value works.
type Config struct {
	Off bool // no advertisement
}

// Validate takes every value.
func (c Config) Validate() error { return nil }

// Deps is what the advertisement is made of.
type Deps struct {
	Box     string           // the box's random id
	Version string           // of the program
	Port    int              // of plain HTTP
	Report  func(error)      // told of each change: nil is "advertised"; may be nil
	Log     *slog.Logger     // never nil
	network func() []netface // tests replace these two
	publish func(string, int, []string, []net.Interface) (advert, error)
}

// advert is an advertisement under way.
type advert interface{ Shutdown() }

// netface is an interface that could carry the advertisement.
type netface struct {
	net.Interface
	addrs string
}

// Advertiser advertises one box.
type Advertiser struct {
	cfg  Config
	deps Deps
	said string // the last thing reported; owned by Serve's goroutine
}

// New makes an advertiser. Nothing is sent before Serve.
func New(cfg Config, deps Deps) *Advertiser {
	if deps.network == nil {
		deps.network = interfaces
	}
	if deps.publish == nil {
		deps.publish = publish
	}
	return &Advertiser{cfg: cfg, deps: deps}
}

// String is the service's name.
func (a *Advertiser) String() string { return "discover" }

// Serve advertises until ctx ends and then takes the record back. It returns nil.
func (a *Advertiser) Serve(ctx context.Context) error {
	a.said = ""
	if a.cfg.Off {
		a.deps.Log.Info("mDNS is off by the configuration")
		return nil
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		faces := a.deps.network()
		ad, err := a.advertise(faces)
		a.report(err)
		changed := a.wait(ctx, tick.C, faces, err != nil)
		if ad != nil {
			ad.Shutdown()
		}
		if !changed {
			return nil
		}
	}
}

// Instance is the name of a box's record: random, and the same at every start.
func Instance(box string) string { return "livelearn-" + box }

func (a *Advertiser) advertise(faces []netface) (advert, error) {
	if len(faces) == 0 {
		return nil, errs.Code("discover", errs.Down, "no_multicast",
			"no network interface that does multicast; browsers still reach the box by its address")
	}
	text := []string{"txtvers=1", "id=" + a.deps.Box, "version=" + a.deps.Version, fmt.Sprintf("http=%d", a.deps.Port)}
	list := make([]net.Interface, 0, len(faces))
	for _, f := range faces {
		list = append(list, f.Interface)
	}
	ad, err := a.deps.publish(Instance(a.deps.Box), a.deps.Port, text, list)
	if err != nil {
		return nil, errs.New("discover", errs.Down, err)
	}
	return ad, nil
}

// wait returns true when the network is another than faces, or when it is time to try
// again after a failure, and false when ctx ends.
func (a *Advertiser) wait(ctx context.Context, tick <-chan time.Time, faces []netface, failed bool) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			if failed && len(faces) > 0 || !slices.EqualFunc(faces, a.deps.network(), same) {
				return true
			}
		}
	}
}

func same(a, b netface) bool {
	return a.Index == b.Index && a.Name == b.Name && a.addrs == b.addrs
}

// report logs and tells a change of state, once for each.
func (a *Advertiser) report(err error) {
	said := "advertised"
	if err != nil {
		said = err.Error()
	}
	if said == a.said {
		return
	}
	a.said = said
	if err == nil {
		a.deps.Log.Info("mDNS advertises the box", "service", service, "instance", Instance(a.deps.Box))
	} else {
		a.deps.Log.Warn("mDNS is off", "err", err)
	}
	if a.deps.Report != nil {
		a.deps.Report(err)
	}
}

// Possible tells whether there is a network that could carry the advertisement.
func Possible() bool { return len(interfaces()) > 0 }

// interfaces are those that are up, do multicast and have an address, loopback left
// out, in a fixed order.
func interfaces() []netface {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var faces []netface
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
		faces = append(faces, netface{Interface: i, addrs: strings.Join(texts, " ")})
	}
	return faces
}

// publish starts the responder. The host is named after the box and has no fixed
// addresses: each interface is answered with its own.
func publish(instance string, port int, text []string, faces []net.Interface) (advert, error) {
	ad, err := zeroconf.RegisterProxy(instance, service, domain, port, instance, nil, text, faces)
	if err != nil {
		return nil, err // a nil *Server inside an interface would not be nil
	}
	return ad, nil
}
