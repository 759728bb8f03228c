package playback

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/whiteboard"
)

func TestEventsAreWhatAllSaw(t *testing.T) {
	c, events := buildCapsule(t, fullLesson(), t.TempDir(), testOptions())
	var got []string
	for _, e := range events {
		got = append(got, mustJSON(t, e.AtMS)+" "+e.Kind+" "+string(e.Data))
	}
	want := []string{
		`1000 show {"surface":"d:d1:0","page":{"deck":"d1","index":0,"of":2,"key":"kA","w":10,"h":5,"text":"Halves\nand more"}}`,
		`3000 chat {"role":"pupil","text":"Hello <all>"}`,
		`4000 ink {"surface":"d:d1:0","stroke":{"id":"s1","tool":"pen","color":1,"size":2,"points":"0 0 0"}}`,
		`4000 undo {"surface":"d:d1:0","stroke":"s1"}`,
		`4000 clear {"surface":"d:d1:0"}`,
		`5000 hands {"count":1}`,
		`5000 hands {"count":2}`,
		`5000 hands {"count":0}`,
		`6000 question {"round":1,"items":[{"id":"q1","kind":"single","text":"2/4 is","options":[{"id":"a","text":"1/2"},{"id":"b","text":"1/3"}],"points":2}],"seconds":10,"paced":"teacher"}`,
		`7000 locked {"round":1}`,
		`8000 reveal {"round":1,"keys":{"q1":{"right":["a"]}},"counts":{"q1":{"a":1,"b":0}},"answered":{"q1":1}}`,
		`8000 closed {"round":1}`,
		`9000 show {"surface":"w:1"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	chapters := []Chapter{
		{AtMS: 1000, Kind: "slide", Title: "Halves", Page: 1},
		{AtMS: 6000, Kind: "question", Title: "2/4 is"},
		{AtMS: 9000, Kind: "board"},
	}
	if diff := cmp.Diff(chapters, c.Chapters); diff != "" {
		t.Error(diff)
	}
	if c.Lesson != "l1" || c.Title != "Fractions" || c.StartMS != start || c.DurationMS != 10_000 || c.Version != 1 {
		t.Errorf("got %+v", c)
	}
}

// readCapsuleFiles is all that the folder's own files say.
func readCapsuleFiles(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{IndexFile, EventsFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

func TestNothingPrivateIsInACapsule(t *testing.T) {
	dir := t.TempDir()
	putMedia(t, dir, record.Part{File: "p1-camera.webm", User: "p1", Source: "camera", DurationMS: 1})
	buildCapsule(t, fullLesson(), dir, testOptions())
	got := readCapsuleFiles(t, dir)
	for _, word := range []string{"secretword", "goneword", "leakword", "starword", "afterword", "kUnseen", "Pupil", "p1", "p2", "p9", "marks", "scores", "weights", "took"} {
		if strings.Contains(got, word) {
			t.Errorf("%q is in the capsule", word)
		}
	}
}

func TestPupilsWhoAreIncludedAndTheErasedAreNot(t *testing.T) {
	dir := t.TempDir()
	putMedia(t, dir, record.Part{File: "a.webm", User: "p1", Source: "camera", DurationMS: 1})
	putMedia(t, dir, record.Part{File: "b.webm", User: "p9", Source: "camera", DurationMS: 1})
	o := testOptions()
	o.Include = true
	c, events := buildCapsule(t, fullLesson(), dir, o)
	if len(c.Parts) != 1 || c.Parts[0].Name != "Ben Pupil" || c.Parts[0].Role != "pupil" {
		t.Errorf("got %+v", c.Parts)
	}
	i := slices.IndexFunc(events, func(e Event) bool { return e.Kind == Chat })
	if string(events[i].Data) != `{"role":"pupil","name":"Ben Pupil","text":"Hello <all>"}` {
		t.Errorf("got %s", events[i].Data)
	}
	delete(o.Pupils, "p1") // erased; built again
	c, events = buildCapsule(t, fullLesson(), dir, o)
	if len(c.Parts) != 0 || slices.ContainsFunc(events, func(e Event) bool { return e.Kind == Chat }) {
		t.Errorf("after the erasure: got %+v", c.Parts)
	}
}

func TestPartsStandOnTheLessonsTime(t *testing.T) {
	f := newFactTape().add("t1", room.LessonStarted, `{"lesson":"l1","title":""}`).
		wait(60*second).add("t1", call.Recorded, `{"on":true}`).
		wait(30*second).add("t1", call.Recorded, `{"on":false}`).
		set(5_000_000). // the box learnt the time
		wait(30*second).add("t1", call.Recorded, `{"on":true}`).
		wait(10*second).crash(20*second).add("t1", chat.Said, `{"text":"x","to":"all"}`)
	dir := t.TempDir()
	putMedia(t, dir, record.Part{File: "a.webm", User: "t1", Source: "camera", StartMS: 500, BeganMS: start + 60_040, DurationMS: 9000, Type: "video/webm"})
	putMedia(t, dir, record.Part{File: "b.webm", User: "t1", Source: "camera", StartMS: 700, BeganMS: start + 5_120_000, DurationMS: 9000})
	putMedia(t, dir, record.Part{File: "c.mp4", User: "t1", Source: "screen", StartMS: 0, BeganMS: start + 5_123_000, DurationMS: 90_000}) // another node took over
	c, events := buildCapsule(t, f, dir, testOptions())
	var got []int64
	for _, p := range c.Parts {
		got = append(got, p.StartMS)
	}
	if want := []int64{60_540, 120_700, 123_000}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if events[0].AtMS != 150_000 || c.DurationMS != 213_000 {
		t.Errorf("after the crash: got %d of %d", events[0].AtMS, c.DurationMS)
	}
	if p := c.Parts[0]; p.Name != "Ada Lovelace" || p.Source != "camera" || p.DurationMS != 9000 || p.Type != "video/webm" || p.Bytes != 5 {
		t.Errorf("got %+v", p)
	}
}

func TestPagesThatAreOnlyPassedHaveNoChapter(t *testing.T) {
	f := newFactTape().add("t1", room.LessonStarted, `{"lesson":"l1","title":""}`)
	f.add("t1", whiteboard.Loaded, `{"deck":"d1","title":"Deck"}`)
	for _, page := range []string{"0", "1", "2", "3"} {
		f.wait(second).add("t1", whiteboard.Shown, `{"surface":"d:d1:`+page+`","page":{"deck":"d1","index":`+page+`}}`)
	}
	f.wait(4*second).add("t1", whiteboard.Shown, `{"surface":"d:d1:0","page":{"deck":"d1","index":0,"text":"`+strings.Repeat("ü", 100)+`"}}`)
	c, _ := buildCapsule(t, f, t.TempDir(), testOptions())
	want := []Chapter{
		{AtMS: 4000, Kind: "slide", Title: "Deck", Page: 4},
		{AtMS: 8000, Kind: "slide", Title: strings.Repeat("ü", 79) + "…", Page: 1},
	}
	if diff := cmp.Diff(want, c.Chapters); diff != "" {
		t.Error(diff)
	}
}

func TestSameFactsGiveTheSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b, a} {
		putMedia(t, dir, record.Part{File: "b.webm", User: "t1", DurationMS: 1})
		putMedia(t, dir, record.Part{File: "a.webm", User: "t1", DurationMS: 1})
		buildCapsule(t, fullLesson(), dir, testOptions())
	}
	if readCapsuleFiles(t, a) != readCapsuleFiles(t, b) {
		t.Error("they differ")
	}
	left, err := filepath.Glob(filepath.Join(a, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestFactsThatComeTwiceChangeNothing(t *testing.T) {
	f := fullLesson()
	whole := buildAndRead(t, f)
	f.facts = slices.Concat(f.facts[:5], f.facts[2:9], f.facts[8:])
	if buildAndRead(t, f) != whole {
		t.Error("they differ")
	}
}

func TestBrokenFactsChangeNothing(t *testing.T) {
	f := fullLesson()
	whole := buildAndRead(t, f)
	for _, kind := range []event.Kind{whiteboard.Loaded, whiteboard.Shown, whiteboard.Drawn, whiteboard.Undone, hand.Lowered, quiz.Opened, quiz.Revealed, quiz.Regraded, quiz.Locked, chat.Said, call.Recorded, room.LessonStarted} {
		e := f.facts[len(f.facts)-3] // before the lesson's end
		e.Kind, e.Data = kind, []byte(`["?"`)
		f.facts = slices.Insert(f.facts, len(f.facts)-2, e)
	}
	for i := range f.facts {
		f.facts[i].Seq = uint64(i + 1)
	}
	if buildAndRead(t, f) != whole {
		t.Error("they differ")
	}
}

func buildAndRead(t *testing.T, f *factTape) string {
	t.Helper()
	dir := t.TempDir()
	buildCapsule(t, f, dir, testOptions())
	return readCapsuleFiles(t, dir)
}

func TestBuildTellsWhatStoppedIt(t *testing.T) {
	broken := func(yield func(event.Event, error) bool) { yield(event.Event{}, os.ErrClosed) }
	dir := t.TempDir()
	if _, err := Build(t.Context(), broken, dir, testOptions()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Build(ctx, fullLesson().all(), dir, testOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a capsule that failed is there: %v", err)
	}
	if _, err := Build(t.Context(), fullLesson().all(), filepath.Join(dir, "gone"), testOptions()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestThePlacesOfAPinComeWithItsReveal(t *testing.T) {
	const it = `{"id":"q1","kind":"pin","text":"Where?","image":{"id":"x.png","alt":"A map","w":8,"h":6},"points":1}`
	f := newFactTape().add("t1", room.LessonStarted, `{"lesson":"l1","title":"Maps"}`).
		add("t1", quiz.Opened, `{"round":1,"items":[`+it+`],"index":0,"of":1,"seconds":0,"paced":"teacher"}`).
		add("p1", "quiz.answered", `{"round":1,"item":"q1","response":{"pin":{"x":0.25,"y":0.5}},"took":9}`).
		add("t1", quiz.Revealed, `{"round":1,"shown":true,"keys":{"q1":{"regions":[{"x":0,"y":0,"w":1,"h":1}]}},"pins":{"q1":[{"x":0.25,"y":0.5}]},"score":0,"max":1}`)
	_, events := buildCapsule(t, f, t.TempDir(), testOptions())
	text := mustJSON(t, events)
	if len(events) != 2 || !strings.Contains(string(events[0].Data), `"alt":"A map"`) || strings.Contains(string(events[0].Data), "regions") || strings.Contains(text, "p1") {
		t.Errorf("got %s", text)
	}
	if want := `"pins":{"q1":[{"x":0.25,"y":0.5}]}`; !strings.Contains(string(events[1].Data), want) {
		t.Errorf("the reveal: %s", events[1].Data)
	}
}

func TestARemovedMessageHasNoTextInTheRecording(t *testing.T) {
	f := newFactTape().add("t1", room.LessonStarted, `{"lesson":"l1","title":"Maps"}`).
		add("p1", chat.Said, `{"text":"rudeword","to":"all"}`).
		wait(second).add("p1", chat.Said, `{"text":"good morning","to":"all"}`).
		add("t1", chat.Said, `{"text":"privateword","to":"pupil","user":"p1"}`).
		wait(second).add("t1", chat.Removed, `{"seq":2}`).
		add("t1", chat.Removed, `{"seq":77}`)
	_, events := buildCapsule(t, f, t.TempDir(), testOptions())
	text := mustJSON(t, events)
	if len(events) != 2 || strings.Contains(text, "rudeword") || strings.Contains(text, "privateword") || !strings.Contains(text, "good morning") {
		t.Errorf("got %s", text)
	}
	if got := string(events[0].Data); got != `{"role":"pupil","text":"","removed":true}` {
		t.Errorf("got %s", got)
	}
}
