//go:build qemu

package qemutest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newUpdatedBox returns a claimed box that fetches updates from this machine. Its class must survive
// everything. Its drive records each write.
func newUpdatedBox(t *testing.T, image string) (*admin, *Drive) {
	t.Helper()
	disk := freshDisk(t, image)
	setSettings(t, disk, "[update]\nallow_private = true\n")
	d := NewDrive(t, disk)
	m := New(t, Config{Disk: d.URL()})
	t.Logf("from power to the page: %v", m.WaitReady(starts))
	a := claimBox(t, m)
	a.addClass("7B")
	return a, d
}

// TestUpdatesStayOrFallBack is the story of a box that gets updates: refused ones, a good one, the
// manual way back, and broken ones, from which it falls back. Its disk records every write of the good
// one, from the first byte to the commit, for power cuts.
func TestUpdatesStayOrFallBack(t *testing.T) {
	t.Parallel()
	p := newPublisher(t)
	image, old := p.image(t, "pc", "0.5.0")
	a, d := newUpdatedBox(t, image)
	_, next := p.image(t, "pc", "0.6.0")
	t.Run("ports", func(t *testing.T) { checkPorts(t, a.forTest(t)) })
	t.Run("refused", func(t *testing.T) { checkRefused(t, p, a.forTest(t), old, next) })

	time.Sleep(time.Second) // a class is on the disk when it is acknowledged; the log may follow later
	cuts, begun := cutMoments{from: d.MomentCount()}, time.Now()
	s := a.fetch(serveFiles(t, p.dir)(next))
	cuts.received = d.MomentCount()
	t.Logf("fetched in %v: %d of %d bytes were on the box already", time.Since(begun).Round(time.Second), s.Reused, s.Total)
	if s.Reused < s.Total/4 {
		t.Fatalf("%+v", s)
	}
	a.install()
	// The last result is "refused" until the new one is there: the altered bundle had this version too.
	s = a.waitStatus("version 0.6.0 is committed", func(s status) bool {
		return !s.Trying && s.Last != nil && s.Last.Version == "0.6.0" && s.Last.Result != "refused"
	})
	if s.Last.Result != "committed" || s.Version != "0.6.0" || s.Slot != "b" || !a.hasClass("7B") {
		t.Fatalf("%+v, last %+v", s, s.Last)
	}
	cuts.to, cuts.cookie = d.MomentCount(), a.cookie
	a.restart("/api/admin/update/rollback", nil)
	a.waitStatus("the version before", func(s status) bool { return s.Version == "0.5.0" && s.Slot == "a" && !s.Trying })
	if !a.hasClass("7B") {
		t.Error("the version before does not have the data")
	}
	t.Run("fall back", func(t *testing.T) { fallBack(t, p, a.forTest(t)) })
	a.m.Kill()
	t.Run("power cuts", func(t *testing.T) { cutPower(t, d, cuts) })
}

// fallBack installs broken versions: one whose box never stays up, or one that hangs until the watchdog
// resets it, by turns. scripts/qemu takes both, and one that ends at its start.
func fallBack(t *testing.T, p *publisherKit, a *admin) {
	url := serveFiles(t, p.dir)
	for i, name := range []string{"sick", "hangs", "exits"} {
		if !isLongRun() && i != drawTurn(t, 2) {
			continue // it falls back like the other
		}
		t.Run(name, func(t *testing.T) { installBroken(t, p, a.forTest(t), name, fmt.Sprintf("0.%d.0", 7+i), url) })
	}
	// The version in the other slot never worked.
	if code, text := a.call(patience, "POST", "/api/admin/update/rollback", nil, nil); code != 404 || !strings.Contains(text, "nothing_kept") {
		t.Errorf("back to a version that failed: %d %s", code, text)
	}
}

// reasons are the texts of the admin page for each.
var reasons = map[string]string{"exits": "it did not start", "sick": "does not stay up", "hangs": "it did not start: it hung"}

// installBroken installs a version whose program is in testdata.
func installBroken(t *testing.T, p *publisherKit, a *admin, name, version string, url func(string) string) {
	bad := filepath.Join(p.dir, name)
	goBuild(t, "amd64", "./image/qemutest/testdata/"+name, bad)
	_, bundle := p.image(t, "pc", version, "--program", bad)
	a.fetch(url(bundle))
	events := a.m.EventCount()
	a.install()
	s := a.waitStatus("the version is taken back", func(s status) bool { return s.Last != nil && s.Last.Version == version })
	if s.Version != "0.5.0" || s.Last.Result != "rolled_back" || !a.hasClass("7B") {
		t.Errorf("%+v, last %+v", s, s.Last)
	}
	t.Logf("%s: %s", name, s.Last.Reason)
	if want := reasons[name]; !strings.Contains(s.Last.Reason, want) {
		t.Errorf("the reason is %q, want %q", s.Last.Reason, want)
	}
	if name == "hangs" {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a.m.WaitEvent(ctx, events, "WATCHDOG") // the hardware ended it
	}
}

// drawTurn returns which of n a short run takes, as scripts/test says.
func drawTurn(t *testing.T, n int) int {
	t.Helper()
	turn, err := strconv.Atoi(cmp.Or(os.Getenv("LIVELEARN_TURN"), "0"))
	if err != nil || turn < 0 {
		t.Fatalf("LIVELEARN_TURN is %q, want a number from 0", os.Getenv("LIVELEARN_TURN"))
	}
	return turn % n
}

// shortStories is the number of stories of which a short run takes one, by turns.
const shortStories = 4

// takeTurn skips a story unless it is its turn, or a long run, which takes all.
func takeTurn(t *testing.T, number int) {
	t.Helper()
	if turn := drawTurn(t, shortStories); !isLongRun() && turn != number {
		t.Skipf("story %d of %d, and it is the turn of %d: scripts/qemu runs all", number+1, shortStories, turn+1)
	}
}

// isLongRun reports whether scripts/qemu runs this, which takes longer than scripts/test.
func isLongRun() bool { return os.Getenv("LIVELEARN_QEMU") == "all" }

// checkPorts checks that only the ports in the README are open, and that each phase of the start
// succeeded.
func checkPorts(t *testing.T, a *admin) {
	documented := []string{"tcp :443", "tcp :80", "udp :5353", "udp :68", "udp :7443", "udp :7444"}
	var b boot
	missing := func() string {
		for _, p := range []string{"tcp :443", "tcp :80", "udp :7443", "udp :7444"} {
			if !slices.Contains(b.State.Ports, p) {
				return p
			}
		}
		return ""
	}
	// The page is ready before the media servers, which are separate programs.
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) { // an emulated machine works
		if b = a.readBoot(); missing() == "" {
			break
		}
	}
	if p := missing(); p != "" {
		t.Errorf("%s does not listen", p)
	}
	for _, p := range b.State.Ports {
		if !slices.Contains(documented, p) {
			t.Errorf("%s listens and is not in the README", p)
		}
	}
	for _, p := range b.State.Phases {
		if p.Err != "" {
			t.Errorf("phase %s: %s", p.Name, p.Err)
		}
	}
	// The data partition of the image has 64 MB. The disk has gigabytes.
	var size int
	if note := b.phaseNote("data"); note == "" {
		t.Error("no report on the data partition")
	} else if _, err := fmt.Sscanf(note, "%d MB", &size); err != nil || size < 2000 || !strings.Contains(note, "made now") {
		t.Errorf("the data partition was not made and grown: %q", note)
	}
}

// checkRefused sends bundles that the box must refuse.
func checkRefused(t *testing.T, p *publisherKit, a *admin, old, next string) {
	good, err := os.ReadFile(next)
	if err != nil {
		t.Fatal(err)
	}
	same, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	// Early faults take less time. services/update tests them everywhere.
	altered, short := bytes.Clone(good), good[:len(good)/16]
	altered[len(altered)/32] ^= 1
	if isLongRun() {
		short = good[:len(good)-1000]
	}
	stranger := &publisherKit{dir: filepath.Join(p.dir, "stranger"), key: filepath.Join(p.dir, "stranger", "key"), root: filepath.Join(p.dir, "stranger", "root.json")}
	runProgram(t, "mkdir", "-p", stranger.dir)
	tool := hostProgram(t)
	runProgram(t, tool, "update", "keys", "new", stranger.key)
	runProgram(t, tool, "update", "keys", "root", "--key", stranger.key, "--out", stranger.root)
	small := filepath.Join(p.dir, "small")
	writeFile(t, small, strings.Repeat("x", 10_000))
	bundle := func(q *publisherKit, name, board string) []byte {
		out := filepath.Join(q.dir, name)
		runProgram(t, tool, "update", "make", "--root", q.root, "--board", board, "--version", "0.9.0", "--build", "9000", "--boot", small, "--system", small, "--out", out)
		runProgram(t, tool, "update", "sign", "--key", q.key, out)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for want, file := range map[string][]byte{
		"older": same, "altered": altered, "truncated": short, "foreign_key": bundle(stranger, "foreign", "pc"), "wrong_board": bundle(p, "pi", "pi"), "not_a_bundle": []byte("no bundle"),
	} {
		code, text := a.call(sends, "PUT", "/api/admin/update/bundle", file, nil)
		// A box that refuses stops reading, which can look like a lost connection here.
		if s := a.readStatus(); code == 204 || !strings.Contains(text, want) && (s.Last == nil || s.Last.Code != want) {
			t.Errorf("%s: %d %s, last %+v", want, code, text, s.Last)
		}
		if code, text := a.call(patience, "POST", "/api/admin/update/install", whenNow, nil); code < 400 {
			t.Fatalf("%s: it can be installed: %d %s", want, code, text)
		}
		a.mustCall("DELETE", "/api/admin/update", nil, nil)
	}
}
