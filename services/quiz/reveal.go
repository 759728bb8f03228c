package quiz

import (
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// leaderboardSize is how many names a leaderboard shows at most: it names no pupil as the last.
const leaderboardSize = 5

// maxFactor is the greatest factor of a pupil's time limit.
const maxFactor = 3

func sameResponse(a, b item.Response) bool { return reflect.DeepEqual(a, b) }

// gradeAnswer is a fraction of an item's points, 0 to 1.
func (q *quiz) gradeAnswer(id string, a answer) float64 {
	it := q.Items[id]
	return item.Grade(it.Item, it.Key, a.Response)
}

// pointsFor returns the points of an answer. In a quiz by speed, a right answer at the last
// moment scores half of one at once.
func (q *quiz) pointsFor(r *round, user, id string, a answer) float64 {
	p := float64(q.Items[id].Points) * q.gradeAnswer(id, a)
	if q.Speed && r.Seconds > 0 {
		p *= 1 - 0.5*min(float64(a.Took)/(float64(r.Seconds)*1000*q.timeFactor(user)), 1)
	}
	return roundHundredths(p)
}

// roundHundredths keeps two decimals: sums of thirds stay readable.
func roundHundredths(v float64) float64 { return math.Round(v*100) / 100 }

// sumScores sums up the revealed rounds. Of an item that was asked twice the last round counts.
func (q *quiz) sumScores() (scores map[string]float64, most float64) {
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
			scores[user] = roundHundredths(scores[user] + q.pointsFor(r, user, id, a))
		}
	}
	return scores, most
}

// revealOf is the payload of a round's reveal.
func (q *quiz) revealOf(r *round) RevealedData {
	out := RevealedData{
		Round: r.N, Shown: true, Keys: map[string]item.Revealed{}, Counts: map[string]map[string]int{},
		Answered: map[string]int{}, Marks: map[string]map[string]float64{}, Pins: map[string][]item.Place{},
	}
	for _, id := range r.Items {
		it := q.Items[id]
		out.Keys[id], out.Answered[id], out.Counts[id] = item.RevealKey(it.Item, it.Key), len(r.Answers[id]), q.countOptions(r, id)
		for user, a := range r.Answers[id] {
			if out.Marks[user] == nil {
				out.Marks[user] = map[string]float64{}
			}
			out.Marks[user][id] = roundHundredths(q.gradeAnswer(id, a))
			if a.Response.Pin != nil {
				out.Pins[id] = append(out.Pins[id], *a.Response.Pin)
			}
		}
		item.SortPlaces(out.Pins[id])
	}
	shown := r.Shown
	r.Shown = true // for the sum only: Apply sets it for good
	out.Scores, out.Max = q.sumScores()
	r.Shown = shown
	return out
}

// countOptions counts how often each option was chosen, and how many had each gap right. Answers of other kinds count as right or
// wrong only, because the projector shows the counts.
func (q *quiz) countOptions(r *round, id string) map[string]int {
	n := map[string]int{}
	it := q.Items[id]
	for _, a := range r.Answers[id] {
		item.CountGaps(n, it.Item, it.Key, a.Response)
		switch {
		case len(a.Response.Options) > 0:
			for _, o := range a.Response.Options {
				n[o]++
			}
		case !item.IsMarked(it.Item, it.Key):
		case q.gradeAnswer(id, a) > 0.999:
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

func (q *quiz) revealRound(t *room.Turn, r *round) { t.Record(Revealed, q.revealOf(r)) }

// regradeItem gives an item another key. Marks that were shown are sent again.
func (q *quiz) regradeItem(t *room.Turn, m room.Message) error {
	var in RegradeRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	it, ok := q.Items[in.Item]
	if !ok {
		return errs.NewField(m.Name, "item", "unknown", 0, "no such question")
	}
	if in.Key == nil {
		return errs.NewField(m.Name, "key", "empty", 0, "must not be empty")
	}
	old := it
	it.Key = in.Key.Key
	if err := it.Normalise(m.Name); err != nil {
		return err
	}
	if !reflect.DeepEqual(it.Item, old.Item) {
		return errs.NewField(m.Name, "key", "unknown", 0, "a key does not change the question")
	}
	if reflect.DeepEqual(it.Key, old.Key) {
		return nil
	}
	q.Items[in.Item] = it // for the payload only: Apply does the same
	out := RevealedData{Round: 0}
	if r := q.shownIn(in.Item); r != nil {
		out = q.revealOf(r)
	}
	q.Items[in.Item] = old
	out.Item, out.Key = in.Item, &AuthoredKey{it.Key}
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

// starAnswer shows one answer to all, or hides it. The fact does not name its author.
func (q *quiz) starAnswer(t *room.Turn, m room.Message) error {
	var in StarRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.Round < 1 || in.Round > len(q.Rounds) {
		return errs.NewField(m.Name, "round", "unknown", int64(len(q.Rounds)), "no such round")
	}
	a, ok := q.Rounds[in.Round-1].Answers[in.Item][in.User]
	if !ok {
		return errs.NewField(m.Name, "user", "unknown", 0, "has not answered this")
	}
	i := slices.IndexFunc(q.Stars, func(s star) bool {
		return s.Round == in.Round && s.Item == in.Item && sameResponse(s.Response, a.Response)
	})
	switch {
	case in.On && i < 0:
		n, drawn := 1, a.Response.Bytes()
		for _, s := range q.Stars {
			n = max(n, s.N+1)
			if len(s.Response.Strokes) > 0 {
				drawn += s.Response.Bytes()
			}
		}
		if len(a.Response.Strokes) > 0 && drawn > maxStarredDrawings {
			return errs.NewField(m.Name, "on", "too_many", maxStarredDrawings, "the drawings with a star have at most %d bytes: take one back", maxStarredDrawings)
		}
		t.Record(Starred, StarredData{Round: in.Round, Item: in.Item, N: n, Response: a.Response, On: true})
	case !in.On && i >= 0:
		s := q.Stars[i]
		t.Record(Starred, StarredData{Round: s.Round, Item: s.Item, N: s.N, Response: s.Response})
	}
	return nil
}

// setRanking shows or hides the leaderboard.
func (q *quiz) setRanking(t *room.Turn, m room.Message) error {
	var in RankRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	out := RankedData{On: in.On, List: []RankedEntry{}}
	if in.On {
		scores, _ := q.sumScores()
		out.List = leaders(scores)
	}
	t.Record(Ranked, out)
	return nil
}

// leaders are the first leaderboardSize pupils by whole points. Equals share a place: either all
// of them are in the list, or its last entry has no name and says how many they are. A pupil
// without a point is not in the list.
func leaders(scores map[string]float64) []RankedEntry {
	byPoints := map[float64][]string{}
	for user, s := range scores {
		if points := math.Round(s); points > 0 {
			byPoints[points] = append(byPoints[points], user)
		}
	}
	list := []RankedEntry{}
	for _, points := range slices.Backward(slices.Sorted(maps.Keys(byPoints))) {
		users := byPoints[points]
		if len(list)+len(users) > leaderboardSize {
			if len(list) < leaderboardSize {
				list = append(list, RankedEntry{Score: points, Shared: len(users)})
			}
			break
		}
		for _, user := range slices.Sorted(slices.Values(users)) {
			list = append(list, RankedEntry{User: user, Score: points})
		}
	}
	return list
}

// allowTime gives a pupil more time.
func (q *quiz) allowTime(t *room.Turn, m room.Message) error {
	var in AllowRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.User == "" || len(in.User) > room.MaxID {
		return errs.NewField(m.Name, "user", "bad_user", room.MaxID, "must be a user id of 1 to %d bytes", room.MaxID)
	}
	if in.Factor < 1 || in.Factor > maxFactor {
		return errs.NewField(m.Name, "factor", "out_of_range", maxFactor, "must be 1 to %d", maxFactor)
	}
	if q.timeFactor(in.User) != in.Factor {
		t.Record(Allowed, AllowedData{in.User, in.Factor})
	}
	return nil
}
