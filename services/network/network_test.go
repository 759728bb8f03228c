package network

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/wifi"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testPrefix = netip.MustParsePrefix("10.10.0.1/24")

func newTestDHCP(t testing.TB) *dhcpHandler {
	t.Helper()
	return &dhcpHandler{pool: newLeasePool(testPrefix, filepath.Join(t.TempDir(), leasesFile)), domain: "livelearn.home", log: slog.New(slog.DiscardHandler)}
}

func testMAC(n int) net.HardwareAddr {
	return net.HardwareAddr{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
}

// requestAddress requests an address for a machine and returns it, or nil if it got none.
func requestAddress(t testing.TB, d *dhcpHandler, n int, now time.Time) net.IP {
	t.Helper()
	m, err := dhcpv4.NewDiscovery(testMAC(n))
	if err != nil {
		t.Fatal(err)
	}
	offer := d.answerMessage(m, now)
	if offer == nil {
		return nil
	}
	req, err := dhcpv4.NewRequestFromOffer(offer)
	if err != nil {
		t.Fatal(err)
	}
	ack := d.answerMessage(req, now)
	if ack == nil || ack.MessageType() != dhcpv4.MessageTypeAck {
		return nil
	}
	return ack.YourIPAddr
}

func TestAMachineKeepsItsAddress(t *testing.T) {
	d := newTestDHCP(t)
	now := time.Now()
	first := requestAddress(t, d, 1, now)
	if first == nil || !testPrefix.Contains(netip.MustParseAddr(first.String())) {
		t.Fatalf("got %v", first)
	}
	if other := requestAddress(t, d, 2, now); other == nil || other.Equal(first) {
		t.Errorf("another machine got %v", other)
	}
	if again := requestAddress(t, d, 1, now.Add(100*time.Hour)); !again.Equal(first) {
		t.Errorf("it had %v and has %v", first, again)
	}
	after := &dhcpHandler{pool: newLeasePool(testPrefix, d.pool.file), domain: d.domain, log: d.log}
	if again := requestAddress(t, after, 1, now); !again.Equal(first) {
		t.Errorf("after a restart it has %v", again)
	}
	if after.pool.countLeases(now) != 2 {
		t.Errorf("%d leases", after.pool.countLeases(now))
	}
}

// A flood of invented hardware addresses takes no address from machines that hold one.
func TestAFloodOfMachinesTakesNoHeldAddress(t *testing.T) {
	d := newTestDHCP(t)
	now := time.Now()
	had := map[int]net.IP{}
	for n := range 30 {
		had[n] = requestAddress(t, d, n, now)
	}
	got := 0
	for n := 1000; n < 6000; n++ {
		if requestAddress(t, d, n, now) != nil {
			got++
		}
	}
	if got == 0 || got > 256 {
		t.Errorf("%d invented machines got an address", got)
	}
	for n, ip := range had {
		if again := requestAddress(t, d, n, now.Add(time.Minute)); !again.Equal(ip) {
			t.Errorf("machine %d had %v and has %v", n, ip, again)
		}
	}
	if len(d.pool.byMAC) > maxLeases {
		t.Errorf("%d leases are kept", len(d.pool.byMAC))
	}
}

func TestServersOfOthersAreLeftAlone(t *testing.T) {
	d := newTestDHCP(t)
	m, err := dhcpv4.NewDiscovery(testMAC(1))
	if err != nil {
		t.Fatal(err)
	}
	req, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithHwAddr(testMAC(1)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(192, 0, 2, 1))), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(192, 0, 2, 9))))
	if err != nil {
		t.Fatal(err)
	}
	if a := d.answerMessage(req, time.Now()); a != nil {
		t.Errorf("a request to another server got %v", a.Summary())
	}
	m.OpCode = dhcpv4.OpcodeBootReply
	if d.answerMessage(m, time.Now()) != nil || d.answerMessage(nil, time.Now()) != nil {
		t.Error("an answer was answered")
	}
	wrong, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithHwAddr(testMAC(1)), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(192, 168, 1, 9))))
	if err != nil {
		t.Fatal(err)
	}
	if a := d.answerMessage(wrong, time.Now()); a == nil || a.MessageType() != dhcpv4.MessageTypeNak {
		t.Error("an address of another network was not refused")
	}
}

func TestADeclinedAddressRests(t *testing.T) {
	d := newTestDHCP(t)
	now := time.Now()
	ip := requestAddress(t, d, 1, now)
	m, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeDecline), dhcpv4.WithHwAddr(testMAC(1)), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip)))
	if err != nil {
		t.Fatal(err)
	}
	d.answerMessage(m, now)
	if again := requestAddress(t, d, 1, now); again == nil || again.Equal(ip) {
		t.Errorf("it declined %v and got %v", ip, again)
	}
}

func newQuestion(name string, kind uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, kind) }

func TestOnlyOurNamesAreAnswered(t *testing.T) {
	n := &dnsHandler{domain: "livelearn.home", ip: testPrefix.Addr()}
	for name, want := range map[string]string{
		"livelearn.home.": "10.10.0.1", "LiveLearn.Home.": "10.10.0.1", "box.livelearn.home.": "10.10.0.1",
		"captive.apple.com.": "10.10.0.1", "dns.msftncsi.com.": "131.107.255.255", "example.org.": "", "home.": "",
	} {
		a := n.answerQuery(newQuestion(name, dns.TypeA))
		got := ""
		if len(a.Answer) == 1 {
			got = a.Answer[0].(*dns.A).A.String()
		}
		if got != want || want == "" && a.Rcode != dns.RcodeNameError {
			t.Errorf("%s: got %q, %s", name, got, dns.RcodeToString[a.Rcode])
		}
		if a.Len() > 512 {
			t.Errorf("%s: an answer of %d bytes", name, a.Len())
		}
	}
	if a := n.answerQuery(newQuestion("livelearn.home.", dns.TypeAAAA)); a.Rcode != dns.RcodeSuccess || len(a.Answer) != 0 {
		t.Errorf("no IPv6: %v", a)
	}
	q := newQuestion("livelearn.home.", dns.TypeA)
	q.Response = true
	if n.answerQuery(q) != nil {
		t.Error("an answer was answered")
	}
}

func TestBadSettingsNameTheField(t *testing.T) {
	for want, c := range map[string]Config{
		"": {}, "mode": {Mode: "router"}, "address": {Address: "10.0.0.0/8"}, "address ": {Mode: ModeOwn, Address: "8.8.8.8/24"}, "address  ": {Mode: ModeOwn, Address: "10.0.0.1/30"},
		"gateway": {Gateway: "x"}, "key": {Mode: ModeAP, Key: "short"}, "ssid": {SSID: strings.Repeat("x", 33)},
	} {
		err := c.Validate()
		if got := ""; err != nil {
			got = errs.BodyOf(err).Field
			if got != strings.TrimSpace(want) {
				t.Errorf("%+v: %v", c, err)
			}
		} else if want != "" {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestHostapdIsToldNothingElse(t *testing.T) {
	text, err := formatHostapdConf(Config{SSID: "Room 12é", Key: "a good passphrase", Country: "FR", Channel: 36}, "wlan0", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"interface=wlan0", fmt.Sprintf("ssid2=%x", "Room 12é"), "hw_mode=a", "channel=36", "country_code=FR", "wpa_passphrase=a good passphrase", "ap_isolate=1", "wpa=2", "ieee80211w=1"} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	for _, c := range []Config{{SSID: "x", Key: "12345678\nwpa=0"}, {SSID: "", Key: "12345678"}, {SSID: "x", Key: "1234567"}} {
		if _, err := formatHostapdConf(c, "wlan0", false); err == nil {
			t.Errorf("%q was taken", c.Key)
		}
	}
}

func TestACountryIsTwoLetters(t *testing.T) {
	for country, good := range map[string]bool{"": true, "FR": true, "fr": false, "FRA": false, "F\n": false, "É": false} {
		if err := (Config{Country: country}).Validate(); (err == nil) != good {
			t.Errorf("%q: %v", country, err)
		}
	}
}

// The driver of a radio may tell how many devices it holds.
func TestALimitOfARadioIsReadFromItsDriver(t *testing.T) {
	phys := []*wifi.PHY{
		{Index: 0, Extra: map[uint16][]byte{unix.NL80211_ATTR_MAX_AP_ASSOC_STA: binary.NativeEndian.AppendUint16(nil, 20)}},
		{Index: 1},
		{Index: 2, Extra: map[uint16][]byte{unix.NL80211_ATTR_MAX_AP_ASSOC_STA: {1}}},
	}
	for index, want := range map[int]int{0: 20, 1: 0, 2: 0, 3: 0} {
		if got := maxStations(phys, index); got != want {
			t.Errorf("radio %d: %d", index, got)
		}
	}
}

func TestAChangeThatIsNotKeptGoesBack(t *testing.T) {
	n := New(Config{}, Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	d := &ControlSocket{Network: n}
	call := func(method, path, body string) (int, State) {
		w := httptest.NewRecorder()
		d.newMux().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		var s State
		_ = json.Unmarshal(w.Body.Bytes(), &s)
		return w.Code, s
	}
	if code, _ := call("PUT", "/config", `{"mode":"router"}`); code != http.StatusBadRequest {
		t.Error(code)
	}
	if code, _ := call("PUT", "/config", `{"moed":"own"}`); code != http.StatusBadRequest {
		t.Error(code)
	}
	code, s := call("PUT", "/config", `{"mode":"ap","ssid":"x","key":"12345678"}`)
	if code != 200 || s.Config.Mode != ModeAP || s.Undo <= 0 || s.Config.Key == "12345678" {
		t.Errorf("%d %+v", code, s)
	}
	<-n.change
	running := n.cfg
	n.undo = time.Now() // the undo timeout is over
	n.waitForChange(t.Context(), running)
	if _, s := call("GET", "/state", ""); s.Config.Mode != ModeGuest || s.Undo != 0 {
		t.Errorf("%+v", s)
	}
	call("PUT", "/config", `{"mode":"own"}`)
	<-n.change
	call("POST", "/keep", "")
	<-n.change
	if cfg, ok := LoadSettings(n.deps.Dir); !ok || cfg.Mode != ModeOwn {
		t.Errorf("%+v %v", cfg, ok)
	}
	if err := os.WriteFile(filepath.Join(n.deps.Dir, settingsFile), []byte(`{"mode":"?"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := LoadSettings(n.deps.Dir); ok {
		t.Error("bad settings were taken")
	}
}

// A kept change goes on as it runs: a restart would throw off everybody on our access point.
func TestAChangeThatIsKeptIsNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{}, Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		set := func(c Config) <-chan struct{} {
			if err := n.SetConfig(c); err != nil {
				t.Fatal(err)
			}
			running, ended := n.cfg, make(chan struct{})
			go func() { n.waitForChange(t.Context(), running); close(ended) }()
			return ended
		}
		ended := set(Config{Mode: ModeOwn})
		if err := n.KeepConfig(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		select {
		case <-ended:
			t.Error("the mode ends")
		default:
		}
		next := set(Config{Mode: ModeGuest})
		<-ended
		<-next // undone
		if got := n.State(); got.Config.Mode != ModeOwn || got.Undo != 0 {
			t.Errorf("after the undo: %+v", got)
		}
	})
}

func FuzzDHCP(f *testing.F) {
	m, err := dhcpv4.NewDiscovery(testMAC(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.ToBytes())
	f.Add([]byte{1, 1, 6, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		d := newTestDHCP(t)
		if a := d.answerMessage(m, time.Now()); a != nil {
			if ip, ok := netip.AddrFromSlice(a.YourIPAddr.To4()); ok && ip.IsValid() && !ip.IsUnspecified() && !d.pool.inRange(ip) {
				t.Errorf("gave %v", ip)
			}
			_ = a.ToBytes()
		}
	})
}

func FuzzDNS(f *testing.F) {
	q, err := newQuestion("livelearn.home.", dns.TypeA).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q)
	f.Fuzz(func(t *testing.T, b []byte) {
		var q dns.Msg
		if q.Unpack(b) != nil {
			return
		}
		if a := (&dnsHandler{domain: "livelearn.home", ip: testPrefix.Addr()}).answerQuery(&q); a != nil {
			if out, err := a.Pack(); err == nil && len(out) > len(b)+64 {
				t.Errorf("%d bytes for %d", len(out), len(b))
			}
		}
	})
}

func FuzzLeases(f *testing.F) {
	f.Add([]byte(`{"02:00:00:00:00:01":{"ip":"10.10.0.20","until":"2026-11-23T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newLeasePool(testPrefix, filepath.Join(t.TempDir(), "x"))
		l.loadLeases(b)
		for _, g := range l.byMAC {
			if !l.inRange(g.IP) {
				t.Error(g)
			}
		}
	})
}

// The firmware of a Pi's radio knows neither protected management frames nor WPA3.
func TestARadioOfAPiGetsPlainWPA2(t *testing.T) {
	cfg := Config{SSID: "Room 12", Key: "a good passphrase", Country: "FR"}
	text, err := formatHostapdConf(cfg, "wlan0", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"wpa=2", "wpa_key_mgmt=WPA-PSK", "rsn_pairwise=CCMP", "country_code=FR", "ap_isolate=1"} {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	for _, word := range []string{"ieee80211w", "SAE", "sae_", "SHA256"} {
		if strings.Contains(text, word) {
			t.Errorf("%s in\n%s", word, text)
		}
	}
	cfg.Country = ""
	if _, err := formatHostapdConf(cfg, "wlan0", true); err == nil || !strings.Contains(err.Error(), "wifi.country") || errs.BodyOf(err).Code != "no_country" {
		t.Errorf("without a country: %v", err)
	}
}

func TestOnlyAQuestionOfEAPIsOne(t *testing.T) {
	question := []byte{2, eapolPacket, 0, 5, eapRequest, 1, 0, 5, 1}
	if !isEAPRequest(question) || !isEAPRequest(append(question, 0, 0, 0)) { // Ethernet pads short frames
		t.Error("a question is not read")
	}
	for n := range question {
		if isEAPRequest(question[:n]) {
			t.Errorf("%d bytes are a question", n)
		}
	}
	for _, b := range [][]byte{{2, eapolStart, 0, 0}, {2, eapolPacket, 0, 5, 3, 1, 0, 5, 1}, {2, eapolPacket, 0xff, 0xff, eapRequest, 1, 0, 5, 1}} {
		if isEAPRequest(append(b, make([]byte, 20)...)) {
			t.Errorf("%v is a question", b)
		}
	}
}
