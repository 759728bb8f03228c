package scenario

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
)

// BenchmarkSyncBesideChat measures how long a message takes from one pupil to the others,
// alone and while a backlog of a million facts goes to a cloud at full speed. The cloud and
// its Postgres run on this machine, too: at a lower priority, as they would be elsewhere.
func BenchmarkSyncBesideChat(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("LIVELEARN_BACKLOG"))
	if err != nil {
		n = 1_000_000
	}
	for b.Loop() {
		dir := b.TempDir()
		box := boxtest.Start(b, dir)
		ada := box.ClaimBox("Ada")
		heavy := ada.OpenLesson(ada.AddClass("Heavy", 100), "A long year")
		box.Stop()
		fillJournal(b, dir, heavy, n)
		box = box.Restart()
		ada.Box = box
		node := boxtest.StartCloud(b, b.TempDir(), cloudtest.Postgres(b))
		node.RunCommand("school", "add", hillSchool)
		light := ada.OpenLesson(ada.AddClass("Light", chatters), "Chat")
		c := startChat(b, box, light)
		before := c.during(calm)
		began := time.Now()
		if _, err := ada.CallAPI("POST", "/api/admin/cloud/link", map[string]string{"link": node.EnrolLink(hillSchool)}, nil); err != nil {
			b.Fatal(err)
		}
		c.during(0)
		var s cloud.Status
		for s.State != cloud.StateIdle {
			time.Sleep(200 * time.Millisecond) // two processes exchange facts
			if _, err := ada.CallAPI("GET", "/api/admin/cloud", nil, &s); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(began)
		with := c.so()
		after := c.during(calm)
		c.stop()
		still := append(before, after...)
		b.ReportMetric(p99(still), "ms-p99-calm")
		b.ReportMetric(p99(with), "ms-p99-beside")
		b.ReportMetric(p99(with)/p99(still), "x-calm")
		b.ReportMetric(float64(n)/took.Seconds(), "facts/s")
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(float64(len(with)), "deliveries")
		b.ReportMetric(0, "ns/op")
	}
}
