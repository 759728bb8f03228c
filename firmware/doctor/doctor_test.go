package doctor

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/seal"
)

func TestDoctorSaysHowToMendEachFault(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, datafolder.JournalFile), bytes.Repeat([]byte("x"), 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	found := Run(t.Context(), dir, l.Addr().String())
	for _, want := range []string{"journal.db is damaged", l.Addr().String() + " is in use by ", "there was no backup yet"} {
		ok := false
		for _, f := range found {
			ok = ok || strings.Contains(f.What, want) && f.Remedy != "" && f.Level > health.OK
		}
		if !ok {
			t.Errorf("%q is not found: %+v", want, found)
		}
	}
	for _, f := range found {
		if (f.Level == health.OK) != (f.Remedy == "") {
			t.Errorf("%+v: what is wrong has a way to mend it, and what is right has none", f)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, datafolder.JournalFile)); err != nil || len(got) != 9000 {
		t.Errorf("the doctor changed the file: %d bytes, %v", len(got), err)
	}
}

// The doctor reads the folder of an appliance without its boot partition.
func TestTheDoctorFindsTheKeyInTheFolderOfAnAppliance(t *testing.T) {
	for name, boot := range map[string]*slots.Folder{"appliance": {Dir: t.TempDir()}, "installed": nil} {
		data := t.TempDir()
		places := datafolder.KeyPlaces(data, boot)
		key, err := seal.CreateKey(places)
		if err == nil {
			err = seal.MarkFile(filepath.Join(data, datafolder.SealedFile), key)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, f := checkKey(data); got == nil || got.ID() != key.ID() || f.Level != health.OK {
			t.Errorf("%s: %+v", name, f)
		}
		for _, p := range places {
			if err := os.Truncate(p.Path, 0); err != nil {
				t.Fatal(err)
			}
		}
		if got, f := checkKey(data); got != nil || f.Level != health.Fail || !strings.Contains(f.Remedy, "keys/box-key.txt") {
			t.Errorf("%s, without the key: %+v", name, f)
		}
	}
}

func TestClockBeforeTheProgramWasMadeIsNotSet(t *testing.T) {
	for year, want := range map[int]health.Level{1970: health.Warn, 2025: health.Warn, 2026: health.OK, 2040: health.OK, 2200: health.Warn} {
		if got := CheckClock(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)); got.Level != want {
			t.Errorf("%d: got %+v", year, got)
		}
	}
}

func TestOldBackupIsTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, datafolder.BackupMarkFile), nil, 0o600); err != nil {
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
	if _, err := datafolder.Open(path); err == nil {
		t.Error("a file was taken for a folder")
	}
}
