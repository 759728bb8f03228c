package disk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// findProgram returns the path of a program of e2fsprogs on this machine.
func findProgram(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/sbin/" + name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("no %s here: apt-get install e2fsprogs", name)
	return ""
}

// newFileSystem returns a data partition in a file, with a file "answers" in it.
func newFileSystem(t *testing.T) Disk {
	t.Helper()
	const size = 2 * groupSize // the second group has a copy of the superblock
	name, text := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "text")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, size), os.WriteFile(text, []byte("what pupils answered\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := formatExt4(name, size, func() {}); err != nil {
		t.Fatal(err)
	}
	debugFS(t, name, "write "+text+" answers")
	return Disk{Device: name, Parts: map[string]Part{DataPart: {Name: DataPart, Device: name, Size: size / Sector}}}
}

// debugFS runs a command of debugfs(8), which writes to a file system below all checks.
func debugFS(t *testing.T, device string, commands ...string) string {
	t.Helper()
	var out strings.Builder
	for _, c := range commands {
		text, err := exec.Command(findProgram(t, "debugfs"), "-w", "-R", c, device).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", c, err, text)
		}
		out.WriteString(string(text))
	}
	return out.String()
}

// checkWhole fails the test unless e2fsck finds nothing and the file is there.
func checkWhole(t *testing.T, device string) {
	t.Helper()
	if out, err := exec.Command(findProgram(t, "e2fsck"), "-f", "-n", device).CombinedOutput(); err != nil {
		t.Errorf("still damaged: %v: %s", err, out)
	}
	if text := debugFS(t, device, "cat answers"); !strings.Contains(text, "what pupils answered") {
		t.Errorf("the file is lost: %s", text)
	}
}

func TestADamagedFileSystemIsRepairedBeforeItsMount(t *testing.T) {
	for what, c := range map[string]struct {
		damage   []string
		repaired string // part of the report; empty: no repair is reported
	}{
		"no damage":                  {nil, ""},
		"the hundredth start":        {[]string{"set_super_value mnt_count 100"}, ""},
		"the kernel saw an error":    {[]string{"set_super_value state 2", "set_super_value error_count 3"}, "check forced"},
		"free blocks that are taken": {[]string{"set_super_value state 2", "setb 5000 17"}, "check forced"},
		"a wrong count of links":     {[]string{"set_super_value state 2", "set_inode_field answers links_count 7"}, "ref count is 7, should be 1.  FIXED"},
	} {
		t.Run(what, func(t *testing.T) {
			d := newFileSystem(t)
			debugFS(t, d.Device, c.damage...)
			said := ""
			p, r, err := PrepareData(d, Checker{Program: findProgram(t, "e2fsck")}, func(s string) { said += s + "\n" })
			if err != nil || p.Name != DataPart || r.Formatted {
				t.Fatalf("%+v %+v %v", p, r, err)
			}
			if !strings.Contains(r.Repaired, c.repaired) || (c.repaired == "") != (r.Repaired == "") {
				t.Errorf("repaired %q, want %q", r.Repaired, c.repaired)
			}
			if !strings.Contains(said, "checking the data partition") || c.damage != nil && !strings.Contains(said, "step 1 of 5: ") {
				t.Errorf("the display said %q", said)
			}
			checkWhole(t, d.Device)
		})
	}
}

// Some damage cannot be repaired without the risk of a loss. It stays as it is until a person decides.
func TestDamageThatMayLoseDataWaitsForAPerson(t *testing.T) {
	for what, damage := range map[string]func(t *testing.T, device string){
		"a file without its inode": func(t *testing.T, device string) {
			debugFS(t, device, "mkdir class", "write /etc/hostname class/names", "clri class", "set_super_value state 2")
		},
		"no superblock": func(t *testing.T, device string) {
			f, err := os.OpenFile(device, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(make([]byte, 1024), superblockOffset); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := newFileSystem(t)
			damage(t, d.Device)
			check := Checker{Program: findProgram(t, "e2fsck")}
			p, r, err := PrepareData(d, check, func(string) {})
			if !errors.Is(err, ErrDamaged) || p.Name != DataPart || r.Repaired != "" {
				t.Fatalf("%+v %+v %v", p, r, err)
			}
			t.Log(err)
			check.Force = true
			if _, r, err = PrepareData(d, check, func(string) {}); err != nil || r.Repaired == "" {
				t.Fatalf("%+v %v", r, err)
			}
			checkWhole(t, d.Device)
		})
	}
}
