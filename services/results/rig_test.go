package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
)

// Times of the tests' lessons, in milliseconds.
const (
	start  = int64(1_790_000_000_000) // wall clock when the program started
	minute = int64(60_000)
)

// factTape is the facts of a lesson in the making.
type factTape struct {
	facts []event.Event
	epoch uint64
	boot  uint64
	mono  int64
	boots int64 // milliseconds of wall clock before this boot
}

func newFactTape() *factTape { return &factTape{epoch: 1, boot: 1} }

// wait lets time pass.
func (t *factTape) wait(ms int64) *factTape {
	t.mono += ms
	return t
}

// crash ends the program, which is away for a while. The room's next epoch begins.
func (t *factTape) crash(away int64) *factTape {
	t.boots += t.mono + away
	t.boot, t.mono = t.boot+1, 0
	return t.restart()
}

// restart ends the room alone.
func (t *factTape) restart() *factTape {
	t.epoch++
	return t
}

// add records a fact; data is JSON.
func (t *factTape) add(by string, kind event.Kind, data string) *factTape {
	t.facts = append(t.facts, event.Event{
		Stream: "room:c1", Epoch: t.epoch, Seq: uint64(len(t.facts) + 1), Kind: kind, By: by, Data: json.RawMessage(data),
		Stamp: event.Stamp{Boot: t.boot, Mono: t.mono, Wall: start + t.boots + t.mono},
	})
	return t
}

func (t *factTape) lesson() *factTape {
	return t.add("t1", room.LessonStarted, `{"lesson":"l1","title":"Fractions"}`)
}

func (t *factTape) end() *factTape          { return t.add("t1", room.LessonEnded, `{"lesson":"l1"}`) }
func (t *factTape) came(u string) *factTape { return t.add(u, room.Arrived, `{}`) }
func (t *factTape) went(u string) *factTape { return t.add(u, room.Departed, `{}`) }

const (
	single1 = `"id":"q1","kind":"single","title":"","text":"2/4 is","options":[{"id":"a","text":"1/2"},{"id":"b","text":"1/3"}],"points":2,"seconds":10`
	single2 = `"id":"q2","kind":"single","title":"","text":"1/3 of 9","options":[{"id":"a","text":"3"},{"id":"b","text":"6"}],"points":1`
	poll3   = `"id":"q3","kind":"poll","title":"","text":"Again?","options":[{"id":"a","text":"=yes"},{"id":"b","text":"no"}],"points":0`
)

// load loads a quiz of two graded questions and a poll. The right answer is always a.
func (t *factTape) load(speed bool) *factTape {
	const key = `,"key":{"weights":{"a":1}}}`
	return t.add("t1", quiz.Loaded, fmt.Sprintf(
		`{"id":"z1","title":"Quiz","speed":%v,"paced":"teacher","board":false,"items":[{%s%s,{%s%s,{%s,"key":{}}]}`,
		speed, single1, key, single2, key, poll3))
}

func (t *factTape) open(round int, it string, seconds int) *factTape {
	return t.add("t1", quiz.Opened, fmt.Sprintf(`{"round":%d,"items":[{%s}],"index":0,"of":3,"seconds":%d,"paced":"teacher"}`, round, it, seconds))
}

func (t *factTape) answer(user string, round int, it, option string, took int64) *factTape {
	return t.add(user, quiz.Answered, fmt.Sprintf(`{"round":%d,"item":%q,"response":{"options":[%q]},"took":%d}`, round, it, option, took))
}

func (t *factTape) shut(round int) *factTape {
	t.add("t1", quiz.Locked, fmt.Sprintf(`{"round":%d}`, round))
	t.add("t1", quiz.Revealed, fmt.Sprintf(`{"round":%d,"shown":true}`, round))
	return t.add("t1", quiz.Closed, fmt.Sprintf(`{"round":%d}`, round))
}

func testMeta() Meta {
	return Meta{
		Lesson: "l1", Room: "c1", Class: "c1", ClassName: "7b", Title: "Fractions", Started: start,
		Names: map[string]string{"p1": "Ben", "p2": "Cleo", "p3": "Dan"},
	}
}

func (t *factTape) fold() *Fold {
	f := New(testMeta())
	for _, e := range t.facts {
		f.Add(e)
	}
	return f
}

func (t *factTape) results() Results { return t.fold().Results() }

// pupil is a pupil's part of the results.
func (r Results) pupil(tb testing.TB, user string) (Presence, Pupil) {
	tb.Helper()
	for i, p := range r.Pupils {
		if p.User == user {
			return r.Attendance[i], p
		}
	}
	tb.Fatalf("%s is not in the results", user)
	return Presence{}, Pupil{}
}

// text is the results as JSON and CSV. A workbook is a zip file of parts in no order.
func (r Results) text(tb testing.TB) string {
	tb.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		tb.Fatal(err)
	}
	if err := WriteCSV(&b, r, CSVOptions{}); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
