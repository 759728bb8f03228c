package firmware

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
