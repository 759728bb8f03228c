package firmware

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
)

// carrier is a box with the real media processes.
func carrier(t *testing.T, change ...func(*Config)) (b *Box, stop func()) {
	t.Helper()
	cfg := config(t, t.TempDir())
	cfg.Media.Off, cfg.Media.UDP = false, "127.0.0.1:0"
	for _, f := range change {
		f(&cfg)
	}
	b, stop = run(t, cfg, Parts{Program: program(t)})
	return b, stop
}

// standings is "media-a charge, media-b standby".
func standings(b *Box) string {
	var list []string
	for _, s := range b.nodes.States() {
		list = append(list, s.Name+" "+string(s.Standing))
	}
	return strings.Join(list, ", ")
}

// awaits waits for real processes and tells how long that took.
func awaits(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}

func becomes(t *testing.T, b *Box, want string) time.Duration {
	t.Helper()
	return awaits(t, want, func() bool { return standings(b) == want })
}

// pidOf finds a media process of this test by its environment.
func pidOf(t *testing.T, name string) int {
	t.Helper()
	list, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range list {
		env, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && strings.Contains(string(env), fmt.Sprintf(`%s={"name":%q`, MediaEnv, name)) && parentOf(pid) == os.Getpid() {
			return pid
		}
	}
	t.Fatalf("no process %s", name)
	return 0
}

func parentOf(pid int) (parent int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	_, _ = fmt.Sscanf(rest[min(2, len(rest)):], "%d", &parent)
	return parent
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// both waits until one node is in charge and the other stands by.
func both(t *testing.T, b *Box) (charge, standby string) {
	t.Helper()
	awaits(t, "a node in charge and one that stands by", func() bool {
		charge, standby = "", ""
		for _, s := range b.nodes.States() {
			switch s.Standing {
			case media.InCharge:
				charge = s.Name
			case media.Standby:
				standby = s.Name
			}
		}
		return charge != "" && standby != ""
	})
	return charge, standby
}

// hit sends a signal to the node in charge and tells after how long the other was.
func hit(t *testing.T, b *Box, with syscall.Signal) (pid int, charge, standby string, took time.Duration) {
	t.Helper()
	charge, standby = both(t, b)
	awaits(t, "a pong", func() bool { return b.nodes.States()[0].Pong >= 0 && b.nodes.States()[1].Pong >= 0 })
	pid = pidOf(t, charge)
	began := time.Now()
	if err := syscall.Kill(pid, with); err != nil {
		t.Fatal(err)
	}
	awaits(t, standby+" in charge", func() bool { return strings.Contains(standings(b), standby+" charge") })
	return pid, charge, standby, time.Since(began)
}

func TestTheStandbyTakesOverFromADeadNodeAndTheDeadOneComesBack(t *testing.T) {
	b, stop := carrier(t)
	pid, was, is, took := hit(t, b, syscall.SIGKILL)
	if t.Logf("in charge after %v", took); took > 200*time.Millisecond {
		t.Errorf("%s took charge after %v", is, took)
	}
	if charge, standby := both(t, b); charge != is || standby != was {
		t.Errorf("%s is in charge and %s stands by", charge, standby)
	}
	again, other := pidOf(t, was), pidOf(t, is)
	if again == pid {
		t.Errorf("process %d, then %d", pid, again)
	}
	stop()
	if alive(again) || alive(other) {
		t.Error("a process outlives its box")
	}
}

func TestAStoppedNodeIsReplacedInTime(t *testing.T) {
	b, _ := carrier(t)
	pid, was, is, took := hit(t, b, syscall.SIGSTOP)
	if t.Logf("in charge after %v", took); took > 1500*time.Millisecond {
		t.Errorf("%s took charge after %v", is, took)
	}
	if charge, standby := both(t, b); charge != is || standby != was {
		t.Errorf("%s is in charge and %s stands by", charge, standby)
	}
	if alive(pid) {
		t.Error("the stopped process is still there")
	}
}

func TestARollingRestartReplacesTheProcessAndNothingIsAway(t *testing.T) {
	b, _ := carrier(t)
	was, is := both(t, b)
	pid := pidOf(t, was)
	if err := b.mediaAdmin().Drain(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if got := standings(b); !strings.Contains(got, is+" charge") {
		t.Errorf("got %q", got)
	}
	if charge, standby := both(t, b); charge != is || standby != was || alive(pid) || pidOf(t, was) == pid {
		t.Errorf("%s is in charge, %s stands by, process %d", charge, standby, pid)
	}
	if err := b.mediaAdmin().Drain(t.Context(), "none"); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
}

func TestANodeAloneComesBack(t *testing.T) {
	b, _ := carrier(t, func(c *Config) { c.Media.Alone = true })
	becomes(t, b, "media-a charge")
	if err := syscall.Kill(pidOf(t, "media-a"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaits(t, "away", func() bool { return standings(b) == "media-a away" })
	_, err := b.nodes.Watch(t.Context(), media.Watch{Room: "r", Session: "s", SDP: "v=0"})
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Down || e.Code != "no_node" {
		t.Errorf("got %v", err)
	}
	t.Logf("back after %v", becomes(t, b, "media-a charge"))
}

// A port that another program has is no reason to be without pictures.
func TestATakenPortIsReplacedByAnother(t *testing.T) {
	first, _ := carrier(t, func(c *Config) { c.Media.UDP = "127.0.0.1:17443" })
	both(t, first)
	second, _ := carrier(t, func(c *Config) { c.Media.UDP = "127.0.0.1:17443" })
	both(t, second)
}

func TestAnOfferThatIsNoneIsRefusedByTheRealNode(t *testing.T) {
	b, _ := carrier(t)
	both(t, b)
	_, err := b.nodes.Publish(t.Context(), media.Publish{Room: "r", User: "ada", Session: "ada:0123456789abcdef", SDP: "nonsense"})
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
	if list, _ := b.nodes.Sessions("r"); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

func TestMediaIsConfiguredWithinReason(t *testing.T) {
	for _, c := range []struct {
		m    Media
		want string
	}{
		{Media{}, ""},
		{Media{UDP: "192.168.1.5:0"}, ""},
		{Media{UDP: "nowhere"}, "media.udp"},
		{Media{UDP: ":65535"}, "media.udp"},
		{Media{UDP: ":http"}, "media.udp"},
		{Media{Memory: 1}, "media.memory"},
		{Media{Capacity: -1}, "media.capacity"},
	} {
		got := ""
		if e, ok := errors.AsType[*errs.Error](c.m.Validate()); ok {
			got = e.Field
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.m, got, c.want)
		}
	}
	for at, want := range map[string][2]string{":7443": {":7443", ":7444"}, "10.0.0.1:0": {"10.0.0.1:0", "10.0.0.1:0"}} {
		if got := [2]string{Media{UDP: at}.address(0), Media{UDP: at}.address(1)}; got != want {
			t.Errorf("%s: got %q", at, got)
		}
	}
}

func TestTheDoctorTellsByWhichWayMediaIsCarried(t *testing.T) {
	b, _ := carrier(t, func(c *Config) { c.Media.Alone, c.Media.Plain = true, true })
	awaits(t, "a pong", func() bool { s := b.nodes.States(); return len(s) == 1 && s[0].Pong >= 0 })
	var all []string
	for _, f := range Doctor(t.Context(), b.folder.Path) {
		all = append(all, f.Level.String()+" "+f.What)
	}
	if got := strings.Join(all, "\n"); !strings.Contains(got, "warn media-a: charge, by the plain path, 0 of ") {
		t.Errorf("got\n%s", got)
	}
	for _, c := range []struct {
		n    media.NodeState
		want string
	}{
		{media.NodeState{Name: "a", Standing: media.Away, Since: time.Now(), Restarts: 3}, "warn a: away for 0s; it came back 3 times"},
		{media.NodeState{Name: "a", Standing: media.Standby}, "ok a: standby, and has not said how it works yet"},
		{
			media.NodeState{Name: "a", Standing: media.InCharge, Load: media.Load{Path: "fast", GSO: true, Profile: "P", Watchers: 3}},
			"ok a: charge, by the fast path: P, one send for a burst (UDP_SEGMENT); 3 watch",
		},
	} {
		if f := nodeFinding(c.n); f.Level.String()+" "+f.What != c.want {
			t.Errorf("got %s %s", f.Level, f.What)
		}
	}
}

func TestHealthAndMetricsTellOfTheNodes(t *testing.T) {
	b, _ := carrier(t)
	both(t, b)
	awaits(t, "health", func() bool {
		for _, c := range b.health.List() {
			if c.Name == "media" {
				return c.Level == health.OK
			}
		}
		return false
	})
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range families {
		if f.GetName() == "livelearn_media_up" || f.GetName() == "livelearn_media_in_charge" {
			found += len(f.GetMetric())
		}
	}
	if found != 4 {
		t.Errorf("%d metrics", found)
	}
	if level, code, _ := (&mediaWatch{nodes: media.NewSwitch(b.log("test")), want: 2}).look(); level != health.Fail || code != "no_node" {
		t.Errorf("got %v %s", level, code)
	}
	if level, code, _ := (&mediaWatch{nodes: b.nodes, want: 3}).look(); level != health.Warn || code != "standby_only" {
		t.Errorf("got %v %s", level, code)
	}
}
