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
)

const (
	leasesFile   = "leases.json"
	leaseTime    = 4 * time.Hour // a school day of two lessons and a break
	offerTime    = time.Minute
	firstHost    = 16   // those before are for people who set addresses by hand
	maxLeases    = 2000 // however large the network is
	maxLeaseFile = 1 << 20
)

// given is an address that somebody has.
type given struct {
	IP    netip.Addr `json:"ip"`
	Until time.Time  `json:"until"`
	firm  bool       // it was asked for and not only offered
}

// pool are the addresses of our network.
type pool struct {
	prefix netip.Prefix // with the box's own address
	file   string

	mu   sync.Mutex
	by   map[string]given // by hardware address; guarded by mu
	used map[netip.Addr]string
}

func newPool(p netip.Prefix, file string) *pool {
	l := &pool{prefix: p, file: file, by: map[string]given{}, used: map[netip.Addr]string{}}
	data, err := os.ReadFile(file)
	if err == nil && len(data) <= maxLeaseFile {
		l.load(data)
	}
	return l
}

// load takes what is kept. What is not of this network, or there twice, is forgotten.
func (l *pool) load(data []byte) {
	var kept map[string]given
	if json.Unmarshal(data, &kept) != nil {
		return
	}
	for mac, g := range kept {
		if _, taken := l.used[g.IP]; !taken && l.ours(g.IP) && len(l.by) < maxLeases && len(mac) < 64 {
			g.firm = true
			l.by[mac], l.used[g.IP] = g, mac
		}
	}
}

// ours tells that an address may be given.
func (l *pool) ours(ip netip.Addr) bool {
	return ip.Is4() && l.prefix.Contains(ip) && ip != l.prefix.Addr() && ip != l.prefix.Masked().Addr() && l.prefix.Contains(ip.Next())
}

func (l *pool) count(now time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.by {
		if g.firm && now.Before(g.Until) {
			n++
		}
	}
	return n
}

// offer is the address for a machine: the one that it has or had, the one that it wants, or
// the next. A holder whose time is not over keeps its own whoever asks: thirty machines that
// invent a thousand hardware addresses get what is left and nothing else.
func (l *pool) offer(mac string, want netip.Addr, now time.Time) (netip.Addr, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g, ok := l.by[mac]; ok {
		return g.IP, true
	}
	if l.ours(want) && l.free(want, now) {
		return want, l.hold(mac, want, now.Add(offerTime), false, now)
	}
	ip := l.prefix.Masked().Addr()
	for range firstHost {
		ip = ip.Next()
	}
	for n := 0; n < 2*maxLeases && l.prefix.Contains(ip); n++ {
		if l.ours(ip) && l.free(ip, now) {
			return ip, l.hold(mac, ip, now.Add(offerTime), false, now)
		}
		ip = ip.Next()
	}
	return netip.Addr{}, false
}

// free tells that nobody holds an address, or that its time is over. Called with mu held.
func (l *pool) free(ip netip.Addr, now time.Time) bool {
	mac, ok := l.used[ip]
	return !ok || now.After(l.by[mac].Until)
}

// hold gives an address. Called with mu held.
func (l *pool) hold(mac string, ip netip.Addr, until time.Time, firm bool, now time.Time) bool {
	if old, ok := l.used[ip]; ok && old != mac {
		delete(l.by, old)
	}
	if len(l.by) >= maxLeases {
		l.prune(now)
	}
	if _, known := l.by[mac]; !known && len(l.by) >= maxLeases {
		return false
	}
	l.by[mac], l.used[ip] = given{ip, until, firm}, mac
	return true
}

// prune forgets those whose time is over. Called with mu held.
func (l *pool) prune(now time.Time) {
	for mac, g := range l.by {
		if now.After(g.Until) {
			delete(l.by, mac)
			delete(l.used, g.IP)
		}
	}
}

// confirm gives a machine the address that it asks for, if it may have it.
func (l *pool) confirm(mac string, ip netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.by[mac]
	if ok && g.IP != ip || !ok && !(l.ours(ip) && l.free(ip, now)) {
		return false
	}
	return l.hold(mac, ip, now.Add(leaseTime), true, now) && l.save() == nil
}

// release takes an address back. One that was declined, since somebody uses it, rests.
func (l *pool) release(mac string, declined bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.by[mac]
	if !ok {
		return
	}
	delete(l.by, mac)
	delete(l.used, g.IP)
	if declined {
		l.hold("declined "+g.IP.String(), g.IP, now.Add(10*time.Minute), false, now)
	}
}

// save keeps the addresses over a restart. Called with mu held.
func (l *pool) save() error {
	firm := map[string]given{}
	for mac, g := range l.by {
		if g.firm {
			firm[mac] = g
		}
	}
	data, err := json.Marshal(firm)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(l.file+".new", l.file)
}

// dhcp answers as a server (RFC 2131).
type dhcp struct {
	pool   *pool
	domain string
	log    *slog.Logger
}

func (d *dhcp) handle(conn net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
	reply := d.answer(m, time.Now())
	if reply == nil {
		return
	}
	// Who has no address yet hears only what is for everybody (RFC 2131 4.1).
	to := net.Addr(&net.UDPAddr{IP: net.IPv4bcast, Port: 68})
	if u, ok := peer.(*net.UDPAddr); ok && m.ClientIPAddr != nil && !m.ClientIPAddr.IsUnspecified() {
		to = &net.UDPAddr{IP: m.ClientIPAddr, Port: u.Port}
	}
	if _, err := conn.WriteTo(reply.ToBytes(), to); err != nil {
		d.log.Warn("an answer did not leave", "err", err)
	}
}

// answer is what a message gets; nil: nothing.
func (d *dhcp) answer(m *dhcpv4.DHCPv4, now time.Time) *dhcpv4.DHCPv4 {
	if m == nil || m.OpCode != dhcpv4.OpcodeBootRequest || len(m.ClientHWAddr) == 0 || len(m.ClientHWAddr) > 16 {
		return nil
	}
	if id := m.ServerIdentifier(); id != nil && !id.Equal(d.self()) && m.MessageType() != dhcpv4.MessageTypeDiscover {
		return nil // it speaks to another server
	}
	mac := m.ClientHWAddr.String()
	wanted, _ := netip.AddrFromSlice(m.RequestedIPAddress().To4()) // none: no address
	if !wanted.IsValid() {
		wanted, _ = netip.AddrFromSlice(m.ClientIPAddr.To4())
	}
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		if ip, ok := d.pool.offer(mac, wanted, now); ok {
			return d.reply(m, dhcpv4.MessageTypeOffer, ip)
		}
		d.log.Warn("no address is left")
	case dhcpv4.MessageTypeRequest:
		if d.pool.confirm(mac, wanted, now) {
			return d.reply(m, dhcpv4.MessageTypeAck, wanted)
		}
		return d.refusal(m)
	case dhcpv4.MessageTypeInform:
		return d.reply(m, dhcpv4.MessageTypeAck, netip.Addr{})
	case dhcpv4.MessageTypeRelease:
		d.pool.release(mac, false, now)
	case dhcpv4.MessageTypeDecline:
		d.pool.release(mac, true, now)
	}
	return nil
}

func (d *dhcp) self() net.IP { return d.pool.prefix.Addr().AsSlice() }

// reply tells a machine its address, who knows names, and where the page is (RFC 8910).
func (d *dhcp) reply(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType, ip netip.Addr) *dhcpv4.DHCPv4 {
	mods := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithServerIP(d.self()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(d.self())),
		dhcpv4.WithNetmask(net.CIDRMask(d.pool.prefix.Bits(), 32)),
		dhcpv4.WithOption(dhcpv4.OptRouter(d.self())), dhcpv4.WithDNS(d.self()),
		dhcpv4.WithOption(dhcpv4.OptDomainName(d.domain)),
	}
	if ip.IsValid() {
		mods = append(mods, dhcpv4.WithYourIP(ip.AsSlice()), dhcpv4.WithLeaseTime(uint32(leaseTime.Seconds())))
	}
	r, err := dhcpv4.NewReplyFromRequest(m, mods...)
	if err != nil {
		return nil
	}
	return r
}

func (d *dhcp) refusal(m *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	r, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(dhcpv4.MessageTypeNak), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(d.self())))
	if err != nil {
		return nil
	}
	return r
}
