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

// ownPort is the port that a network of our own can be on. errs.Down, with a code: there is
// none.
func (n *Network) ownPort(ctx context.Context, cfg Config) (string, error) {
	if cfg.Mode == AP {
		return n.radio()
	}
	links, err := ethernet()
	if err != nil {
		return "", err
	}
	for _, l := range links {
		up(l.Name)
	}
	if len(links) == 0 {
		return "", errs.Code("network", errs.Down, "no_port", "there is no port for a cable")
	}
	port := links[0].Name
	if server := foreign(ctx, port); server != "" {
		return "", errs.Code("network", errs.Down, "foreign_dhcp", "%s gives addresses on %s already: the box stays a guest there", server, port)
	}
	return port, nil
}

// foreign is who gives addresses on a port; empty: nobody answered.
func foreign(ctx context.Context, port string) string {
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
	return "somebody"
}

// radio is the interface that hostapd can make an access point of.
func (n *Network) radio() (string, error) {
	if _, err := os.Stat(n.deps.Hostapd); n.deps.Hostapd == "" || err != nil {
		return "", errs.Code("network", errs.Down, "no_hostapd", "this image has no hostapd, which makes the access point")
	}
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if wireless(e.Name()) {
			return e.Name(), nil
		}
	}
	return "", errs.Code("network", errs.Down, "no_radio", "there is no Wi-Fi")
}

// own is a network of our own on a port, until ctx ends.
func (n *Network) own(ctx context.Context, cfg Config, port string) error {
	g := supervise.Group(ctx)
	if cfg.Mode == AP {
		g.Go(func(ctx context.Context) error { return n.accessPoint(ctx, cfg, port) })
	}
	p, err := netip.ParsePrefix(cfg.Address)
	if err != nil {
		return err
	}
	up(port)
	defer n.leave(port)
	if err := n.settle(port, p, "", nil, "own"); err != nil {
		return err
	}
	given := newPool(p, filepath.Join(n.deps.Dir, leasesFile))
	n.mu.Lock()
	n.given = given
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.given = nil
		n.mu.Unlock()
	}()
	g.Go(func(ctx context.Context) error { return n.giveAddresses(ctx, cfg, port, given) })
	g.Go(func(ctx context.Context) error { return n.giveNames(ctx, cfg, p.Addr()) })
	return g.Wait()
}

func (n *Network) giveAddresses(ctx context.Context, cfg Config, port string, given *pool) error {
	h := &dhcp{pool: given, domain: cfg.Domain, log: n.deps.Log}
	srv, err := server4.NewServer(port, &net.UDPAddr{Port: 67}, h.handle)
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

func (n *Network) giveNames(ctx context.Context, cfg Config, ip netip.Addr) error {
	g := supervise.Group(ctx)
	for _, proto := range []string{"udp", "tcp"} {
		srv := &dns.Server{
			Addr: net.JoinHostPort(ip.String(), "53"), Net: proto, Handler: &namer{domain: cfg.Domain, ip: ip},
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
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
	}
	return g.Wait()
}

// accessPoint runs hostapd.
func (n *Network) accessPoint(ctx context.Context, cfg Config, port string) error {
	text, err := hostapdConf(cfg, port)
	if err != nil {
		return err
	}
	file := filepath.Join(n.deps.Run, "hostapd.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	for ctx.Err() == nil {
		cmd := exec.Command(n.deps.Hostapd, file) //nolint:noctx // supervise ends it
		said := &lastWords{}
		cmd.Stdout = said // it says there what it does not like
		err := supervise.RunOnce(ctx, cmd, supervise.ProcessOpts{Shutdown: 2 * time.Second})
		if ctx.Err() == nil {
			n.complain("hostapd", fmt.Errorf("the access point ended: %w: %s", err, said))
			sleep(ctx, 5*time.Second)
		}
	}
	return nil
}

// lastWords keeps the end of what a program writes.
type lastWords struct {
	text []byte // owned by the one who copies, until the program has ended
}

const kept = 600 // bytes

func (l *lastWords) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-kept):]
	return len(p), nil
}

// String is the text in one line.
func (l *lastWords) String() string { return strings.Join(strings.Fields(string(l.text)), " ") }

// hostapdConf is the configuration of hostapd (hostapd.conf of its source): WPA2 with
// protected management, WPA3 for those who know it, and pupils who cannot reach each other.
func hostapdConf(cfg Config, port string) (string, error) {
	ssid, key := cfg.SSID, cfg.Key
	if ssid == "" || len(ssid) > 32 || len(key) < 8 || len(key) > 63 || strings.ContainsAny(ssid+key+cfg.Country+port, "\n\r\x00") {
		return "", errors.New("an access point needs a name of 1 to 32 bytes and a passphrase of 8 to 63 characters")
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
wpa_key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE
rsn_pairwise=CCMP
wpa_passphrase=%s
ieee80211w=1
sae_require_mfp=1
ap_isolate=1
max_num_sta=64
ap_max_inactivity=60
`, port, ssid, country, mode, channel, key), nil
}
