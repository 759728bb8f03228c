package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/miekg/dns"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// pickOwnPort returns the port for a network of our own. If there is none, the error is errs.Down
// with a code.
func (n *Network) pickOwnPort(ctx context.Context, cfg Config) (string, error) {
	if cfg.Mode == ModeAP {
		port, err := n.findRadio()
		if err == nil {
			_, err = formatHostapdConf(cfg, port, isBroadcom(port))
		}
		return port, err
	}
	links, err := ethernetPorts()
	if err != nil {
		return "", err
	}
	for _, l := range links {
		setLinkUp(l.Name)
	}
	if len(links) == 0 {
		return "", errs.NewCode("network", errs.Down, "no_port", "there is no port for a cable")
	}
	port := links[0].Name
	if server := findDHCPServer(ctx, port); server != "" {
		return "", errs.NewCode("network", errs.Down, "foreign_dhcp", "%s gives addresses on %s already: the box stays a guest there", server, port)
	}
	return port, nil
}

// findDHCPServer returns the DHCP server on a port, or an empty text if there is none.
func findDHCPServer(ctx context.Context, port string) string {
	c, err := nclient4.New(port, nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(2))
	if err != nil {
		return ""
	}
	defer func() { _ = c.Close() }()
	offer, err := c.DiscoverOffer(ctx)
	if err != nil {
		return ""
	}
	if id := offer.ServerIdentifier(); id != nil {
		return id.String()
	}
	return "another server"
}

// findRadio returns the interface for an access point.
func (n *Network) findRadio() (string, error) {
	if _, err := os.Stat(n.deps.Hostapd); n.deps.Hostapd == "" || err != nil {
		return "", errs.NewCode("network", errs.Down, "no_hostapd", "this image has no hostapd, which makes the access point")
	}
	return firstRadio()
}

// firstRadio returns the first Wi-Fi interface.
func firstRadio() (string, error) {
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if isWireless(e.Name()) {
			return e.Name(), nil
		}
	}
	return "", errs.NewCode("network", errs.Down, "no_radio", "there is no Wi-Fi")
}

// runOwn runs a network of our own on a port until ctx ends.
func (n *Network) runOwn(ctx context.Context, cfg Config, port string) error {
	g := supervise.Group(ctx)
	if cfg.Mode == ModeAP {
		g.Go(func(ctx context.Context) error { return n.runAccessPoint(ctx, cfg, port) })
	}
	p, err := netip.ParsePrefix(cfg.Address)
	if err != nil {
		return err
	}
	setLinkUp(port)
	defer n.removeAddresses(port)
	if err := n.setAddress(port, p, "", nil, "own"); err != nil {
		return err
	}
	pool := newLeasePool(p, filepath.Join(n.deps.Dir, leasesFile))
	n.mu.Lock()
	n.leases = pool
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.leases = nil
		n.mu.Unlock()
	}()
	g.Go(func(ctx context.Context) error { return n.serveDHCP(ctx, cfg, port, pool) })
	g.Go(func(ctx context.Context) error { return n.serveDNS(ctx, cfg, p.Addr()) })
	return g.Wait()
}

func (n *Network) serveDHCP(ctx context.Context, cfg Config, port string, pool *leasePool) error {
	h := &dhcpHandler{pool: pool, domain: cfg.Domain, log: n.deps.Log}
	srv, err := server4.NewServer(port, &net.UDPAddr{Port: 67}, h.handlePacket)
	if err != nil {
		return err
	}
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		if err := srv.Serve(); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	})
	g.Go(func(ctx context.Context) error { <-ctx.Done(); return srv.Close() })
	return g.Wait()
}

func (n *Network) serveDNS(ctx context.Context, cfg Config, ip netip.Addr) error {
	g := supervise.Group(ctx)
	for _, proto := range []string{"udp", "tcp"} {
		srv := &dns.Server{
			Addr: net.JoinHostPort(ip.String(), "53"), Net: proto, Handler: &dnsHandler{domain: cfg.Domain, ip: ip},
			ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxTCPQueries: 16,
		}
		g.Go(func(ctx context.Context) error {
			if err := srv.ListenAndServe(); err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
		g.Go(func(ctx context.Context) error {
			<-ctx.Done()
			for srv.ShutdownContext(context.WithoutCancel(ctx)) != nil { // it may not listen yet
				time.Sleep(10 * time.Millisecond) // another goroutine begins to listen
			}
			return nil
		})
	}
	return g.Wait()
}

// runAccessPoint runs hostapd and restarts it until ctx ends.
func (n *Network) runAccessPoint(ctx context.Context, cfg Config, port string) error {
	text, err := formatHostapdConf(cfg, port, isBroadcom(port))
	if err != nil {
		return err
	}
	file := filepath.Join(n.deps.Run, "hostapd.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if err := reloadRegulatory(); err != nil {
		n.deps.Log.Warn("the kernel has no list of countries, so the Wi-Fi keeps to what is allowed everywhere", "err", err)
	}
	n.setRadio(port)
	defer n.setRadio("")
	for ctx.Err() == nil {
		cmd := exec.Command(n.deps.Hostapd, file) // supervise ends it
		tail := &outputTail{}
		cmd.Stdout = tail // hostapd prints its errors there
		err := supervise.RunOnce(ctx, cmd, supervise.ProcessOpts{Shutdown: 2 * time.Second})
		if ctx.Err() == nil {
			n.reportFault("hostapd", fmt.Errorf("the access point ended: %w: %s", err, tail))
			supervise.Sleep(ctx, 5*time.Second)
		}
	}
	return nil
}

func (n *Network) setRadio(port string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.radio = port
}

// outputTail keeps the end of a program's output.
type outputTail struct {
	text []byte // owned by the copying goroutine until the program has ended
}

const maxTail = 600 // bytes

func (l *outputTail) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-maxTail):]
	return len(p), nil
}

// String returns the text on one line.
func (l *outputTail) String() string { return strings.Join(strings.Fields(string(l.text)), " ") }

// isBroadcom reports whether an interface is the radio of a Raspberry Pi.
func isBroadcom(port string) bool {
	driver, err := os.Readlink(filepath.Join("/sys/class/net", port, "device", "driver"))
	return err == nil && filepath.Base(driver) == "brcmfmac"
}

// formatHostapdConf returns the configuration of hostapd (hostapd.conf in its source): WPA2 with
// protected management frames, WPA3 for devices that support it, and isolated clients.
//
// The firmware of a Pi's radio can do neither: with ieee80211w or SAE, devices do not get in
// (raspberrypi/linux#3619, #7247, #7358). It gets plain WPA2, and needs the country.
func formatHostapdConf(cfg Config, port string, broadcom bool) (string, error) {
	ssid, key := cfg.SSID, cfg.Key
	if ssid == "" || len(ssid) > 32 || len(key) < 8 || len(key) > 63 || strings.ContainsAny(ssid+key+cfg.Country+port, "\n\r\x00") {
		return "", errors.New("an access point needs a name of 1 to 32 bytes and a passphrase of 8 to 63 characters")
	}
	if broadcom && cfg.Country == "" {
		return "", errs.NewField("network", "wifi.country", "no_country", 0, `the Wi-Fi of this board needs the country, such as "FR"`)
	}
	security := "wpa_key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\nieee80211w=1\nsae_require_mfp=1"
	if broadcom {
		security = "wpa_key_mgmt=WPA-PSK"
	}
	channel, mode := cfg.Channel, "g"
	if channel == 0 {
		channel = 6
	}
	if channel > 14 {
		mode = "a"
	}
	country := ""
	if cfg.Country != "" {
		country = "country_code=" + cfg.Country + "\nieee80211d=1\n"
	}
	return fmt.Sprintf(`interface=%s
driver=nl80211
ssid2=%x
utf8_ssid=1
%shw_mode=%s
channel=%d
ieee80211n=1
wmm_enabled=1
auth_algs=1
wpa=2
%s
rsn_pairwise=CCMP
wpa_passphrase=%s
ap_isolate=1
max_num_sta=64
ap_max_inactivity=60
`, port, ssid, country, mode, channel, security, key), nil
}
