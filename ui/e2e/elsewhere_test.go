//go:build qemu

package e2e

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// TestFirstDayOnABoxElsewhere runs the story of the first day against a running, unclaimed box,
// which may be slow: a board on the desk, an emulated machine. LIVELEARN_PLUG is the address of its
// power switch, with POST /off and /on below it.
//
//	LIVELEARN_BOX=https://192.168.1.20 LIVELEARN_CLAIM=XXXX-XXXX LIVELEARN_PLUG=http://plug go test ./ui/e2e -run Elsewhere
func TestFirstDayOnABoxElsewhere(t *testing.T) {
	home, claim, plugAt := os.Getenv("LIVELEARN_BOX"), os.Getenv("LIVELEARN_CLAIM"), os.Getenv("LIVELEARN_PLUG")
	if home == "" || claim == "" || plugAt == "" {
		t.Skip("no box elsewhere: image/qemutest runs this with LIVELEARN_BOX, LIVELEARN_CLAIM and LIVELEARN_PLUG")
	}
	old := waitTimeout
	waitTimeout = 5 * time.Minute
	t.Cleanup(func() { waitTimeout = old })
	firstDay(t, home, claim, powerPlug{func() { postURL(t, plugAt+"/off") }, func() { postURL(t, plugAt+"/on") }})
}

func postURL(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("%s: %s", url, resp.Status)
	}
}
