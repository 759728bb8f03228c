package firmware

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/firmware/claimfile"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/wire/wiretest"
)

// A box without a display is claimed with what its card says: the code that the box made, and the
// one of livelearn.toml.
func TestABoxIsClaimedWithTheCodeOfItsCard(t *testing.T) {
	for _, own := range []string{"", "k7fp-2m9x-q4td"} {
		synctest.Test(t, func(t *testing.T) {
			pipes := wiretest.NewNet()
			cfg := testConfig(t, t.TempDir())
			cfg.Box.ClaimCode = provision.Secret(own)
			dir := t.TempDir()
			b, stop := startBox(t, cfg, Parts{NoMachineIO: true, Boot: &slots.Folder{Dir: dir}, Listen: func(string) (net.Listener, error) { return pipes, nil }})
			defer stop()
			time.Sleep(2 * claimfile.Interval)
			data, err := os.ReadFile(filepath.Join(dir, claimfile.Name))
			if err != nil {
				t.Fatal(err)
			}
			code := regexp.MustCompile(`Claim code: (\S+)`).FindSubmatch(data)
			if code == nil || own != "" && string(code[1]) != "K7FP2M9XQ4TD" {
				t.Fatalf("%q in:\n%s", code, data)
			}
			if _, _, err := b.roster.Claim(t.Context(), roster.Claimant{Code: string(code[1]), Box: "B", Name: "Ada", PIN: "246810"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * claimfile.Interval)
			if data, err = os.ReadFile(filepath.Join(dir, claimfile.Name)); err != nil || strings.Contains(string(data), string(code[1])) {
				t.Errorf("%s %v", data, err)
			}
		})
	}
}

// A claim code makes an admin, so the log has an entry for each new one, also for that of a stopped box.
func TestUnclaimingAStoppedBoxIsInTheAuditLog(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	b, err := New(cfg, Parts{Pages: testPages()})
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.roster.ClaimCode()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.roster.Claim(t.Context(), roster.Claimant{Code: first, Box: "B", Name: "Ada", PIN: "246810"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if code, err := Unclaim(t.Context(), cfg); err != nil || code == "" {
		t.Fatalf("got %q, %v", code, err)
	}
	if b, err = New(cfg, Parts{Pages: testPages()}); err != nil {
		t.Fatal(err)
	}
	list, _, err := b.audit.List(t.Context(), audit.Filter{Action: "box.unclaimed"}, 9)
	if err != nil || len(list) != 1 || list[0].From != "command" || list[0].At == 0 {
		t.Errorf("got %+v, %v", list, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
