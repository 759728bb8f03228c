package network

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// probes are the names by which systems find out whether a network leads to the internet:
// Android and ChromeOS, Apple, Firefox, Windows.
var probes = []string{
	"connectivitycheck.gstatic.com", "clients3.google.com", "www.google.com", "connectivitycheck.android.com", "play.googleapis.com",
	"captive.apple.com", "www.apple.com", "detectportal.firefox.com", "www.msftconnecttest.com", "www.msftncsi.com", "ipv6.msftconnecttest.com",
}

// Probes are those names.
func Probes() []string { return slices.Clone(probes) }

// nameTTL is short: the box may be a guest elsewhere tomorrow.
const nameTTL = 60 // seconds

// namer answers for the box's name and for the probes, and for nothing else: it asks nobody,
// and no answer is larger than 512 bytes, so it is of no use against others.
type namer struct {
	domain string
	ip     netip.Addr
}

// ServeDNS implements dns.Handler (RFC 1035).
func (n *namer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if a := n.answer(q); a != nil {
		_ = w.WriteMsg(a) // who asked is gone; nobody to tell
	}
}

func (n *namer) answer(q *dns.Msg) *dns.Msg {
	if q == nil || q.Response || q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		return nil
	}
	a := new(dns.Msg).SetReply(q)
	a.Authoritative = true
	ask := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(ask.Name, "."))
	ip, known := n.lookup(name)
	switch {
	case ask.Qclass != dns.ClassINET:
		a.Rcode = dns.RcodeRefused
	case !known:
		a.Rcode = dns.RcodeNameError
	case ask.Qtype == dns.TypeA || ask.Qtype == dns.TypeANY:
		a.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: ask.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: nameTTL}, A: ip}}
	}
	return a
}

// lookup is the address of a name.
func (n *namer) lookup(name string) (net.IP, bool) {
	switch {
	case name == n.domain || strings.HasSuffix(name, "."+n.domain) || slices.Contains(probes, name):
		return n.ip.AsSlice(), true
	case name == "dns.msftncsi.com": // Windows compares the address with the one that it knows
		return net.IPv4(131, 107, 255, 255), true
	}
	return nil, false
}
