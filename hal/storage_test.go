package hal_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/hal"
)

// storageRoot returns a machine with one storage, with the files that Linux shows of it.
func storageRoot(kind, life, reserve string) fstest.MapFS {
	root := fstest.MapFS{
		"sys/block/mmcblk0/device/type":      {Data: []byte(kind + "\n")},
		"sys/block/mmcblk0boot0/device/type": {Data: []byte(kind + "\n")},
		"sys/block/sda/device/type":          {Data: []byte("0\n")},
	}
	for name, value := range map[string]string{"life_time": life, "pre_eol_info": reserve} {
		if value != "" {
			root["sys/block/mmcblk0/device/"+name] = &fstest.MapFile{Data: []byte(value + "\n")}
		}
	}
	return root
}

func TestTheWearOfAStorage(t *testing.T) {
	for _, c := range []struct {
		kind, life, reserve string
		used                int
		wear                hal.Wear
	}{
		{"SD", "", "", 0, hal.WearUnknown},
		{"MMC", "0x00 0x00", "0x00", 0, hal.WearUnknown},
		{"MMC", "0x01 0x02", "0x01", 20, hal.WearLow},
		{"MMC", "0x00 0x00", "0x01", 0, hal.WearLow},
		{"MMC", "0x08 0x01", "0x01", 80, hal.WearLow},
		{"MMC", "0x01 0x09", "0x01", 90, hal.WearHigh},
		{"MMC", "0x0a 0x01", "0x01", 100, hal.WearHigh},
		{"MMC", "0x01 0x01", "0x02", 10, hal.WearHigh},
		{"MMC", "0x0B 0x01", "0x01", 110, hal.WearOver},
		{"MMC", "0x01 0x01", "0x03", 10, hal.WearOver},
		{"MMC", "0x0c 0xff", "0x04", 0, hal.WearUnknown},
		{"MMC", "many 0x100", "-1", 0, hal.WearUnknown},
	} {
		s := hal.FindStorage(storageRoot(c.kind, c.life, c.reserve))
		if s == nil {
			t.Fatalf("%+v: no storage", c)
		}
		want := []hal.Medium{{Name: "mmcblk0", Kind: c.kind, Used: c.used, Wear: c.wear}}
		if diff := cmp.Diff(s.List(), want); diff != "" {
			t.Errorf("%s %q %q: %s", c.kind, c.life, c.reserve, diff)
		}
	}
	if s := hal.FindStorage(fstest.MapFS{"sys/block/sda/device/type": {Data: []byte("0")}}); s != nil {
		t.Errorf("a disk alone: %+v", s)
	}
}

// FuzzStorage checks that no content of the files leaves the bounds.
func FuzzStorage(f *testing.F) {
	f.Add("MMC", "0x01 0x0b", "0x03")
	f.Add("SD", "", "")
	f.Add("\x00", "0xffffffffffffffffffff 0x-1", " \n")
	f.Fuzz(func(t *testing.T, kind, life, reserve string) {
		for _, m := range hal.FindStorage(storageRoot(kind, life, reserve)).List() {
			if m.Used < 0 || m.Used > 110 || m.Used%10 != 0 || m.Wear > hal.WearOver || m.Kind != hal.CleanWord(m.Kind) {
				t.Errorf("got %+v", m)
			}
		}
	})
}
