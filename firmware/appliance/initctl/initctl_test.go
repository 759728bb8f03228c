package initctl_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firstProcess records what it is asked. It has presses of 1, 2 and 3 seconds.
type firstProcess struct {
	mu    sync.Mutex
	asked []string
	alive initctl.Alive
	boot  initctl.Boot
	down  bool
	stop  initctl.Reboot
	fault error
}

func (p *firstProcess) note(what string) { p.mu.Lock(); p.asked = append(p.asked, what); p.mu.Unlock() }

func (p *firstProcess) ReportAlive(program string, a initctl.Alive) {
	p.note("alive " + program)
	p.alive = a
}
func (p *firstProcess) BootReport() initctl.Boot { return p.boot }
func (p *firstProcess) RestartProgram()          { p.note("restart") }
func (p *firstProcess) Reboot(r initctl.Reboot)  { p.note("reboot"); p.stop = r }
func (p *firstProcess) RepairData() error        { p.note("repair"); return p.fault }
func (p *firstProcess) PowerOff()                { p.note("off") }
func (p *firstProcess) Down() bool               { return p.down }

func (p *firstProcess) Press(ctx context.Context, after int) initctl.Press {
	if after < 3 {
		return initctl.Press{ID: after + 1, Held: time.Duration(after+1) * time.Second}
	}
	p.note("all presses are confirmed")
	<-ctx.Done()
	return initctl.Press{}
}

// serve listens on a socket and returns a client of it.
func serve(t *testing.T, h http.Handler) *initctl.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "init") // t.TempDir has the name of the test, and a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "init.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return initctl.Dial("box", path)
}

func TestRequestsArriveAsTheyAreSent(t *testing.T) {
	p := &firstProcess{down: true, boot: initctl.Boot{
		ID: "b1", Slot: "a", Name: "amber-otter-4821", Ready: 12.5, Safe: true, Clock: "rtc", Written: 9, Ports: []string{"tcp :80"},
		Phases:   []initctl.Phase{{Name: "mounts", Took: time.Second, Note: "2000 MB", Err: "no disk"}},
		Failures: []initctl.Failure{{At: time.Unix(1e9, 0).UTC(), What: "box", Slot: "b", Why: "exit status 3", Tail: "panic"}},
		Damaged:  "inode 12", Repairs: []initctl.Repair{{At: time.Unix(1e9, 0).UTC(), What: "ref count"}},
	}}
	c := serve(t, initctl.NewMux(p))
	alive, reboot := initctl.Alive{Why: "opens the journal"}, initctl.Reboot{Arg: "0 tryboot", Why: "an update"}
	err := errors.Join(c.ReportAlive(t.Context(), alive), c.RestartProgram(t.Context()), c.Reboot(t.Context(), reboot), c.RepairData(t.Context()), c.PowerOff(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"alive box", "restart", "reboot", "repair", "off"}; !slices.Equal(p.asked, want) || p.alive != alive || p.stop != reboot {
		t.Errorf("asked %q, %+v, %+v", p.asked, p.alive, p.stop)
	}
	p.fault = errors.New("the card is read-only")
	if err := c.RepairData(t.Context()); err == nil || !strings.Contains(err.Error(), "the card is read-only") {
		t.Errorf("a repair that cannot be ordered: %v", err)
	}
	boot, err := c.BootReport(t.Context())
	if d := cmp.Diff(p.boot, boot); d != "" || err != nil {
		t.Errorf("the report: %v %s", err, d)
	}
	if down, err := c.Button().Down(); !down || err != nil {
		t.Errorf("a held button: %v, %v", down, err)
	}
}

func TestEachPressComesOnceAndIsConfirmedByTheNextRequest(t *testing.T) {
	p := &firstProcess{}
	c := serve(t, initctl.NewMux(p))
	var held []time.Duration
	for press := range c.Button().Presses(t.Context()) {
		if held = append(held, press.Held); len(held) == 2 {
			break // before the second press is confirmed
		}
	}
	if want := []time.Duration{time.Second, 2 * time.Second}; !slices.Equal(held, want) || len(p.asked) > 0 {
		t.Errorf("held %v, %q", held, p.asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range c.Button().Presses(ctx) { // another program asks from the start
		if n++; n == 3 {
			go func() { time.Sleep(50 * time.Millisecond); cancel() }() // the request for a fourth press waits
		}
	}
	if n != 3 {
		t.Errorf("%d presses", n)
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	p := &firstProcess{}
	mux := initctl.NewMux(p)
	for _, c := range []struct {
		method, path, body, want string
		code                     int
	}{
		{"POST", "/alive", `{"ready":true,"extra":1}`, "extra", 400},
		{"POST", "/alive", `{"why":"` + strings.Repeat("x", 1<<20) + `"}`, "too large", 400},
		{"POST", "/reboot", `no JSON`, "invalid character", 400},
		{"GET", "/reboot", ``, "", 405},
		{"POST", "/boot", ``, "", 405},
		{"POST", "/nothing", ``, "", 404},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s %.20q: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
	if len(p.asked) > 0 {
		t.Errorf("asked %q", p.asked)
	}
}

func TestARefusalAndADeadSocketAreErrors(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not now", http.StatusTeapot) }))
	if err := c.PowerOff(t.Context()); err == nil || !strings.Contains(err.Error(), "418") || !strings.Contains(err.Error(), "not now") {
		t.Errorf("got %v", err)
	}
	gone := initctl.Dial("box", filepath.Join(t.TempDir(), "none"))
	if _, err := gone.BootReport(t.Context()); err == nil {
		t.Error("a report without a first process")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for press := range gone.Button().Presses(ctx) {
		t.Errorf("a press of %v without a first process", press)
	}
}

func TestOnlyAnApplianceHasAFirstProcess(t *testing.T) {
	t.Setenv(initctl.Env, "")
	if initctl.Open("box") != nil {
		t.Error("a client without a socket")
	}
	t.Setenv(initctl.Env, "/run/init.sock")
	var b hal.Button = initctl.Open("box").Button()
	if b == nil {
		t.Error("no button")
	}
}
