// Package quiz is the questions of a lesson: what is asked, who has answered what, when
// time is up, and what is right.
//
// A quiz is loaded into the room and asked in rounds. A round opens one item, or in a
// quiz that pupils work through at their own pace all of them, and goes
//
//	ready -> open -> locked -> revealed -> closed -> (the next round)
//
// The server alone moves it. Promises:
//   - An answer counts once for each pupil, round and item, however often it is sent; the
//     last one before the lock stands. It is acknowledged when it is on disk.
//   - A time limit runs by the box's monotonic clock, longer for whom the teacher allowed
//     more. While a round is paused, or the box is down, it stands still.
//   - Keys live in item.Key, which refuses to be encoded. Before the reveal they are in
//     facts and views for staff only.
//   - Marks are a pure function of answers and keys: item.Grade. A changed key is a new
//     fact, and marks follow.
package quiz

import (
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// Facts of this feature.
const (
	Loaded   = event.Kind("quiz.loaded")
	Paced    = event.Kind("quiz.paced")
	Opened   = event.Kind("quiz.opened")
	Answered = event.Kind("quiz.answered")
	Paused   = event.Kind("quiz.paused")
	Locked   = event.Kind("quiz.locked")
	Revealed = event.Kind("quiz.revealed")
	Closed   = event.Kind("quiz.closed")
	Starred  = event.Kind("quiz.starred")
	Ranked   = event.Kind("quiz.ranked")
	Allowed  = event.Kind("quiz.allowed")
	Regraded = event.Kind("quiz.regraded")
)

// Ephemeral events while pupils answer.
const (
	Counted = "quiz.counted" // to screens: how many have answered
	Marked  = "quiz.marked"  // to staff: what the last answer of a pupil is worth
	Seen    = "quiz.seen"    // to who looks: the answers to one item
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "quiz",
	New:  func() room.Feature { return fresh() },
	Commands: []room.Command{
		{Name: "quiz.load", Box: true},
		{Name: "quiz.ask"},
		{Name: "quiz.pace"},
		{Name: "quiz.open"},
		{Name: "quiz.next"},
		{Name: "quiz.pause"},
		{Name: "quiz.lock"},
		{Name: "quiz.reveal"},
		{Name: "quiz.close"},
		{Name: "quiz.star"},
		{Name: "quiz.rank"},
		{Name: "quiz.allow"},
		{Name: "quiz.regrade"},
		{Name: "quiz.look"},
		{Name: "quiz.answer", Pupil: true},
	},
	Events: []event.Def{
		{Kind: Loaded, Effect: event.Committed, Vital: true, Cloud: true, See: staff},
		{Kind: Paced, Effect: event.Committed, Vital: true},
		{Kind: Opened, Effect: event.Committed, Vital: true, Cloud: true},
		{Kind: Answered, Effect: event.Committed, Vital: true, Cloud: true, See: event.StaffAndAuthor},
		{Kind: Paused, Effect: event.Committed, Vital: true},
		{Kind: Locked, Effect: event.Committed, Vital: true},
		{Kind: Revealed, Effect: event.Committed, Vital: true, Cloud: true, For: forViewer},
		{Kind: Closed, Effect: event.Committed, Vital: true},
		{Kind: Starred, Effect: event.Committed, Vital: true},
		{Kind: Ranked, Effect: event.Committed, Vital: true},
		{Kind: Allowed, Effect: event.Committed, Vital: true, See: seeAllowed},
		{Kind: Regraded, Effect: event.Committed, Vital: true, Cloud: true, See: seeRegraded, For: forViewer},
	},
}

// MaxLoad is how many bytes the questions of a quiz may have in a room: whoever teaches
// gets all of them on joining, and an answer must find room in the member's queue.
const MaxLoad = 48 << 10

// recent is how many questions that were revealed staff get everybody's marks of on
// joining: enough to see who needs help now. The rest is in the results.
const recent = 8

// viewed is how many answers of the last round they get at once; more by quiz.look.
const viewed = 400

// States of a round. Ready is that of a quiz between two rounds.
const (
	ready    = "ready"
	open     = "open"
	locked   = "locked"
	revealed = "revealed"
	closed   = "closed"
)

// What a pupil's pace is called, in item.Quiz.Paced.
const (
	byTeacher = "teacher"
	byPupil   = "pupil"
)

// quiz is all that the lesson's questions have come to.
type quiz struct {
	ID, Title string
	Speed     bool   // faster right answers score more
	Paced     string // byTeacher or byPupil
	Board     bool   // the teacher wants a leaderboard
	Order     []string
	Items     map[string]item.Authored // of every quiz loaded in this lesson
	Rounds    []*round
	Allowed   map[string]float64 // how much more time a pupil has, by user
	Ranked    []ranked           // what the leaderboard shows; nil while it is hidden
	Stars     []star
}

func fresh() *quiz {
	return &quiz{Paced: byTeacher, Items: map[string]item.Authored{}, Allowed: map[string]float64{}}
}

// round is one asking of one item or more.
type round struct {
	N       int // from 1
	Items   []string
	Index   int // place of its first item in the quiz, from 0
	Seconds int // time limit; 0: none
	State   string
	Paused  bool
	Shown   bool // it was revealed: marks count
	Watch   watch
	Answers map[string]map[string]answer // by item, by user
}

type answer struct {
	Response item.Response
	Took     int64 // ms that the round had been open
	At       int64 // ms since 1970
}

// star is an answer that the teacher shows to all, without a name.
type star struct {
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	N        int           `json:"n"` // which answer of that round and item
	Response item.Response `json:"response"`
}

type ranked struct {
	User  string  `json:"user"`
	Score float64 `json:"score"`
}

// now is the last round, nil before the first.
func (q *quiz) now() *round {
	if len(q.Rounds) == 0 {
		return nil
	}
	return q.Rounds[len(q.Rounds)-1]
}

// state is that of the last round; a closed one makes the quiz ready for the next.
func (q *quiz) state() (int, string) {
	r := q.now()
	switch {
	case r == nil:
		return 0, ready
	case r.State == closed:
		return r.N, ready
	}
	return r.N, r.State
}

// ordered is the questions of the quiz with their keys.
func (q *quiz) ordered() []item.Authored {
	list := []item.Authored{}
	for _, id := range q.Order {
		list = append(list, q.Items[id])
	}
	return list
}

// next is the place of the item that comes next, len(q.Order) when all were asked.
func (q *quiz) next() int {
	for i, id := range q.Order {
		if !q.asked(id) {
			return i
		}
	}
	return len(q.Order)
}

func (q *quiz) asked(id string) bool {
	for _, r := range q.Rounds {
		if _, ok := r.Answers[id]; ok {
			return true
		}
	}
	return false
}

// slides tells that the round only shows and asks nothing.
func (q *quiz) slides(r *round) bool {
	for _, id := range r.Items {
		if q.Items[id].Kind != item.Slide {
			return false
		}
	}
	return true
}
