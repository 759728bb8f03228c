package network

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// probeHosts are the hosts of captive portal probes: Android and ChromeOS, Apple, Firefox,
// Windows.
var probeHosts = []string{
	"connectivitycheck.gstatic.com", "clients3.google.com", "www.google.com", "connectivitycheck.android.com", "play.googleapis.com",
	"captive.apple.com", "www.apple.com", "detectportal.firefox.com", "www.msftconnecttest.com", "www.msftncsi.com", "ipv6.msftconnecttest.com",
}

// ProbeHosts returns the hosts of captive portal probes.
func ProbeHosts() []string { return slices.Clone(probeHosts) }

// nameTTL is short, because the box may be on another network tomorrow.
const nameTTL = 60 // seconds

// dnsHandler answers for the name of the box and for the probe hosts only. It forwards no query,
// and its answers have at most 512 bytes, so it is useless for amplification attacks.
type dnsHandler struct {
	domain string
	ip     netip.Addr
}

// ServeDNS implements dns.Handler (RFC 1035).
func (n *dnsHandler) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if a := n.answerQuery(q); a != nil {
		_ = w.WriteMsg(a) // the client is gone
	}
}

func (n *dnsHandler) answerQuery(q *dns.Msg) *dns.Msg {
	if q == nil || q.Response || q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		return nil
	}
	a := new(dns.Msg).SetReply(q)
	a.Authoritative = true
	ask := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(ask.Name, "."))
	ip, known := n.lookUpName(name)
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

// lookUpName returns the address of a name.
func (n *dnsHandler) lookUpName(name string) (net.IP, bool) {
	switch {
	case name == n.domain || strings.HasSuffix(name, "."+n.domain) || slices.Contains(probeHosts, name):
		return n.ip.AsSlice(), true
	case name == "dns.msftncsi.com": // Windows expects exactly this address
		return net.IPv4(131, 107, 255, 255), true
	}
	return nil, false
}
