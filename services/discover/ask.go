package discover

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

// allServices is the question that every device with multicast DNS answers (RFC 6763, 9).
const allServices = "_services._dns-sd._udp." + mdnsDomain

// maxAnswerers bounds what Ask keeps, because any machine may answer.
const maxAnswerers = 256

// Heard is what others in the network answered.
type Heard struct {
	Devices []netip.Addr // other machines that answer multicast DNS
	Name    []netip.Addr // other machines that hold the name
}

// Ask asks all machines in the network for their services, and for the address of a host name such as
// "room-12", until ctx ends. It hears nothing where the network carries no multicast, or where nobody
// else is. An empty name is not asked for.
func Ask(ctx context.Context, name string) (Heard, error) {
	faces := multicastInterfaces()
	own := map[netip.Addr]bool{}
	for _, f := range faces {
		for text := range strings.FieldsSeq(f.addrs) {
			if p, err := netip.ParsePrefix(text); err == nil {
				own[p.Addr()] = true
			}
		}
	}
	return askFrom(ctx, faces, own, name)
}

// askFrom asks on the interfaces, and leaves out the answers of the machine's own addresses.
func askFrom(ctx context.Context, faces []netInterface, own map[netip.Addr]bool, name string) (Heard, error) {
	c, err := net.ListenUDP("udp4", nil) // from another port than 5353: the answers come to us alone (RFC 6762, 6.7)
	if err != nil {
		return Heard{}, err
	}
	defer func() { _ = c.Close() }()
	q := &dns.Msg{Question: []dns.Question{{Name: allServices, Qtype: dns.TypePTR, Qclass: dns.ClassINET | unicastBit}}}
	full := strings.ToLower(name) + "." + mdnsDomain
	if name != "" {
		q.Question = append(q.Question, dns.Question{Name: full, Qtype: dns.TypeA, Qclass: dns.ClassINET | unicastBit})
	}
	packet, err := q.Pack()
	if err != nil {
		return Heard{}, err
	}
	p := ipv4.NewPacketConn(c)
	_ = p.SetMulticastTTL(255)
	for _, f := range faces {
		_, _ = p.WriteTo(packet, &ipv4.ControlMessage{IfIndex: f.Index}, group4) // an interface may lack this IP version
	}
	return readHeard(ctx, c, full, own)
}

func readHeard(ctx context.Context, c *net.UDPConn, name string, own map[netip.Addr]bool) (h Heard, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })
	defer stop()
	b := make([]byte, maxPacket)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			return h, err
		}
		ip := from.Addr().Unmap()
		var m dns.Msg
		if own[ip] || m.Unpack(b[:n]) != nil || !m.Response || len(h.Devices) >= maxAnswerers {
			continue
		}
		h.Devices = addOnce(h.Devices, ip)
		if slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeA && strings.EqualFold(rr.Header().Name, name)
		}) {
			h.Name = addOnce(h.Name, ip)
		}
	}
}

func addOnce(list []netip.Addr, ip netip.Addr) []netip.Addr {
	if slices.Contains(list, ip) {
		return list
	}
	return append(list, ip)
}
