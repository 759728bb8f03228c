package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire/wiretest"
)

const (
	reported = 100_000          // answers that the report is about
	calm     = 30 * time.Second // chat alone, before and after
	beside   = 60 * time.Second // of chat during the report
	chatters = 30
)

// BenchmarkReportBesideChat measures how long a message takes from one pupil to the
// others, alone and while the report over 100,000 answers is made again and again for a
// minute. One report takes a second or two; each has a new process.
func BenchmarkReportBesideChat(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		box := boxtest.Start(b, dir)
		ada := box.ClaimBox("Ada")
		heavy := ada.OpenLesson(ada.AddClass("Heavy", 100), "A long year")
		box.Stop()
		fillJournal(b, dir, heavy, reported)
		box = box.Restart()
		ada.Box = box
		light := ada.OpenLesson(ada.AddClass("Light", chatters), "Chat")
		c := startChat(b, box, light)
		before := c.during(calm)
		reports := 0
		done := make(chan struct{})
		var report sync.WaitGroup
		report.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := makeReport(ada, heavy.ID); err != nil {
					b.Error(err)
					return
				}
				reports++
			}
		})
		with := c.during(beside)
		close(done)
		report.Wait()
		after := c.during(calm)
		c.stop()
		still := append(slices.Clone(before), after...)
		b.ReportMetric(p99(still), "ms-p99-calm")
		b.ReportMetric(p99(with), "ms-p99-beside")
		b.ReportMetric(p99(with)/p99(still), "x-calm")
		b.ReportMetric(float64(reports), "reports")
		b.ReportMetric(float64(len(with)), "deliveries")
	}
}

// fillJournal writes answers into the stopped box's journal.
func fillJournal(b *testing.B, dir string, l boxtest.Lesson, answers int) {
	b.Helper()
	j := openJournal(b, dir)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = j.Serve(ctx) })
	at, err := j.Raise(ctx, room.StreamOf(l.Room))
	if err != nil {
		b.Fatal(err)
	}
	seq, clock := at.Seq, event.NewClock(7)
	var wrote sync.WaitGroup
	put := func(kind event.Kind, by string, data any) {
		raw, err := json.Marshal(data)
		if err != nil {
			b.Fatal(err)
		}
		seq++
		wrote.Add(1)
		e := event.Event{Stream: room.StreamOf(l.Room), Epoch: at.Epoch, Seq: seq, Kind: kind, By: by, Stamp: clock.Now(), Data: raw}
		j.Append(journal.Batch{Stream: e.Stream, Epoch: e.Epoch, Facts: []event.Event{e}, Vital: true}, func(err error) {
			if err != nil {
				b.Error(err)
			}
			wrote.Done()
		})
	}
	item := map[string]any{"id": "q1", "kind": "single", "text": "Q", "points": 1, "options": []any{map[string]string{"id": "a", "text": "x"}, map[string]string{"id": "b", "text": "y"}}}
	put("quiz.loaded", "", map[string]any{"id": "z", "title": "Z", "paced": "teacher", "items": []any{func() any {
		keyed := map[string]any{"key": map[string]any{"weights": map[string]float64{"a": 1}}}
		maps.Copy(keyed, item)
		return keyed
	}()}})
	put("quiz.opened", "", map[string]any{"round": 1, "items": []any{item}, "of": 1, "paced": "teacher"})
	for i := range answers {
		put("quiz.answered", l.Names[i%len(l.Names)].ID, map[string]any{
			"round": 1, "item": "q1", "response": map[string]any{"options": []string{[]string{"a", "b"}[i/100%2]}}, "took": i,
		})
	}
	wrote.Wait()
	cancel()
	serving.Wait()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

func makeReport(ada *boxtest.Person, lesson string) error {
	var job struct {
		ID, State string
		Error     any
	}
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson+"/results", nil, &job); err != nil {
		return err
	}
	for job.State != "done" {
		if job.State == "failed" {
			return fmt.Errorf("the report failed: %v", job.Error)
		}
		time.Sleep(100 * time.Millisecond) // the job runs in a process of the box
		if _, err := ada.CallAPI("GET", "/api/jobs/"+job.ID, nil, &job); err != nil {
			return err
		}
	}
	return nil
}

// chatClass is a class that chats. Each message carries when it was sent.
type chatClass struct {
	mu   sync.Mutex
	took []float64 // ms of each delivery
	end  chan struct{}
	wait sync.WaitGroup
}

func startChat(b *testing.B, box *boxtest.Box, l boxtest.Lesson) *chatClass {
	b.Helper()
	c := &chatClass{end: make(chan struct{})}
	began := time.Now()
	hear := func(e wiretest.Event) {
		var said struct{ Text string }
		if e.Kind != "chat.said" || json.Unmarshal(e.Data, &said) != nil {
			return
		}
		_, at, _ := strings.Cut(said.Text, " ")
		sent, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.took = append(c.took, float64(time.Since(began)-time.Duration(sent))/1e6)
		c.mu.Unlock()
	}
	for i, n := range l.Names {
		m := box.JoinLesson(l, n.ID).NewMember(l.Room)
		m.OnEvent = hear
		if _, err := m.Connect(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(m.Drop)
		c.wait.Go(func() {
			tick := time.NewTicker(2 * time.Second)
			defer tick.Stop()
			for k := 0; ; k++ {
				if _, err := m.SendCommand(wiretest.Command{ID: fmt.Sprint("t", i, "-", k), Name: "chat.say", Payload: map[string]any{
					"text": fmt.Sprint("at ", int64(time.Since(began))), "to": "all",
				}}); err != nil {
					b.Error(err)
					return
				}
				select {
				case <-tick.C:
				case <-c.end:
					return
				}
			}
		})
		time.Sleep(2 * time.Second / chatters) // not all at once
	}
	return c
}

// during is the deliveries of the next d.
func (c *chatClass) during(d time.Duration) []float64 {
	c.mu.Lock()
	c.took = nil
	c.mu.Unlock()
	time.Sleep(d) // the class chats
	return c.so()
}

// so is the deliveries since the last during began.
func (c *chatClass) so() []float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.took)
}

func (c *chatClass) stop() { close(c.end); c.wait.Wait() }

func p99(list []float64) float64 {
	slices.Sort(list)
	if len(list) == 0 {
		return 0
	}
	return list[len(list)*99/100]
}
