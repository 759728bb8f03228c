//go:build qemu

package qemutest

import (
	"os"
	"testing"
	"time"
)

// BenchmarkPowerToPage measures the seconds from power to the lesson page in the emulator,
// and the size of what is on the disk.
func BenchmarkPowerToPage(b *testing.B) {
	disk := debian(b, program(b, "amd64"))
	var took []time.Duration
	for b.Loop() {
		m := New(b, Config{Disk: disk, Raw: true})
		took = append(took, m.Ready(5*time.Minute))
		m.Kill()
	}
	b.Log(took)
	if info, err := os.Stat(disk); err == nil {
		b.Log(info.Size())
	}
}
