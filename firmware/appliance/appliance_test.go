package appliance

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/timetest"
)

// TestMain also plays the programs that the tests run. The role variable selects one.
func TestMain(m *testing.M) {
	switch os.Getenv("APPLIANCE_TEST_ROLE") {
	case "crash":
		_, _ = os.Stderr.WriteString("panic: for the test\n")
		os.Exit(3)
	case "quiet":
		time.Sleep(time.Hour) // a program that does nothing until it is ended
	case "alive":
		c := initctl.Dial("box", os.Getenv("APPLIANCE_TEST_SOCKET"))
		for {
			if c.ReportAlive(context.Background(), initctl.Alive{Ready: true}) != nil {
				os.Exit(0)
			}
			time.Sleep(50 * time.Millisecond) // the pace of a program that reports
		}
	}
	goleak.VerifyTestMain(m)
}

// fakeWatchdog records when it was fed.
type fakeWatchdog struct{ feeds []time.Time }

func (d *fakeWatchdog) Timeout() time.Duration { return 20 * time.Second }
func (d *fakeWatchdog) Feed() error            { d.feeds = append(d.feeds, time.Now()); return nil }
func (d *fakeWatchdog) Disarm() error          { return nil }

func TestAFolderIsMountedIfItIsOnADiskOfItsOwn(t *testing.T) {
	if err := checkMounted("/proc"); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "missing"), dir} {
		if err := checkMounted(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWatchdogIsFedWhileTheLeaseIsValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var l lease
		d := &fakeWatchdog{}
		began := time.Now()
		l.renew(time.Minute)
		done := make(chan error, 1)
		go func() { done <- l.feedWatchdog(ctx, d, func(err error) { t.Error(err) }) }()
		time.Sleep(50 * time.Second)
		l.renew(time.Minute)
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		last := began
		for _, at := range d.feeds {
			if gap := at.Sub(last); gap > d.Timeout()/2 {
				t.Errorf("it was not fed for %v, its timeout is %v", gap, d.Timeout())
			}
			last = at
		}
		if lasted := last.Sub(began); lasted < 100*time.Second || lasted > 110*time.Second {
			t.Errorf("it was fed for %v, the lease lasted 110 s", lasted)
		}
	})
}

// longestGap runs p as the only phase of a machine. It returns the longest time for which the
// watchdog was not fed, and the time of the last feed since the start.
func longestGap(t *testing.T, p phase) (gap, last time.Duration) {
	t.Helper()
	m, d := New(Config{}), &fakeWatchdog{}
	began := time.Now()
	m.runPhases(t.Context(), []phase{{"watchdog", func(m *Machine, _ context.Context) (string, error) { m.watchdog = d; return "", nil }}, p})
	at := began
	for _, fed := range d.feeds {
		gap, at = max(gap, fed.Sub(at)), fed
	}
	return max(gap, time.Since(at)), at.Sub(began)
}

// On a first start, formatting a large and slow disk takes minutes.
func TestWatchdogIsFedInAPhaseThatTakesMinutes(t *testing.T) {
	for name, run := range map[string]func(*Machine, context.Context) (string, error){
		"without progress": func(*Machine, context.Context) (string, error) { time.Sleep(bootLease - time.Second); return "", nil },
		"with progress": func(m *Machine, _ context.Context) (string, error) {
			for range 20 {
				time.Sleep(bootLease - time.Second)
				m.showPhase("formatting")
			}
			return "", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if gap, _ := longestGap(t, phase{"data", run}); gap > 10*time.Second {
					t.Errorf("the watchdog waited %v, and ends a machine after 20 s", gap)
				}
			})
		})
	}
}

func TestWatchdogIsNotFedInAPhaseThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gap, last := longestGap(t, phase{"data", func(m *Machine, _ context.Context) (string, error) {
			m.showPhase("formatting")
			time.Sleep(time.Hour) // the disk does not answer
			return "", nil
		}})
		if gap < 50*time.Minute || last > bootLease {
			t.Errorf("the watchdog was fed for %v in a phase that hangs for an hour", last)
		}
	})
}

// trialSlots is a pair of slots. The running one is on trial if trying is set.
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

// newRoleMachine returns a machine whose programs are this test binary in a role.
func newRoleMachine(t *testing.T, roles map[string]string) *Machine {
	t.Helper()
	m := New(Config{Program: os.Args[0]})
	m.stateDir, m.program.minDelay = t.TempDir(), 10*time.Millisecond
	path := filepath.Join(m.stateDir, "init.sock")
	m.newProgram = func(name string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"APPLIANCE_TEST_ROLE=" + roles[name], "APPLIANCE_TEST_SOCKET=" + path}
		cmd.Stderr = m.output.newLineWriter()
		return cmd
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&initServer{m: m, path: path}).Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m
}

// serveProgram runs the supervised program until the test ends.
func serveProgram(t *testing.T, m *Machine) {
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

func TestACrashLoopEndsInTheSafeMode(t *testing.T) {
	m := newRoleMachine(t, map[string]string{"box": "crash", "safe": "alive"})
	serveProgram(t, m)
	timetest.WaitUntil(t, "the safe mode", func() bool { return m.BootReport().Safe })
	fails := m.BootReport().Failures
	if len(fails) != maxCrashes || !strings.Contains(fails[0].Tail, "for the test") {
		t.Errorf("got %d failures, want %d with what the program wrote: %+v", len(fails), maxCrashes, fails)
	}
	next := New(Config{})
	next.stateDir = m.stateDir
	next.loadFailures()
	if got := next.BootReport().Failures; len(got) != maxCrashes {
		t.Errorf("after a restart %d failures are known, want %d", len(got), maxCrashes)
	}
}

// A box on damaged data would begin with nothing, so only the safe mode runs. It says why, and a person
// may order a repair, which the next start does once.
func TestDamagedDataEndsInTheSafeMode(t *testing.T) {
	m := newRoleMachine(t, map[string]string{"box": "crash", "safe": "alive"})
	m.setDamaged(errors.New("inode 12 is gone"))
	serveProgram(t, m)
	timetest.WaitUntil(t, "the safe mode", func() bool { return m.BootReport().Safe })
	m.RestartProgram()
	timetest.WaitUntil(t, "the restart was taken", func() bool { return len(m.program.restart) == 0 })
	timetest.WaitUntil(t, "the safe mode again", func() bool { return m.BootReport().Safe })
	if b := m.BootReport(); b.Damaged != "inode 12 is gone" || len(b.Failures) > 0 {
		t.Errorf("damaged %q; a box ran: %+v", b.Damaged, b.Failures)
	}
	boot := slots.Folder{Dir: t.TempDir(), MakeWritable: func() (func() error, error) { return func() error { return nil }, nil }}
	if err := orderRepair(boot); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if got, err := takeRepairOrder(boot); got != want || err != nil {
			t.Errorf("a repair is ordered: %v, want %v; %v", got, want, err)
		}
	}
}

func TestRepairsAreKeptAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	for i := range maxRepairs + 2 {
		m := New(Config{})
		m.stateDir, m.repaired = dir, "repair "+strconv.Itoa(i)
		m.loadRepairs()
		m.recordRepair(time.Unix(int64(i), 0))
		m.recordRepair(time.Unix(int64(i), 0)) // nothing is left to record
	}
	m := New(Config{})
	m.stateDir = dir
	m.loadRepairs()
	list := m.BootReport().Repairs
	if len(list) != maxRepairs || list[0].What != "repair 2" || list[maxRepairs-1].At.Unix() != maxRepairs+1 {
		t.Errorf("%+v", list)
	}
}

func TestACrashLoopOnTrialGoesBackToTheOtherSlot(t *testing.T) {
	m := newRoleMachine(t, map[string]string{"box": "crash", "safe": "alive"})
	m.slots, m.slot = trialSlots{trying: true}, hal.SlotB
	serveProgram(t, m)
	select {
	case how := <-m.shutdown:
		if how.powerOff || how.rebootArg != "" {
			t.Errorf("went down with %+v", how)
		}
	case <-time.After(timetest.Patience):
		t.Fatal("it stayed")
	}
	fails := m.BootReport().Failures
	if last := fails[len(fails)-1]; last.What != "trial" || last.Slot != "b" {
		t.Errorf("the last failure is %+v", last)
	}
	if m.BootReport().Safe {
		t.Error("a slot on trial must not end in its own safe mode")
	}
}

func TestARestartThatIsAskedForIsNoCrash(t *testing.T) {
	m := newRoleMachine(t, map[string]string{"box": "alive"})
	serveProgram(t, m)
	timetest.WaitUntil(t, "readiness", func() bool { return m.BootReport().Ready > 0 })
	for range maxCrashes + 1 {
		m.RestartProgram()
		timetest.WaitUntil(t, "the restart was taken", func() bool { return len(m.program.restart) == 0 })
		timetest.WaitUntil(t, "a sign of life", func() bool { return len(m.program.heartbeats) > 0 || m.lease.isValid() })
	}
	if fails := m.BootReport().Failures; len(fails) > 0 {
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
	got := wantedModules(sys, l)
	if len(got) != 2 || got[0] != "brcm_fmac" || got[1] != "uvc" {
		t.Errorf("got %v", got)
	}
	if file := l.names["brcm_fmac"]; file != "kernel/a/brcm-fmac.ko" || len(l.deps[file]) != 2 {
		t.Errorf("got %q, needs %v", file, l.deps[file])
	}
}

// The driver of a Pi's radio asks /sbin/modprobe for the part of its maker. There is none.
func TestThePartsOfARadioAreLoadedWithIt(t *testing.T) {
	l := &modules{deps: map[string][]string{}, names: map[string]string{}, loaded: map[string]bool{}}
	for file, needs := range map[string][]string{
		"brcmfmac.ko": {"brcmutil.ko", "cfg80211.ko"}, "brcmutil.ko": nil, "cfg80211.ko": nil,
		"wcc/brcmfmac-wcc.ko": {"brcmfmac.ko", "brcmutil.ko", "cfg80211.ko"}, "cyw/brcmfmac-cyw.ko": {"brcmfmac.ko", "brcmutil.ko", "cfg80211.ko"},
	} {
		l.deps[file], l.names[moduleName(file)] = needs, file
	}
	want := []string{"cfg80211.ko", "brcmutil.ko", "brcmfmac.ko", "wcc/brcmfmac-wcc.ko", "cyw/brcmfmac-cyw.ko"}
	if got := l.loadOrder("brcmfmac"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if again := l.loadOrder("brcmfmac"); len(again) > 0 {
		t.Errorf("loaded twice: %v", again)
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
		if port, ok := parsePortLine(line, "0A"); port != want || ok != (want > 0) {
			t.Errorf("%q: got %d, %v", line, port, ok)
		}
	}
}

func TestAPhaseThatFailsOrPanicsDoesNotEndTheStart(t *testing.T) {
	m := New(Config{})
	m.runPhases(t.Context(), []phase{
		{"good", func(*Machine, context.Context) (string, error) { return "done", nil }},
		{"bad", func(*Machine, context.Context) (string, error) { return "", errors.New("no disk") }},
		{"worse", func(*Machine, context.Context) (string, error) { panic("a bug") }},
		{"last", func(*Machine, context.Context) (string, error) { return "", nil }},
	})
	got := m.BootReport().Phases
	if len(got) != 4 || got[0].Note != "done" || got[1].Err != "no disk" || !strings.Contains(got[2].Err, "a bug") || got[3].Err != "" {
		t.Errorf("got %+v", got)
	}
}

func TestLinesOfProgramsStayWhole(t *testing.T) {
	o := newOutput()
	a, b := o.newLineWriter(), o.newLineWriter()
	for _, w := range []struct {
		to   int
		text string
	}{{0, "one "}, {1, "two\nthr"}, {0, "line\n"}, {1, "ee\n"}, {0, strings.Repeat("x", maxPartialLine+1)}} {
		to := a
		if w.to == 1 {
			to = b
		}
		if n, err := to.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Error(n, err)
		}
	}
	var boot initctl.Boot
	o.fillReport(&boot)
	if len(boot.Log) != 4 || boot.Log[0] != "two" || boot.Log[1] != "one line" || boot.Log[2] != "three" {
		t.Errorf("got %q", boot.Log)
	}
}
