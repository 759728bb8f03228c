//go:build qemu && debian

package qemutest

import (
	"bytes"
	"context"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// radioModules are the modules that an image needs on Debian's kernel. The kernel of the image has
// them built in, except the simulated radios.
var radioModules = []string{
	"virtio_pci", "virtio_blk", "virtio_net", "squashfs", "crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii", "i6300esb",
	"ctr", "ccm", "cmac", "mac80211_hwsim",
}

// TestAnImageIsAnAccessPoint starts the root file system of a PC image on Debian's kernel, which
// has simulated radios. The image makes an access point with its own hostapd, and a pupil's tablet
// joins by WPA2, gets an address and opens the page. Then the image joins the Wi-Fis of a school.
func TestAnImageIsAnAccessPoint(t *testing.T) {
	t.Parallel()
	const ssid, key = "Box of 7B", "correct horse battery"
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	settings := filepath.Join(t.TempDir(), "livelearn.toml")
	writeFile(t, settings, "[network]\nmode = \"ap\"\n[wifi]\nssid = \""+ssid+"\"\npassphrase = \""+key+"\"\ncountry = \"FR\"\n")
	runProgram(t, "mcopy", "-o", "-i", disk+"@@1M", settings, "::livelearn.toml")
	kernel, version := debianKernel(t)
	root := filepath.Join(t.TempDir(), "root")
	copyRadioModules(t, filepath.Join(kernel, "lib/modules", version), filepath.Join(root, "modules"))
	copyPrograms(t, root, "/sbin/wpa_supplicant")
	ca := writeSchool(t, filepath.Join(root, "school"))
	writeFile(t, filepath.Join(root, "station.conf"), "network={\nssid=\""+ssid+"\"\nkey_mgmt=WPA-PSK\nproto=RSN\npsk=\""+key+"\"\n}\n")
	runProgram(t, "env", "CGO_ENABLED=0", "go", "build", "-o", filepath.Join(root, "init"), "./testdata/radios")
	initrd := filepath.Join(t.TempDir(), "initrd")
	runProgram(t, "sh", "-c", `cd "$1" && find . | busybox cpio -o -H newc >"$2"`, "sh", root, initrd)
	m := New(t, Config{
		Disk: disk, Raw: true, Kernel: filepath.Join(kernel, "boot/vmlinuz-"+version), Initrd: initrd,
		Append: "console=ttyS0 quiet panic=5 livelearn.slot=a",
	})
	t.Logf("from power to the page: %v", m.WaitReady(starts))
	a := claimBox(t, m)
	ctx, cancel := context.WithTimeout(t.Context(), starts)
	defer cancel()
	got, err := m.Serial.WaitFor(ctx, 0, regexp.MustCompile(`station: (10\.10\.\d+\.\d+)/20 got 200 and true from 10\.10\.0\.1 in (\w+)`))
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("the tablet has %s", got[1]); got[2] != "FR" {
		t.Errorf("the kernel applies the radio rules of %q: it has not read the list of countries of the image", got[2])
	}
	var net struct {
		State struct {
			Code, Text string
			Leases     int
			Stations   *struct{ Now int }
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) { // an emulated machine works
		a.pollGet("/api/admin/network", &net)
		if s := net.State; s.Code == "" && s.Leases == 1 && s.Stations != nil && s.Stations.Now == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the network page shows %+v", net.State)
		}
	}
	joinSchool(t, a, ca)
}

// debianKernel gets the newest kernel of this machine's Debian once. It returns the folder of its files.
func debianKernel(t *testing.T) (dir, version string) {
	t.Helper()
	out := runProgram(t, "apt-cache", "depends", "linux-image-amd64")
	found := regexp.MustCompile(`linux-image-(\S+-amd64)`).FindAllStringSubmatch(out, -1)
	if len(found) == 0 {
		t.Skip("apt-cache knows no kernel: apt-get update (scripts/qemu does)")
	}
	version = found[len(found)-1][1]
	dir = filepath.Join(buildDir(t), "debian-kernel-"+version)
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		runProgram(t, "rm", "-rf", dir)
		runProgram(t, "mkdir", "-p", dir)
		runProgram(t, "sh", "-c", `cd "$1" && apt-get download "linux-image-$2" && dpkg-deb -x "linux-image-$2"_*.deb . && rm *.deb`, "sh", dir, version)
		writeFile(t, filepath.Join(dir, "done"), version+"\n")
	}
	return dir, version
}

// copyRadioModules copies modules and those that they need, and writes the order in which they load.
func copyRadioModules(t *testing.T, from, to string) {
	t.Helper()
	files := map[string]string{} // name of a module -> its file
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(d.Name(), ".ko"); ok {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	var add func(name string)
	add = func(name string) {
		file := files[name]
		if file == "" || slices.Contains(order, name) {
			return // built in, or there already
		}
		for _, need := range moduleNeeds(t, file) {
			add(need)
		}
		order = append(order, name)
		runProgram(t, "install", "-D", "-m644", file, filepath.Join(to, name+".ko"))
	}
	for _, name := range radioModules {
		if add(name); files[name] == "" {
			t.Logf("the kernel has no module %s", name)
		}
	}
	writeFile(t, filepath.Join(to, "order"), strings.Join(order, "\n")+"\n")
}

// moduleNeeds returns the modules that a module needs (depends= in the section .modinfo).
func moduleNeeds(t *testing.T, file string) []string {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	section := f.Section(".modinfo")
	if section == nil {
		t.Fatalf("%s: has no .modinfo", file)
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	for field := range bytes.SplitSeq(data, []byte{0}) {
		if list, ok := strings.CutPrefix(string(field), "depends="); ok && list != "" {
			return strings.Split(strings.ReplaceAll(list, "-", "_"), ",")
		}
	}
	return nil
}
