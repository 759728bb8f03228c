package disk

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

var ownID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestTwoCardsOfAReleaseGetDifferentIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		f := newCard(t)
		if _, err := GrowPartition(f, cardSectors, FreshPart); err != nil {
			t.Fatal(err)
		}
		before := readParts(t, f)
		ids, err := SetOwnIDs(f, cardSectors)
		if err != nil {
			t.Fatal(err)
		}
		after := readParts(t, f)
		if len(ids.Parts) != len(before) || ids.AreShared() {
			t.Errorf("got %+v", ids)
		}
		for name, p := range after {
			old := before[name]
			if old == nil || p.Start != old.Start || p.End != old.End || p.Type != old.Type {
				t.Errorf("%s: got %+v, want the place of %+v", name, p, old)
			}
			if id := ids.Parts[name]; !strings.EqualFold(p.GUID, id) || !ownID.MatchString(id) || seen[id] {
				t.Errorf("%s: %q, another library reads %q", name, id, p.GUID)
			}
			seen[ids.Parts[name]] = true
		}
		if seen[ids.Disk] || !ownID.MatchString(ids.Disk) {
			t.Errorf("the disk is %q", ids.Disk)
		}
		seen[ids.Disk] = true
		mbr := make([]byte, Sector)
		if _, err := f.ReadAt(mbr, 0); err != nil || bytes.Equal(mbr[440:444], make([]byte, 4)) {
			t.Error("the MBR has no disk id")
		}
	}
}

func TestIDsOfAReleaseAreKnown(t *testing.T) {
	for id, shared := range map[string]bool{
		"6c6c626f-7800-4000-8000-000000000000": true,
		"0123cdef-0000-8123-a000-000000000000": true,
		"0123cdef-0000-4123-a000-000000000000": false,
		"":                                     false,
	} {
		if (IDs{Disk: id}).AreShared() != shared {
			t.Errorf("%q: want %v", id, shared)
		}
	}
}

// After a power cut at any sector, the partitions have all the old ids or all the new ones.
func TestAPowerCutLeavesTheOldIDsOrTheNew(t *testing.T) {
	for cut := 0; ; cut++ {
		f := newCard(t)
		old, err := ReadIDs(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = SetOwnIDs(&powerCutDisk{f, cut}, cardSectors)
		now, bad := ReadIDs(f)
		if bad != nil {
			t.Fatalf("cut after %d sectors: %v", cut, bad)
		}
		for name, id := range now.Parts {
			if changed := now.Disk != old.Disk; (id != old.Parts[name]) != changed {
				t.Fatalf("cut after %d sectors: %s is %s", cut, name, id)
			}
		}
		if len(now.Parts) != len(old.Parts) {
			t.Fatalf("cut after %d sectors: %v", cut, now)
		}
		if err == nil {
			if cut < 60 {
				t.Errorf("%d cuts: too few", cut)
			}
			return
		}
	}
}

// deviceFS is a machine whose devices are the given files.
type deviceFS struct {
	fstest.MapFS
	devices map[string]*os.File
}

func (f deviceFS) Open(name string) (fs.File, error) {
	if d := f.devices[name]; d != nil {
		return os.Open(d.Name())
	}
	return f.MapFS.Open(name)
}

func TestATwinIsFound(t *testing.T) {
	one, two := newCard(t), newCard(t)
	copyCard(t, one, two)
	m := deviceFS{fstest.MapFS{
		"sys/class/block/sda/size": {Data: []byte("1000")}, "sys/class/block/sda1/size": {Data: []byte("900")},
		"sys/class/block/sdb/size": {Data: []byte("1000")}, "sys/class/block/sr0/size": {Data: []byte("0")},
	}, map[string]*os.File{"dev/sda": one, "dev/sdb": two}}
	d := Disk{Device: "/dev/sda"}
	ids, err := ReadIDs(one)
	if err != nil || !HasTwin(m, d, ids) {
		t.Errorf("the twin of %+v is not found: %v", ids, err)
	}
	if _, err := SetOwnIDs(two, cardSectors); err != nil {
		t.Fatal(err)
	}
	if HasTwin(m, d, ids) {
		t.Error("a disk with other ids is called a twin")
	}
}

func copyCard(t *testing.T, from, to *os.File) {
	t.Helper()
	if _, err := io.Copy(io.NewOffsetWriter(to, 0), io.NewSectionReader(from, 0, 96*mega)); err != nil {
		t.Fatal(err)
	}
	if _, err := gpt.Read(to, Sector, Sector); err != nil {
		t.Fatal(err)
	}
}
