package scenario

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
)

// BenchmarkResident prints the memory of all processes of a box, idle and with a lesson of 30 who
// chat. A page that several processes share counts once (Pss).
func BenchmarkResident(b *testing.B) {
	const settle = 10 * time.Second // longer than the box keeps what only its start needed
	for b.Loop() {
		box := boxtest.Start(b, b.TempDir())
		ada := box.ClaimBox("Ada")
		box.Stop()
		box = box.Restart() // the memory of a box that was just switched on
		ada.Box = box
		time.Sleep(settle)
		printResident(b, "idle", box.PID())
		lesson := ada.OpenLesson(ada.AddClass("Chat", chatters), "Chat")
		c := startChat(b, box, lesson)
		time.Sleep(settle)
		printResident(b, "lesson-of-30", box.PID())
		close(c.end)
		c.wait.Wait()
	}
}

func printResident(b *testing.B, when string, core int) {
	b.Helper()
	list := family(core)
	list[core] = "livelearn box"
	fmt.Printf("%-14s %-20s %9s %9s %9s %9s   MiB\n", when, "process", "resident", "share", "own", "file")
	var sum [4]float64
	for _, pid := range slices.Sorted(maps.Keys(list)) {
		name := strings.Fields(list[pid])
		row := readResident(pid)
		fmt.Printf("%-14s %-20s %9.1f %9.1f %9.1f %9.1f\n", when, strings.Join(name[:min(2, len(name))][1:], ""), row[0], row[1], row[2], row[3])
		for i, v := range row {
			sum[i] += v
		}
	}
	fmt.Printf("%-14s %-20s %9.1f %9.1f %9.1f %9.1f\n", when, "all", sum[0], sum[1], sum[2], sum[3])
	b.ReportMetric(sum[1], when+"-MiB")
}

// readResident returns what a process has in memory, its share of that, and the share of its own pages and of
// the pages of files, in MiB.
func readResident(pid int) (row [4]float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // one that has just ended has none
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if at := slices.Index([]string{"Rss", "Pss", "Pss_Anon", "Pss_File"}, key); at >= 0 {
			row[at] = n / 1024
		}
	}
	return row
}
