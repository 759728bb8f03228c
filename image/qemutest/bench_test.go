//go:build qemu

package qemutest

import (
	"os"
	"testing"
)

// BenchmarkPowerToPage measures the seconds from power to the lesson page in the emulator, of
// our image and of a minimal Debian with systemd that runs the same program, one beside the
// other, and what is on their disks. The first start, which makes the data, is not measured.
func BenchmarkPowerToPage(b *testing.B) {
	ours, _ := publisher(b).image(b, "pc", "0.5.0")
	for name, disk := range map[string]string{"ours": fresh(b, ours), "debian": debian(b, program(b, "amd64"))} {
		b.Run(name, func(b *testing.B) {
			power := func() *Machine { return New(b, Config{Disk: disk, Raw: true}) }
			m := power()
			first, sum := m.Ready(starts).Seconds(), 0.0
			m.Kill()
			for b.Loop() {
				m := power()
				sum += m.Ready(starts).Seconds()
				m.Kill()
			}
			b.ReportMetric(first, "s-first")
			b.ReportMetric(sum/float64(b.N), "s-to-page")
			b.ReportMetric(float64(held(b, disk))/1e6, "MB-on-disk")
		})
	}
}

// held is how much of a disk is no hole.
func held(b *testing.B, disk string) int64 {
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
	return blocks(info)
}
