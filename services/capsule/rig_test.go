package capsule

import (
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media/record"
)

const (
	start  = int64(1_790_000_000_000) // wall clock when the program started
	second = int64(1000)
)

// tape is the facts of a lesson in the making.
type tape struct {
	facts []event.Event
	boot  uint64
	mono  int64
	wall  int64
}

func newTape() *tape { return &tape{boot: 1, wall: start} }

func (t *tape) wait(ms int64) *tape {
	t.mono += ms
	t.wall += ms
	return t
}

// crash starts the program anew, after a while.
func (t *tape) crash(away int64) *tape {
	t.boot, t.mono = t.boot+1, 0
	t.wall += away
	return t
}

// set sets the box's clock.
func (t *tape) set(by int64) *tape {
	t.wall += by
	return t
}

func (t *tape) add(by string, kind event.Kind, data string) *tape {
	t.facts = append(t.facts, event.Event{
		Stream: "room:c1", Epoch: 1, Seq: uint64(len(t.facts) + 1), Kind: kind, By: by, Data: json.RawMessage(data),
		Stamp: event.Stamp{Boot: t.boot, Mono: t.mono, Wall: t.wall},
	})
	return t
}

func (t *tape) all() iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range t.facts {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func options() Options {
	return Options{
		Teachers: map[string]string{"t1": "Ada Lovelace"},
		Pupils:   map[string]string{"p1": "Ben Pupil", "p2": "Cleo Pupil"},
	}
}

// media puts a file of a recording into a folder.
func media(t testing.TB, dir string, p record.Part) {
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

// build is the capsule and the events as they stand in the folder.
func build(t testing.TB, f *tape, dir string, o Options) (Capsule, []Event) {
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

// lesson is one with all that a player knows, and all that it must not.
func lesson() *tape {
	const it = `{"id":"q1","kind":"single","title":"","text":"2/4 is","options":[{"id":"a","text":"1/2"},{"id":"b","text":"1/3"}],"points":2,"seconds":10}`
	return newTape().
		add("t1", lessonStarted, `{"lesson":"l1","title":"Fractions"}`).
		add("p1", "room.came", `{}`).
		wait(second).add("t1", loaded, `{"deck":"d1","title":"Deck","pages":[{"key":"kA"},{"key":"kUnseen"}]}`).
		add("t1", shown, `{"surface":"d:d1:0","page":{"deck":"d1","index":0,"of":2,"key":"kA","w":10,"h":5,"text":"Halves\nand more"}}`).
		wait(second).add("t1", recorded, `{"on":true,"pupils":true}`).
		wait(second).add("p1", said, `{"text":"Hello <all>","to":"all"}`).
		add("p2", said, `{"text":"secretword","to":"teacher"}`).
		add("p9", said, `{"text":"goneword","to":"all"}`).
		add("p1", said, ``).
		add("p1", said, `null`).
		wait(second).add("t1", drawn, `{"surface":"d:d1:0","stroke":{"id":"s1","tool":"pen","color":1,"size":2,"points":"0 0 0"}}`).
		add("t1", undone, `{"surface":"d:d1:0","stroke":"s1"}`).
		add("t1", cleared, `{"surface":"d:d1:0"}`).
		wait(second).add("p1", raised, `{}`).add("p2", raised, `{}`).add("t1", lowered, `{"all":true}`).
		wait(second).add("t1", "quiz.loaded", `{"id":"z1","items":[{"id":"q1","key":{"weights":{"a":1}}}]}`).
		add("t1", asked, `{"round":1,"items":[`+it+`],"index":0,"of":1,"seconds":10,"paced":"teacher","key":"leakword"}`).
		wait(second).add("p1", "quiz.answered", `{"round":1,"item":"q1","response":{"options":["a"]},"took":900}`).
		add("t1", locked, `{"round":1}`).
		add("t1", regraded, `{"round":1,"item":"q1","shown":false,"key":{"weights":{"leakword":1}}}`).
		wait(second).add("t1", revealed, `{"round":1,"shown":true,"keys":{"q1":{"options":["a"]}},"counts":{"q1":{"a":1,"b":0}},"answered":{"q1":1},"marks":{"p1":{"q1":1}},"scores":{"p1":2},"score":0,"max":2}`).
		add("t1", "quiz.starred", `{"round":1,"item":"q1","n":1,"response":{"text":"starword"}}`).
		add("t1", "quiz.ranked", `{"on":true,"list":[{"user":"p1","score":2}]}`).
		add("t1", closed, `{"round":1}`).
		wait(second).add("t1", shown, `{"surface":"w:1"}`).
		wait(second).add("t1", lessonEnded, `{"lesson":"l1"}`).
		wait(second).add("t1", said, `{"text":"afterword","to":"all"}`)
}
