package network

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/supplicant"
)

const (
	portInterval   = 2 * time.Second
	linkLocalAfter = 15 * time.Second // time without an answer until we choose a link-local address
	leaseRetry     = 10 * time.Second
)

// guestRun is a running guest of one port.
type guestRun struct {
	end  context.CancelFunc
	done chan struct{} // closed after the guest has ended
}

// runGuests runs a guest on every port with a cable, except one, and follows cables that come and go.
func (n *Network) runGuests(ctx context.Context, cfg Config, except string) error {
	running := map[string]guestRun{}
	g := supervise.Group(ctx)
	tick := time.NewTicker(portInterval)
	defer tick.Stop()
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return g.Wait()
			case <-tick.C:
			}
		}
		plugged, err := pluggedPorts(except)
		if err != nil {
			return err
		}
		for name, on := range plugged {
			if _, ok := running[name]; on && !ok {
				life, end := context.WithCancel(ctx)
				done := make(chan struct{})
				running[name] = guestRun{end, done}
				g.Go(func(context.Context) error {
					defer close(done)
					if cfg.Wired != (supplicant.SignIn{}) {
						return n.runCable(life, cfg, name)
					}
					n.runGuest(life, cfg, name)
					return nil
				})
			}
		}
		for name, guest := range running {
			if !plugged[name] {
				guest.end()
				<-guest.done
				delete(running, name)
			}
		}
	}
}

// pluggedPorts sets all ports up, and returns which of them have a cable. The port except has none.
func pluggedPorts(except string) (map[string]bool, error) {
	links, err := ethernetPorts()
	if err != nil {
		return nil, err
	}
	plugged := map[string]bool{}
	for _, l := range links {
		setLinkUp(l.Name)
		plugged[l.Name] = hasCarrier(l) && l.Name != except
	}
	return plugged, nil
}

func setLinkUp(name string) {
	if l, err := netlink.LinkByName(name); err == nil && l.Attrs().Flags&net.FlagUp == 0 {
		_ = netlink.LinkSetUp(l) // tried again at the next tick
	}
}

// runGuest keeps the address of one port until ctx ends.
func (n *Network) runGuest(ctx context.Context, cfg Config, port string) {
	defer n.removeAddresses(port)
	if cfg.Mode == ModeGuest && cfg.Address != "" {
		p, err := netip.ParsePrefix(cfg.Address)
		if err == nil {
			err = n.setAddress(port, p, cfg.Gateway, cfg.DNS, "fixed")
		}
		if err != nil {
			n.reportFault("failed", err)
		}
		<-ctx.Done()
		return
	}
	since := time.Now()
	for ctx.Err() == nil {
		err := n.runLease(ctx, port)
		if ctx.Err() != nil {
			return
		}
		n.deps.Log.Warn("no address from the network", "port", port, "err", err)
		if time.Since(since) > linkLocalAfter {
			if err := n.setLinkLocal(port); err != nil {
				n.deps.Log.Warn("no link-local address", "port", port, "err", err)
			}
		}
		supervise.Sleep(ctx, leaseRetry)
	}
}

// runLease gets a lease and renews it until that fails or ctx ends.
func (n *Network) runLease(ctx context.Context, port string) error {
	c, err := nclient4.New(port, nclient4.WithTimeout(4*time.Second), nclient4.WithRetry(3))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	host, _ := os.Hostname() // without a name the server chooses one
	wants := []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptHostName(host)),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionNTPServers),
	}
	l, err := c.Request(ctx, wants...)
	for {
		if err != nil {
			return err
		}
		if err := n.applyAck(port, l.ACK); err != nil {
			return err
		}
		time1 := l.ACK.IPAddressRenewalTime(l.ACK.IPAddressLeaseTime(time.Hour) / 2)
		if supervise.Sleep(ctx, max(time1, 30*time.Second)); ctx.Err() != nil {
			return errors.Join(ctx.Err(), c.Release(l))
		}
		next, renewed := c.Renew(ctx, l, wants...)
		if renewed != nil { // there may be another server by now (RFC 2131 4.4.5)
			next, renewed = c.Request(ctx, wants...)
		}
		l, err = next, renewed
	}
}

// applyAck sets the address, gateway and name servers of a DHCP answer.
func (n *Network) applyAck(port string, ack *dhcpv4.DHCPv4) error {
	ip, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	bits, _ := ack.SubnetMask().Size()
	if !ok || !ip.IsGlobalUnicast() || bits < 8 || bits > 30 {
		return fmt.Errorf("the server offers %v/%d", ack.YourIPAddr, bits)
	}
	gateway := ""
	if r := ack.Router(); len(r) > 0 {
		gateway = r[0].String()
	}
	var names []string
	for _, d := range ack.DNS() {
		names = append(names, d.String())
	}
	if n.deps.Time != "" {
		var servers []string
		for _, s := range ack.NTPServers() {
			servers = append(servers, s.String())
		}
		_ = os.WriteFile(n.deps.Time, []byte(strings.Join(servers, "\n")), 0o644) // public time servers remain
	}
	return n.setAddress(port, netip.PrefixFrom(ip, bits), gateway, names, "dhcp")
}

// setAddress sets the only address of a port, and its gateway and name servers.
func (n *Network) setAddress(port string, p netip.Prefix, gateway string, names []string, from string) error {
	link, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}}
	old, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, a := range old {
		if !a.Equal(*addr) {
			_ = netlink.AddrDel(link, &a) // an error means that it is gone already
		}
	}
	if err := netlink.AddrReplace(link, addr); err != nil {
		return err
	}
	if gateway != "" {
		gw := net.ParseIP(gateway)
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: gw, Priority: 100 + link.Attrs().Index}); err != nil {
			return fmt.Errorf("the gateway %s: %w", gateway, err)
		}
	}
	n.setSource(port, from)
	n.deps.Log.Info("the box is on the network", "port", port, "addr", p.String(), "from", from)
	return n.writeResolv(names)
}

// writeResolv writes the name servers to resolv.conf.
func (n *Network) writeResolv(names []string) error {
	if n.deps.Resolv == "" || len(names) == 0 {
		return nil
	}
	var b strings.Builder
	for _, s := range names[:min(len(names), 3)] {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return atomicfile.WriteVolatile(n.deps.Resolv, 0o644, atomicfile.Bytes([]byte(b.String())))
}

// setLinkLocal gives a port without a DHCP server a link-local address (RFC 3927). It skips the
// claim and defence: with one box on a cable a collision has a chance of one in 65,000.
func (n *Network) setLinkLocal(port string) error {
	n.mu.Lock()
	has := n.sources[port] != ""
	n.mu.Unlock()
	if has {
		return nil
	}
	ip := netip.AddrFrom4([4]byte{169, 254, byte(1 + rand.IntN(254)), byte(rand.IntN(256))})
	return n.setAddress(port, netip.PrefixFrom(ip, 16), "", nil, "link-local")
}

// removeAddresses removes our addresses from a port.
func (n *Network) removeAddresses(port string) {
	n.setSource(port, "")
	link, err := netlink.LinkByName(port)
	if err != nil {
		return // the port is gone, and its addresses too
	}
	list, _ := netlink.AddrList(link, netlink.FAMILY_V4) // empty if they cannot be read
	for _, a := range list {
		_ = netlink.AddrDel(link, &a) // an error means that it is gone already
	}
}

// isWireless reports whether an interface is a radio (sysfs-class-net).
func isWireless(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "phy80211"))
	return err == nil
}
