package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readProgram(t *testing.T) (resident int) {
	t.Helper()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = smaps.Close() }()
	list, err := readMappings(smaps, program)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		resident += m.resident
	}
	return resident
}

func TestThePagesOfTheProgramThatOnlyItsStartNeededLeaveMemory(t *testing.T) {
	before := readProgram(t)
	if err := unmapProgram(); err != nil {
		t.Fatal(err)
	}
	if after := readProgram(t); after >= before {
		t.Errorf("%d KiB of the program are resident, before %d", after, before)
	}
}

func TestAPartOfTheProgramWithPagesOfItsOwnStaysInMemory(t *testing.T) {
	const smaps = `00400000-020d0000 r-xp 00000000 fe:00 1                          /bin/box (deleted)
Rss:               19264 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
020d0000-03000000 r--p 01cd0000 fe:00 1                          /bin/box (deleted)
Rss:                 400 kB
Anonymous:             4 kB
03000000-04000000 rw-p 02cd0000 fe:00 1                          /bin/box (deleted)
Rss:                 500 kB
04000000-05000000 r--s 00000000 fe:00 1                          /bin/box (deleted)
05000000-06000000 r--p 00000000 fe:00 1                          /data/other
Rss:                 600 kB
7ffc0000-7ffd0000 r-xp 00000000 00:00 0                          [vdso]
`
	got, err := readMappings(strings.NewReader(smaps), "/bin/box (deleted)")
	want := []mapping{{0x400000, 0x20d0000, 19264, false}, {0x20d0000, 0x3000000, 400, true}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, bad := range []string{"nothing\n", "00400000-00500000 r-xp 0 fe:00 1 /bin/box\nRss: much\n"} {
		if _, err := readMappings(strings.NewReader(bad), "/bin/box"); err == nil {
			t.Errorf("%q is read without an error", bad)
		}
	}
}
