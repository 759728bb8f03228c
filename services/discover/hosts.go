package discover

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/text/unicode/norm"

	"github.com/livelearn/box/services/supervise"
)

// Multicast DNS (RFC 6762).
const (
	hostPort    = 5353
	hostTTL     = 120                    // seconds, of an address (10)
	legacyTTL   = 10                     // for a resolver that knows only unicast DNS (6.7)
	cacheFlush  = 1 << 15                // in the class of a record that replaces others (10.2)
	unicastBit  = 1 << 15                // in the class of a question (5.4)
	maxPacket   = 9000                   // bytes (17)
	maxAnswers  = 32                     // records of an answer
	announceGap = time.Second            // between the two announcements (8.3)
	conflictGap = 250 * time.Millisecond // time to hear from another holder of a name (8.1)
)

var (
	group4 = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: hostPort}
	group6 = &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: hostPort}
)

// HostName returns the form of a box's name that a browser can open as <name>.local: letters without
// accents, digits and dashes. It is empty if nothing of the name remains.
func HostName(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	const maxLabel = 63 // RFC 1035, 2.3.4
	text := b.String()
	return strings.Trim(text[:min(len(text), maxLabel)], "-")
}

// hosts answers questions for the addresses of the box on a set of interfaces.
type hosts struct {
	faces  []netInterface
	socket []hostSocket

	mu     sync.Mutex
	names  []string // guarded by mu; "room-12.local.", the lasting one first
	proven bool     // guarded by mu: no other machine answered to the names before
}

// hostSocket is the socket of one IP version.
type hostSocket struct {
	conn net.PacketConn
	read func([]byte) (n, index int, from net.Addr, err error)
	send func(b []byte, index int, to net.Addr) error
	to   *net.UDPAddr
}

// startHosts joins the groups on the interfaces. The names are plain labels, and a name that another
// machine holds is left out. The first one is random and always kept.
func startHosts(faces []netInterface, labels []string) (*hosts, error) {
	h := &hosts{faces: faces}
	for _, l := range labels {
		if name := l + "." + mdnsDomain; l != "" && !slices.Contains(h.names, name) {
			h.names = append(h.names, name)
		}
	}
	four, err4 := h.join4()
	six, err6 := h.join6()
	if err4 != nil && err6 != nil {
		return nil, err4
	}
	for _, s := range []*hostSocket{four, six} {
		if s != nil {
			h.socket = append(h.socket, *s)
		}
	}
	return h, nil
}

func (h *hosts) join4() (*hostSocket, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 0), Port: hostPort}) // a group address shares the port
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(c)
	joined := 0
	for _, f := range h.faces {
		if p.JoinGroup(&f.Interface, group4) == nil {
			joined++
		}
	}
	_ = p.SetMulticastTTL(255) // RFC 6762 11
	if err := p.SetControlMessage(ipv4.FlagInterface, true); err != nil || joined == 0 {
		_ = c.Close()
		return nil, orNoGroup(err)
	}
	return &hostSocket{conn: c, to: group4, read: func(b []byte) (int, int, net.Addr, error) {
		n, m, from, err := p.ReadFrom(b)
		if m == nil {
			return n, 0, from, err
		}
		return n, m.IfIndex, from, err
	}, send: func(b []byte, index int, to net.Addr) error {
		_, err := p.WriteTo(b, &ipv4.ControlMessage{IfIndex: index}, to)
		return err
	}}, nil
}

func (h *hosts) join6() (*hostSocket, error) {
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP("ff02::"), Port: hostPort})
	if err != nil {
		return nil, err
	}
	p := ipv6.NewPacketConn(c)
	joined := 0
	for _, f := range h.faces {
		if p.JoinGroup(&f.Interface, group6) == nil {
			joined++
		}
	}
	_ = p.SetMulticastHopLimit(255)
	if err := p.SetControlMessage(ipv6.FlagInterface, true); err != nil || joined == 0 {
		_ = c.Close()
		return nil, orNoGroup(err)
	}
	return &hostSocket{conn: c, to: group6, read: func(b []byte) (int, int, net.Addr, error) {
		n, m, from, err := p.ReadFrom(b)
		if m == nil {
			return n, 0, from, err
		}
		return n, m.IfIndex, from, err
	}, send: func(b []byte, index int, to net.Addr) error {
		_, err := p.WriteTo(b, &ipv6.ControlMessage{IfIndex: index}, to)
		return err
	}}, nil
}

// orNoGroup returns err, or that no interface is in the group.
func orNoGroup(err error) error {
	if err == nil {
		return net.UnknownNetworkError("no interface joins the group")
	}
	return err
}

// serve announces the names and answers questions until ctx ends, and then withdraws them.
func (h *hosts) serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	for _, s := range h.socket {
		g.Go(func(context.Context) error { h.answerAll(s); return nil })
	}
	g.Go(func(ctx context.Context) error {
		h.ask()
		if waitFor(ctx, conflictGap) {
			h.setProven()
			h.announce(hostTTL)
		}
		if waitFor(ctx, announceGap) {
			h.announce(hostTTL)
		}
		<-ctx.Done()
		h.announce(0)
		for _, s := range h.socket {
			_ = s.conn.Close()
		}
		return nil
	})
	return g.Wait()
}

func waitFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// answerAll reads packets until the socket is closed.
func (h *hosts) answerAll(s hostSocket) {
	b := make([]byte, maxPacket)
	for {
		n, index, from, err := s.read(b)
		if err != nil {
			return
		}
		var m dns.Msg
		if m.Unpack(b[:n]) != nil || index == 0 {
			continue
		}
		if m.Response {
			h.noteOthers(&m, index, from)
			continue
		}
		h.answer(s, &m, index, from)
	}
}

// answer answers a packet of questions on the interface on which it came.
func (h *hosts) answer(s hostSocket, q *dns.Msg, index int, from net.Addr) {
	u, ok := from.(*net.UDPAddr)
	if !ok || q.Opcode != dns.OpcodeQuery {
		return
	}
	legacy := u.Port != hostPort
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
	ttl, flush, unicast := uint32(hostTTL), uint16(cacheFlush), legacy
	if legacy {
		m.Id, m.Question, ttl, flush = q.Id, q.Question, legacyTTL, 0
	}
	for _, question := range q.Question {
		if !h.holds(question.Name) || question.Qclass&^unicastBit != dns.ClassINET && question.Qclass&^unicastBit != dns.ClassANY {
			continue
		}
		unicast = unicast || question.Qclass&unicastBit != 0
		for _, rr := range h.records(strings.ToLower(question.Name), index, ttl, flush) {
			if t := rr.Header().Rrtype; (question.Qtype == t || question.Qtype == dns.TypeANY) && len(m.Answer) < maxAnswers && !isKnown(rr, q.Answer) {
				m.Answer = append(m.Answer, rr)
			}
		}
	}
	if len(m.Answer) == 0 {
		return
	}
	to := net.Addr(s.to)
	if unicast {
		to = from
	}
	if b, err := m.Pack(); err == nil {
		_ = s.send(b, index, to) // the network went away; the next look finds it
	}
}

// isKnown reports whether the asker has the record and will keep it for a while (7.1).
func isKnown(rr dns.RR, known []dns.RR) bool {
	for _, k := range known {
		if k.Header().Ttl >= hostTTL/2 && dns.IsDuplicate(withoutFlush(rr), withoutFlush(k)) {
			return true
		}
	}
	return false
}

func withoutFlush(rr dns.RR) dns.RR {
	c := dns.Copy(rr)
	c.Header().Class &^= cacheFlush
	c.Header().Name = strings.ToLower(c.Header().Name)
	return c
}

func (h *hosts) setProven() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proven = true
}

// holds reports whether the name is ours. One that people chose is not before the others were asked.
func (h *hosts) holds(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.names, strings.ToLower(name))
	return i == 0 || i > 0 && h.proven
}

func (h *hosts) held() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.names)
}

// records returns the addresses of an interface under a name.
func (h *hosts) records(name string, index int, ttl uint32, flush uint16) (list []dns.RR) {
	for _, ip := range h.addressesOf(index) {
		head := dns.RR_Header{Name: name, Class: dns.ClassINET | flush, Ttl: ttl}
		if four := ip.To4(); four != nil {
			head.Rrtype = dns.TypeA
			list = append(list, &dns.A{Hdr: head, A: four})
		} else {
			head.Rrtype = dns.TypeAAAA
			list = append(list, &dns.AAAA{Hdr: head, AAAA: ip})
		}
	}
	return list
}

// addressesOf returns the addresses of an interface.
func (h *hosts) addressesOf(index int) (ips []net.IP) {
	for _, f := range h.faces {
		if f.Index != index {
			continue
		}
		for text := range strings.FieldsSeq(f.addrs) {
			if ip, _, err := net.ParseCIDR(text); err == nil {
				ips = append(ips, ip)
			}
		}
	}
	return ips
}

// ask asks who holds the names that people chose (8.1).
func (h *hosts) ask() {
	m := &dns.Msg{}
	for _, name := range h.held()[1:] {
		m.Question = append(m.Question, dns.Question{Name: name, Qtype: dns.TypeANY, Qclass: dns.ClassINET})
	}
	if len(m.Question) > 0 {
		h.sendAll(func(int) *dns.Msg { return m })
	}
}

// announce sends all names and addresses. A time to live of 0 withdraws them (10.1).
func (h *hosts) announce(ttl uint32) {
	h.sendAll(func(index int) *dns.Msg {
		m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
		for _, name := range h.held() {
			m.Answer = append(m.Answer, h.records(name, index, ttl, cacheFlush)...)
		}
		m.Answer = m.Answer[:min(len(m.Answer), maxAnswers)]
		return m
	})
}

func (h *hosts) sendAll(make func(index int) *dns.Msg) {
	for _, s := range h.socket {
		for _, f := range h.faces {
			if b, err := make(f.Index).Pack(); err == nil {
				_ = s.send(b, f.Index, s.to) // an interface may lack this IP version
			}
		}
	}
}

// noteOthers gives up a name that another machine holds. Of two that started at the same time, the
// one with the lower address keeps it. The first name is random and not given up.
func (h *hosts) noteOthers(m *dns.Msg, index int, from net.Addr) {
	u, ok := from.(*net.UDPAddr)
	if !ok || h.isOwn(u.IP) {
		return
	}
	lower := slices.ContainsFunc(h.addressesOf(index), func(ip net.IP) bool { return bytes.Compare(ip.To16(), u.IP.To16()) < 0 })
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.proven && lower {
		return
	}
	for _, rr := range m.Answer {
		t, ttl := rr.Header().Rrtype, rr.Header().Ttl
		if t != dns.TypeA && t != dns.TypeAAAA || ttl == 0 {
			continue
		}
		if i := slices.Index(h.names, strings.ToLower(rr.Header().Name)); i > 0 {
			h.names = slices.Delete(h.names, i, i+1)
		}
	}
}

func (h *hosts) isOwn(ip net.IP) bool {
	for _, f := range h.faces {
		if slices.ContainsFunc(h.addressesOf(f.Index), ip.Equal) {
			return true
		}
	}
	return false
}
