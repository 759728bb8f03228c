package firmware

import (
	"bufio"
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

// saved is a backup of a fresh box.
func saved(t testing.TB) []byte {
	t.Helper()
	c := Config{Data: t.TempDir(), Version: "test"}
	c.Journal.NoBallast = true
	if err := os.WriteFile(filepath.Join(c.Data, configFile), []byte("[room]\nmailbox = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := open(c, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := b.Backup(&out); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestRestorePutsAsideWhatWasThere(t *testing.T) {
	data, dir := saved(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, journalFile), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, aside, err := Restore(dir, bytes.NewReader(data), false)
	if err != nil {
		t.Fatal(err)
	}
	if old, err := os.ReadFile(filepath.Join(aside, journalFile)); err != nil || string(old) != "old" {
		t.Errorf("got %q, %v", old, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, configFile)); err != nil || !strings.Contains(string(text), "mailbox = 7") {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, staging)); err == nil {
		t.Error("the stage is left")
	}
}

func TestRefusedBackupChangesNothing(t *testing.T) {
	good := saved(t)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	manifest := bytes.Clone(good)
	manifest[len(backupHead)+5] ^= 1
	for name, data := range map[string][]byte{
		"empty":             nil,
		"something else":    []byte("PK\x03\x04 a zip file"),
		"cut in the middle": good[:len(good)/2],
		"cut at the end":    good[:len(good)-1],
		"a flipped bit":     flipped,
		"the manifest":      manifest,
		"something after":   append(bytes.Clone(good), 0),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, journalFile), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := Restore(dir, bytes.NewReader(data), false)
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
		if got := names(t, dir); got != journalFile+" "+lockFile {
			t.Errorf("%s: the folder holds %s", name, got)
		}
	}
}

// TestRestoreIsFinishedAfterACutAtAnyStep stops a restore after each of its renames, as a
// power cut does, and starts a box on what is left.
func TestRestoreIsFinishedAfterACutAtAnyStep(t *testing.T) {
	stageAll := func(dir string) {
		for path, text := range map[string]string{
			journalFile: "old", rosterFile: "old", staging + "/" + journalFile: "new", staging + "/" + rosterFile: "new",
			staging + "/" + stagedMark: "replaced-x",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	steps := [][2]string{
		{journalFile, "replaced-x/" + journalFile},
		{staging + "/" + journalFile, journalFile},
		{rosterFile, "replaced-x/" + rosterFile},
		{staging + "/" + rosterFile, rosterFile},
	}
	for cut := range len(steps) + 1 {
		dir := t.TempDir()
		stageAll(dir)
		if err := os.Mkdir(filepath.Join(dir, "replaced-x"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, s := range steps[:cut] {
			if err := os.Rename(filepath.Join(dir, s[0]), filepath.Join(dir, s[1])); err != nil {
				t.Fatal(err)
			}
		}
		f, err := OpenFolder(dir)
		if err != nil {
			t.Fatalf("after %d steps: %v", cut, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			journalFile: "new", rosterFile: "new", "replaced-x/" + journalFile: "old", "replaced-x/" + rosterFile: "old",
		} {
			if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
				t.Errorf("after %d steps: %s is %q, %v, want %q", cut, path, got, err, want)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, staging)); err == nil {
			t.Errorf("after %d steps: the stage is left", cut)
		}
	}
}

func TestHalfStagedRestoreIsForgotten(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, staging), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, staging, journalFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got := names(t, dir); got != lockFile {
		t.Errorf("the folder holds %s", got)
	}
}

func TestDoctorSaysHowToMendEachFault(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, journalFile), bytes.Repeat([]byte("x"), 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	found := Doctor(t.Context(), dir, l.Addr().String())
	for _, want := range []string{"journal.db is damaged", l.Addr().String() + " is in use by another program", "there was no backup yet"} {
		ok := false
		for _, f := range found {
			ok = ok || strings.Contains(f.What, want) && f.Mend != "" && f.Level > health.OK
		}
		if !ok {
			t.Errorf("%q is not found: %+v", want, found)
		}
	}
	for _, f := range found {
		if (f.Level == health.OK) != (f.Mend == "") {
			t.Errorf("%+v: what is wrong has a way to mend it, and what is right has none", f)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, journalFile)); err != nil || len(got) != 9000 {
		t.Errorf("the doctor changed the file: %d bytes, %v", len(got), err)
	}
}

func TestClockBeforeTheProgramWasMadeIsNotSet(t *testing.T) {
	for year, want := range map[int]health.Level{1970: health.Warn, 2025: health.Warn, 2026: health.OK, 2040: health.OK, 2200: health.Warn} {
		if got := checkClock(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)); got.Level != want {
			t.Errorf("%d: got %+v", year, got)
		}
	}
}

func TestOldBackupIsTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, backedUp), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := checkBackup(dir, time.Now()); got.Level != health.OK {
		t.Errorf("got %+v", got)
	}
	if got := checkBackup(dir, time.Now().Add(30*24*time.Hour)); got.Level != health.Warn || !strings.Contains(got.What, "30 days") {
		t.Errorf("got %+v", got)
	}
}

func TestUnwritableFolderIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := checkWritable(path); got.Level != health.Fail {
		t.Errorf("got %+v", got)
	}
	if _, err := OpenFolder(path); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestAddressesOfAListener(t *testing.T) {
	for hostport, want := range map[string]string{
		"192.0.2.1:8080": "http://192.0.2.1:8080", "192.0.2.1:80": "http://192.0.2.1", "[fd00::1]:80": "http://[fd00::1]",
		"[fd00::1]:81": "http://[fd00::1]:81", "": "",
	} {
		if got := strings.Join(urls("http", hostport), " "); got != want {
			t.Errorf("%q: got %q, want %q", hostport, got, want)
		}
	}
	if got := urls("http", "[::]:8080"); len(got) == 0 || strings.Contains(got[0], "::]:") {
		t.Errorf("got %q", got)
	}
}

func TestLogRingKeepsTheLastLines(t *testing.T) {
	var out bytes.Buffer
	log, ring := NewLog(Log{}, &out, true)
	for n := range keptLines + 7 {
		log.Info("line", "seq", n)
	}
	got := ring.Lines()
	if len(got) != keptLines || !strings.Contains(got[0], `"seq":7}`) || !strings.Contains(got[keptLines-1], `"seq":506}`) {
		t.Errorf("%d lines, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	if !strings.Contains(out.String(), "level=INFO msg=line seq=0") {
		t.Errorf("a terminal gets %.80q", out.String())
	}
	out.Reset()
	log, _ = NewLog(Log{Level: "warn"}, &out, false)
	log.Info("quiet")
	log.Warn("loud")
	if got := out.String(); !strings.HasPrefix(got, "{") || strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("got %q", got)
	}
}

// FuzzManifest: whatever a backup begins with, it is refused or holds nothing but what a
// box writes.
func FuzzManifest(f *testing.F) {
	f.Add(saved(f)[:600])
	f.Add([]byte(backupHead + "{}\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"))
	f.Add([]byte(backupHead + "{\"files\":{\"../x\":\"\"}}\n" + "9d4e\n"))
	f.Add([]byte(backupHead))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readManifest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Errorf("got %v, want invalid", err)
		}
		for path := range m.Files {
			if err == nil && (!fs.ValidPath(path) || path != configFile) {
				t.Errorf("the file %q was taken", path)
			}
		}
	})
}
