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

	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/firmware/medianode"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/timetest"
)

// startMediaBox is a box with the real media processes.
func startMediaBox(t *testing.T, change ...func(*Config)) (b *Box, stop func()) {
	t.Helper()
	cfg := testConfig(t, t.TempDir())
	cfg.Media.Off, cfg.Media.UDP = false, "127.0.0.1:0"
	for _, f := range change {
		f(&cfg)
	}
	b, stop = startBox(t, cfg, Parts{Program: testProgram(t)})
	return b, stop
}

// rolesText is "media-a charge, media-b standby".
func rolesText(b *Box) string {
	var list []string
	for _, s := range b.nodes.States() {
		list = append(list, s.Name+" "+string(s.Role))
	}
	return strings.Join(list, ", ")
}

func waitForRoles(t *testing.T, b *Box, want string) time.Duration {
	t.Helper()
	return timetest.WaitUntil(t, want, func() bool { return rolesText(b) == want })
}

// pidOf finds a media process of this test by its environment.
func pidOf(t *testing.T, name string) int {
	t.Helper()
	list, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range list {
		env, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && strings.Contains(string(env), fmt.Sprintf(`%s={"name":%q`, medianode.EnvVar, name)) && parentOf(pid) == os.Getpid() {
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

func isAlive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// waitForBoth waits until one node is active and the other is the standby.
func waitForBoth(t *testing.T, b *Box) (charge, standby string) {
	t.Helper()
	timetest.WaitUntil(t, "a node in charge and one that stands by", func() bool {
		charge, standby = "", ""
		for _, s := range b.nodes.States() {
			switch s.Role {
			case media.Active:
				charge = s.Name
			case media.Standby:
				standby = s.Name
			}
		}
		return charge != "" && standby != ""
	})
	return charge, standby
}

// signalActive sends a signal to the active node and returns the time until the other is active.
func signalActive(t *testing.T, b *Box, with syscall.Signal) (pid int, charge, standby string, took time.Duration) {
	t.Helper()
	charge, standby = waitForBoth(t, b)
	timetest.WaitUntil(t, "a pong", func() bool { return b.nodes.States()[0].Pong >= 0 && b.nodes.States()[1].Pong >= 0 })
	pid = pidOf(t, charge)
	began := time.Now()
	if err := syscall.Kill(pid, with); err != nil {
		t.Fatal(err)
	}
	timetest.WaitUntil(t, standby+" in charge", func() bool { return strings.Contains(rolesText(b), standby+" charge") })
	return pid, charge, standby, time.Since(began)
}

func TestTheStandbyTakesOverFromADeadNodeAndTheDeadOneComesBack(t *testing.T) {
	b, stop := startMediaBox(t)
	pid, was, is, took := signalActive(t, b, syscall.SIGKILL)
	timetest.CheckBudget(t, "the move to "+is, took, 200*time.Millisecond)
	if charge, standby := waitForBoth(t, b); charge != is || standby != was {
		t.Errorf("%s is in charge and %s stands by", charge, standby)
	}
	again, other := pidOf(t, was), pidOf(t, is)
	if again == pid {
		t.Errorf("process %d, then %d", pid, again)
	}
	stop()
	if isAlive(again) || isAlive(other) {
		t.Error("a process outlives its box")
	}
}

func TestAStoppedNodeIsReplacedInTime(t *testing.T) {
	b, _ := startMediaBox(t)
	pid, was, is, took := signalActive(t, b, syscall.SIGSTOP)
	timetest.CheckBudget(t, "the move to "+is, took, 1500*time.Millisecond)
	if charge, standby := waitForBoth(t, b); charge != is || standby != was {
		t.Errorf("%s is in charge and %s stands by", charge, standby)
	}
	if isAlive(pid) {
		t.Error("the stopped process is still there")
	}
}

func TestARollingRestartReplacesTheProcessAndNothingIsAway(t *testing.T) {
	b, _ := startMediaBox(t)
	was, is := waitForBoth(t, b)
	pid := pidOf(t, was)
	if err := b.mediaAdmin().Drain(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if got := rolesText(b); !strings.Contains(got, is+" charge") {
		t.Errorf("got %q", got)
	}
	if charge, standby := waitForBoth(t, b); charge != is || standby != was || isAlive(pid) || pidOf(t, was) == pid {
		t.Errorf("%s is in charge, %s stands by, process %d", charge, standby, pid)
	}
	if err := b.mediaAdmin().Drain(t.Context(), "none"); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
}

func TestANodeAloneComesBack(t *testing.T) {
	b, _ := startMediaBox(t, func(c *Config) { c.Media.Alone = true })
	waitForRoles(t, b, "media-a charge")
	if err := syscall.Kill(pidOf(t, "media-a"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	timetest.WaitUntil(t, "away", func() bool { return rolesText(b) == "media-a away" })
	_, err := b.nodes.Watch(t.Context(), media.Watch{Room: "r", Session: "s", SDP: "v=0"})
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Down || e.Code != "no_node" {
		t.Errorf("got %v", err)
	}
	t.Logf("back after %v", waitForRoles(t, b, "media-a charge"))
}

// A box whose media port is taken uses another one.
func TestATakenPortIsReplacedByAnother(t *testing.T) {
	first, _ := startMediaBox(t, func(c *Config) { c.Media.UDP = "127.0.0.1:17443" })
	waitForBoth(t, first)
	second, _ := startMediaBox(t, func(c *Config) { c.Media.UDP = "127.0.0.1:17443" })
	waitForBoth(t, second)
}

func TestAnOfferThatIsNoneIsRefusedByTheRealNode(t *testing.T) {
	b, _ := startMediaBox(t)
	waitForBoth(t, b)
	_, err := b.nodes.Publish(t.Context(), media.Publish{Room: "r", User: "ada", Session: "ada:0123456789abcdef", SDP: "nonsense"})
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
	if list, _ := b.nodes.Sessions("r"); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

func TestTheDoctorTellsByWhichWayMediaIsCarried(t *testing.T) {
	b, _ := startMediaBox(t, func(c *Config) { c.Media.Alone, c.Media.Plain = true, true })
	timetest.WaitUntil(t, "a pong", func() bool { s := b.nodes.States(); return len(s) == 1 && s[0].Pong >= 0 })
	var all []string
	for _, f := range doctor.Run(t.Context(), b.folder.Path) {
		all = append(all, f.Level.String()+" "+f.What)
	}
	if got := strings.Join(all, "\n"); !strings.Contains(got, "warn media-a: charge, by the plain path, 0 of ") {
		t.Errorf("got\n%s", got)
	}
}

func TestHealthAndMetricsTellOfTheNodes(t *testing.T) {
	b, _ := startMediaBox(t)
	waitForBoth(t, b)
	timetest.WaitUntil(t, "health", func() bool {
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
		if f.GetName() == "livelearn_media_up" || f.GetName() == "livelearn_media_active" {
			found += len(f.GetMetric())
		}
	}
	if found != 4 {
		t.Errorf("%d metrics", found)
	}
}
