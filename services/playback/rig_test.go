package playback

import (
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/whiteboard"
)

const (
	start  = int64(1_790_000_000_000) // wall clock when the program started
	second = int64(1000)
)

// factTape is the facts of a lesson in the making.
type factTape struct {
	facts []event.Event
	boot  uint64
	mono  int64
	wall  int64
}

func newFactTape() *factTape { return &factTape{boot: 1, wall: start} }

func (t *factTape) wait(ms int64) *factTape {
	t.mono += ms
	t.wall += ms
	return t
}

// crash restarts the program, after a while.
func (t *factTape) crash(away int64) *factTape {
	t.boot, t.mono = t.boot+1, 0
	t.wall += away
	return t
}

// set sets the box's clock.
func (t *factTape) set(by int64) *factTape {
	t.wall += by
	return t
}

func (t *factTape) add(by string, kind event.Kind, data string) *factTape {
	t.facts = append(t.facts, event.Event{
		Stream: "room:c1", Epoch: 1, Seq: uint64(len(t.facts) + 1), Kind: kind, By: by, Data: json.RawMessage(data),
		Stamp: event.Stamp{Boot: t.boot, Mono: t.mono, Wall: t.wall},
	})
	return t
}

func (t *factTape) all() iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range t.facts {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func testOptions() Options {
	return Options{
		Teachers: map[string]string{"t1": "Ada Lovelace"},
		Pupils:   map[string]string{"p1": "Ben Pupil", "p2": "Cleo Pupil"},
	}
}

// putMedia puts a file of a recording into a folder.
func putMedia(t testing.TB, dir string, p record.Part) {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{p.File: []byte("media"), p.File + ".json": b} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// buildCapsule returns the capsule and the events in the folder.
func buildCapsule(t testing.TB, f *factTape, dir string, o Options) (Capsule, []Event) {
	t.Helper()
	made, err := Build(t.Context(), f.all(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := mustJSON(t, made), mustJSON(t, c); a != b {
		t.Errorf("built %s\nread  %s", a, b)
	}
	b, err := os.ReadFile(filepath.Join(dir, EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Events []Event }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return c, v.Events
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fullLesson is one with all that a player knows, and all that it must not.
func fullLesson() *factTape {
	const it = `{"id":"q1","kind":"single","title":"","text":"2/4 is","options":[{"id":"a","text":"1/2"},{"id":"b","text":"1/3"}],"points":2,"seconds":10}`
	return newFactTape().
		add("t1", room.LessonStarted, `{"lesson":"l1","title":"Fractions"}`).
		add("p1", "room.came", `{}`).
		wait(second).add("t1", whiteboard.Loaded, `{"deck":"d1","title":"Deck","pages":[{"key":"kA"},{"key":"kUnseen"}]}`).
		add("t1", whiteboard.Shown, `{"surface":"d:d1:0","page":{"deck":"d1","index":0,"of":2,"key":"kA","w":10,"h":5,"text":"Halves\nand more"}}`).
		wait(second).add("t1", call.Recorded, `{"on":true,"pupils":true}`).
		wait(second).add("p1", chat.Said, `{"text":"Hello <all>","to":"all"}`).
		add("p2", chat.Said, `{"text":"secretword","to":"teacher"}`).
		add("p9", chat.Said, `{"text":"goneword","to":"all"}`).
		add("p1", chat.Said, ``).
		add("p1", chat.Said, `null`).
		wait(second).add("t1", whiteboard.Drawn, `{"surface":"d:d1:0","stroke":{"id":"s1","tool":"pen","color":1,"size":2,"points":"0 0 0"}}`).
		add("t1", whiteboard.Undone, `{"surface":"d:d1:0","stroke":"s1"}`).
		add("t1", whiteboard.Cleared, `{"surface":"d:d1:0"}`).
		wait(second).add("p1", hand.Raised, `{}`).add("p2", hand.Raised, `{}`).add("t1", hand.Lowered, `{"all":true}`).
		wait(second).add("t1", "quiz.loaded", `{"id":"z1","items":[{"id":"q1","key":{"weights":{"a":1}}}]}`).
		add("t1", quiz.Opened, `{"round":1,"items":[`+it+`],"index":0,"of":1,"seconds":10,"paced":"teacher","key":"leakword"}`).
		wait(second).add("p1", "quiz.answered", `{"round":1,"item":"q1","response":{"options":["a"]},"took":900}`).
		add("t1", quiz.Locked, `{"round":1}`).
		add("t1", quiz.Regraded, `{"round":1,"item":"q1","shown":false,"key":{"weights":{"leakword":1}}}`).
		wait(second).add("t1", quiz.Revealed, `{"round":1,"shown":true,"keys":{"q1":{"right":["a"]}},"counts":{"q1":{"a":1,"b":0}},"answered":{"q1":1},"marks":{"p1":{"q1":1}},"scores":{"p1":2},"score":0,"max":2}`).
		add("t1", "quiz.starred", `{"round":1,"item":"q1","n":1,"response":{"text":"starword"}}`).
		add("t1", "quiz.ranked", `{"on":true,"list":[{"user":"p1","score":2}]}`).
		add("t1", quiz.Closed, `{"round":1}`).
		wait(second).add("t1", whiteboard.Shown, `{"surface":"w:1"}`).
		wait(second).add("t1", room.LessonEnded, `{"lesson":"l1"}`).
		wait(second).add("t1", chat.Said, `{"text":"afterword","to":"all"}`)
}
