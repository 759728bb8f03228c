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

// newCard returns a file like a fresh card: an image of 40 MB on a disk of 96 MB.
func newCard(t testing.TB) *os.File {
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
		part(1, BootPart, 1, 4), part(2, "root-a", 5, 4), part(3, "root-b", 9, 4), part(4, FreshPart, 13, 26),
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

const cardSectors = 96 * mega / Sector

// readParts reads the table with another library than ours.
func readParts(t testing.TB, f *os.File) map[string]*gpt.Partition {
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
	f := newCard(t)
	boot := make([]byte, Sector)
	if _, err := f.ReadAt(boot, 0); err != nil {
		t.Fatal(err)
	}
	size, err := GrowPartition(f, cardSectors, FreshPart)
	if err != nil || size != (96-13-1)*mega/Sector {
		t.Fatalf("it has %d sectors, %v", size, err)
	}
	before := readParts(t, f)
	if p := before[FreshPart]; len(before) != 4 || p == nil || p.End != 95*mega/Sector-1 || p.Start != 13*mega/Sector {
		t.Errorf("got %+v", before)
	}
	again, err := GrowPartition(f, cardSectors, FreshPart)
	if err != nil || again != size {
		t.Errorf("grown twice: %d, %v", again, err)
	}
	if err := RenamePartition(f, cardSectors, FreshPart, DataPart); err != nil {
		t.Fatal(err)
	}
	if after := readParts(t, f); after[DataPart] == nil || after[FreshPart] != nil || after[DataPart].GUID != before[FreshPart].GUID {
		t.Errorf("got %+v", after)
	}
	now := make([]byte, Sector)
	if _, err := f.ReadAt(now, 0); err != nil || !bytes.Equal(now, boot) {
		t.Error("the first sector, which old firmware reads, was changed")
	}
	if _, err := GrowPartition(f, cardSectors, "root-a"); err == nil {
		t.Error("a partition in the middle was grown")
	}
}

func TestTheListStaysClearOfThePartitions(t *testing.T) {
	if firstUsable*Sector > mega {
		t.Errorf("two lists reach to sector %d, the first partition begins at 1 MB", firstUsable)
	}
}

// powerCutDisk is a disk that loses power during a write. All writes before are on the disk, and
// the last one up to some sector.
type powerCutDisk struct {
	*os.File
	left int // sectors until the power cut
}

var errPower = errors.New("the power went")

func (t *powerCutDisk) WriteAt(p []byte, at int64) (int, error) {
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
		f := newCard(t)
		tp := &powerCutDisk{f, cut}
		_, err := GrowPartition(tp, cardSectors, FreshPart)
		if err == nil {
			err = RenamePartition(tp, cardSectors, FreshPart, DataPart)
		}
		// The kernel reads only the first table. It does not fall back to the copy.
		table, bad := readTable(f, 1)
		if bad != nil {
			t.Fatalf("cut after %d sectors: %v", cut, bad)
		}
		fresh, data := table.findEntry(FreshPart), table.findEntry(DataPart)
		if fresh < 0 && data < 0 || fresh >= 0 && data >= 0 {
			t.Fatalf("cut after %d sectors: the data partition is lost", cut)
		}
		if err == nil {
			if t.Logf("%d cuts", cut); cut < 100 {
				t.Error("too few: the test does not bite")
			}
			return
		}
		// The next start finishes the work.
		if fresh >= 0 {
			if _, err := GrowPartition(f, cardSectors, FreshPart); err != nil {
				t.Fatalf("cut after %d sectors, then: %v", cut, err)
			}
			if err := RenamePartition(f, cardSectors, FreshPart, DataPart); err != nil {
				t.Fatalf("cut after %d sectors, then: %v", cut, err)
			}
		}
		if p := readParts(t, f)[DataPart]; p == nil || p.End != 95*mega/Sector-1 {
			t.Fatalf("cut after %d sectors: in the end %+v", cut, p)
		}
	}
}

func TestBrokenTablesAreRefused(t *testing.T) {
	for name, at := range map[string]int64{"signature": 512, "sum": 512 + 16, "place": 512 + 24, "list": 1024 + 40, "count": 512 + 80} {
		f := newCard(t)
		b := []byte{0}
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b[0] ^ 0xff}, at); err != nil {
			t.Fatal(err)
		}
		if _, err := GrowPartition(f, cardSectors, FreshPart); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTable(f *testing.F) {
	c := newCard(f)
	head := make([]byte, firstUsable*Sector)
	if _, err := c.ReadAt(head, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(head)
	f.Add(head[:700])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 100 {
			sum := headerSum(append(bytes.Clone(b), make([]byte, Sector+headerSize)...)[Sector:])
			if len(b) >= Sector+20 {
				binary.LittleEndian.PutUint32(b[Sector+16:], sum) // a valid sum, so that the check behind it is reached
			}
		}
		table, err := readTable(bytes.NewReader(b), 1)
		if err == nil {
			table.findEntry(DataPart)
			table.lastSector()
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
