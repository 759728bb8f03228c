// Package qemutest runs our images in machines of QEMU: a PC with UEFI firmware and an arm64
// machine of the same kind. They are emulated, so no test needs /dev/kvm, root or a board. The
// files of the package carry the build tag qemu:
//
//	go test -tags qemu ./image/qemutest -v
//
// Debian: apt-get install qemu-system-x86 qemu-system-arm qemu-utils ovmf qemu-efi-aarch64.
package qemutest
