//go:build qemu

package qemutest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// firmware is the UEFI firmware of each kind of machine, as Debian has it: the code, and
// the variables that a machine starts with.
var firmware = map[string][2]string{
	"amd64": {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	"arm64": {"/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},
}

// cpu is what a machine computes with: all that can be emulated, and pointers signed in a way
// that is cheap to emulate. QEMU's manual names it: the architecture's own takes half of the time.
var cpu = map[string]string{"amd64": "max", "arm64": "max,pauth-impdef=on"}

// variables gives the machine firmware variables of its own.
func (m *Machine) variables() error {
	data, err := os.ReadFile(firmware[m.Arch][1])
	if err != nil {
		return fmt.Errorf("no UEFI firmware here; on Debian: apt-get install ovmf qemu-efi-aarch64 (%w)", err)
	}
	return os.WriteFile(filepath.Join(m.dir, "vars.fd"), data, 0o600)
}

// args is the emulator's command line.
func (m *Machine) args() ([]string, error) {
	a := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg,thread=multi", "-cpu", cpu[m.Arch],
		"-m", fmt.Sprint(m.RAM), "-smp", fmt.Sprint(m.CPUs), "-device", "virtio-rng-pci",
		"-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line",
		"-qmp", "unix:" + filepath.Join(m.dir, "qmp") + ",server=on,wait=off",
	}
	switch m.Arch {
	case "amd64":
		// The watchdog of Intel's 6300ESB; a PC of today has one that works alike (iTCO).
		a = append(a, "-machine", "q35", "-device", "i6300esb", "-action", "watchdog=reset")
	case "arm64":
		// Without ACPI it has a device tree, as boards have, and a power key on a line of GPIO.
		a = append(a, "-machine", "virt,acpi=off", "-device", "i6300esb", "-action", "watchdog=reset")
	default:
		return nil, fmt.Errorf("no machine for %q", m.Arch)
	}
	a = append(a, m.drive()...)
	a = append(a, m.network()...)
	return append(a, m.boot()...), nil
}

func (m *Machine) boot() []string {
	if m.Kernel != "" {
		a := []string{"-kernel", m.Kernel, "-append", m.Append}
		if m.Initrd != "" {
			a = append(a, "-initrd", m.Initrd)
		}
		return a
	}
	return []string{
		"-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + firmware[m.Arch][0],
		"-drive", "if=pflash,format=raw,unit=1,file=" + filepath.Join(m.dir, "vars.fd"),
	}
}

// drive is the disk. What the guest was told is written stays when the emulator is killed,
// since this machine's own cache lives on; a Drive loses what was not flushed, too.
func (m *Machine) drive() []string {
	if m.Disk == "" {
		return nil
	}
	device := "virtio-blk-pci,drive=disk,bootindex=1"
	if m.NVMe {
		device = "nvme,drive=disk,serial=livelearn,bootindex=1"
	}
	spec := "if=none,id=disk,file=" + m.Disk
	if m.Raw || strings.HasPrefix(m.Disk, "nbd") {
		spec += ",format=raw"
	}
	return []string{"-drive", spec, "-device", device}
}

// network is QEMU's own: the guest has 10.0.2.15 by DHCP, and its ports are reached on
// ports of the loopback interface here.
func (m *Machine) network() []string {
	spec := "user,id=net"
	for guest, host := range m.ports {
		spec += fmt.Sprintf(",hostfwd=tcp:%s-:%d", host, guest)
	}
	return []string{"-netdev", spec, "-device", "virtio-net-pci,netdev=net,romfile="}
}
