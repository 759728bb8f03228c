package discover

import (
	"net"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestHostNames(t *testing.T) {
	for name, want := range map[string]string{
		"Room 12":                "room-12",
		"École Jules-Ferry":      "ecole-jules-ferry",
		"amber-otter-4821":       "amber-otter-4821",
		"L’Étang, B. 3":          "letang-b-3",
		"غرفة 7":                 "7",
		"教室":                     "",
		"  ":                     "",
		"-- a --":                "a",
		"Straße":                 "stra-e",
		"a." + "local":           "a-local",
		string(make([]byte, 90)): "",
	} {
		if got := HostName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := HostName("x" + string(slices.Repeat([]byte("y"), 100))); len(got) != 63 {
		t.Errorf("%d characters", len(got))
	}
}

// box returns the answers of a machine with one address.
func newHosts(addr string, names ...string) *hosts {
	return &hosts{names: names, faces: []netInterface{{Interface: net.Interface{Index: 3}, addrs: addr}}}
}

func answerOf(name string, ttl uint32) *dns.Msg {
	return &dns.Msg{Answer: []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: net.IPv4(192, 0, 2, 9)}}}
}

func TestOfTwoBoxesWithOneNameOneKeepsIt(t *testing.T) {
	const name = "room-12.local."
	other := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: hostPort}
	for what, c := range map[string]struct {
		own    string
		proven bool
		from   *net.UDPAddr
		answer *dns.Msg
		keeps  bool
	}{
		"it comes later":         {"192.0.2.1/24", false, other, answerOf(name, 120), false},
		"it has the lower one":   {"192.0.2.1/24", true, other, answerOf(name, 120), true},
		"it has the higher one":  {"192.0.2.77/24", true, other, answerOf(name, 120), false},
		"the other leaves":       {"192.0.2.77/24", true, other, answerOf(name, 0), true},
		"another name":           {"192.0.2.77/24", true, other, answerOf("lab.local.", 120), true},
		"its own packet":         {"192.0.2.9/24", false, other, answerOf(name, 120), true},
		"the name in large type": {"192.0.2.77/24", true, other, answerOf("ROOM-12.local.", 120), false},
	} {
		h := newHosts(c.own, "livelearn-b1.local.", name)
		h.proven = c.proven
		h.noteOthers(c.answer, 3, c.from)
		if got := slices.Contains(h.held(), name); got != c.keeps {
			t.Errorf("%s: keeps it: %v", what, got)
		}
		h.noteOthers(answerOf("livelearn-b1.local.", 120), 3, c.from)
		if !slices.Contains(h.held(), "livelearn-b1.local.") {
			t.Errorf("%s: the lasting name is given up", what)
		}
	}
}

func TestTheAnswerHasTheAddressesOfItsNetwork(t *testing.T) {
	h := newHosts("192.0.2.7/24 fe80::1/64", "livelearn-b1.local.", "lab.local.")
	h.faces = append(h.faces, netInterface{Interface: net.Interface{Index: 4}, addrs: "198.51.100.7/24"})
	for _, c := range []struct {
		q      dns.Question
		index  int
		port   int
		known  []dns.RR
		want   []string
		to     string
		proven bool
	}{
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 3, hostPort, nil, []string{"192.0.2.7"}, group4.String(), true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 4, hostPort, nil, []string{"198.51.100.7"}, group4.String(), true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeANY, Qclass: dns.ClassINET}, 3, hostPort, nil, []string{"192.0.2.7", "fe80::1"}, group4.String(), true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET | unicastBit}, 3, hostPort, nil, []string{"192.0.2.7"}, "192.0.2.50:5353", true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 3, 4000, nil, []string{"192.0.2.7"}, "192.0.2.50:4000", true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 3, hostPort, h.records("lab.local.", 3, hostTTL, cacheFlush), nil, "", true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeTXT, Qclass: dns.ClassINET}, 3, hostPort, nil, nil, "", true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 9, hostPort, nil, nil, "", true},
		{dns.Question{Name: "lab.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 3, hostPort, nil, nil, "", false},
		{dns.Question{Name: "livelearn-b1.local.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, 3, hostPort, nil, []string{"192.0.2.7"}, group4.String(), false},
	} {
		h.proven = c.proven
		var got []string
		to := ""
		s := hostSocket{to: group4, send: func(b []byte, index int, addr net.Addr) error {
			var m dns.Msg
			if err := m.Unpack(b); err != nil || index != c.index || !m.Response {
				t.Errorf("%+v: %v, on %d", m, err, index)
			}
			to = addr.String()
			for _, rr := range m.Answer {
				switch rr := rr.(type) {
				case *dns.A:
					got = append(got, rr.A.String())
				case *dns.AAAA:
					got = append(got, rr.AAAA.String())
				}
			}
			return nil
		}}
		h.answer(s, &dns.Msg{Question: []dns.Question{c.q}, Answer: c.known}, c.index, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 50), Port: c.port})
		if !slices.Equal(got, c.want) || to != c.to {
			t.Errorf("%+v on %d: %q to %q, want %q to %q", c.q, c.index, got, to, c.want, c.to)
		}
	}
}
