//go:build qemu

package qemutest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAPCImageHoldsTheFirstDay starts the image and has a browser hold the story of the spine
// against it, with the power cut in its middle.
func TestAPCImageHoldsTheFirstDay(t *testing.T) {
	t.Parallel()
	image, _ := publisher(t).image(t, "pc", "0.5.0")
	m := New(t, Config{Disk: fresh(t, image), Raw: true})
	t.Logf("from power to the page: %v, with a data partition made and grown", m.Ready(starts))
	if !strings.Contains(m.Serial.String(), "starting: services") {
		t.Error("the screen does not tell the phases of the start")
	}
	m.Kill()
	m.Start()
	t.Logf("from power to the page, the second time: %v", m.Ready(starts))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /off", func(http.ResponseWriter, *http.Request) { m.Kill() })
	mux.HandleFunc("POST /on", func(w http.ResponseWriter, _ *http.Request) {
		if err := m.start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	plug := httptest.NewServer(mux)
	defer plug.Close()
	cmd := exec.Command("go", "test", "-C", "../..", "-tags=qemu", "-count=1", "-timeout=15m", "-run=Elsewhere", "./ui/e2e")
	cmd.Env = append(os.Environ(), "LIVELEARN_BOX=http://"+m.Addr(80), "LIVELEARN_CLAIM="+m.code(t), "LIVELEARN_PLUG="+plug.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAnARM64ImageStarts starts the same program on an emulated machine with UEFI and a device
// tree. It has a watchdog and a clock (PL031), and a key on a line of GPIO (PL061), read by
// the kernel's own drivers.
func TestAnARM64ImageStarts(t *testing.T) {
	t.Parallel()
	image, _ := publisher(t).image(t, "virt", "0.5.0")
	m := New(t, Config{Arch: "arm64", Disk: fresh(t, image), Raw: true})
	t.Logf("from power to the page: %v", m.Ready(starts))
	a := claim(t, m)
	a.class("7B")
	if s := a.status(); s.Version != "0.5.0" || !a.kept("7B") {
		t.Errorf("%+v", s)
	}
	b := a.boot()
	for _, p := range b.State.Phases {
		if p.Err != "" {
			t.Errorf("phase %s: %s", p.Name, p.Err)
		}
	}
	if dog := b.note("watchdog"); b.State.Clock != "rtc" || dog != "15s" {
		t.Errorf("the clock is from %q, the watchdog waits %q", b.State.Clock, dog)
	}
	// The emulator presses the key for a tenth of a second: the second page.
	at := m.Serial.Len()
	if _, err := m.mon.do("system_powerdown", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := m.Serial.WaitFor(ctx, at, regexp.MustCompile(`LiveLearn Box 0\.5\.0`)); err != nil {
		t.Error(err)
	}
}

// TestThePowerButtonSwitchesOff starts the program anew, and then presses the button of a PC: a real input device of the
// kernel's, read by the box, which has the first process stop everything in order.
func TestThePowerButtonSwitchesOff(t *testing.T) {
	t.Parallel()
	image, _ := publisher(t).image(t, "pc", "0.5.0")
	m := New(t, Config{Disk: fresh(t, image), Raw: true})
	m.Ready(starts)
	a := claim(t, m)
	a.class("7B")
	// The program alone starts anew, and the machine does not.
	id, began := a.boot().State.ID, a.began()
	a.restart("/api/admin/restart", map[string]string{"what": "program"})
	a.until("the program again", func(status) bool { return a.began() != began })
	if a.boot().State.ID != id || !a.kept("7B") {
		t.Error("more than the program was started anew")
	}
	events := m.Events()
	if _, err := m.mon.do("system_powerdown", nil); err != nil {
		t.Fatal(err)
	}
	m.off(events)
	m.Start()
	m.Ready(starts)
	if !a.kept("7B") {
		t.Error("the data is gone")
	}
	b := a.boot()
	if note := b.note("data"); note == "" || strings.Contains(note, "the power went") {
		t.Errorf("the disk was not left in order: %q", note)
	}
	if b.State.Clock != "rtc" || len(b.State.Before) == 0 {
		t.Errorf("the clock is from %q; %d lines of the log before", b.State.Clock, len(b.State.Before))
	}
}

// off waits until the machine has switched itself off.
func (m *Machine) off(from int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	m.WaitEvent(ctx, from, "SHUTDOWN")
	select {
	case <-m.ended:
	case <-ctx.Done():
		m.t.Fatal("the emulator goes on after the machine was switched off")
	}
}

// TestACrashLoopEndsInTheSafeMode damages nothing and breaks the settings: the box ends at
// each start, and the safe mode says why.
func TestACrashLoopEndsInTheSafeMode(t *testing.T) {
	t.Parallel()
	image, _ := publisher(t).image(t, "pc", "0.5.0")
	disk := fresh(t, image)
	settings := filepath.Join(t.TempDir(), "livelearn.toml")
	write(t, settings, "[room]\nno_such_key = 1\n")
	run(t, "mcopy", "-o", "-i", disk+"@@1M", settings, "::livelearn.toml")
	m := New(t, Config{Disk: disk, Raw: true})
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	if _, err := m.Serial.WaitFor(ctx, 0, regexp.MustCompile(`safe mode[\s\S]*Code +[A-Z2-9]{8}`)); err != nil {
		t.Fatal(err)
	}
	page := ""
	a := &admin{t: t, m: m}
	for end := time.Now().Add(patience); time.Now().Before(end) && page == ""; time.Sleep(time.Second) {
		if code, text := a.call(answers, "GET", "/", nil, nil); code > 0 {
			page = text
		}
	}
	for _, part := range []string{"safe mode", "no_such_key", "livelearn.toml"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
}
