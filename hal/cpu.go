package hal

import (
	"bytes"
	"io/fs"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// CPU is the processor, as far as what a lesson's media costs depends on it.
type CPU struct {
	Model string // "Raspberry Pi 4 Model B Rev 1.4", "AMD EPYC 7B13"; empty: not told
	Arch  string // "arm64", "amd64"
	Cores int    // that this program may use

	AES  bool // instructions for AES
	Mul  bool // carry-less multiplication: PMULL, PCLMULQDQ
	SHA1 bool // instructions for SHA-1
}

// GCM tells that AES-GCM runs on instructions of the processor. Without them Go computes it
// in tables, twenty times slower: all 64-bit Raspberry Pis before the fifth.
func (c CPU) GCM() bool { return c.AES && c.Mul }

// Missing names the instructions that make media cheap and are not there.
func (c CPU) Missing() (names []string) {
	if !c.AES {
		names = append(names, "AES")
	}
	if !c.Mul {
		names = append(names, "carry-less multiplication")
	}
	if !c.SHA1 {
		names = append(names, "SHA-1")
	}
	return names
}

// ReadCPU is the processor of this machine, whose root folder is root.
func ReadCPU(root fs.FS) CPU {
	c := CPU{Model: cpuModel(root), Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0)}
	switch runtime.GOARCH {
	case "arm64":
		c.AES, c.Mul, c.SHA1 = cpu.ARM64.HasAES, cpu.ARM64.HasPMULL, cpu.ARM64.HasSHA1
	case "amd64":
		c.AES, c.Mul = cpu.X86.HasAES, cpu.X86.HasPCLMULQDQ
		c.SHA1 = has(root, "sha_ni") // x/sys/cpu does not tell
	}
	return c
}

// cpuModel is the model by the kernel's list of processors: "model name" for each one on a
// PC, "Model" once at the end on a board with a device tree.
func cpuModel(root fs.FS) string {
	info := ReadSome(root, "proc/cpuinfo")
	for line := range bytes.Lines(info) {
		key, value, _ := strings.Cut(string(line), ":")
		switch strings.TrimSpace(key) {
		case "model name", "Model":
			return Word(value)
		}
	}
	return ""
}

// has tells that the first processor has a flag of /proc/cpuinfo.
func has(root fs.FS, flag string) bool {
	for line := range bytes.Lines(ReadSome(root, "proc/cpuinfo")) {
		key, value, _ := strings.Cut(string(line), ":")
		if strings.TrimSpace(key) == "flags" {
			return strings.Contains(" "+strings.TrimSpace(value)+" ", " "+flag+" ")
		}
	}
	return false
}
