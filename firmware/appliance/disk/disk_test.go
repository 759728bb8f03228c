package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/partition/gpt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mega = 1 << 20

// card is a disk as the image makes it, in a file: 40 MB of table on a disk of 96 MB.
func card(t testing.TB) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "card")
	store, err := file.CreateFromPath(name, 96*mega)
	if err != nil {
		t.Fatal(err)
	}
	w, err := store.Writable()
	if err != nil {
		t.Fatal(err)
	}
	part := func(i int, name string, start, size uint64) *gpt.Partition {
		return &gpt.Partition{Index: i, Start: start * mega / Sector, End: (start+size)*mega/Sector - 1, Size: size * mega, Type: gpt.LinuxFilesystem, Name: name}
	}
	table := &gpt.Table{LogicalSectorSize: Sector, PhysicalSectorSize: Sector, ProtectiveMBR: true, Partitions: []*gpt.Partition{
		part(1, Boot, 1, 4), part(2, "root-a", 5, 4), part(3, "root-b", 9, 4), part(4, Fresh, 13, 26),
	}}
	if err := table.Write(w, 40*mega); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

const sectors = 96 * mega / Sector

// parts reads the table with a library that we did not write.
func parts(t testing.TB, f *os.File) map[string]*gpt.Partition {
	t.Helper()
	table, err := gpt.Read(f, Sector, Sector)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Verify(f, 96*mega); err != nil {
		t.Error(err)
	}
	list := map[string]*gpt.Partition{}
	for _, p := range table.Partitions {
		if p.Type != gpt.Unused {
			list[p.Name] = p
		}
	}
	return list
}

func TestTheLastPartitionGrowsToTheEndOfTheDisk(t *testing.T) {
	f := card(t)
	boot := make([]byte, Sector)
	if _, err := f.ReadAt(boot, 0); err != nil {
		t.Fatal(err)
	}
	size, err := Grow(f, sectors, Fresh)
	if err != nil || size != (96-13-1)*mega/Sector {
		t.Fatalf("it has %d sectors, %v", size, err)
	}
	before := parts(t, f)
	if p := before[Fresh]; len(before) != 4 || p == nil || p.End != 95*mega/Sector-1 || p.Start != 13*mega/Sector {
		t.Errorf("got %+v", before)
	}
	again, err := Grow(f, sectors, Fresh)
	if err != nil || again != size {
		t.Errorf("grown twice: %d, %v", again, err)
	}
	if err := Rename(f, sectors, Fresh, Data); err != nil {
		t.Fatal(err)
	}
	if after := parts(t, f); after[Data] == nil || after[Fresh] != nil || after[Data].GUID != before[Fresh].GUID {
		t.Errorf("got %+v", after)
	}
	now := make([]byte, Sector)
	if _, err := f.ReadAt(now, 0); err != nil || !bytes.Equal(now, boot) {
		t.Error("the first sector, which old firmware reads, was changed")
	}
	if _, err := Grow(f, sectors, "root-a"); err == nil {
		t.Error("a partition in the middle was grown")
	}
}

func TestTheListStaysClearOfThePartitions(t *testing.T) {
	if firstFree*Sector > mega {
		t.Errorf("two lists reach to sector %d, the first partition begins at 1 MB", firstFree)
	}
}

// tape is a disk that loses its power at a write: all before it is on the disk, the write
// itself up to some sector.
type tape struct {
	*os.File
	left int // sectors that are still written
}

var errPower = errors.New("the power went")

func (t *tape) WriteAt(p []byte, at int64) (int, error) {
	n := min(len(p)/Sector, t.left)
	t.left -= n
	if _, err := t.File.WriteAt(p[:n*Sector], at); err != nil {
		return 0, err
	}
	if n*Sector < len(p) {
		return n * Sector, errPower
	}
	return len(p), nil
}

func TestAPowerCutAtAnySectorLeavesATable(t *testing.T) {
	for cut := 0; ; cut++ {
		f := card(t)
		tp := &tape{f, cut}
		_, err := Grow(tp, sectors, Fresh)
		if err == nil {
			err = Rename(tp, sectors, Fresh, Data)
		}
		// The kernel reads the first table and trusts no copy if that is broken.
		table, bad := readTable(f, 1)
		if bad != nil {
			t.Fatalf("cut after %d sectors: %v", cut, bad)
		}
		fresh, data := table.find(Fresh), table.find(Data)
		if fresh < 0 && data < 0 || fresh >= 0 && data >= 0 {
			t.Fatalf("cut after %d sectors: the data partition is lost", cut)
		}
		if err == nil {
			if t.Logf("%d cuts", cut); cut < 100 {
				t.Error("too few: the test does not bite")
			}
			return
		}
		// And the start after it goes on.
		if fresh >= 0 {
			if _, err := Grow(f, sectors, Fresh); err != nil {
				t.Fatalf("cut after %d sectors, then: %v", cut, err)
			}
			if err := Rename(f, sectors, Fresh, Data); err != nil {
				t.Fatalf("cut after %d sectors, then: %v", cut, err)
			}
		}
		if p := parts(t, f)[Data]; p == nil || p.End != 95*mega/Sector-1 {
			t.Fatalf("cut after %d sectors: in the end %+v", cut, p)
		}
	}
}

func TestBrokenTablesAreRefused(t *testing.T) {
	for name, at := range map[string]int64{"signature": 512, "sum": 512 + 16, "place": 512 + 24, "list": 1024 + 40, "count": 512 + 80} {
		f := card(t)
		b := []byte{0}
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b[0] ^ 0xff}, at); err != nil {
			t.Fatal(err)
		}
		if _, err := Grow(f, sectors, Fresh); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTable(f *testing.F) {
	c := card(f)
	head := make([]byte, firstFree*Sector)
	if _, err := c.ReadAt(head, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(head)
	f.Add(head[:700])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 100 {
			sum := headerSum(append(bytes.Clone(b), make([]byte, Sector+headerSize)...)[Sector:])
			if len(b) >= Sector+20 {
				binary.LittleEndian.PutUint32(b[Sector+16:], sum) // past the sum to what is behind it
			}
		}
		table, err := readTable(bytes.NewReader(b), 1)
		if err == nil {
			table.find(Data)
			table.last()
		}
	})
}

func TestTheDiskIsFoundByItsRoot(t *testing.T) {
	root := fstest.MapFS{}
	add := func(name, text string) { root["sys/class/block/"+name] = &fstest.MapFile{Data: []byte(text)} }
	add("loop0/size", "0\n")
	add("mmcblk0/size", "62333952\n")
	add("mmcblk0/dev", "179:0\n")
	for i, p := range []struct{ part, name, dev string }{{"mmcblk0p1", "boot", "179:1"}, {"mmcblk0p4", "root-a", "179:4"}, {"mmcblk0p6", "data", "179:6"}} {
		dir := "mmcblk0/" + p.part + "/"
		add(dir+"partition", p.part[len(p.part)-1:]+"\n")
		add(dir+"dev", p.dev+"\n")
		add(dir+"start", []string{"2048", "4096", "8192"}[i]+"\n")
		add(dir+"size", "2048\n")
		add(dir+"uevent", "MAJOR=179\nDEVNAME="+p.part+"\nPARTNAME="+p.name+"\n")
	}
	add("sda/sda1/partition", "1")
	add("sda/sda1/dev", "8:1")
	d, err := Find(root, "179:4")
	if err != nil || d.Device != "/dev/mmcblk0" || d.Size != 62333952 || len(d.Parts) != 3 {
		t.Fatalf("%+v %v", d, err)
	}
	if p, err := d.Part("data"); err != nil || p != (Part{"data", "/dev/mmcblk0p6", 6, 8192, 2048}) {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := Find(root, "0:22"); !errors.Is(err, ErrNoDisk) {
		t.Error(err)
	}
}
