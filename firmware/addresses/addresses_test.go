package addresses

import (
	"strings"
	"testing"
)

func TestAddressesOfAListener(t *testing.T) {
	for hostport, want := range map[string]string{
		"192.0.2.1:8080": "http://192.0.2.1:8080", "192.0.2.1:80": "http://192.0.2.1", "[fd00::1]:80": "http://[fd00::1]",
		"[fd00::1]:81": "http://[fd00::1]:81", "": "",
	} {
		if got := strings.Join(ListenerURLs("http", hostport), " "); got != want {
			t.Errorf("%q: got %q, want %q", hostport, got, want)
		}
	}
	if got := ListenerURLs("http", "[::]:8080"); len(got) == 0 || strings.Contains(got[0], "::]:") {
		t.Errorf("got %q", got)
	}
}
