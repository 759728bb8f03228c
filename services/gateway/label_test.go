package gateway

import (
	"strings"
	"testing"

	"github.com/livelearn/box/services/qrsvg"
)

func TestTheLabelHasTheNameAndTheWifiOfTheBox(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) { d.Wifi = func() (string, string) { return "Room 12", "canary-passphrase" } }).school()
	var l struct {
		Address, Name, QR string
		Wifi              *struct{ Name, Passphrase, QR string }
	}
	for _, at := range []struct{ ssid, passphrase, want string }{
		{"", "", "Room 12"},
		{"Access point", "another passphrase", "Access point"},
	} {
		r.ok("admin", "POST", "/api/admin/label", map[string]string{"ssid": at.ssid, "passphrase": at.passphrase}, &l)
		if l.Wifi == nil || l.Wifi.Name != at.want || l.Name != "http://box.local:8080" {
			t.Fatalf("%s %s %+v", l.Address, l.Name, l.Wifi)
		}
		want, err := qrsvg.Draw(qrsvg.WifiText(l.Wifi.Name, l.Wifi.Passphrase))
		if checkError(t, err); l.Wifi.QR != string(want) {
			t.Error("another QR code of the Wi-Fi")
		}
		if want, err = qrsvg.Draw(l.Address); err != nil || l.QR != string(want) {
			t.Errorf("another QR code of %s: %v", l.Address, err)
		}
	}
	if strings.Contains(r.log.String(), "canary-passphrase") {
		t.Error("the passphrase is in the log")
	}
}
