// Package results tells what came of a lesson: who was here and for how long, what was
// asked and answered, who needs help. It writes that as JSON, CSV and XLSX.
//
// Results are a pure function of the lesson's facts and its Meta: the same facts give the
// same JSON and CSV, to the byte, on any day and in any process. Nothing is kept beside
// the facts, so a regraded question or a corrected name is a matter of folding again.
//
//	journal -> facts, oldest first -> Fold.Add ... Fold.Results -> WriteJSON, WriteCSV, WriteXLSX
//
// Promises:
//   - A fact that was added already, by its seq, changes nothing; a fact whose payload was
//     emptied (its time had come, its author was erased) counts as never recorded.
//   - The last answer of a pupil in a round counts, once, and only while the round was open.
//   - A question that was asked again counts by its last round.
//   - A stay that nobody saw the end of, because the box lost power, ends with the last
//     fact before.
//   - Lists are never null, and are in an order that does not depend on maps.
//   - No cell of a CSV or XLSX file is a formula, whatever pupils wrote.
//
// Folding a long lesson and writing its files takes a while: it runs in a worker process.
// See Work.
package results

import (
	"encoding/json"

	"github.com/livelearn/box/services/event"
)

// Meta is what the facts of a lesson do not tell: it is the roster's.
type Meta struct {
	Lesson    string            `json:"lesson"` // id
	Room      string            `json:"room"`
	Class     string            `json:"class"`
	ClassName string            `json:"className"`
	Title     string            `json:"title"`
	Started   int64             `json:"started"` // milliseconds since 1970
	Ended     int64             `json:"ended"`   // the same; 0 while it is open
	Lang      string            `json:"lang"`    // of the headings in the files; empty: English
	Names     map[string]string `json:"names"`   // the pupils of the class, by user id
}

// Facts of other packages that tell of results. The results package stands above the
// rooms and below none of their features.
const (
	lessonStarted = event.Kind("lesson.started")
	lessonEnded   = event.Kind("lesson.ended")
	came          = event.Kind("room.came")
	went          = event.Kind("room.went")
	said          = event.Kind("chat.said")
	raised        = event.Kind("hand.raised")
	tapped        = event.Kind("tap.tapped")
)

// Fold gathers the facts of one lesson.
type Fold struct {
	meta   Meta
	seq    uint64 // of the last fact added
	people map[string]*person
	stays  stays
	quiz   quiz
	begun  event.Stamp // of lesson.started
	ended  event.Stamp // of lesson.ended
}

// person is what one pupil did beside answering.
type person struct {
	hands, lost, chats int
}

// New begins with no fact.
func New(m Meta) *Fold {
	f := &Fold{meta: m, people: map[string]*person{}, stays: newStays(), quiz: newQuiz()}
	for user := range m.Names {
		f.people[user] = &person{}
	}
	return f
}

// Add folds one fact of the lesson's room. Facts come in the order of seq, from the one
// that started the lesson to the one before that of the next lesson. A kind that it does
// not know is passed over, and so is a payload that it cannot read.
func (f *Fold) Add(e event.Event) {
	if e.Seq <= f.seq || len(e.Data) == 0 || string(e.Data) == "null" {
		return
	}
	f.seq = e.Seq
	f.stays.pass(e)
	switch e.Kind {
	case lessonStarted:
		f.begun = e.Stamp
	case lessonEnded:
		f.ended = e.Stamp
		f.stays.end(e.Stamp)
	case came:
		f.person(e.By)
		f.stays.came(e)
		f.quiz.came(e.By)
	case went:
		f.stays.went(e)
	case said, raised, tapped:
		f.count(e)
	default:
		f.quiz.add(e, f.stays.here)
	}
}

// person is the entry of a pupil, who may have left the class list since.
func (f *Fold) person(user string) *person {
	p := f.people[user]
	if p == nil {
		p = &person{}
		f.people[user] = p
	}
	return p
}

// count counts what pupils say and show. Teachers speak too: only who is known as a pupil
// counts.
func (f *Fold) count(e event.Event) {
	p := f.people[e.By]
	if p == nil {
		return
	}
	switch e.Kind {
	case said:
		p.chats++
	case raised:
		p.hands++
	case tapped:
		var in struct{ Tap string }
		if json.Unmarshal(e.Data, &in) == nil && in.Tap == "lost" {
			p.lost++
		}
	}
}
