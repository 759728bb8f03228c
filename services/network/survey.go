package network

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
)

// maxServers bounds the list of those who give addresses, because any machine may answer.
const maxServers = 16

// CabledPort is a port with a cable, as the kernel has it.
type CabledPort struct {
	Name      string
	Addresses []CabledAddress // IPv4
}

// CabledAddress is an address of a port. A leased one ends unless its program renews it.
type CabledAddress struct {
	Prefix netip.Prefix
	Leased bool
}

// CabledPorts returns the Ethernet ports that have a cable, whatever program configures them.
func CabledPorts() ([]CabledPort, error) {
	links, err := ethernetPorts()
	if err != nil {
		return nil, err
	}
	var ports []CabledPort
	for _, l := range links {
		if !hasCarrier(l) || l.MasterIndex != 0 { // a part of a bridge has no addresses
			continue
		}
		p := CabledPort{Name: l.Name}
		link, err := netlink.LinkByIndex(l.Index)
		if err != nil {
			continue // it was unplugged just now
		}
		list, err := netlink.AddrList(link, netlink.FAMILY_V4)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			ip, ok := netip.AddrFromSlice(a.IP.To4())
			if ones, _ := a.Mask.Size(); ok {
				p.Addresses = append(p.Addresses, CabledAddress{netip.PrefixFrom(ip, ones), a.ValidLft > 0 && a.ValidLft < math.MaxUint32})
			}
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// DHCPServers returns who gives addresses on a port. It asks all and waits as long as given. It takes
// no address, and needs the right to send raw frames.
func DHCPServers(ctx context.Context, port string, wait time.Duration) ([]string, error) {
	c, err := nclient4.New(port, nclient4.WithTimeout(wait), nclient4.WithRetry(1))
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	m, err := dhcpv4.NewDiscovery(c.InterfaceAddr())
	if err != nil {
		return nil, err
	}
	var found []string
	_, err = c.SendAndRead(ctx, nclient4.DefaultServers, m, func(p *dhcpv4.DHCPv4) bool {
		if id := p.ServerIdentifier(); p.MessageType() == dhcpv4.MessageTypeOffer && id != nil && len(found) < maxServers {
			found = append(found, id.String())
		}
		return false // listen on, for others
	})
	slices.Sort(found)
	if found = slices.Compact(found); len(found) > 0 || errors.Is(err, nclient4.ErrNoResponse) {
		return found, nil
	}
	return nil, err
}
