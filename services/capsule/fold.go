package capsule

import (
	"encoding/json"

	"github.com/livelearn/box/services/event"
)

// Facts of other packages that a player shows. The capsule stands above the rooms and
// knows none of their features, as the results do.
const (
	lessonStarted = event.Kind("lesson.started")
	lessonEnded   = event.Kind("lesson.ended")
	recorded      = event.Kind("call.recorded")
	said          = event.Kind("chat.said")
	loaded        = event.Kind("board.loaded")
	shown         = event.Kind("board.shown")
	drawn         = event.Kind("board.drawn")
	undone        = event.Kind("board.undone")
	cleared       = event.Kind("board.cleared")
	raised        = event.Kind("hand.raised")
	lowered       = event.Kind("hand.lowered")
	asked         = event.Kind("quiz.opened")
	locked        = event.Kind("quiz.locked")
	revealed      = event.Kind("quiz.revealed")
	regraded      = event.Kind("quiz.regraded")
	closed        = event.Kind("quiz.closed")
)

// fold gathers a capsule.
type fold struct {
	o        Options
	seq      uint64 // of the last fact
	events   []Event
	chapters []Chapter
	lesson   string
	title    string
	start    event.Stamp // of lesson.started
	last     event.Stamp // of the last fact
	now      int64       // since the start, of the last fact
	ended    bool
	begun    []began           // recordings
	decks    map[string]string // titles
	hands    map[string]bool
}

// began is when a recording began.
type began struct{ at, wall int64 }

func newFold(o Options) *fold {
	return &fold{o: o, events: []Event{}, chapters: []Chapter{}, decks: map[string]string{}, hands: map[string]bool{}}
}

// add folds one fact. A fact whose payload was emptied (its author was erased, its time had
// come) counts as never recorded.
func (f *fold) add(e event.Event) {
	if e.Seq <= f.seq || f.ended {
		return
	}
	f.seq = e.Seq
	if e.Kind == lessonStarted {
		f.begin(e)
		return
	}
	if f.start == (event.Stamp{}) {
		return
	}
	f.now += passed(f.last, e.Stamp)
	f.last = e.Stamp
	if len(e.Data) == 0 || string(e.Data) == "null" {
		return
	}
	switch e.Kind {
	case lessonEnded:
		f.ended = true
	case recorded:
		if in, ok := read[struct{ On bool }](e); ok && in.On {
			f.begun = append(f.begun, began{f.now, e.Stamp.Wall})
		}
	default:
		f.show(e)
	}
}

func (f *fold) begin(e event.Event) {
	in, ok := read[struct{ Lesson, Title string }](e)
	if !ok || f.start != (event.Stamp{}) {
		return
	}
	f.lesson, f.title, f.start, f.last = in.Lesson, in.Title, e.Stamp, e.Stamp
}

// passed is the milliseconds from one fact to the next: by the monotonic clock, or when the
// program was started anew between them by the box's clock, which may have been set.
func passed(a, b event.Stamp) int64 {
	if a.Boot == b.Boot {
		return max(b.Mono-a.Mono, 0)
	}
	return max(b.Wall-a.Wall, 0)
}

// read is a payload; a broken one is passed over.
func read[T any](e event.Event) (v T, ok bool) {
	return v, json.Unmarshal(e.Data, &v) == nil
}

// tell adds an event of now.
func (f *fold) tell(kind string, data any) {
	b, err := encode(data)
	if err != nil {
		return // a payload's raw part that is no JSON: it was not read
	}
	f.events = append(f.events, Event{AtMS: f.now, Kind: kind, Data: b[:len(b)-1]})
}

// role is who somebody is; empty: nobody, any more.
func (f *fold) role(user string) string {
	if _, ok := f.o.Teachers[user]; ok {
		return "teacher"
	}
	if _, ok := f.o.Pupils[user]; ok {
		return "pupil"
	}
	return ""
}

// name is what somebody is called in the capsule; empty: nothing.
func (f *fold) name(user string) string {
	if n, ok := f.o.Teachers[user]; ok {
		return n
	}
	if f.o.Include {
		return f.o.Pupils[user]
	}
	return ""
}
