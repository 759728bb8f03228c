package network

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/livelearn/box/hal/atomicfile"
)

const (
	leasesFile    = "leases.json"
	leaseLifetime = 4 * time.Hour // a school day of two lessons and a break
	offerLifetime = time.Minute
	firstHost     = 16   // lower addresses are left for manual settings
	maxLeases     = 2000 // even on a larger network
	maxLeaseFile  = 1 << 20
)

// lease is an address that a machine holds or was offered.
type lease struct {
	IP    netip.Addr `json:"ip"`
	Until time.Time  `json:"until"`
	bound bool       // confirmed, not only offered
}

// leasePool has the addresses of our network.
type leasePool struct {
	prefix netip.Prefix // contains the address of the box
	file   string

	mu      sync.Mutex
	byMAC   map[string]lease // by hardware address; guarded by mu
	macByIP map[netip.Addr]string
}

func newLeasePool(p netip.Prefix, file string) *leasePool {
	l := &leasePool{prefix: p, file: file, byMAC: map[string]lease{}, macByIP: map[netip.Addr]string{}}
	data, err := os.ReadFile(file)
	if err == nil && len(data) <= maxLeaseFile {
		l.loadLeases(data)
	}
	return l
}

// loadLeases reads saved leases. It drops duplicates and addresses of another network.
func (l *leasePool) loadLeases(data []byte) {
	var kept map[string]lease
	if json.Unmarshal(data, &kept) != nil {
		return
	}
	for mac, g := range kept {
		if _, taken := l.macByIP[g.IP]; !taken && l.inRange(g.IP) && len(l.byMAC) < maxLeases && len(mac) < 64 {
			g.bound = true
			l.byMAC[mac], l.macByIP[g.IP] = g, mac
		}
	}
}

// inRange reports whether a machine may get an address.
func (l *leasePool) inRange(ip netip.Addr) bool {
	return ip.Is4() && l.prefix.Contains(ip) && ip != l.prefix.Addr() && ip != l.prefix.Masked().Addr() && l.prefix.Contains(ip.Next())
}

func (l *leasePool) countLeases(now time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.byMAC {
		if g.bound && now.Before(g.Until) {
			n++
		}
	}
	return n
}

// offerAddress returns an address for a machine: its current one, the one that it wants, or the
// next free one. A valid lease never moves to another machine. A flood of a thousand invented
// hardware addresses gets only free addresses.
func (l *leasePool) offerAddress(mac string, want netip.Addr, now time.Time) (netip.Addr, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g, ok := l.byMAC[mac]; ok {
		return g.IP, true
	}
	if l.inRange(want) && l.isFree(want, now) {
		return want, l.holdAddress(mac, want, now.Add(offerLifetime), false, now)
	}
	ip := l.prefix.Masked().Addr()
	for range firstHost {
		ip = ip.Next()
	}
	for n := 0; n < 2*maxLeases && l.prefix.Contains(ip); n++ {
		if l.inRange(ip) && l.isFree(ip, now) {
			return ip, l.holdAddress(mac, ip, now.Add(offerLifetime), false, now)
		}
		ip = ip.Next()
	}
	return netip.Addr{}, false
}

// isFree reports whether an address has no holder or an expired lease. The caller holds mu.
func (l *leasePool) isFree(ip netip.Addr, now time.Time) bool {
	mac, ok := l.macByIP[ip]
	return !ok || now.After(l.byMAC[mac].Until)
}

// holdAddress assigns an address to a machine. The caller holds mu.
func (l *leasePool) holdAddress(mac string, ip netip.Addr, until time.Time, bound bool, now time.Time) bool {
	if old, ok := l.macByIP[ip]; ok && old != mac {
		delete(l.byMAC, old)
	}
	if len(l.byMAC) >= maxLeases {
		l.pruneExpired(now)
	}
	if _, known := l.byMAC[mac]; !known && len(l.byMAC) >= maxLeases {
		return false
	}
	l.byMAC[mac], l.macByIP[ip] = lease{ip, until, bound}, mac
	return true
}

// pruneExpired deletes expired leases. The caller holds mu.
func (l *leasePool) pruneExpired(now time.Time) {
	for mac, g := range l.byMAC {
		if now.After(g.Until) {
			delete(l.byMAC, mac)
			delete(l.macByIP, g.IP)
		}
	}
}

// confirmLease assigns the requested address to a machine if it is allowed to have it.
func (l *leasePool) confirmLease(mac string, ip netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.byMAC[mac]
	if ok && g.IP != ip || !ok && !(l.inRange(ip) && l.isFree(ip, now)) {
		return false
	}
	return l.holdAddress(mac, ip, now.Add(leaseLifetime), true, now) && l.saveLeases() == nil
}

// releaseLease frees an address. A declined address is in use elsewhere, so it is blocked a while.
func (l *leasePool) releaseLease(mac string, declined bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.byMAC[mac]
	if !ok {
		return
	}
	delete(l.byMAC, mac)
	delete(l.macByIP, g.IP)
	if declined {
		l.holdAddress("declined "+g.IP.String(), g.IP, now.Add(10*time.Minute), false, now)
	}
}

// saveLeases saves the confirmed leases for the next start. The caller holds mu.
func (l *leasePool) saveLeases() error {
	bound := map[string]lease{}
	for mac, g := range l.byMAC {
		if g.bound {
			bound[mac] = g
		}
	}
	data, err := json.Marshal(bound)
	if err != nil {
		return err
	}
	return atomicfile.Write(l.file, 0o600, atomicfile.Bytes(data))
}

// dhcpHandler answers DHCP messages as a server (RFC 2131).
type dhcpHandler struct {
	pool   *leasePool
	domain string
	log    *slog.Logger
}

func (d *dhcpHandler) handlePacket(conn net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
	reply := d.answerMessage(m, time.Now())
	if reply == nil {
		return
	}
	// A machine without an address receives only broadcasts (RFC 2131 4.1).
	to := net.Addr(&net.UDPAddr{IP: net.IPv4bcast, Port: 68})
	if u, ok := peer.(*net.UDPAddr); ok && m.ClientIPAddr != nil && !m.ClientIPAddr.IsUnspecified() {
		to = &net.UDPAddr{IP: m.ClientIPAddr, Port: u.Port}
	}
	if _, err := conn.WriteTo(reply.ToBytes(), to); err != nil {
		d.log.Warn("a DHCP answer was not sent", "err", err)
	}
}

// answerMessage returns the answer to a message, or nil for none.
func (d *dhcpHandler) answerMessage(m *dhcpv4.DHCPv4, now time.Time) *dhcpv4.DHCPv4 {
	if m == nil || m.OpCode != dhcpv4.OpcodeBootRequest || len(m.ClientHWAddr) == 0 || len(m.ClientHWAddr) > 16 {
		return nil
	}
	if id := m.ServerIdentifier(); id != nil && !id.Equal(d.serverIP()) && m.MessageType() != dhcpv4.MessageTypeDiscover {
		return nil // it is meant for another server
	}
	mac := m.ClientHWAddr.String()
	wanted, _ := netip.AddrFromSlice(m.RequestedIPAddress().To4()) // the zero Addr if it is missing
	if !wanted.IsValid() {
		wanted, _ = netip.AddrFromSlice(m.ClientIPAddr.To4())
	}
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		if ip, ok := d.pool.offerAddress(mac, wanted, now); ok {
			return d.newReply(m, dhcpv4.MessageTypeOffer, ip)
		}
		d.log.Warn("no address is free")
	case dhcpv4.MessageTypeRequest:
		if d.pool.confirmLease(mac, wanted, now) {
			return d.newReply(m, dhcpv4.MessageTypeAck, wanted)
		}
		return d.newNak(m)
	case dhcpv4.MessageTypeInform:
		return d.newReply(m, dhcpv4.MessageTypeAck, netip.Addr{})
	case dhcpv4.MessageTypeRelease:
		d.pool.releaseLease(mac, false, now)
	case dhcpv4.MessageTypeDecline:
		d.pool.releaseLease(mac, true, now)
	}
	return nil
}

func (d *dhcpHandler) serverIP() net.IP { return d.pool.prefix.Addr().AsSlice() }

// newReply returns an answer with the address, the name server and the gateway of the machine.
func (d *dhcpHandler) newReply(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType, ip netip.Addr) *dhcpv4.DHCPv4 {
	mods := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithServerIP(d.serverIP()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(d.serverIP())),
		dhcpv4.WithNetmask(net.CIDRMask(d.pool.prefix.Bits(), 32)),
		dhcpv4.WithOption(dhcpv4.OptRouter(d.serverIP())), dhcpv4.WithDNS(d.serverIP()),
		dhcpv4.WithOption(dhcpv4.OptDomainName(d.domain)),
	}
	if ip.IsValid() {
		mods = append(mods, dhcpv4.WithYourIP(ip.AsSlice()), dhcpv4.WithLeaseTime(uint32(leaseLifetime.Seconds())))
	}
	r, err := dhcpv4.NewReplyFromRequest(m, mods...)
	if err != nil {
		return nil
	}
	return r
}

func (d *dhcpHandler) newNak(m *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	r, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(dhcpv4.MessageTypeNak), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(d.serverIP())))
	if err != nil {
		return nil
	}
	return r
}
