package firmware

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/health"
)

// A key that cannot be read stops the connection to other boxes and nothing else.
func TestABoxWithoutAKeyStartsAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, datafolder.BoxKeyFile, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	b, _ := startBox(t, testConfig(t, dir), Parts{})
	found := false
	for _, c := range b.health.List() {
		found = found || c.Name == "mesh" && c.Level == health.Warn && c.Code == "mesh_off"
	}
	if !found {
		t.Errorf("no warning in %+v", b.health.List())
	}
	waitForControl(t, dir)
	for _, path := range []string{"/boxes", "/boxes/code", "/boxes/join", "/boxes/x"} {
		method := map[string]string{"/boxes": http.MethodGet, "/boxes/x": http.MethodDelete}[path]
		if method == "" {
			method = http.MethodPost
		}
		if err := control.Call(t.Context(), dir, method, path, nil, new(any)); err == nil || !strings.Contains(err.Error(), "without the part") {
			t.Errorf("%s %s: %v", method, path, err)
		}
	}
}

// waitForControl waits until a box answers on its control socket, which it opens beside the other
// services.
func waitForControl(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		body, err := control.Get(t.Context(), dir, "/status")
		if err == nil {
			_ = body.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestAPersonIsLedToTheAddressInTheirNetwork(t *testing.T) {
	all := []string{"http://127.0.0.1:8080", "http://10.1.0.5:8080", "http://192.168.7.5:8080", "http://[fd00:0:0:7::5]:8080"}
	for from, want := range map[string]string{
		"192.168.7.200": all[2], "::ffff:192.168.7.200": all[2], "fd00:0:0:7::200": all[3], "10.1.0.9": all[1],
		"172.16.0.1": all[1], "": all[1], "127.0.0.1": all[1],
	} {
		if got := nearest(all, from); got != want {
			t.Errorf("%q: %s, want %s", from, got, want)
		}
	}
	if got := nearest(all[:1], "192.168.7.200"); got != all[0] {
		t.Errorf("a box without a network: %q", got)
	}
}
