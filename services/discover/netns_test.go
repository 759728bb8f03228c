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
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"

	"github.com/livelearn/box/services/timetest"
)

// inNamespace runs the named test again in its own network namespace, with
// one multicast interface. It needs root, and the ip command of iproute2.
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
		stop := serveAdvertiser(t, New(Config{}, Deps{Box: "b1", Version: "1", Port: 8080, Log: slog.New(slog.DiscardHandler)}))
		e := findBox(t)
		if e.Port != 8080 || e.HostName != "livelearn-b1.local." || len(e.AddrIPv4) != 1 || e.AddrIPv4[0].String() != "192.0.2.7" {
			t.Errorf("got %+v", e)
		}
		var list []Neighbour
		timetest.WaitUntil(t, "the neighbour", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			var err error
			if list, err = BrowseBoxes(ctx); err != nil {
				t.Fatal(err)
			}
			return len(list) > 0
		})
		if len(list) != 1 || list[0] != (Neighbour{"b1", "1", "192.0.2.7:8080"}) {
			t.Errorf("neighbours: %+v", list)
		}
		if host, _ := os.Hostname(); strings.Contains(e.HostName, host) {
			t.Errorf("the record has the host name of the machine %q", host)
		}
		conn := listenMulticast(t)
		stop()
		if !sawGoodbye(t, conn) {
			t.Error("the record was not taken back")
		}
	})
}

// The box must survive any packet. The goroutines of the responder are not
// ours, so a panic there would end the program.
func TestDamagedPacketsDoNotEndTheProgram(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		stop := serveAdvertiser(t, New(Config{}, Deps{Box: "b1", Version: "1", Port: 8080, Log: slog.New(slog.DiscardHandler)}))
		findBox(t)
		conn, err := net.Dial("udp4", "224.0.0.251:5353")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for _, p := range damagedQueries(t) {
			if _, err := conn.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		findBox(t)
		stop()
	})
}

// damagedQueries are queries that crash a careless responder: a known answer without data,
// a wrong length, a name that points at itself, and each prefix of a good query.
func damagedQueries(t *testing.T) [][]byte {
	q := new(dns.Msg)
	q.SetQuestion(serviceType+"."+mdnsDomain, dns.TypePTR)
	q.Answer = []dns.RR{&dns.PTR{
		Hdr: dns.RR_Header{Name: serviceType + "." + mdnsDomain, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 3200},
		Ptr: InstanceName("b1") + "." + serviceType + "." + mdnsDomain,
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
	name := 12 + len(serviceType) + len(mdnsDomain) + 2 // header, then the question's name
	rr := noData[name+4:]
	for i := range rr {
		p := bytes.Clone(good)
		copy(p[name+4+i:], []byte{0, 0})
		packets = append(packets, p)
	}
	return packets
}

func findBox(t *testing.T) *zeroconf.ServiceEntry {
	t.Helper()
	r, err := zeroconf.NewResolver()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timetest.Patience)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry, 8)
	if err := r.Browse(ctx, serviceType, mdnsDomain, entries); err != nil {
		t.Fatal(err)
	}
	e, ok := <-entries
	cancel()
	for range entries { // until the goroutines of the browser end
	}
	if !ok || e == nil {
		t.Fatal("no box was found")
	}
	return e
}

func listenMulticast(t *testing.T) *net.UDPConn {
	conn, err := net.ListenMulticastUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// sawGoodbye reports whether the record is announced with a time to live of 0, as
// RFC 6762 10.1 asks.
func sawGoodbye(t *testing.T, conn *net.UDPConn) bool {
	if err := conn.SetReadDeadline(time.Now().Add(timetest.Patience)); err != nil {
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

// A browser asks for an address by name. The kernel's own resolver does not answer, and zeroconf
// knows the service only.
func TestABrowserFindsTheBoxByItsName(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		var name atomic.Value
		name.Store("École – Room 12")
		stop := serveAdvertiser(t, New(Config{}, Deps{Box: "b1", Version: "1", Port: 80, Log: slog.New(slog.DiscardHandler), Name: func() string { return name.Load().(string) }}))
		defer stop()
		asker := newAsker(t)
		for _, host := range []string{"livelearn-b1.local.", "ecole-room-12.local.", "Ecole-Room-12.LOCAL."} {
			if got := asker.ask(host, dns.TypeA); got != "192.0.2.7" {
				t.Errorf("%s: A is %q", host, got)
			}
			if got := asker.ask(host, dns.TypeAAAA); !strings.HasPrefix(got, "fe80::") {
				t.Errorf("%s: AAAA is %q", host, got)
			}
		}
		if got := asker.askOnce("another.local.", dns.TypeA); got != "" {
			t.Errorf("it answers for another machine: %q", got)
		}
		name.Store("Lab")
		if got := asker.ask("lab.local.", dns.TypeA); got != "192.0.2.7" {
			t.Errorf("the new name: %q", got)
		}
		if got := asker.askOnce("ecole-room-12.local.", dns.TypeA); got != "" {
			t.Errorf("the old name: %q", got)
		}
	})
}

// asker is a resolver that knows only unicast DNS: its port is another one.
type asker struct {
	t    *testing.T
	conn *net.UDPConn
}

func newAsker(t *testing.T) *asker {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &asker{t, conn}
}

func (a *asker) ask(name string, kind uint16) (got string) {
	a.t.Helper()
	timetest.WaitUntil(a.t, name, func() bool { got = a.askOnce(name, kind); return got != "" })
	return got
}

func (a *asker) askOnce(name string, kind uint16) string {
	a.t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, kind)
	b, err := q.Pack()
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.conn.WriteToUDP(b, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil {
		a.t.Fatal(err)
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 9000)
	for {
		n, err := a.conn.Read(buf)
		if err != nil {
			return ""
		}
		var m dns.Msg
		if m.Unpack(buf[:n]) != nil || m.Id != q.Id {
			continue
		}
		for _, rr := range m.Answer {
			switch rr := rr.(type) {
			case *dns.A:
				return rr.A.String()
			case *dns.AAAA:
				return rr.AAAA.String()
			}
		}
		return ""
	}
}

// The doctor asks who else is there. The only machine is this one, so it first counts as another.
func TestOthersAreHeardAndTheMachineItselfIsNot(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		stop := serveAdvertiser(t, New(Config{}, Deps{Box: "b1", Version: "1", Port: 8080, Name: func() string { return "Room 12" }, Log: slog.New(slog.DiscardHandler)}))
		defer stop()
		timetest.WaitUntil(t, "an answer with the name", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			h, err := askFrom(ctx, multicastInterfaces(), nil, "room-12")
			return err == nil && len(h.Devices) == 1 && len(h.Name) == 1 && h.Name[0].String() == "192.0.2.7"
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if h, err := Ask(ctx, "room-12"); err != nil || len(h.Devices) != 0 || len(h.Name) != 0 {
			t.Errorf("heard itself: %+v %v", h, err)
		}
	})
}
