// Package results computes the results of a lesson: the attendance, the questions and answers,
// and the pupils who may need help. It writes them as JSON, CSV and XLSX.
//
// Results are a pure function of the lesson's facts and its Meta: the same facts give the same
// JSON and CSV, to the byte, on any day and in any process. Only facts are stored. After a
// regraded question or a corrected name the facts are folded again.
//
//	journal -> facts, oldest first -> Fold.Add ... Fold.Results -> WriteJSON, WriteXLSX
//
// Promises:
//   - A fact that was added already, by its seq, changes nothing. A fact with an emptied payload
//     (its retention time is over, its author was erased) counts as never recorded.
//   - The last answer of a pupil in a round counts, once, and only while the round was open.
//   - A question that was asked again counts by its last round.
//   - A stay without an end, because the box lost power, ends with the last fact before.
//   - Lists are never null, and are in an order that does not depend on maps.
//   - No cell of a CSV or XLSX file is a formula, whatever pupils wrote.
//
// Folding a long lesson and writing its files takes a while: it runs in a worker process. See
// RunTask.
package results

import (
	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/room"
)

// Meta is the part of the results that comes from the roster.
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

// Fold gathers the facts of one lesson.
type Fold struct {
	meta       Meta
	seq        uint64 // of the last fact added
	people     map[string]*person
	attendance attendance
	quiz       quizFold
	begun      event.Stamp // of lesson.started
	ended      event.Stamp // of lesson.ended
}

// person counts the activity of one pupil, without the answers.
type person struct {
	hands, lost, chats int
}

// New makes a Fold without facts.
func New(m Meta) *Fold {
	f := &Fold{meta: m, people: map[string]*person{}, attendance: newAttendance(), quiz: newQuizFold()}
	for user := range m.Names {
		f.people[user] = &person{}
	}
	return f
}

// Add folds one fact of the lesson's room. Facts come in the order of seq, from the one that
// started the lesson to the last one before the next lesson. Add skips a kind that it does not
// know and a payload that it cannot read.
func (f *Fold) Add(e event.Event) {
	if e.Seq <= f.seq || len(e.Data) == 0 || string(e.Data) == "null" {
		return
	}
	f.seq = e.Seq
	f.attendance.noteFact(e)
	switch e.Kind {
	case room.LessonStarted:
		f.begun = e.Stamp
	case room.LessonEnded:
		f.ended = e.Stamp
		f.attendance.endAll(e.Stamp)
	case room.Arrived:
		f.ensurePerson(e.By)
		f.attendance.recordArrival(e)
		f.quiz.addLatecomer(e.By)
	case room.Departed:
		f.attendance.recordDeparture(e)
	case chat.Said, hand.Raised, reaction.Tapped:
		f.countActivity(e)
	default:
		f.quiz.addFact(e, f.attendance.eachPresent)
	}
}

// ensurePerson is the entry of a pupil, who may have left the class list since.
func (f *Fold) ensurePerson(user string) *person {
	p := f.people[user]
	if p == nil {
		p = &person{}
		f.people[user] = p
	}
	return p
}

// countActivity counts chat messages, raised hands and taps of pupils. Those of others do not
// count.
func (f *Fold) countActivity(e event.Event) {
	p := f.people[e.By]
	if p == nil {
		return
	}
	switch e.Kind {
	case chat.Said:
		p.chats++
	case hand.Raised:
		p.hands++
	case reaction.Tapped:
		withPayload(e, func(in reaction.TappedData) {
			if in.Tap == "lost" {
				p.lost++
			}
		})
	}
}
