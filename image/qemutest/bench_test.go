//go:build qemu

package qemutest

import (
	"os"
	"testing"
)

// BenchmarkPowerToPage measures the seconds from power-on to the lesson page in the emulator, and
// the size on disk. It compares our image with a minimal Debian with systemd that runs the same
// program. It does not measure the first start, which makes the data.
func BenchmarkPowerToPage(b *testing.B) {
	ours, _ := newPublisher(b).image(b, "pc", "0.5.0")
	for name, disk := range map[string]string{"ours": freshDisk(b, ours), "debian": newDebian(b, buildProgram(b, "amd64"))} {
		b.Run(name, func(b *testing.B) {
			power := func() *Machine { return New(b, Config{Disk: disk, Raw: true}) }
			m := power()
			first, sum := m.WaitReady(starts).Seconds(), 0.0
			m.Kill()
			for b.Loop() {
				m := power()
				sum += m.WaitReady(starts).Seconds()
				m.Kill()
			}
			b.ReportMetric(first, "s-first")
			b.ReportMetric(sum/float64(b.N), "s-to-page")
			b.ReportMetric(float64(allocatedSize(b, disk))/1e6, "MB-on-disk")
		})
	}
}

// allocatedSize returns the size of a disk without its holes.
func allocatedSize(b *testing.B, disk string) int64 {
	b.Helper()
	copied := disk + ".held"
	if err := copySparse(copied, disk); err != nil {
		b.Fatal(err)
	}
	defer os.Remove(copied)
	info, err := os.Stat(copied)
	if err != nil {
		b.Fatal(err)
	}
	return allocatedBytes(info)
}
