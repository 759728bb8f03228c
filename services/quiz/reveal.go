package quiz

import (
	"cmp"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// boardSize is how many names a leaderboard shows: nobody is shown to be last.
const boardSize = 5

// factorMost is the most that a pupil's time limit is multiplied by.
const factorMost = 3

func same(a, b item.Response) bool { return reflect.DeepEqual(a, b) }

// mark is a fraction of an item's points, 0 to 1.
func (q *quiz) mark(id string, a answer) float64 {
	it := q.Items[id]
	return item.Grade(it.Item, it.Key, a.Response)
}

// points is what an answer scores. By speed, a right answer at the last moment scores
// half of one at once.
func (q *quiz) points(r *round, user, id string, a answer) float64 {
	p := float64(q.Items[id].Points) * q.mark(id, a)
	if q.Speed && r.Seconds > 0 {
		p *= 1 - 0.5*min(float64(a.Took)/(float64(r.Seconds)*1000*q.factor(user)), 1)
	}
	return round2(p)
}

// round2 keeps two decimals: sums of thirds stay readable.
func round2(v float64) float64 { return math.Round(v*100) / 100 }

// scores sums up what was revealed; of an item that was asked twice the last asking.
func (q *quiz) scores() (scores map[string]float64, most float64) {
	scores = map[string]float64{}
	last := map[string]*round{}
	for _, r := range q.Rounds {
		if r.Shown {
			for _, id := range r.Items {
				last[id] = r
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		r := last[id]
		most += float64(q.Items[id].Points)
		for user, a := range r.Answers[id] {
			scores[user] = round2(scores[user] + q.points(r, user, id, a))
		}
	}
	return scores, most
}

// tell is what a reveal says about a round.
func (q *quiz) tell(r *round) told {
	out := told{
		Round: r.N, Shown: true, Keys: map[string]item.Revealed{}, Counts: map[string]map[string]int{},
		Answered: map[string]int{}, Marks: map[string]map[string]float64{},
	}
	for _, id := range r.Items {
		it := q.Items[id]
		out.Keys[id], out.Answered[id], out.Counts[id] = item.Reveal(it.Item, it.Key), len(r.Answers[id]), q.counts(r, id)
		for user, a := range r.Answers[id] {
			if out.Marks[user] == nil {
				out.Marks[user] = map[string]float64{}
			}
			out.Marks[user][id] = round2(q.mark(id, a))
		}
	}
	shown := r.Shown
	r.Shown = true // for the sum only: Apply sets it for good
	out.Scores, out.Max = q.scores()
	r.Shown = shown
	return out
}

// counts is how often each option was chosen. What pupils wrote themselves is counted as
// right or wrong only: it goes on the projector.
func (q *quiz) counts(r *round, id string) map[string]int {
	n := map[string]int{}
	it := q.Items[id]
	for _, a := range r.Answers[id] {
		switch {
		case len(a.Response.Options) > 0:
			for _, o := range a.Response.Options {
				n[o]++
			}
		case q.mark(id, a) > 0.999:
			n["right"]++
		default:
			n["wrong"]++
		}
	}
	for _, o := range it.Options {
		if it.Kind != item.Order && it.Kind != item.Match {
			n[o.ID] += 0
		}
	}
	return n
}

func (q *quiz) reveal(t *room.Turn, r *round) { t.Record(Revealed, q.tell(r)) }

// regrade gives an item another key. Marks that were shown are told anew.
func (q *quiz) regrade(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Item string       `json:"item"`
		Key  *authoredKey `json:"key"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	it, ok := q.Items[in.Item]
	if !ok {
		return errs.Field(m.Name, "item", "unknown", 0, "no such question")
	}
	if in.Key == nil {
		return errs.Field(m.Name, "key", "empty", 0, "must not be empty")
	}
	old := it
	it.Key = in.Key.Key
	if err := it.Normalise(m.Name); err != nil {
		return err
	}
	if !reflect.DeepEqual(it.Item, old.Item) {
		return errs.Field(m.Name, "key", "unknown", 0, "a key does not change the question")
	}
	if reflect.DeepEqual(it.Key, old.Key) {
		return nil
	}
	q.Items[in.Item] = it // to work out what to tell; Apply does the same
	out := told{Round: 0}
	if r := q.shownIn(in.Item); r != nil {
		out = q.tell(r)
	}
	q.Items[in.Item] = old
	out.Item, out.Key = in.Item, &authoredKey{it.Key}
	t.Record(Regraded, out)
	return nil
}

// shownIn is the last round that revealed an item; nil: none did.
func (q *quiz) shownIn(id string) *round {
	for _, r := range slices.Backward(q.Rounds) {
		if r.Shown && slices.Contains(r.Items, id) {
			return r
		}
	}
	return nil
}

// star shows one answer to all, or takes it away. Nobody is told whose it is.
func (q *quiz) star(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Round int    `json:"round"`
		Item  string `json:"item"`
		User  string `json:"user"`
		On    bool   `json:"on"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.Round < 1 || in.Round > len(q.Rounds) {
		return errs.Field(m.Name, "round", "unknown", int64(len(q.Rounds)), "no such round")
	}
	a, ok := q.Rounds[in.Round-1].Answers[in.Item][in.User]
	if !ok {
		return errs.Field(m.Name, "user", "unknown", 0, "has not answered this")
	}
	i := slices.IndexFunc(q.Stars, func(s star) bool {
		return s.Round == in.Round && s.Item == in.Item && same(s.Response, a.Response)
	})
	switch {
	case in.On && i < 0:
		n := 1
		for _, s := range q.Stars {
			n = max(n, s.N+1)
		}
		t.Record(Starred, starred{Round: in.Round, Item: in.Item, N: n, Response: a.Response, On: true})
	case !in.On && i >= 0:
		s := q.Stars[i]
		t.Record(Starred, starred{Round: s.Round, Item: s.Item, N: s.N, Response: s.Response})
	}
	return nil
}

// rank shows or hides the leaderboard.
func (q *quiz) rank(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		On bool `json:"on"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	out := rankedList{On: in.On, List: []ranked{}}
	if in.On {
		scores, _ := q.scores()
		for user, s := range scores {
			out.List = append(out.List, ranked{user, s})
		}
		slices.SortFunc(out.List, func(a, b ranked) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.User, b.User))
		})
		out.List = out.List[:min(len(out.List), boardSize)]
	}
	t.Record(Ranked, out)
	return nil
}

// allow gives a pupil more time.
func (q *quiz) allow(t *room.Turn, m room.Message) error {
	var in allowed
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.User == "" || len(in.User) > room.MaxID {
		return errs.Field(m.Name, "user", "bad_user", room.MaxID, "must be a user id of 1 to %d bytes", room.MaxID)
	}
	if in.Factor < 1 || in.Factor > factorMost {
		return errs.Field(m.Name, "factor", "out_of_range", factorMost, "must be 1 to %d", factorMost)
	}
	if q.factor(in.User) != in.Factor {
		in.ID.ID = ""
		t.Record(Allowed, in)
	}
	return nil
}
