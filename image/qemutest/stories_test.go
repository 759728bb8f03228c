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
)

// TestAPCImageHoldsTheFirstDay cuts the power of a new box without a display and reads its claim code
// from the card. Then it runs the story of the first day in a browser, with a power cut in its middle.
func TestAPCImageHoldsTheFirstDay(t *testing.T) {
	t.Parallel()
	takeTurn(t, 0)
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	m := New(t, Config{Disk: disk, Raw: true})
	t.Logf("from power to the page: %v, with a data partition made and grown", m.WaitReady(starts))
	if !strings.Contains(m.Serial.String(), "starting: services") {
		t.Error("the screen does not tell the phases of the start")
	}
	code := readCardWithoutPower(t, m, disk)
	m.Start()
	t.Logf("from power to the page, the second time: %v", m.WaitReady(starts))
	runFirstDay(t, m, code)
	text := readClaimFile(disk, regexp.MustCompile(`is claimed`))
	if text == "" || strings.Contains(text, code) {
		t.Errorf("after the claim the card says %q", text)
	}
	m.Kill()
	if text = readClaimFile(disk, regexp.MustCompile(`is claimed`)); text == "" {
		t.Error("a power cut brings the code back")
	}
}

// runFirstDay claims the box with the code in a browser, and gives a lesson.
func runFirstDay(t *testing.T, m *Machine, code string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /off", func(http.ResponseWriter, *http.Request) { m.Kill() })
	mux.HandleFunc("POST /on", func(w http.ResponseWriter, _ *http.Request) {
		if err := m.startEmulator(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	plug := httptest.NewServer(mux)
	defer plug.Close()
	cmd := exec.Command("go", "test", "-C", "../..", "-tags=qemu", "-vet=off", "-count=1", "-timeout=45m", "-run=Elsewhere", "./ui/e2e")
	cmd.Env = append(os.Environ(), "LIVELEARN_BOX=https://"+m.Addr(443), "LIVELEARN_CLAIM="+code, "LIVELEARN_PLUG="+plug.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAnARM64ImageStarts starts the same program on an emulated machine with UEFI and a device
// tree. The machine has a watchdog, a clock (PL031) and a key on a GPIO line (PL061) with the
// drivers of the kernel.
func TestAnARM64ImageStarts(t *testing.T) {
	t.Parallel()
	image, _ := newPublisher(t).image(t, "virt", "0.5.0")
	m := New(t, Config{Arch: "arm64", Disk: freshDisk(t, image), Raw: true})
	t.Logf("from power to the page: %v", m.WaitReady(starts))
	a := claimBox(t, m)
	a.addClass("7B")
	if s := a.readStatus(); s.Version != "0.5.0" || !a.hasClass("7B") {
		t.Errorf("%+v", s)
	}
	b := a.readBoot()
	for _, p := range b.State.Phases {
		if p.Err != "" {
			t.Errorf("phase %s: %s", p.Name, p.Err)
		}
	}
	if dog := b.phaseNote("watchdog"); b.State.Clock != "rtc" || dog != "15s" {
		t.Errorf("the clock is from %q, the watchdog waits %q", b.State.Clock, dog)
	}
	// The emulator presses the key for a tenth of a second, which shows the second page.
	at := m.Serial.Len()
	if _, err := m.mon.runCommand("system_powerdown", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := m.Serial.WaitFor(ctx, at, regexp.MustCompile(`LiveLearn Box 0\.5\.0`)); err != nil {
		t.Error(err)
	}
}

// setSettings writes the settings file of a disk, as any computer does.
func setSettings(t *testing.T, disk, text string) {
	t.Helper()
	settings := filepath.Join(t.TempDir(), "livelearn.toml")
	writeFile(t, settings, text)
	runProgram(t, "mcopy", "-o", "-i", disk+"@@1M", settings, "::livelearn.toml")
}

// TestACrashLoopEndsInTheSafeMode damages no data and breaks the settings. The box ends at each
// start, and the safe mode shows the reason.
func TestACrashLoopEndsInTheSafeMode(t *testing.T) {
	t.Parallel()
	takeTurn(t, 3)
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	setSettings(t, disk, "[room]\nno_such_key = 1\n")
	m := New(t, Config{Disk: disk, Raw: true})
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	if _, err := m.Serial.WaitFor(ctx, 0, regexp.MustCompile(`safe mode[\s\S]*Code +[A-Z2-9]{8}`)); err != nil {
		t.Fatal(err)
	}
	page := m.waitSafePage()
	for _, part := range []string{"safe mode", "no_such_key", "livelearn.toml"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
}
