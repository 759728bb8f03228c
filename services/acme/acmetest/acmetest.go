// Package acmetest is an authority that speaks ACME and a DNS server that takes updates, for tests. The
// authority is Pebble, the test server of Let's Encrypt.
package acmetest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/livelearn/box/services/supervise"
)

// Name is in the zone of the NameServer, which takes updates that are signed with Key and Secret.
const (
	Name   = "box7.school.example"
	Key    = "livelearn-box7."
	Secret = "c2VjcmV0IG9mIHRoZSBib3g=" // "secret of the box"
)

// Authority is a running Pebble.
type Authority struct {
	Directory string         // its address
	PEM       string         // who signed the certificate of its address
	Roots     *x509.CertPool // of the certificates that it issues
}

// StartAuthority runs a Pebble that asks a DNS server.
func StartAuthority(t *testing.T, ns *NameServer) *Authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet, store := log.New(io.Discard, "", 0), db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {}})
	front := wfe.New(quiet, store, va.New(quiet, 80, 443, true, ns.Addr, store), issuer, []string{"pebble.example"}, true, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	management := httptest.NewServer(front.ManagementHandler())
	defer management.Close()
	resp, err := http.Get(management.URL + wfe.RootCertPath + "0")
	if err != nil {
		t.Fatal(err)
	}
	root, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	a := &Authority{Directory: server.URL + wfe.DirectoryPath, Roots: x509.NewCertPool()}
	if err != nil || !a.Roots.AppendCertsFromPEM(root) {
		t.Fatalf("the root: %v: %s", err, root)
	}
	a.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return a
}

// VerifyFile reads a file with a certificate and its key, and checks the chain to the authority's root.
func (a *Authority) VerifyFile(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(c)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: Name, Roots: a.Roots, Intermediates: between}); err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

// NameServer is a DNS server with one zone, school.example.
type NameServer struct {
	Addr string
	Hide atomic.Bool // TXT records are not shown

	mu      sync.Mutex
	records []string // texts of _acme-challenge
	updates int
}

const testZone = "school.example."

// StartNameServer runs one until the end of the test.
func StartNameServer(t *testing.T) *NameServer {
	t.Helper()
	n := &NameServer{}
	udp, tcp := listenBoth(t)
	n.Addr = udp.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
		s.Handler, s.TsigSecret = n, map[string]string{Key: Secret}
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept } // updates too
		done := make(chan struct{})
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		supervise.Spawn(nil, "name server", func() { defer close(done); _ = s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-done })
	}
	return n
}

// listenBoth opens one port for UDP, by which Pebble asks, and TCP, by which the box updates.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		_ = udp.Close() // another program has the port for TCP
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// Texts returns the records of the proof.
func (n *NameServer) Texts() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.records)
}

// Updates returns how many updates it took.
func (n *NameServer) Updates() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.updates
}

// ServeDNS implements dns.Handler.
func (n *NameServer) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	answer := new(dns.Msg).SetReply(m)
	q := m.Question[0]
	switch {
	case !dns.IsSubDomain(testZone, q.Name):
		answer.Rcode = dns.RcodeRefused
	case m.Opcode == dns.OpcodeUpdate:
		answer.Rcode = n.update(w, m)
	case q.Qtype == dns.TypeTXT && !n.Hide.Load() && strings.EqualFold(q.Name, "_acme-challenge."+Name+"."):
		for _, text := range n.Texts() {
			answer.Answer = append(answer.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text}})
		}
	default:
		answer.Authoritative = true
		answer.Ns = []dns.RR{&dns.SOA{
			Hdr: dns.RR_Header{Name: testZone, Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "ns1." + testZone, Mbox: "it." + testZone, Serial: 1,
		}}
	}
	if t := m.IsTsig(); t != nil && answer.Rcode == dns.RcodeSuccess {
		answer.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
	}
	_ = w.WriteMsg(answer) // fails only when the client is gone
}

// update changes the records as RFC 2136 3.4.2 says.
func (n *NameServer) update(w dns.ResponseWriter, m *dns.Msg) int {
	if m.IsTsig() == nil {
		return dns.RcodeRefused
	}
	if w.TsigStatus() != nil {
		return dns.RcodeNotAuth
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.updates++
	for _, rr := range m.Ns {
		text := rr.(*dns.TXT).Txt[0]
		n.records = slices.DeleteFunc(n.records, func(o string) bool { return o == text })
		if rr.Header().Class == dns.ClassINET {
			n.records = append(n.records, text)
		}
	}
	return dns.RcodeSuccess
}
