package playback

import (
	"encoding/json"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// builder gathers a capsule.
type builder struct {
	options    Options
	seq        uint64 // of the last fact
	events     []Event
	chapters   []Chapter
	lesson     string
	title      string
	start      event.Stamp // of lesson.started
	last       event.Stamp // of the last fact
	nowMS      int64       // since the start, of the last fact
	ended      bool
	recordings []recordingStart  // recordings
	decks      map[string]string // titles
	hands      map[string]bool
	said       map[uint64]int // places of messages in events, by seq
}

// recordingStart is when a recording began.
type recordingStart struct{ at, wall int64 }

func newBuilder(o Options) *builder {
	return &builder{options: o, events: []Event{}, chapters: []Chapter{}, decks: map[string]string{}, hands: map[string]bool{}, said: map[uint64]int{}}
}

// addFact folds one fact. A fact with an emptied payload (its author was erased, its retention
// time is over) counts as never recorded.
func (f *builder) addFact(e event.Event) {
	if e.Seq <= f.seq || f.ended {
		return
	}
	f.seq = e.Seq
	if e.Kind == room.LessonStarted {
		f.beginLesson(e)
		return
	}
	if f.start == (event.Stamp{}) {
		return
	}
	f.nowMS += elapsedMS(f.last, e.Stamp)
	f.last = e.Stamp
	if len(e.Data) == 0 || string(e.Data) == "null" {
		return
	}
	switch e.Kind {
	case room.LessonEnded:
		f.ended = true
	case call.Recorded:
		if in, ok := readPayload[call.RecordedData](e); ok && in.On {
			f.recordings = append(f.recordings, recordingStart{f.nowMS, e.Stamp.Wall})
		}
	default:
		f.addShown(e)
	}
}

func (f *builder) beginLesson(e event.Event) {
	in, ok := readPayload[room.StartedData](e)
	if !ok || f.start != (event.Stamp{}) {
		return
	}
	f.lesson, f.title, f.start, f.last = in.Lesson, in.Title, e.Stamp, e.Stamp
}

// elapsedMS is the milliseconds from one fact to the next by the monotonic clock. If the program
// was restarted between them, it is by the box's clock, which people may have set.
func elapsedMS(a, b event.Stamp) int64 {
	if a.Boot == b.Boot {
		return max(b.Mono-a.Mono, 0)
	}
	return max(b.Wall-a.Wall, 0)
}

// readPayload is a payload; a broken one is skipped.
func readPayload[T any](e event.Event) (v T, ok bool) {
	return v, json.Unmarshal(e.Data, &v) == nil
}

// addEvent adds an event at the time of the last fact.
func (f *builder) addEvent(kind string, data any) {
	b, err := encodeJSON(data)
	if err != nil {
		return // our own types always encode
	}
	f.events = append(f.events, Event{AtMS: f.nowMS, Kind: kind, Data: b[:len(b)-1]})
}

// roleOf is the role of a user. Empty: the user was erased.
func (f *builder) roleOf(user string) string {
	if _, ok := f.options.Teachers[user]; ok {
		return "teacher"
	}
	if _, ok := f.options.Pupils[user]; ok {
		return "pupil"
	}
	return ""
}

// nameOf is the name of a user in the capsule. Empty: the capsule has no name.
func (f *builder) nameOf(user string) string {
	if n, ok := f.options.Teachers[user]; ok {
		return n
	}
	if f.options.Include {
		return f.options.Pupils[user]
	}
	return ""
}
