package adminapi

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/qrsvg"
)

// Wi-Fi names have 1 to 32 bytes, and WPA passphrases have 8 to 63 characters of ASCII (IEEE 802.11).
const (
	maxSSID       = 32
	minPassphrase = 8
	maxPassphrase = 63
)

// labelAPI makes the label of the box.
type labelAPI struct {
	addrs      func() (plain, secure string)
	localNames func() []string
	words      func() string
	wifi       func() (name, passphrase string)
}

// label is what is printed and stuck on the box.
type label struct {
	Address string     `json:"address" doc:"Opens the box."`
	Name    string     `json:"name" doc:"Opens the box too, where the network carries multicast."`
	Words   string     `json:"words,omitempty" doc:"Four words of the key of the box, to compare with the page that asks for a PIN."`
	QR      string     `json:"qr" doc:"The QR code of the address, as SVG."`
	Wifi    *labelWifi `json:"wifi,omitempty" doc:"The Wi-Fi by which one reaches the box, if it is known."`
}

type labelWifi struct {
	Name       string `json:"name"`
	Passphrase string `json:"passphrase"`
	QR         string `json:"qr" doc:"With this QR code a phone joins the Wi-Fi. SVG."`
}

type labelBody struct {
	Body struct {
		SSID       string `json:"ssid,omitempty" doc:"Name of the Wi-Fi of an access point next to the box. Empty: the Wi-Fi that the box makes. Nothing is kept."`
		Passphrase string `json:"passphrase,omitempty"`
	}
}

func (a *labelAPI) registerLabel(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/admin/label", "label", "What the label of the box says, with QR codes", httpapi.Admin, a.makeLabel, httpapi.Audited("label.opened", ""))
}

func (a *labelAPI) makeLabel(ctx context.Context, in *labelBody) (*httpapi.Body[label], error) {
	l := label{Address: a.address(httpapi.RequestOf(ctx)), Words: a.words()}
	if names := a.localNames(); len(names) > 0 {
		l.Name = "http://" + names[len(names)-1] + portOf(l.Address) // the last one comes from the name of the box
	}
	svg, err := qrsvg.Draw(l.Address)
	if err != nil {
		return nil, errs.New("gateway.label", errs.Internal, err)
	}
	l.QR = string(svg)
	name, passphrase := in.Body.SSID, in.Body.Passphrase
	if name != "" || passphrase != "" {
		if err := checkWifi(name, passphrase); err != nil {
			return nil, err
		}
	} else if a.wifi != nil {
		name, passphrase = a.wifi()
	}
	if name != "" {
		if svg, err = qrsvg.Draw(qrsvg.WifiText(name, passphrase)); err != nil {
			return nil, errs.New("gateway.label", errs.Internal, err)
		}
		l.Wifi = &labelWifi{name, passphrase, string(svg)}
	}
	return &httpapi.Body[label]{Body: l}, nil
}

// address returns the address for the label. A name of the school's DNS lasts longer than an address,
// so it is kept if the admin came by it. Not every device knows names under .local.
func (a *labelAPI) address(r *http.Request) string {
	host := connlimit.HostOf(r.Host)
	_, err := netip.ParseAddr(host)
	if err != nil && host != "localhost" && !strings.HasSuffix(strings.ToLower(host), ".local") {
		return "http://" + strings.TrimSuffix(r.Host, ":80")
	}
	plain, _ := a.addrs()
	if list := httpapi.ReachableURLs("http", plain); len(list) > 0 {
		return strings.TrimSuffix(list[0], ":80")
	}
	return "http://" + r.Host
}

// portOf returns the port of an address with its colon, or nothing.
func portOf(address string) string {
	if i := strings.LastIndexByte(address, ':'); i > len("http:") && !strings.HasSuffix(address, "]") {
		return address[i:]
	}
	return ""
}

func checkWifi(name, passphrase string) error {
	if len(name) < 1 || len(name) > maxSSID || strings.ContainsFunc(name, isControl) {
		return errs.NewField("gateway.label", "ssid", "bad_ssid", maxSSID, "a network's name has 1 to %d bytes", maxSSID)
	}
	if n := len(passphrase); n < minPassphrase || n > maxPassphrase || strings.ContainsFunc(passphrase, func(r rune) bool { return isControl(r) || r > '~' }) {
		return errs.NewField("gateway.label", "passphrase", "bad_passphrase", maxPassphrase, "a passphrase has %d to %d characters without accents", minPassphrase, maxPassphrase)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
