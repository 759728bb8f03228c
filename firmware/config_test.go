package firmware

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "livelearn.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsWinOverSavedSettingsOverFileOverDefaults(t *testing.T) {
	got, err := LoadConfig(Sources{
		File:  writeConfig(t, "[room]\nmailbox = 1\nrecent = 2\nsnapshot = 3\nhang = \"7s\"\n"),
		Saved: map[string]string{"room.recent": "20", "room.snapshot": "30"},
		Flags: map[string]string{"room.snapshot": "300", "discover.off": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := got.Room; r.Mailbox != 1 || r.Recent != 20 || r.Snapshot != 300 || r.Hang != 7*time.Second || !got.Discover.Off {
		t.Errorf("got %+v, %+v", r, got.Discover)
	}
	want := map[string]string{
		"room.mailbox": "livelearn.toml:2", "room.recent": "saved settings", "room.snapshot": "flag",
		"room.hang": "livelearn.toml:5", "discover.off": "flag",
	}
	if d := cmp.Diff(got.Origins, want); d != "" {
		t.Error(d)
	}
}

func TestEveryFaultOfAFileIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"[room]\n\nmailboks = 1":                 "livelearn.toml:3: room.mailboks: no such setting; is it room.mailbox?",
		"\n[rom]\nmailbox = 1":                   "livelearn.toml:3: rom.mailbox: no such setting; is it room.mailbox?",
		"[room]\nhang = 10":                      `livelearn.toml:2: room.hang: must be a time with its unit in quotes: "10s", "5m"`,
		"[room]\nhang = \"10\"":                  `livelearn.toml:2: room.hang: must be a time with its unit in quotes`,
		"[room]\nmailbox = \"1\"":                "livelearn.toml:2: room.mailbox: must be a whole number",
		"[room]\nmailbox = 1.5":                  "livelearn.toml:2: room.mailbox: must be a whole number",
		"[discover]\noff = 1":                    "livelearn.toml:2: discover.off: must be true or false",
		"[log]\nlevel = 3":                       `livelearn.toml:2: log.level: must be a text in "quotes"`,
		"[log]\n\nlevel = \"loud\"":              `livelearn.toml:3: log.level: must be "debug"`,
		"[session]\nsoft = 100\nhard = 10":       "livelearn.toml:3: session.hard: must be at least",
		"[room]\nmailbox = 1\nmailbox = 2":       "livelearn.toml:3: ",
		"[room\nx = 1":                           "livelearn.toml:2: ",
		"[room]\nmailbox = 99999999999999999999": "livelearn.toml:2: ",
		"\"room.mailbox\" = 1":                   `livelearn.toml:1: "room.mailbox": no such setting`,
		"room = 1":                               "livelearn.toml:1: room: no such setting",
		"[[room]]\nmailbox = 1":                  "livelearn.toml:1: room: no such setting",
		"[room.mailbox]\nx = 1":                  "livelearn.toml:1: room.mailbox: must be a whole number",
		"[nothing]":                              "livelearn.toml:1: nothing: no such setting",
		"[journal]\npath = \"/etc/passwd\"":      "livelearn.toml:2: journal.path: no such setting",
	} {
		_, err := LoadConfig(Sources{File: writeConfig(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := LoadConfig(Sources{File: writeConfig(t, "[room]\nx = 1\n[log]\ny = 2\n"), Flags: map[string]string{"z": "1", "log.level": "loud"}})
	for _, want := range []string{"livelearn.toml:2: room.x", "livelearn.toml:4: log.y", "flag: z"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestMissingFileIsAnErrorOnlyWhenItWasAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.toml")
	if _, err := LoadConfig(Sources{File: path}); err != nil {
		t.Errorf("got %v, want the defaults", err)
	}
	if _, err := LoadConfig(Sources{File: path, FileRequired: true}); err == nil {
		t.Error("got no error for a file that was asked for")
	}
}

func TestPrintedConfigurationIsAFileThatGivesTheSame(t *testing.T) {
	first, err := LoadConfig(Sources{Flags: map[string]string{
		"room.hang": "90s", "session.rate": "2.5", "log.level": "debug", "discover.off": "true",
	}})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := first.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`hang = "1m30s"`, "rate = 2.5", "# flag", "# default"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing:\n%s", want, text.String())
		}
	}
	second, err := LoadConfig(Sources{File: writeConfig(t, text.String())})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(second.values(), first.values()); d != "" {
		t.Error(d)
	}
}

// values are all settings as texts, defaults filled in.
func (e Effective) values() map[string]string {
	fillDefaults(&e.Config)
	m := map[string]string{}
	for _, s := range listSettings(&e.Config) {
		if !s.isSecret() { // they are not printed
			m[s.path] = s.formatValue()
		}
	}
	return m
}

func TestNamesOfSettings(t *testing.T) {
	for name, want := range map[string]string{
		"Mailbox": "mailbox", "MaxRestarts": "max_restarts", "HTTP": "http", "HTTPSPort": "https_port", "InitialMmap": "initial_mmap",
	} {
		if got := toSnakeCase(name); got != want {
			t.Errorf("snake(%q): got %q, want %q", name, got, want)
		}
	}
}

// FuzzConfig: whatever the file holds, there is a configuration or an error that names
// the file. A printed configuration gives the same configuration.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"", "[room]\nmailbox = 1\nhang = \"3s\"", "[log]\nlevel = \"\\u0000\"", "[session]\nrate = 1e3",
		"[session]\nrate = inf", "a.b.c = 1", "[[room]]", "room = {mailbox = 1}", "\"\" = 1", "[\"a,b\"]\nc = [[1], [2]]",
		"[log]\nformat = '''\n\"\\'''", "[log]\nlevel = \"\"", "- = 1", "[-]\n- = 1", "F = 1", "[room]\nMAILBOX = 1\nmailbox = 2",
		"[room]\nhang = \"-1ns\"", "\xff", "[room]\r\nmailbox = 0x10\r\n", "t = 1979-05-27T07:32:00Z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		first := Effective{Origins: map[string]string{}}
		if err := parseTOML("livelearn.toml", doc, listSettings(&first.Config), first.Origins); err != nil {
			if !strings.Contains(err.Error(), "livelearn.toml") {
				t.Errorf("the file is not named: %v", err)
			}
			return
		}
		var text bytes.Buffer
		if err := first.Print(&text); err != nil {
			t.Fatal(err)
		}
		second := Effective{Origins: map[string]string{}}
		if err := parseTOML("again", text.String(), listSettings(&second.Config), second.Origins); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		if d := cmp.Diff(second.values(), first.values()); d != "" {
			t.Error(d)
		}
	})
}
