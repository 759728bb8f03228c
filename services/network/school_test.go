package network

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/wifi"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supplicant"
)

// A class keeps the access point that stands in for the school's Wi-Fi: the box tries again only
// after a time without a device.
func TestTheBoxTriesAgainWhenNobodyIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var here atomic.Bool
		here.Store(true)
		start := time.Now()
		done := make(chan time.Duration, 1)
		go func() {
			waitForLull(t.Context(), joinRetry, here.Load)
			done <- time.Since(start)
		}()
		time.Sleep(3 * time.Hour) // a lesson
		here.Store(false)
		time.Sleep(joinRetry / 2) // the break
		here.Store(true)
		time.Sleep(time.Hour)
		here.Store(false)
		left := time.Since(start)
		if waited := <-done - left; waited < joinRetry-2*joinInterval || waited > joinRetry+2*joinInterval {
			t.Errorf("it tries again %v after the last device left, want %v", waited, joinRetry)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		if waitForLull(ctx, joinRetry, func() bool { return true }); ctx.Err() == nil {
			t.Error("it gave up on a device that is there")
		}
	})
}

func TestTheSettingsOfTheSchoolsWifi(t *testing.T) {
	var log bytes.Buffer
	n := New(Config{SSID: "Room 12", Key: "own passphrase"}, Deps{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	school := supplicant.Network{SSID: "School", Password: "canary for all"}
	for _, c := range []struct {
		cfg         Config
		field, code string
	}{
		{Config{Mode: ModeWifi}, "school.ssid", "bad_ssid"},
		{Config{Mode: ModeWifi, School: school}, "country", "no_country"},
		{Config{Mode: ModeWifi, School: supplicant.Network{SSID: "School", Password: "canary"}}, "school.password", "bad_passphrase"},
		{Config{Mode: ModeWifi, School: supplicant.Network{SSID: "School", Password: supplicant.Mask[:1]}}, "school.password", "bad_passphrase"},
		{Config{Mode: ModeGuest, School: supplicant.Network{SSID: "School", Security: "x"}}, "school.security", "unknown"},
	} {
		if b := errs.BodyOf(n.SetConfig(c.cfg)); b.Field != c.field || b.Code != c.code || strings.Contains(b.Message, "canary") {
			t.Errorf("%+v: got %+v, want %s of %s", c.cfg, b, c.code, c.field)
		}
	}
	if err := n.SetConfig(Config{Mode: ModeWifi, Country: "FR", School: school}); err != nil {
		t.Fatal(err)
	}
	shown := n.State()
	if left := shown.Undo; left < joinUndoTimeout.Seconds()-30 {
		t.Errorf("%v s remain to find the box in the other Wi-Fi", left)
	}
	text, err := json.Marshal(shown)
	if err != nil || strings.Contains(string(text), "canary") || strings.Contains(string(text), "own passphrase") {
		t.Errorf("the state shows a password: %v %s", err, text)
	}
	// The page sends back what it was shown.
	if err := n.SetConfig(shown.Config); err != nil {
		t.Fatal(err)
	}
	if err := n.KeepConfig(); err != nil {
		t.Fatal(err)
	}
	cfg, ok := LoadSettings(n.deps.Dir)
	school.Security = supplicant.SecurityPSK
	if diff := cmp.Diff(cfg.School, school); !ok || diff != "" || cfg.Key != "own passphrase" || cfg.SSID != "Room 12" {
		t.Errorf("saved: %v %s, the own Wi-Fi %q with %q", ok, diff, cfg.SSID, cfg.Key)
	}
	if info, err := os.Stat(filepath.Join(n.deps.Dir, settingsFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the settings: %v", err)
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log has the password: %s", log.String())
	}
}

// An admin who cannot read the school's password must not have it sent to an access point of their own.
func TestAMaskedPasswordStaysWithItsWifi(t *testing.T) {
	school := supplicant.Network{SSID: "School", Security: supplicant.SecurityPEAP, Identity: "box", Password: "canary for all"}
	n := New(Config{Mode: ModeWifi, Country: "FR", School: school}, Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	for name, change := range map[string]func(*supplicant.Network){
		"ssid":     func(s *supplicant.Network) { s.SSID = "Mine" },
		"security": func(s *supplicant.Network) { s.Security, s.Identity = supplicant.SecurityPSK, "" },
		"identity": func(s *supplicant.Network) { s.Identity = "me" },
		"ca":       func(s *supplicant.Network) { s.CA = "-----BEGIN CERTIFICATE-----" },
		"server":   func(s *supplicant.Network) { s.Server = "radius.example" },
	} {
		cfg := n.State().Config
		change(&cfg.School)
		b := errs.BodyOf(n.SetConfig(cfg))
		if b.Field != "school.password" || b.Code != "password_again" || strings.Contains(b.Message, "canary") || n.cfg.School != school {
			t.Errorf("%s: got %+v", name, b)
		}
	}
	cfg := n.State().Config
	cfg.Country = "DE"
	if err := n.SetConfig(cfg); err != nil || n.cfg.School != school {
		t.Errorf("the same Wi-Fi: %v", err)
	}
}

// The sign-in on a cable keeps its password as the Wi-Fi does.
func TestAMaskedPasswordStaysWithItsSignIn(t *testing.T) {
	wired := supplicant.SignIn{Security: supplicant.SecurityPEAP, Identity: "box", Password: "canary for all"}
	n := New(Config{Wired: wired}, Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if text, err := json.Marshal(n.State()); err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("the state shows the password: %v %s", err, text)
	}
	for name, change := range map[string]func(*supplicant.SignIn){
		"identity": func(s *supplicant.SignIn) { s.Identity = "me" },
		"server":   func(s *supplicant.SignIn) { s.Server = "radius.example" },
		"ca":       func(s *supplicant.SignIn) { s.CA = "x" },
	} {
		cfg := n.State().Config
		change(&cfg.Wired)
		if b := errs.BodyOf(n.SetConfig(cfg)); b.Field != "wired.password" || b.Code != "password_again" || n.cfg.Wired != wired {
			t.Errorf("%s: got %+v", name, b)
		}
	}
	if err := n.SetConfig(n.State().Config); err != nil || n.cfg.Wired != wired {
		t.Errorf("the same sign-in: %v", err)
	}
	if b := errs.BodyOf(n.SetConfig(Config{Wired: supplicant.SignIn{Identity: "box"}})); b.Field != "wired.password" || b.Code != "bad_password" {
		t.Errorf("got %+v", b)
	}
}

// A box that can neither join nor open an access point does not say that one is open.
func TestAnAccessPointThatCannotOpenIsNotShown(t *testing.T) {
	n := New(Config{}, Deps{Log: slog.New(slog.DiscardHandler)})
	if err := n.standIn(t.Context(), Config{Mode: ModeWifi, SSID: "Room 12", Key: "own passphrase"}); errs.BodyOf(err).Code != "no_hostapd" || n.State().School != "" {
		t.Errorf("got %v, shown %q", err, n.State().School)
	}
}

// wpa_supplicant that ends is started again, and its end is shown. Its configuration is gone with the mode.
func TestWPASupplicantIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	program, count := filepath.Join(dir, "wpa_supplicant"), filepath.Join(dir, "count")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho x >>"+count+"\necho 'Line 3: failed to parse psk canary'\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // the clock stands while a program runs
		var log bytes.Buffer
		n := New(Config{}, Deps{Run: dir, Supplicant: program, Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, end := context.WithTimeout(t.Context(), joinBackoff*3/2)
		defer end()
		if err := n.runSupplicant(ctx, "wlan0", "conf", &supplicant.Watch{}); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(count); err != nil || len(text) != 4 {
			t.Errorf("the programs that started wrote %q %v", text, err)
		}
		if s := n.State(); s.Code != "supplicant" || strings.Contains(s.Text+log.String(), "canary") {
			t.Errorf("shown: %q %q", s.Code, s.Text)
		}
	})
}

func TestTheListOfWifis(t *testing.T) {
	point := func(ssid string, signal int32, keys ...wifi.RSNAKM) *wifi.BSS {
		return &wifi.BSS{SSID: ssid, Signal: signal, RSN: wifi.RSNInfo{AKMs: keys}}
	}
	got := listFound([]*wifi.BSS{
		point("Far", -9000, wifi.RSNAkmPSK), point("School", -7000, wifi.RSNAkmSAE), point("School", -4000, wifi.RSNAkmPSK, wifi.RSNAkmSAE),
		point("", -1000, wifi.RSNAkmPSK), point("Staff", -5000, wifi.RSNAkm8021X), point("Guests", -6000),
	})
	want := []FoundWifi{{"School", -40, "psk"}, {"Staff", -50, "enterprise"}, {"Guests", -60, ""}, {"Far", -90, "psk"}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	var many []*wifi.BSS
	for i := range 200 {
		many = append(many, point(string(rune('a'+i)), -5000))
	}
	if n := len(listFound(many)); n != maxFound {
		t.Errorf("%d are listed, at most %d", n, maxFound)
	}
}
