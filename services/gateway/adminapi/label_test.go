package adminapi

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

func TestALabelHasAnAddressThatLasts(t *testing.T) {
	a := &labelAPI{addrs: func() (string, string) { return "192.0.2.7:80", "" }}
	for host, want := range map[string]string{
		"box.school.example": "http://box.school.example", "box.school.example:8080": "http://box.school.example:8080", "livelearn.home:80": "http://livelearn.home",
		"room-12.local": "http://192.0.2.7", "localhost": "http://192.0.2.7", "127.0.0.1": "http://192.0.2.7", "[::1]": "http://192.0.2.7",
	} {
		r := httptest.NewRequest("POST", "/api/admin/label", nil)
		if r.Host = host; a.address(r) != want {
			t.Errorf("for %s: %s, want %s", host, a.address(r), want)
		}
	}
	for address, want := range map[string]string{"http://192.0.2.7:8080": ":8080", "http://192.0.2.7": "", "http://[fd00::1]": "", "http://[fd00::1]:81": ":81"} {
		if got := portOf(address); got != want {
			t.Errorf("port of %s: %q, want %q", address, got, want)
		}
	}
}

func TestALabelRefusesAWifiThatCannotBe(t *testing.T) {
	for _, at := range []struct{ name, passphrase, field string }{
		{"Room 12", "12345678", ""},
		{"École", strings.Repeat("x", 63), ""},
		{"", "12345678", "ssid"},
		{strings.Repeat("é", 17), "12345678", "ssid"},
		{"Room\n12", "12345678", "ssid"},
		{"Room 12", "1234567", "passphrase"},
		{"Room 12", strings.Repeat("x", 64), "passphrase"},
		{"Room 12", "motdepassé1", "passphrase"},
	} {
		if err := checkWifi(at.name, at.passphrase); (err == nil) != (at.field == "") || errs.BodyOf(err).Field != at.field {
			t.Errorf("%q %q: %v, want a fault of %q", at.name, at.passphrase, err, at.field)
		}
	}
}
