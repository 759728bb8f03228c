package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/install"
)

// makeDeb builds a package of this test program, which lists its modules as ours does.
func makeDeb(t *testing.T, version string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := debCmd{Arch: "amd64", Out: t.TempDir(), Version: version, Program: self, Date: 1_800_000_000}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(c.Out, "livelearn_"+debVersion(version)+"_amd64.deb")
}

// runDpkg runs a program of dpkg and returns its output.
func runDpkg(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s here", name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func TestDebianPackageIsReadByDpkg(t *testing.T) {
	deb := makeDeb(t, "1.2.0-rc1")
	about := runDpkg(t, "dpkg-deb", "--info", deb)
	for _, want := range []string{"Package: livelearn\n", "Version: 1.2.0~rc1\n", "Architecture: amd64\n", "conffiles", "postinst", "prerm", "postrm"} {
		if !strings.Contains(about, want) {
			t.Errorf("dpkg does not see %q in %s", want, about)
		}
	}
	root := t.TempDir()
	runDpkg(t, "dpkg-deb", "-x", deb, root)
	for _, name := range []string{"usr/lib/livelearn/livelearn", "usr/bin/livelearn", "usr/lib/systemd/system/livelearn.service", "etc/livelearn/livelearn.toml", "usr/share/livelearn/licences/livelearn.txt"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	if got := runDpkg(t, "zcat", filepath.Join(root, install.Package.Manual)); got != install.ManualPage {
		t.Errorf("the manual page is %.60q", got)
	}
	control := t.TempDir()
	runDpkg(t, "dpkg-deb", "-e", deb, control)
	conffiles, err := os.ReadFile(filepath.Join(control, "conffiles"))
	if err != nil || string(conffiles) != "/etc/livelearn/livelearn.toml\n" {
		t.Errorf("the configuration files are %q, %v", conffiles, err)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		runDpkg(t, "sh", "-n", filepath.Join(control, script))
	}
}

func TestDebianPackageIsTheSameEachTime(t *testing.T) {
	one, err := os.ReadFile(makeDeb(t, "1.2.0"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(makeDeb(t, "1.2.0"))
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("two builds differ: %d and %d bytes, %v", len(one), len(two), err)
	}
}

// A folder that becomes a system, as a builder of images has it, is a system that does not run.
func TestDebianPackageInstallsIntoAFolder(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOARCH != "amd64" {
		t.Skip("dpkg needs root, on the package's machine")
	}
	if _, err := exec.LookPath("systemd-sysusers"); err != nil {
		t.Skip("no systemd-sysusers here")
	}
	deb, root := makeDeb(t, "1.2.0"), t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"var/lib/dpkg/status", "var/lib/dpkg/available"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--root=" + root, "--force-script-chrootless", "--force-depends"}
	runDpkg(t, "dpkg", append(args, "-i", deb)...)
	users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !strings.Contains(string(users), "livelearn:") {
		t.Errorf("the user is missing: %q, %v", users, err)
	}
	if got := runDpkg(t, "dpkg", append(args, "-s", "livelearn")...); !strings.Contains(got, "Status: install ok installed") {
		t.Error(got)
	}
}
