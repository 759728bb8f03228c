// Package quiz is the questions of a lesson. It asks them in rounds, collects the answers,
// measures the time and grades.
//
// A round opens one item. In a quiz that pupils work through at their own pace it opens all of
// them. Its states are
//
//	ready -> open -> locked -> revealed -> closed -> (the next round)
//
// Only the server changes the state. Promises:
//   - An answer counts once for each pupil, round and item, however often it is sent. The last
//     one before the lock counts. It is acknowledged when it is on disk.
//   - A time limit runs by the box's monotonic clock. It is longer for a pupil who has more time
//     by quiz.allow. It stops while a round is paused and while the box is down.
//   - Keys live in item.Key, which refuses to be encoded. Before the reveal they are in facts
//     and views for staff only.
//   - Marks are a pure function of answers and keys: item.Grade. A changed key is a new fact,
//     and marks follow.
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
	Extended = event.Kind("quiz.extended")
	Timed    = event.Kind("quiz.timed")
	Locked   = event.Kind("quiz.locked")
	Revealed = event.Kind("quiz.revealed")
	Closed   = event.Kind("quiz.closed")
	Starred  = event.Kind("quiz.starred")
	Hidden   = event.Kind("quiz.hidden")
	Walled   = event.Kind("quiz.walled")
	Ranked   = event.Kind("quiz.ranked")
	Allowed  = event.Kind("quiz.allowed")
	Regraded = event.Kind("quiz.regraded")
)

// Ephemeral events while pupils answer.
const (
	Counted = "quiz.counted" // to screens: how many have answered
	Marked  = "quiz.marked"  // to staff: what the last answer of a pupil is worth
	Seen    = "quiz.seen"    // to the sender of quiz.look: the answers to one item
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "quiz",
	New:  func() room.Feature { return newQuiz() },
	Commands: []room.Command{
		{Name: "quiz.load", Payload: LoadRequest{}, Box: true},
		{Name: "quiz.picture", Payload: PictureRequest{}, Box: true},
		{Name: "quiz.ask", Payload: AskRequest{}, Doc: "it is added and opened"},
		{Name: "quiz.pace", Payload: PaceRequest{}},
		{Name: "quiz.open", Payload: OpenRequest{}, Doc: "without items: the next ones"},
		{Name: "quiz.next", Payload: NextRequest{}, Doc: "from exactly there to the next state"},
		{Name: "quiz.pause", Payload: PauseRequest{}},
		{Name: "quiz.extend", Payload: ExtendRequest{}},
		{Name: "quiz.auto", Payload: AutoRequest{}, Doc: "a round locks 3 s after all who are here have answered"},
		{Name: "quiz.lock", Payload: RoundRequest{}},
		{Name: "quiz.reveal", Payload: RoundRequest{}},
		{Name: "quiz.close", Payload: RoundRequest{}},
		{Name: "quiz.star", Payload: StarRequest{}},
		{Name: "quiz.hide", Payload: HideRequest{}, Doc: "that pupil's answer stays off the wall"},
		{Name: "quiz.wall", Payload: WallRequest{}, Doc: "the answers of now; later ones come with the next"},
		{Name: "quiz.rank", Payload: RankRequest{}},
		{Name: "quiz.allow", Payload: AllowRequest{}},
		{Name: "quiz.regrade", Payload: RegradeRequest{}},
		{Name: "quiz.look", Payload: LookRequest{}, Doc: "its answers come as `quiz.seen` to the sender alone"},
		{
			Name: "quiz.answer", Payload: AnswerRequest{}, Pupil: true, Who: "pupils, until the lock",
			Doc: "refused `late`, `locked`, `paused`, `moved_on` (all `stale`); see [questions](#questions)",
		},
	},
	Casts: []room.Cast{{Name: Counted, Payload: CountedCast{}}, {Name: Marked, Payload: MarkedCast{}}, {Name: Seen, Payload: SeenCast{}}},
	Events: []event.Def{
		{Kind: Loaded, Payload: LoadedData{}, Effect: event.Committed, Vital: true, Cloud: true, VisibleTo: staffOnly, SeenBy: "teachers"},
		{Kind: Paced, Payload: PacedData{}, Effect: event.Committed, Vital: true},
		{Kind: Opened, Payload: OpenedData{}, Effect: event.Committed, Vital: true, Cloud: true},
		{
			Kind: Answered, Payload: AnsweredData{}, Effect: event.Committed, Vital: true, Cloud: true,
			VisibleTo: event.StaffAndAuthor, SeenBy: "teachers and the author", PayloadFor: answerForViewer, Erase: eraseAnswered,
		},
		{Kind: Paused, Payload: PausedData{}, Effect: event.Committed, Vital: true},
		{Kind: Extended, Payload: ExtendedData{}, Effect: event.Committed, Vital: true},
		{Kind: Timed, Payload: TimedData{}, Effect: event.Committed, Vital: true},
		{Kind: Locked, Payload: RoundData{}, Effect: event.Committed, Vital: true},
		{Kind: Revealed, Payload: RevealedData{}, Effect: event.Committed, Vital: true, Cloud: true, PayloadFor: forViewer, Erase: eraseRevealed},
		{Kind: Closed, Payload: RoundData{}, Effect: event.Committed, Vital: true},
		{Kind: Starred, Payload: StarredData{}, Effect: event.Committed, Vital: true, Doc: "no name", Erase: eraseStarred},
		{
			Kind: Hidden, Payload: HiddenData{}, Effect: event.Committed, Vital: true,
			VisibleTo: staffOnly, SeenBy: "teachers", Erase: eraseHidden,
		},
		{Kind: Walled, Payload: WalledData{}, Effect: event.Committed, Vital: true, Doc: "no name", Erase: eraseWalled},
		{
			Kind: Ranked, Payload: RankedData{}, Effect: event.Committed, Vital: true, Erase: eraseRanked,
			Doc: "scores are whole points; too many equals are one entry at the end: no user, shared (how many)",
		},
		{
			Kind: Allowed, Payload: AllowedData{}, Effect: event.Committed, Vital: true,
			VisibleTo: seeAllowed, SeenBy: "teachers and that user", Erase: eraseAllowed,
		},
		{
			Kind: Regraded, Payload: RevealedData{}, Effect: event.Committed, Vital: true, Cloud: true,
			VisibleTo: seeRegraded, SeenBy: "all; of what was not revealed: teachers", PayloadFor: forViewer, Erase: eraseRevealed,
		},
	},
}

// MaxLoad is how many bytes the questions of a quiz may have in a room. A teacher gets all of
// them on joining, and the answer to a join has to fit in the member's queue.
const MaxLoad = 48 << 10

// maxRecentMarks is the number of revealed questions whose marks staff get on joining. It is
// enough to see who needs help now. The rest is in the results.
const maxRecentMarks = 8

// maxViewedAnswers is how many answers of the last round staff get on joining. The others come by
// quiz.look.
const maxViewedAnswers = 400

// Bounds of drawings, which are a hundred times the size of other answers. All that a member sees
// on joining has to fit in the answer to the join, so that a pupil's own and the starred ones are
// bounded in bytes.
const (
	maxOwnDrawings     = 24 << 10 // of a pupil in a round
	maxStarredDrawings = 24 << 10
	maxDrawings        = 4 << 20  // in a lesson
	maxSeenPart        = 48 << 10 // of the answers in one quiz.seen
)

// States of a round. A quiz between two rounds is ready.
const (
	stateReady    = "ready"
	stateOpen     = "open"
	stateLocked   = "locked"
	stateRevealed = "revealed"
	stateClosed   = "closed"
)

// Values of item.Quiz.Paced.
const (
	byTeacher = "teacher"
	byPupil   = "pupil"
)

// quiz is the state of the lesson's questions.
type quiz struct {
	ID, Title string
	Speed     bool   // faster right answers score more
	Paced     string // byTeacher or byPupil
	Board     bool   // the teacher wants a leaderboard
	Auto      bool   `json:",omitempty"` // a round locks when all who are here have answered
	Order     []string
	Items     map[string]item.Authored // of every quiz loaded in this lesson
	Rounds    []*round
	Allowed   map[string]float64 // how much more time a pupil has, by user
	Ranked    []RankedEntry      // on the leaderboard; nil while it is hidden
	Stars     []star
	Wall      *WalledData `json:",omitempty"` // what all see; nil while it is hidden
	Drawings  int         `json:",omitempty"` // bytes of all that was drawn, also of what was drawn over

	// ms that the round had been open; 0: not since the start of the program
	allIn   int64 // when all who were here had answered
	checked int64 // when the quiz looked for it
}

func newQuiz() *quiz {
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
	Watch   event.Stopwatch
	Answers map[string]map[string]answer // by item, by user
	Hidden  map[string]map[string]bool   `json:",omitempty"` // answers that stay off the wall: by item, by user
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

// lastRound is the last round, nil before the first.
func (q *quiz) lastRound() *round {
	if len(q.Rounds) == 0 {
		return nil
	}
	return q.Rounds[len(q.Rounds)-1]
}

// currentState is the state of the last round. After a closed one the quiz is ready for the next.
func (q *quiz) currentState() (int, string) {
	r := q.lastRound()
	switch {
	case r == nil:
		return 0, stateReady
	case r.State == stateClosed:
		return r.N, stateReady
	}
	return r.N, r.State
}

// itemsInOrder is the questions of the quiz with their keys.
func (q *quiz) itemsInOrder() []item.Authored {
	list := []item.Authored{}
	for _, id := range q.Order {
		list = append(list, q.Items[id])
	}
	return list
}

// nextIndex is the place of the item that comes next, len(q.Order) when all were asked.
func (q *quiz) nextIndex() int {
	for i, id := range q.Order {
		if !q.wasAsked(id) {
			return i
		}
	}
	return len(q.Order)
}

func (q *quiz) wasAsked(id string) bool {
	for _, r := range q.Rounds {
		if _, ok := r.Answers[id]; ok {
			return true
		}
	}
	return false
}

// onlySlides reports whether the round has slides and no question.
func (q *quiz) onlySlides(r *round) bool {
	for _, id := range r.Items {
		if q.Items[id].Kind != item.Slide {
			return false
		}
	}
	return true
}
