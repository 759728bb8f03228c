package hal

import (
	"bytes"
	"io/fs"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// CPU describes the processor: the properties that the cost of live media depends on.
type CPU struct {
	Model string // "Raspberry Pi 4 Model B Rev 1.4", "AMD EPYC 7B13", empty means unknown
	Arch  string // "arm64", "amd64"
	Cores int    // usable by this program

	AES   bool // AES instructions
	CLMul bool // carry-less multiplication: PMULL, PCLMULQDQ
	SHA1  bool // SHA-1 instructions
}

// GCM reports whether AES-GCM runs on instructions of the processor. Without them Go computes it
// with tables, twenty times slower. All 64-bit Raspberry Pis before the Pi 5 lack them.
func (c CPU) GCM() bool { return c.AES && c.CLMul }

// MissingInstructions names the absent instructions that would make media cheap.
func (c CPU) MissingInstructions() (names []string) {
	if !c.AES {
		names = append(names, "AES")
	}
	if !c.CLMul {
		names = append(names, "carry-less multiplication")
	}
	if !c.SHA1 {
		names = append(names, "SHA-1")
	}
	return names
}

// ReadCPU describes the processor of this machine, whose root folder is root.
func ReadCPU(root fs.FS) CPU {
	c := CPU{Model: cpuModel(root), Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0)}
	switch runtime.GOARCH {
	case "arm64":
		c.AES, c.CLMul, c.SHA1 = cpu.ARM64.HasAES, cpu.ARM64.HasPMULL, cpu.ARM64.HasSHA1
	case "amd64":
		c.AES, c.CLMul = cpu.X86.HasAES, cpu.X86.HasPCLMULQDQ
		c.SHA1 = hasCPUFlag(root, "sha_ni") // x/sys/cpu does not report it
	}
	return c
}

// cpuModel returns the model from /proc/cpuinfo. A PC has a line "model name" for each processor. A
// board with a device tree has one line "Model" at the end.
func cpuModel(root fs.FS) string {
	info := ReadFile(root, "proc/cpuinfo")
	for line := range bytes.Lines(info) {
		key, value, _ := strings.Cut(string(line), ":")
		switch strings.TrimSpace(key) {
		case "model name", "Model":
			return CleanWord(value)
		}
	}
	return ""
}

// hasCPUFlag reports whether the first processor has a flag of /proc/cpuinfo.
func hasCPUFlag(root fs.FS, flag string) bool {
	for line := range bytes.Lines(ReadFile(root, "proc/cpuinfo")) {
		key, value, _ := strings.Cut(string(line), ":")
		if strings.TrimSpace(key) == "flags" {
			return strings.Contains(" "+strings.TrimSpace(value)+" ", " "+flag+" ")
		}
	}
	return false
}
