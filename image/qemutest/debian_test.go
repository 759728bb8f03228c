//go:build qemu

package qemutest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The system to compare with: a minimal Debian with systemd that starts the same program. It boots
// the same way (UEFI, systemd-boot, a kernel), runs only the services that the network needs, and
// shows no menu.
const (
	debianSuite    = "bookworm"
	debianPackages = "systemd,systemd-sysv,udev,dbus,ca-certificates,linux-image-amd64,initramfs-tools,systemd-boot-efi"
)

// debianFiles are the files that the test writes into the folder of the system.
var debianFiles = map[string]string{
	"etc/hostname":                            "livelearn\n",
	"etc/fstab":                               "LABEL=root / ext4 defaults 0 1\n",
	"etc/systemd/network/10-ether.network":    "[Match]\nType=ether\n[Network]\nDHCP=yes\n",
	"etc/systemd/system/livelearn.service":    "[Unit]\nAfter=network.target\n[Service]\nExecStart=/usr/local/bin/livelearn box --data /var/lib/livelearn --http :80 --https :443\nStateDirectory=livelearn\nRestart=always\nLimitNOFILE=65536\n[Install]\nWantedBy=multi-user.target\n",
	"boot/loader.conf":                        "default debian.conf\ntimeout 0\n",
	"boot/debian.conf":                        "title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions root=LABEL=root rw console=ttyS0 quiet\n",
	"etc/systemd/system/getty.target":         "[Unit]\n",
	"etc/systemd/system/apt-daily.timer":      "[Unit]\n",
	"etc/systemd/system/dpkg-db-backup.timer": "[Unit]\n",
}

// runProgram runs a program and returns its output.
func runProgram(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newDebian makes the disk of a minimal Debian that runs program. It installs the system once and
// keeps it in the ignored build folder.
func newDebian(t testing.TB, program string) (disk string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("debootstrap installs a system as root only: sudo go test -tags qemu -run '^$' -bench PowerToPage ./image/qemutest")
	}
	root := filepath.Join(buildDir(t), "debian-"+debianSuite)
	if _, err := os.Stat(filepath.Join(root, "sbin/init")); err != nil {
		runProgram(t, "debootstrap", "--variant=minbase", "--include="+debianPackages, debianSuite, root)
		runProgram(t, "chroot", root, "apt-get", "clean")
	}
	for name, text := range debianFiles {
		writeFile(t, filepath.Join(root, name), text)
	}
	for _, unit := range []string{"livelearn", "systemd-networkd"} {
		link := filepath.Join(root, "etc/systemd/system/multi-user.target.wants", unit+".service")
		_ = os.MkdirAll(filepath.Dir(link), 0o755)
		_ = os.Remove(link)
		target := "/lib/systemd/system/" + unit + ".service"
		if unit == "livelearn" {
			target = "/etc/systemd/system/livelearn.service"
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.RemoveAll(filepath.Join(root, "var/lib/livelearn"))
	runProgram(t, "install", "-D", "-m755", program, filepath.Join(root, "usr/local/bin/livelearn"))
	return debianDisk(t, root)
}

// debianDisk makes a disk of two partitions without loop devices: the EFI system partition and the
// root.
func debianDisk(t testing.TB, root string) string {
	dir := t.TempDir()
	esp, ext, disk := filepath.Join(dir, "esp"), filepath.Join(dir, "root"), filepath.Join(dir, "debian.img")
	runProgram(t, "truncate", "-s", "128M", esp)
	runProgram(t, "mkfs.vfat", "-F", "32", esp)
	runProgram(t, "mmd", "-i", esp, "::EFI", "::EFI/BOOT", "::loader", "::loader/entries")
	for to, from := range map[string]string{
		"EFI/BOOT/BOOTX64.EFI":       "usr/lib/systemd/boot/efi/systemd-bootx64.efi",
		"loader/loader.conf":         "boot/loader.conf",
		"loader/entries/debian.conf": "boot/debian.conf",
		"vmlinuz":                    "boot/vmlinuz-*",
		"initrd":                     "boot/initrd.img-*",
	} {
		files, err := filepath.Glob(filepath.Join(root, from))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %s (%v)", from, root, err)
		}
		runProgram(t, "mcopy", "-i", esp, files[len(files)-1], "::"+to)
	}
	runProgram(t, "truncate", "-s", "1500M", ext)
	runProgram(t, "mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, ext)
	runProgram(t, "truncate", "-s", "1640M", disk)
	script := filepath.Join(dir, "table")
	writeFile(t, script, "label: gpt\nstart=2048, size=262144, type=uefi\nstart=264192, type=linux\n")
	table, err := os.Open(script)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	cmd := exec.Command("sfdisk", "-q", disk)
	cmd.Stdin = table
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	for part, seek := range map[string]int{esp: 2048, ext: 264192} {
		runProgram(t, "dd", "if="+part, "of="+disk, "bs=512", fmt.Sprintf("seek=%d", seek), "conv=notrunc,sparse", "status=none")
	}
	return disk
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
