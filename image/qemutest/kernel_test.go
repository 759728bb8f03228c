//go:build qemu && debian

package qemutest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kernelSource lists the drivers that the test builds from the source package of Debian's kernel.
// The kernel for PCs lacks them.
var kernelSource = []string{"drivers/rtc/rtc-ds1307.c"}

// TestDevicesOfARealKernel runs the suite of package hal in a machine with Debian's kernel, on real
// drivers: a watchdog, clocks of a PC and on I2C, a display on I2C, Wi-Fi radios.
// The modules come from Debian's packages, or are built here if Debian does not build them.
func TestDevicesOfARealKernel(t *testing.T) {
	t.Parallel()
	version := headersVersion(t)
	work := filepath.Join(buildDir(t), "kernel-"+version)
	if _, err := os.Stat(filepath.Join(work, "done")); err != nil {
		buildKernelModules(t, work, version)
	}
	root := filepath.Join(t.TempDir(), "root")
	runProgram(t, "mkdir", "-p", filepath.Join(root, "modules"))
	copyModules(t, work, root, version)
	copyPrograms(t, root, guestPrograms...)
	runProgram(t, "env", "CGO_ENABLED=0", "go", "test", "-c", "-tags=qemu", "-o", filepath.Join(root, "init"), "./testdata/guest")
	initrd := filepath.Join(t.TempDir(), "initrd")
	runProgram(t, "sh", "-c", `cd "$1" && find . | busybox cpio -o -H newc >"$2"`, "sh", root, initrd)
	m := New(t, Config{
		Kernel: filepath.Join(work, "image/boot/vmlinuz-"+version), Initrd: initrd,
		Append: "console=ttyS0 quiet panic=-1 rdinit=/init -- -test.v",
	})
	ctx, cancel := context.WithTimeout(t.Context(), starts)
	defer cancel()
	end, err := m.Serial.WaitFor(ctx, 0, regexp.MustCompile(`guest: ended with (\d+)`))
	if err != nil {
		t.Fatal(err)
	}
	text := m.Serial.String()
	if end[1] != "0" || strings.Count(text, "--- PASS: Test") < 4 {
		t.Errorf("the suite ended with %s", end[1])
	}
	t.Log(text[max(0, strings.Index(text, "=== RUN")):])
}

// headersVersion returns the kernel version for which this machine can build modules.
func headersVersion(t *testing.T) string {
	list, err := filepath.Glob("/usr/src/linux-headers-*-amd64")
	if err != nil || len(list) == 0 {
		t.Skip("no kernel headers: apt-get install linux-headers-amd64 (scripts/qemu does)")
	}
	return strings.TrimPrefix(list[len(list)-1], "/usr/src/linux-headers-")
}

// buildKernelModules gets Debian's kernel and the source of the missing drivers, and builds them.
func buildKernelModules(t *testing.T, work, version string) {
	t.Helper()
	runProgram(t, "rm", "-rf", work)
	runProgram(t, "mkdir", "-p", work+"/image", work+"/source", work+"/modules")
	series := strings.Join(strings.SplitN(version, ".", 3)[:2], ".") // "6.1"
	runProgram(t, "sh", "-c", `cd "$1" && apt-get download "linux-image-$2" "linux-source-$3" &&
		dpkg-deb -x "linux-image-$2"_*.deb image && dpkg-deb -x "linux-source-$3"_*.deb source`, "sh", work, version, series)
	args := []string{"-C", work + "/source", "-xf", work + "/source/usr/src/linux-source-" + series + ".tar.xz"}
	for _, name := range kernelSource {
		args = append(args, "linux-source-"+series+"/"+name)
	}
	runProgram(t, "tar", args...)
	runProgram(t, "sh", "-c", `cp "$1"/* "$2" && find "$3" -name "*.[ch]" -exec cp {} "$2" \;`, "sh", "testdata/modules", work+"/modules", work+"/source/linux-source-"+series)
	runProgram(t, "make", "-C", "/usr/src/linux-headers-"+version, "M="+work+"/modules", "modules")
	writeFile(t, filepath.Join(work, "done"), version+"\n")
}

// guestPrograms are third-party programs in the guest: the access point and its client.
var guestPrograms = []string{"/usr/sbin/hostapd", "/sbin/wpa_supplicant"}

// copyPrograms copies them with their libraries.
func copyPrograms(t *testing.T, root string, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := os.Stat(name); err != nil {
			t.Skipf("no %s: apt-get install hostapd wpasupplicant (scripts/qemu does)", name)
		}
		files := regexp.MustCompile(`/\S+`).FindAllString(runProgram(t, "ldd", name), -1)
		for _, file := range append(files, name) {
			runProgram(t, "install", "-D", file, filepath.Join(root, file))
		}
	}
}

// copyModules copies the modules that the guest loads.
func copyModules(t *testing.T, work, root, version string) {
	t.Helper()
	text, err := os.ReadFile("testdata/guest/guest_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t\{"([a-z0-9_-]+)", "`).FindAllStringSubmatch(string(text), -1) {
		want[m[1]+".ko"] = true
	}
	for _, dir := range []string{work + "/image/lib/modules/" + version, work + "/modules"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && want[d.Name()] {
				runProgram(t, "cp", path, filepath.Join(root, "modules", d.Name()))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
