//go:build qemu

package qemutest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// firmware is the UEFI firmware of each kind of machine, from Debian: the code, and the initial
// variables of a machine.
var firmware = map[string][2]string{
	"amd64": {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	"arm64": {"/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},
}

// cpu is the processor of a machine: all features that can be emulated, with pointer authentication
// that is cheap to emulate. QEMU's manual describes it: the architecture's own algorithm takes half
// of the time.
var cpu = map[string]string{"amd64": "max", "arm64": "max,pauth-impdef=on"}

// copyVariables gives the machine its own copy of the firmware variables.
func (m *Machine) copyVariables() error {
	data, err := os.ReadFile(firmware[m.Arch][1])
	if err != nil {
		return fmt.Errorf("no UEFI firmware here; on Debian: apt-get install ovmf qemu-efi-aarch64 (%w)", err)
	}
	return os.WriteFile(filepath.Join(m.dir, "vars.fd"), data, 0o600)
}

// emulatorArgs returns the command line of the emulator.
func (m *Machine) emulatorArgs() ([]string, error) {
	a := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg,thread=multi", "-cpu", cpu[m.Arch],
		"-m", fmt.Sprint(m.RAM), "-smp", fmt.Sprint(m.CPUs), "-device", "virtio-rng-pci",
		"-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line",
		"-qmp", "unix:" + filepath.Join(m.dir, "qmp") + ",server=on,wait=off",
	}
	switch m.Arch {
	case "amd64":
		// The watchdog of Intel's 6300ESB. The one in a PC of today works in the same way (iTCO).
		a = append(a, "-machine", "q35", "-device", "i6300esb", "-action", "watchdog=reset")
	case "arm64":
		// Without ACPI it has a device tree, as boards do, and a power key on a GPIO line.
		a = append(a, "-machine", "virt,acpi=off", "-device", "i6300esb", "-action", "watchdog=reset")
	default:
		return nil, fmt.Errorf("no machine for %q", m.Arch)
	}
	a = append(a, m.diskArgs()...)
	a = append(a, m.networkArgs()...)
	return append(a, m.bootArgs()...), nil
}

func (m *Machine) bootArgs() []string {
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

// diskArgs returns the options of the disk. A write that the guest finished survives the end of the
// emulator, because the cache of this machine survives. A Drive also loses the writes without a
// flush.
func (m *Machine) diskArgs() []string {
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
	if m.Speed > 0 {
		spec += fmt.Sprintf(",throttling.bps-total=%d", m.Speed)
	}
	a := []string{"-drive", spec, "-device", device + ",addr=0x10"}
	if m.Other != "" {
		a = append(a, "-drive", "if=none,id=other,format=raw,file="+m.Other, "-device", "virtio-blk-pci,drive=other,addr=0x8")
	}
	return a
}

// networkArgs returns the options of QEMU's network. The guest has 10.0.2.15 by DHCP. Its ports are
// reached on ports of the loopback interface here.
func (m *Machine) networkArgs() []string {
	spec := "user,id=net"
	for guest, host := range m.ports {
		spec += fmt.Sprintf(",hostfwd=tcp:%s-:%d", host, guest)
	}
	return []string{"-netdev", spec, "-device", "virtio-net-pci,netdev=net,romfile="}
}
