package firmware

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/update"
)

// Facts are what people need to know to get in. What cannot be read is left out; the
// admin page says why.
func (b *Box) Facts() Facts {
	f := Facts{Version: b.cfg.Version}
	if box, err := b.roster.Box(); err == nil {
		f.Box = box.Name
	}
	f.Claim, _ = b.roster.ClaimCode()
	plain, secure := b.gateway.Addrs()
	f.Addresses, f.Secure = urls("http", plain), urls("https", secure)
	if b.updater != nil {
		now := b.updater.State()
		f.Updating = now == update.Receiving || now == update.Restarting || now == update.Trying
	}
	lessons, _ := b.roster.Open()
	for _, l := range lessons {
		f.Lessons = append(f.Lessons, OpenLesson{Class: l.ClassName, Code: l.Code, Key: l.Key})
	}
	return f
}

// port is that of plain HTTP.
func (b *Box) port() int {
	plain, _ := b.gateway.Addrs()
	_, port, _ := net.SplitHostPort(plain)
	n, _ := strconv.Atoi(port)
	return n
}

// urls are the addresses that reach a listener at hostport: its own, or when it listens
// on all of the machine's, each of those, private IPv4 first, as phones like it best.
func urls(scheme, hostport string) []string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil
	}
	hosts := []string{host}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		hosts = machine()
	}
	var list []string
	for _, h := range hosts {
		at := net.JoinHostPort(h, port)
		if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
			at = cmp.Or(bracketed(h), h)
		}
		list = append(list, scheme+"://"+at)
	}
	return list
}

// bracketed is an IPv6 address as a URL wants it; empty for anything else.
func bracketed(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return ""
}

// Addresses are where a listener of plain HTTP is reached.
func Addresses(listen string) []string { return urls("http", listen) }

// machine is the machine's addresses, best first; loopback alone when there is no network.
func machine() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		addrs = nil
	}
	var ips []net.IP
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	slices.SortStableFunc(ips, func(a, b net.IP) int { return order(a) - order(b) })
	var hosts []string
	for _, ip := range ips {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}

func order(ip net.IP) int {
	switch {
	case ip.To4() != nil && ip.IsPrivate():
		return 0
	case ip.To4() != nil:
		return 1
	}
	return 2
}

// watch looks at what runs out.
type watch struct {
	data    string
	journal *journal.Journal
	health  *health.Health
}

// String is the service's name.
func (w *watch) String() string { return "watch" }

// Serve looks at the disk now and each half minute until ctx ends.
func (w *watch) Serve(ctx context.Context) error {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		f := checkSpace(w.data)
		code := map[health.Level]string{health.Warn: "disk_nearly_full", health.Fail: "disk_full"}[f.Level]
		text := f.What
		if f.Mend != "" {
			text += ": " + f.Mend
		}
		if w.journal.Full() {
			f.Level, code = health.Fail, "disk_full"
			text = "chat is off and answers are still kept: " + text
		}
		w.health.Set("disk", f.Level, code, text)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
