package appliance

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/hal"
)

// TestMain is also the programs that the tests run: what role says.
func TestMain(m *testing.M) {
	switch os.Getenv("APPLIANCE_TEST_ROLE") {
	case "crash":
		_, _ = os.Stderr.WriteString("panic: for the test\n")
		os.Exit(3)
	case "quiet":
		time.Sleep(time.Hour)
	case "alive":
		c := door.Dial("box", os.Getenv("APPLIANCE_TEST_DOOR"))
		for {
			if c.Alive(context.Background(), door.Alive{Ready: true}) != nil {
				os.Exit(0)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	goleak.VerifyTestMain(m)
}

// dog counts its meals.
type dog struct{ meals []time.Time }

func (d *dog) Timeout() time.Duration { return 20 * time.Second }
func (d *dog) Feed() error            { d.meals = append(d.meals, time.Now()); return nil }
func (d *dog) Disarm() error          { return nil }

func TestTheDogIsFedWhileSomebodyAnswersForTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var l lease
		d := &dog{}
		began := time.Now()
		l.renew(time.Minute)
		done := make(chan error, 1)
		go func() { done <- l.feed(ctx, d, func(err error) { t.Error(err) }) }()
		time.Sleep(50 * time.Second)
		l.renew(time.Minute)
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		last := began
		for _, at := range d.meals {
			if gap := at.Sub(last); gap > d.Timeout()/2 {
				t.Errorf("it waited %v for a meal, of %v", gap, d.Timeout())
			}
			last = at
		}
		if lasted := last.Sub(began); lasted < 100*time.Second || lasted > 110*time.Second {
			t.Errorf("it was fed for %v, the lease lasted 110 s", lasted)
		}
	})
}

// trialSlots are slots of which the running one may be on trial.
type trialSlots struct{ trying bool }

func (s trialSlots) State() (hal.SlotState, error) {
	return hal.SlotState{Booted: hal.SlotB, Default: hal.SlotA, Trying: s.trying}, nil
}

func (trialSlots) Open(hal.Slot, string, bool) (hal.SlotPart, error) {
	return nil, errors.ErrUnsupported
}
func (trialSlots) Try(string, string) error      { return errors.ErrUnsupported }
func (trialSlots) Commit() error                 { return errors.ErrUnsupported }
func (trialSlots) Restart(context.Context) error { return errors.ErrUnsupported }

// played is a machine whose programs are this test in a role.
func played(t *testing.T, roles map[string]string) *Machine {
	t.Helper()
	m := New(Config{Program: os.Args[0]})
	m.state, m.program.fastest = t.TempDir(), 10*time.Millisecond
	path := filepath.Join(m.state, "door")
	m.run = func(name string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"APPLIANCE_TEST_ROLE=" + roles[name], "APPLIANCE_TEST_DOOR=" + path}
		cmd.Stderr = m.out.from()
		return cmd
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&doorway{m: m, path: path}).Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m
}

// serve runs the machine's program until the test ends.
func serve(t *testing.T, m *Machine) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.program.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not seen: %s", what)
}

func TestACrashLoopEndsInTheSafeMode(t *testing.T) {
	m := played(t, map[string]string{"box": "crash", "safe": "alive"})
	serve(t, m)
	until(t, "the safe mode", func() bool { return m.Boot().Safe })
	fails := m.Boot().Failures
	if len(fails) != crashes || !strings.Contains(fails[0].Tail, "for the test") {
		t.Errorf("got %d failures, want %d with what the program wrote: %+v", len(fails), crashes, fails)
	}
	next := New(Config{})
	next.state = m.state
	next.recall()
	if got := next.Boot().Failures; len(got) != crashes {
		t.Errorf("after a restart %d failures are known, want %d", len(got), crashes)
	}
}

func TestACrashLoopOnTrialGoesBackToTheOtherSlot(t *testing.T) {
	m := played(t, map[string]string{"box": "crash", "safe": "alive"})
	m.slots, m.slot = trialSlots{trying: true}, hal.SlotB
	serve(t, m)
	select {
	case how := <-m.down:
		if how.off || how.arg != "" {
			t.Errorf("went down with %+v", how)
		}
	case <-time.After(time.Minute):
		t.Fatal("it stayed")
	}
	fails := m.Boot().Failures
	if last := fails[len(fails)-1]; last.What != "trial" || last.Slot != "b" {
		t.Errorf("the last failure is %+v", last)
	}
	if m.Boot().Safe {
		t.Error("a slot on trial must not end in its own safe mode")
	}
}

func TestARestartThatIsAskedForIsNoCrash(t *testing.T) {
	m := played(t, map[string]string{"box": "alive"})
	serve(t, m)
	until(t, "readiness", func() bool { return m.Boot().Ready > 0 })
	for range crashes + 1 {
		m.Restart()
		until(t, "the restart was taken", func() bool { return len(m.program.restart) == 0 })
		until(t, "a sign of life", func() bool { return len(m.program.signs) > 0 || m.lease.valid() })
	}
	if fails := m.Boot().Failures; len(fails) > 0 {
		t.Errorf("failures: %+v", fails)
	}
}

func TestModulesAreFoundByTheirAliases(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("modules.dep", "kernel/a/brcm-fmac.ko: kernel/a/brcmutil.ko kernel/b/cfg80211.ko\nkernel/a/brcmutil.ko:\nkernel/b/cfg80211.ko:\nkernel/c/uvc.ko:\n")
	write("modules.alias", "# comment\nalias sdio:c*v02D0dA9A6* brcm_fmac\nalias usb:v*p*ic0Eisc01* uvc\nalias nonsense\n")
	l, err := readModules(dir)
	if err != nil {
		t.Fatal(err)
	}
	sys := fstest.MapFS{
		"devices/platform/mmc/modalias": {Data: []byte("sdio:c00v02D0dA9A6\n")},
		"devices/usb1/modalias":         {Data: []byte("usb:v1234p5678ic0Eisc01ip00\n")},
		"devices/usb2/modalias":         {Data: []byte("usb:v1234p5678ic0Eisc01ip00\n")},
		"devices/other/modalias":        {Data: []byte("pci:v1\n")},
	}
	got := wanted(sys, l)
	if len(got) != 2 || got[0] != "brcm_fmac" || got[1] != "uvc" {
		t.Errorf("got %v", got)
	}
	if file := l.names["brcm_fmac"]; file != "kernel/a/brcm-fmac.ko" || len(l.needs[file]) != 2 {
		t.Errorf("got %q, needs %v", file, l.needs[file])
	}
}

func TestListeningPortsAreReadFromTheKernelsTables(t *testing.T) {
	for line, want := range map[string]int{
		"0: 00000000:0050 00000000:0000 0A 00000000:00000000":                                                 80,
		"0: 0100007F:1F90 00000000:0000 0A 00000000:00000000":                                                 0, // loopback
		"0: 00000000:0050 0A00020F:1234 01 00000000:00000000":                                                 0, // a connection
		"0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000": 443,
		"0: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000": 0,
		"sl  local_address rem_address st":                                                                    0,
		"":                                                                                                    0,
	} {
		if port, ok := open(line, "0A"); port != want || ok != (want > 0) {
			t.Errorf("%q: got %d, %v", line, port, ok)
		}
	}
}

func TestAPhaseThatFailsOrPanicsDoesNotEndTheStart(t *testing.T) {
	m := New(Config{})
	m.start(t.Context(), []phase{
		{"good", func(*Machine, context.Context) (string, error) { return "done", nil }},
		{"bad", func(*Machine, context.Context) (string, error) { return "", errors.New("no disk") }},
		{"worse", func(*Machine, context.Context) (string, error) { panic("a bug") }},
		{"last", func(*Machine, context.Context) (string, error) { return "", nil }},
	})
	got := m.Boot().Phases
	if len(got) != 4 || got[0].Note != "done" || got[1].Err != "no disk" || !strings.Contains(got[2].Err, "a bug") || got[3].Err != "" {
		t.Errorf("got %+v", got)
	}
}

func TestLinesOfProgramsStayWhole(t *testing.T) {
	o := newOutput()
	a, b := o.from(), o.from()
	for _, w := range []struct {
		to   int
		text string
	}{{0, "one "}, {1, "two\nthr"}, {0, "line\n"}, {1, "ee\n"}, {0, strings.Repeat("x", longestLine+1)}} {
		to := a
		if w.to == 1 {
			to = b
		}
		if n, err := to.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Error(n, err)
		}
	}
	var boot door.Boot
	o.report(&boot)
	if len(boot.Log) != 4 || boot.Log[0] != "two" || boot.Log[1] != "one line" || boot.Log[2] != "three" {
		t.Errorf("got %q", boot.Log)
	}
}
