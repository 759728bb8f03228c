package qrsvg

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestWifiText(t *testing.T) {
	for _, c := range []struct{ ssid, pass, want string }{
		{"Room 12", "k7fp-2m9x-q4td", "WIFI:T:WPA;S:Room 12;P:k7fp-2m9x-q4td;;"},
		{`a;b:c`, `x\y,"z`, `WIFI:T:WPA;S:a\;b\:c;P:x\\y\,\"z;;`},
		{"École", "12345678", "WIFI:T:WPA;S:École;P:12345678;;"},
	} {
		if got := WifiText(c.ssid, c.pass); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestACodeIsAnSVG(t *testing.T) {
	b, err := Draw(WifiText(strings.Repeat("é", 16), strings.Repeat("\"", 63)))
	if err != nil || xml.Unmarshal(b, new(struct {
		XMLName xml.Name `xml:"svg"`
	})) != nil || !strings.Contains(string(b), "M") {
		t.Errorf("%s %v", b, err)
	}
	if _, err := Draw(strings.Repeat("x", 10_000)); err == nil {
		t.Error("a text that no code holds is drawn")
	}
}
