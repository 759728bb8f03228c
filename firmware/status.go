package firmware

import (
	"net"
	"strconv"

	"github.com/livelearn/box/firmware/addresses"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/services/update"
)

// Status returns what people need to know to join. Values that cannot be read are left out.
// Health shows why.
func (b *Box) Status() display.Status {
	f := display.Status{Version: b.cfg.Version}
	if box, err := b.roster.Box(); err == nil {
		f.Name = box.Name
	}
	f.ClaimCode, _ = b.roster.ClaimCode()
	f.Locked, _ = b.roster.Locked()
	plain, secure := b.gateway.Addrs()
	f.HTTPAddresses, f.HTTPSAddresses = addresses.ListenerURLs("http", plain), addresses.ListenerURLs("https", secure)
	f.Words = b.gateway.Authority().Words
	if b.parts.PID1 != nil { // on a laptop, the system shows its network
		f.Network = networkState()
	}
	if b.updater != nil {
		now := b.updater.State()
		f.Updating = now == update.StateReceiving || now == update.StateRestarting || now == update.StateTrying
	}
	lessons, _ := b.roster.OpenLessons()
	for _, l := range lessons {
		f.Lessons = append(f.Lessons, display.Lesson{Class: l.ClassName, Code: l.Code, Key: l.Key})
	}
	return f
}

// LocalURL returns the address at which a browser on the box's own machine finds it. Staff may use
// plain HTTP there.
func (b *Box) LocalURL() string {
	plain, _ := b.gateway.Addrs()
	host, port, err := net.SplitHostPort(plain)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// networkState returns how far the machine is with its network.
func networkState() display.Network {
	switch {
	case !addresses.HasLink():
		return display.NetworkNone
	case !addresses.HasAddress():
		return display.NetworkNoAddress
	}
	return display.NetworkReady
}

// httpPort returns the port of plain HTTP.
func (b *Box) httpPort() int {
	plain, _ := b.gateway.Addrs()
	_, port, _ := net.SplitHostPort(plain)
	n, _ := strconv.Atoi(port)
	return n
}
