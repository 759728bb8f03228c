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

	"github.com/livelearn/box/services/supervise"
)

const (
	lookPorts = 2 * time.Second
	alone     = 15 * time.Second // without an answer, until an address is made up
	askPause  = 10 * time.Second
)

// guests keeps a guest on each port with a cable but one, and follows cables that come and go.
func (n *Network) guests(ctx context.Context, cfg Config, but string) error {
	type guest struct {
		end  context.CancelFunc
		done chan struct{}
	}
	here := map[string]guest{}
	g := supervise.Group(ctx)
	tick := time.NewTicker(lookPorts)
	defer tick.Stop()
	for first := true; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return g.Wait()
			case <-tick.C:
			}
		}
		links, err := ethernet()
		if err != nil {
			return err
		}
		plugged := map[string]bool{}
		for _, l := range links {
			up(l.Name)
			plugged[l.Name] = carrier(l) && l.Name != but
		}
		for name, on := range plugged {
			if _, ok := here[name]; on && !ok {
				life, end := context.WithCancel(ctx)
				done := make(chan struct{})
				here[name] = guest{end, done}
				g.Go(func(context.Context) error {
					defer close(done)
					n.guest(life, cfg, name)
					return nil
				})
			}
		}
		for name, x := range here {
			if !plugged[name] {
				x.end()
				<-x.done
				delete(here, name)
			}
		}
	}
}

func up(name string) {
	if l, err := netlink.LinkByName(name); err == nil && l.Attrs().Flags&net.FlagUp == 0 {
		_ = netlink.LinkSetUp(l) // tried again at the next look
	}
}

// guest is on one port until ctx ends.
func (n *Network) guest(ctx context.Context, cfg Config, port string) {
	defer n.leave(port)
	if cfg.Mode == Guest && cfg.Address != "" {
		p, err := netip.ParsePrefix(cfg.Address)
		if err == nil {
			err = n.settle(port, p, cfg.Gateway, cfg.DNS, "fixed")
		}
		if err != nil {
			n.complain("failed", err)
		}
		<-ctx.Done()
		return
	}
	since := time.Now()
	for ctx.Err() == nil {
		err := n.lease(ctx, port)
		if ctx.Err() != nil {
			return
		}
		n.deps.Log.Warn("no address from the network", "port", port, "err", err)
		if time.Since(since) > alone {
			if err := n.linkLocal(port); err != nil {
				n.deps.Log.Warn("no address of our own making", "port", port, "err", err)
			}
		}
		sleep(ctx, askPause)
	}
}

// lease asks for an address and holds it until it cannot be renewed or ctx ends.
func (n *Network) lease(ctx context.Context, port string) error {
	c, err := nclient4.New(port, nclient4.WithTimeout(4*time.Second), nclient4.WithRetry(3))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	host, _ := os.Hostname() // without a name the server makes one up
	wants := []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptHostName(host)),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionNTPServers),
	}
	l, err := c.Request(ctx, wants...)
	for {
		if err != nil {
			return err
		}
		if err := n.take(port, l.ACK); err != nil {
			return err
		}
		time1 := l.ACK.IPAddressRenewalTime(l.ACK.IPAddressLeaseTime(time.Hour) / 2)
		if sleep(ctx, max(time1, 30*time.Second)); ctx.Err() != nil {
			return errors.Join(ctx.Err(), c.Release(l))
		}
		next, renewed := c.Renew(ctx, l, wants...)
		if renewed != nil { // perhaps another server by now (RFC 2131 4.4.5)
			next, renewed = c.Request(ctx, wants...)
		}
		l, err = next, renewed
	}
}

// take makes an answer of a server ours.
func (n *Network) take(port string, ack *dhcpv4.DHCPv4) error {
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
		_ = os.WriteFile(n.deps.Time, []byte(strings.Join(servers, "\n")), 0o644) // there are others
	}
	return n.settle(port, netip.PrefixFrom(ip, bits), gateway, names, "dhcp")
}

// settle gives a port an address, and no other.
func (n *Network) settle(port string, p netip.Prefix, gateway string, names []string, from string) error {
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
			_ = netlink.AddrDel(link, &a) // it is gone as well
		}
	}
	if err := netlink.AddrReplace(link, addr); err != nil {
		return err
	}
	if gateway != "" {
		gw := net.ParseIP(gateway)
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: gw, Priority: 100 + link.Attrs().Index}); err != nil {
			return fmt.Errorf("the way out by %s: %w", gateway, err)
		}
	}
	n.note(port, from)
	n.deps.Log.Info("the box is on the network", "port", port, "addr", p.String(), "from", from)
	return n.resolv(names)
}

// resolv tells programs who knows names.
func (n *Network) resolv(names []string) error {
	if n.deps.Resolv == "" || len(names) == 0 {
		return nil
	}
	var b strings.Builder
	for _, s := range names[:min(len(names), 3)] {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	temp := n.deps.Resolv + ".new"
	if err := os.WriteFile(temp, []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, n.deps.Resolv)
}

// linkLocal gives a port without a server an address by which neighbours reach it (RFC 3927,
// without its claim and defence: with one box on a cable a collision is one in 65,000).
func (n *Network) linkLocal(port string) error {
	n.mu.Lock()
	has := n.from[port] != ""
	n.mu.Unlock()
	if has {
		return nil
	}
	ip := netip.AddrFrom4([4]byte{169, 254, byte(1 + rand.IntN(254)), byte(rand.IntN(256))})
	return n.settle(port, netip.PrefixFrom(ip, 16), "", nil, "link-local")
}

// leave takes our addresses from a port.
func (n *Network) leave(port string) {
	n.note(port, "")
	link, err := netlink.LinkByName(port)
	if err != nil {
		return // the port is gone, and they with it
	}
	list, _ := netlink.AddrList(link, netlink.FAMILY_V4) // none can be read: none are taken
	for _, a := range list {
		_ = netlink.AddrDel(link, &a) // gone as well
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// wireless tells that an interface is a radio (sysfs-class-net).
func wireless(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "phy80211"))
	return err == nil
}
