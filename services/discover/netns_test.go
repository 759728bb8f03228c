//go:build netns

package discover

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"
)

// inNamespace runs the test named name once more in a network namespace of its own, with
// one interface that does multicast. It needs root, and the ip command of iproute2.
func inNamespace(t *testing.T, body func(t *testing.T)) {
	if os.Getenv("LIVELEARN_NETNS") == "1" {
		for _, args := range []string{
			"link set lo up", "link add ll0 type veth peer name ll1", "addr add 192.0.2.7/24 dev ll0",
			"link set ll1 addrgenmode none", "link set ll1 up", "link set ll0 up", "route add 224.0.0.0/4 dev ll0",
		} {
			if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v: %s", args, err, out)
			}
		}
		body(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "LIVELEARN_NETNS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("in a network namespace: %v\n%s", err, out)
	}
}

func TestAnotherBoxFindsThisOneAndSeesItLeave(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		stop := serve(t, New(Config{}, Deps{Box: "b1", Version: "1", Port: 8080, Log: slog.New(slog.DiscardHandler)}))
		e := find(t)
		if e.Port != 8080 || e.HostName != "livelearn-b1.local." || len(e.AddrIPv4) != 1 || e.AddrIPv4[0].String() != "192.0.2.7" {
			t.Errorf("got %+v", e)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if list, err := Browse(ctx); err != nil || len(list) != 1 || list[0] != (Neighbour{"b1", "1", "192.0.2.7:8080"}) {
			t.Errorf("neighbours: %+v %v", list, err)
		}
		if host, _ := os.Hostname(); strings.Contains(e.HostName, host) {
			t.Errorf("the record tells the machine's host name %q", host)
		}
		conn := listen(t)
		stop()
		if !goodbye(t, conn) {
			t.Error("the record was not taken back")
		}
	})
}

// A box must live through what the network sends: the responder's goroutines are not
// ours, so a panic there would end the program.
func TestDamagedPacketsDoNotEndTheProgram(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		stop := serve(t, New(Config{}, Deps{Box: "b1", Version: "1", Port: 8080, Log: slog.New(slog.DiscardHandler)}))
		find(t)
		conn, err := net.Dial("udp4", "224.0.0.251:5353")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for _, p := range damaged(t) {
			if _, err := conn.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		find(t)
		stop()
	})
}

// damaged are queries that a careless responder dies of: a known answer without data,
// a wrong length, a name that points at itself, and each prefix of a good query.
func damaged(t *testing.T) [][]byte {
	q := new(dns.Msg)
	q.SetQuestion(service+"."+domain, dns.TypePTR)
	q.Answer = []dns.RR{&dns.PTR{
		Hdr: dns.RR_Header{Name: service + "." + domain, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 3200},
		Ptr: Instance("b1") + "." + service + "." + domain,
	}}
	good, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	packets := [][]byte{nil, {0}, bytes.Repeat([]byte{0xc0}, 512), bytes.Repeat([]byte{0xff}, 9000)}
	for n := range good {
		packets = append(packets, good[:n])
	}
	noData := bytes.Clone(good)
	name := 12 + len(service) + len(domain) + 2 // header, then the question's name
	rr := noData[name+4:]
	for i := range rr {
		p := bytes.Clone(good)
		copy(p[name+4+i:], []byte{0, 0})
		packets = append(packets, p)
	}
	return packets
}

func find(t *testing.T) *zeroconf.ServiceEntry {
	t.Helper()
	r, err := zeroconf.NewResolver()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry, 8)
	if err := r.Browse(ctx, service, domain, entries); err != nil {
		t.Fatal(err)
	}
	e, ok := <-entries
	cancel()
	for range entries { // until the browser's goroutines have ended
	}
	if !ok || e == nil {
		t.Fatal("nobody was found")
	}
	return e
}

func listen(t *testing.T) *net.UDPConn {
	conn, err := net.ListenMulticastUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// goodbye tells whether the record is announced with a time to live of nothing, as
// RFC 6762 10.1 asks.
func goodbye(t *testing.T, conn *net.UDPConn) bool {
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 9000)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return false
		}
		var m dns.Msg
		if m.Unpack(buf[:n]) != nil {
			continue
		}
		for _, rr := range m.Answer {
			if srv, ok := rr.(*dns.SRV); ok && srv.Hdr.Ttl == 0 && strings.HasPrefix(srv.Hdr.Name, "livelearn-b1.") {
				return true
			}
		}
	}
}
