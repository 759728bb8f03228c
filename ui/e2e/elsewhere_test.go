//go:build qemu

package e2e

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// TestFirstDayOnABoxElsewhere holds the story of the first day against a box that runs
// already, has not been claimed, and may be slow: a board on the desk, an emulated machine.
// LIVELEARN_PLUG is where its power is switched: POST /off and /on below that address.
//
//	LIVELEARN_BOX=http://192.168.1.20 LIVELEARN_CLAIM=XXXX-XXXX LIVELEARN_PLUG=http://plug go test ./ui/e2e -run Elsewhere
func TestFirstDayOnABoxElsewhere(t *testing.T) {
	home, claim, plugAt := os.Getenv("LIVELEARN_BOX"), os.Getenv("LIVELEARN_CLAIM"), os.Getenv("LIVELEARN_PLUG")
	if home == "" || claim == "" || plugAt == "" {
		t.Skip("no box elsewhere: image/qemutest runs this with LIVELEARN_BOX, LIVELEARN_CLAIM and LIVELEARN_PLUG")
	}
	old := patience
	patience = 3 * time.Minute
	t.Cleanup(func() { patience = old })
	firstDay(t, home, claim, plug{func() { post(t, plugAt+"/off") }, func() { post(t, plugAt+"/on") }})
}

func post(t *testing.T, url string) {
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
