package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// builtProgram is the real program, once for all tests of a run. Under the race detector a worker
// would need more memory than it is given, so the test program itself does not serve.
var builtProgram = sync.OnceValues(func() (string, error) {
	bin := filepath.Join("..", "build", "firmware-worker")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./cmd/livelearn")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as scripts/build
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Abs(bin)
})

func testProgram(t testing.TB) string {
	t.Helper()
	bin, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func testConfig(t *testing.T, data string) Config {
	t.Helper()
	c := Config{Data: data, Version: "test", Gateway: gateway.Config{HTTP: "127.0.0.1:0", HTTPS: "off"}}
	c.Journal.NoBallast, c.Discover.Off, c.Media.Off = true, true, true
	return c
}

func testPages() fstest.MapFS {
	return fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>LiveLearn</title>")}}
}

// startBox starts a box on data and gives it with what ends it.
func startBox(t *testing.T, cfg Config, parts Parts) (*Box, func()) {
	t.Helper()
	parts.Pages = testPages()
	b, err := New(cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	select {
	case <-b.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("the box did not start: %v", err)
	}
	stopped := false
	stop := func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(stop)
	return b, stop
}

func fetchURL(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestBoxServesItsPagesAndListsAllThatRuns(t *testing.T) {
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{})
	if got := fetchURL(t, b.Status().HTTPAddresses[0]); !strings.Contains(got, "LiveLearn") {
		t.Errorf("got %q", got)
	}
	want := []string{"journal", "jobs", "audit", "rooms", "sessions", "gateway", "optional", "started"}
	var got []string
	for _, c := range b.Tree().Children {
		got = append(got, c.Name)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJournalCrashClosesNeitherDoorNorBox(t *testing.T) {
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{})
	if err := b.root.Restart("journal"); err != nil {
		t.Fatal(err)
	}
	s, err := b.SetUpSample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Code) != 6 {
		t.Errorf("got %+v", s)
	}
	fetchURL(t, b.Status().HTTPAddresses[0])
}

func TestTakenPortEndsTheStartWithAClearError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cfg := testConfig(t, t.TempDir())
	cfg.Gateway.HTTP = l.Addr().String()
	b, err := New(cfg, Parts{Pages: testPages()})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Serve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

func TestTwoBoxesNeverShareAFolder(t *testing.T) {
	dir := t.TempDir()
	b, stop := startBox(t, testConfig(t, dir), Parts{})
	_ = b
	if _, err := New(testConfig(t, dir), Parts{Pages: testPages()}); errs.KindOf(err) != errs.Busy {
		t.Errorf("got %v, want busy", err)
	}
	stop()
	startBox(t, testConfig(t, dir), Parts{})
}

func TestSampleIsTheSameAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	b, stop := startBox(t, testConfig(t, dir), Parts{})
	first, err := b.SetUpSample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop()
	b, _ = startBox(t, testConfig(t, dir), Parts{})
	second, err := b.SetUpSample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if second.PIN != first.PIN || second.Code != first.Code || first.Claim == "" || second.Claim != "" {
		t.Errorf("got %+v, then %+v", first, second)
	}
	if _, _, err := b.roster.SignIn(t.Context(), second.Teacher, second.PIN); err != nil {
		t.Errorf("the teacher cannot sign in: %v", err)
	}
	classes, err := b.roster.Classes()
	if err != nil || len(classes) != 1 || len(classes[0].Pupils) != 30 {
		t.Errorf("got %d classes, %v", len(classes), err)
	}
}

func TestDamagedDatabaseIsSetAsideAndSaid(t *testing.T) {
	dir := t.TempDir()
	_, stop := startBox(t, testConfig(t, dir), Parts{})
	stop()
	f, err := os.OpenFile(filepath.Join(dir, datafolder.JournalFile), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 8192), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ := startBox(t, testConfig(t, dir), Parts{})
	for _, c := range b.health.List() {
		if c.Name == "journal" {
			if c.Code != "set_aside" || !strings.Contains(c.Text, datafolder.JournalFile+".damaged-") {
				t.Errorf("got %+v", c)
			}
			return
		}
	}
	t.Error("nothing is said about the journal")
}

func TestBoardShowsTheWayInAndTheLesson(t *testing.T) {
	board := sim.New(io.Discard)
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{Board: board.HAL()})
	waitUntil(t, func() bool {
		p := board.Display.ShownPage()
		return strings.Contains(strings.Join(p.Lines, "\n"), "Claim") && p.QR == b.Status().HTTPAddresses[0] && board.LED.ShownPattern().String() == "claim me"
	})
	s, err := b.SetUpSample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		p := board.Display.ShownPage()
		text := strings.Join(p.Lines, "\n")
		return strings.Contains(text, display.GroupDigits(s.Code)) && !strings.Contains(text, "Claim") &&
			strings.Contains(p.QR, "/j/") && board.LED.ShownPattern().String() == "lesson"
	})
}

// waitUntil waits for the box, whose board follows it within a second.
func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	timetest.WaitUntil(t, "the box", ok)
}

func TestControlSocketGivesABackupAndTheChecks(t *testing.T) {
	// The folder's name is longer than the path of a socket may be.
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	b, stop := startBox(t, testConfig(t, dir), Parts{})
	if _, err := b.SetUpSample(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, datafolder.ControlSocket))
		return err == nil
	})
	body, err := control.Get(t.Context(), dir, "/health")
	if err != nil {
		t.Fatal(err)
	}
	var checks []struct{ Name string }
	if err := json.NewDecoder(body).Decode(&checks); err != nil || len(checks) == 0 {
		t.Errorf("got %v, %v", checks, err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "a.llbox")
	if _, err := SaveBackup(t.Context(), testConfig(t, dir), saved, "", 0); err != nil {
		t.Fatal(err)
	}
	box, err := b.roster.Box()
	if err != nil {
		t.Fatal(err)
	}
	was := b.journal.Incarnation()
	stop()

	data, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	fresh := t.TempDir()
	m, _, err := backup.Restore(fresh, bytes.NewReader(data), false)
	if err != nil || m.Box != box.ID {
		t.Fatalf("got %+v, %v", m, err)
	}
	again, _ := startBox(t, testConfig(t, fresh), Parts{})
	if again.journal.Incarnation() == was {
		t.Error("a restored box is the same incarnation")
	}
	if got, err := again.roster.Box(); err != nil || got != box {
		t.Errorf("got %+v, %v, want %+v", got, err, box)
	}
}

func TestSealedBoxSpeaksToNobodyButItsDoor(t *testing.T) {
	dir := t.TempDir()
	b, _ := startBox(t, testConfig(t, dir), Parts{NoMachineIO: true})
	for _, c := range b.Tree().Children {
		for _, d := range c.Children {
			if d.Name == "control" || d.Name == "discover" {
				t.Errorf("%s runs", d.Name)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, datafolder.ControlSocket)); err == nil {
		t.Error("there is a control socket")
	}
}

// Every child of the core has a time to stop, and together they stop in less than a
// service manager waits (systemd: 90 s).
func TestBoxStopsBeforeItIsKilled(t *testing.T) {
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{})
	total := time.Duration(0)
	for _, c := range b.supervisionTree().Children {
		if c.Shutdown == supervise.Infinity && c.ID != "optional" {
			t.Errorf("%s may take for ever", c.ID)
		} else if c.ID != "optional" {
			total += max(c.Shutdown, 5*time.Second)
		}
	}
	if total > 85*time.Second {
		t.Errorf("stopping may take %v", total)
	}
}
