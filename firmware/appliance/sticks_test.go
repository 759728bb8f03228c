package appliance

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestBundlesOnSticksAreFound(t *testing.T) {
	sys := fstest.MapFS{
		"sys/block/sda/removable":      {Data: []byte("0\n")}, // a disk
		"sys/block/sda/sda1/partition": {Data: []byte("1\n")},
		"sys/block/sdb/removable":      {Data: []byte("1\n")},
		"sys/block/sdb/sdb1/partition": {Data: []byte("1\n")},
		"sys/block/sdc/removable":      {Data: []byte("1\n")}, // without partitions
		"sys/block/vda/removable":      {Data: []byte("1\n")},
	}
	mounted := map[string]string{}
	dir := t.TempDir()
	s := &Sticks{root: sys, mountDir: dir, mount: func(device, at string) error {
		if device == "/dev/sdc" {
			return errors.New("not a file system")
		}
		mounted[at] = device
		for name, text := range map[string]string{"new.livelearn": "a bundle", "old.livelearn": "older", "notes.txt": "x"} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
		return os.MkdirAll(filepath.Join(at, "folder.livelearn"), 0o700)
	}, unmount: func(at string) error { delete(mounted, at); return nil }}
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Path != "/dev/sdb1/new.livelearn" || list[0].Size != 8 || list[1].Name != "old.livelearn" {
		t.Fatalf("%+v %v", list, err)
	}
	if len(mounted) != 0 {
		t.Errorf("still mounted: %v", mounted)
	}
	f, err := list[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if len(mounted) != 1 {
		t.Errorf("mounted while it is read: %v", mounted)
	}
	text, err := io.ReadAll(f)
	if err != nil || string(text) != "a bundle" {
		t.Errorf("%q %v", text, err)
	}
	if err := f.Close(); err != nil || len(mounted) != 0 {
		t.Errorf("%v, still mounted: %v", err, mounted)
	}
	if list, _ := s.List(); len(list) != 2 || !strings.HasSuffix(list[1].Path, "old.livelearn") {
		t.Errorf("%+v", list)
	}
}
