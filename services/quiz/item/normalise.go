package item

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// Normalise trims and checks a quiz, and gives ids to items without one.
func (q *Quiz) Normalise(op string) error {
	var err error
	if q.Title, err = cleanText(op, "title", q.Title, MaxTitle, false); err != nil {
		return err
	}
	q.Paced = cmp.Or(q.Paced, "teacher")
	if q.Paced != "teacher" && q.Paced != "pupil" {
		return errs.NewField(op, "paced", "unknown", 0, `must be "teacher" or "pupil"`)
	}
	if len(q.Items) > MaxItems {
		return errs.NewField(op, "items", "too_many", MaxItems, "%d questions, at most %d", len(q.Items), MaxItems)
	}
	if q.Items == nil {
		q.Items = []Authored{}
	}
	taken := map[string]bool{}
	for i := range q.Items {
		it := &q.Items[i]
		if err := it.normaliseAt(op, fmt.Sprintf("items[%d].", i)); err != nil {
			return err
		}
		if it.ID != "" && taken[it.ID] {
			return errs.NewField(op, fmt.Sprintf("items[%d].id", i), "duplicate", 0, "another question has this id")
		}
		taken[it.ID] = true
	}
	for i := range q.Items {
		for n := i + 1; q.Items[i].ID == ""; n++ {
			if id := fmt.Sprintf("q%d", n); !taken[id] {
				q.Items[i].ID, taken[id] = id, true
			}
		}
	}
	return nil
}

// Normalise trims and checks a question. Doing it twice changes nothing more.
func (a *Authored) Normalise(op string) error { return a.normaliseAt(op, "") }

func (a *Authored) normaliseAt(op, at string) error {
	var err error
	if len(a.ID) > 32 || strings.ContainsFunc(a.ID, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return errs.NewField(op, at+"id", "bad_id", 32, "must be at most 32 plain characters")
	}
	if a.Title, err = cleanText(op, at+"title", a.Title, MaxTitle, true); err != nil {
		return err
	}
	if a.Text, err = cleanText(op, at+"text", a.Text, MaxText, false); err != nil {
		return err
	}
	if a.Key.General, err = cleanText(op, at+"key.general", a.Key.General, MaxGeneral, true); err != nil {
		return err
	}
	if err := checkImage(op, at+"image", a.Image, false); err != nil {
		return err
	}
	if !IsMarked(a.Item, a.Key) {
		a.Points = 0
	}
	switch {
	case a.Points < 0 || a.Points > MaxPoints:
		return errs.NewField(op, at+"points", "out_of_range", MaxPoints, "must be 0 to %d", MaxPoints)
	case a.Seconds != 0 && (a.Seconds < MinSeconds || a.Seconds > MaxSeconds):
		return errs.NewField(op, at+"seconds", "out_of_range", MaxSeconds, "must be 0, or %d to %d", MinSeconds, MaxSeconds)
	}
	if err := a.normaliseByKind(op, at); err != nil {
		return err
	}
	return a.filterFeedback(op, at)
}

// normaliseByKind checks the fields that the kind uses and clears the others.
func (a *Authored) normaliseByKind(op, at string) error {
	k := Key{General: a.Key.General}
	var err error
	if a.Kind != Match {
		a.Choices = nil
	}
	if a.Kind != Gaps {
		a.Gaps = nil
	}
	switch a.Kind {
	case Single, Multi, Poll:
		if err = a.normaliseOptions(op, at, 2); err == nil && a.Kind != Poll {
			k.Weights, err = a.checkWeights(op, at)
		}
	case TrueFalse:
		a.Options = []Option{{ID: "t"}, {ID: "f"}}
		k.Weights, err = a.checkWeights(op, at)
	case Text:
		a.Options = nil
		k.Texts, err = checkAccepted(op, at, a.Key.Texts)
	case Numeric:
		a.Options = nil
		k.Numbers, err = checkNumbers(op, at, a.Key.Numbers)
	case Order:
		k.Order, err = a.normaliseOrder(op, at)
	case Match:
		k.Pairs, err = a.normaliseMatch(op, at)
	case Gaps:
		a.Options = nil
		k.Gaps, err = a.normaliseGaps(op, at)
	case Pin:
		a.Options = nil
		if a.Image == nil {
			return errs.NewField(op, at+"image", "empty", 1, "a pin needs a picture to be put on")
		}
		k.Regions, err = checkRegions(op, at, a.Key.Regions)
	case Slide, Draw:
		a.Options = nil
	default:
		err = errs.NewField(op, at+"kind", "unknown", 0, "no such kind of question")
	}
	k.Feedback = a.Key.Feedback // by the ids that options have now
	a.Key = k
	return err
}

func cleanText(op, field, s string, most int, empty bool) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }):
		return s, errs.NewField(op, field, "bad_text", 0, "control characters are not allowed")
	case s == "" && !empty:
		return s, errs.NewField(op, field, "empty", 1, "must not be empty")
	case n > most:
		return s, errs.NewField(op, field, "too_long", int64(most), "%d characters, at most %d", n, most)
	}
	return s, nil
}

// assignLetterIDs gives ids by place and returns the new id for each old one.
func assignLetterIDs(list []Option) map[string]string {
	to := map[string]string{}
	for i := range list {
		id := string(rune('a' + i))
		if list[i].ID != "" {
			to[list[i].ID] = id
		}
		list[i].ID = id
	}
	return to
}

func (a *Authored) normaliseOptions(op, at string, least int) error {
	if err := checkOptionTexts(op, at+"options", a.Options, least); err != nil {
		return err
	}
	to := assignLetterIDs(a.Options)
	a.Key.Weights = renameKeys(a.Key.Weights, to)
	a.Key.Feedback = renameKeys(a.Key.Feedback, to)
	return nil
}

func checkOptionTexts(op, field string, list []Option, least int) error {
	if len(list) < least {
		return errs.NewField(op, field, "too_few", int64(least), "at least %d", least)
	}
	if len(list) > MaxOptions {
		return errs.NewField(op, field, "too_many", MaxOptions, "%d, at most %d", len(list), MaxOptions)
	}
	ids := map[string]bool{}
	for i := range list {
		var err error
		if list[i].Text, err = cleanText(op, fmt.Sprintf("%s[%d].text", field, i), list[i].Text, MaxOption, list[i].Image != nil); err != nil {
			return err
		}
		if err := checkImage(op, fmt.Sprintf("%s[%d].image", field, i), list[i].Image, list[i].Text == ""); err != nil {
			return err
		}
		if id := list[i].ID; id != "" && ids[id] {
			return errs.NewField(op, fmt.Sprintf("%s[%d].id", field, i), "duplicate", 0, "another one has this id")
		}
		ids[list[i].ID] = true
	}
	return nil
}

func renameKeys[V any](m map[string]V, to map[string]string) map[string]V {
	if len(m) == 0 {
		return nil
	}
	out := map[string]V{}
	for k, v := range m {
		if n, ok := to[k]; ok {
			out[n] = v
		} else {
			out[k] = v
		}
	}
	return out
}

// checkWeights checks that at least one answer is right, and that only options have a weight.
func (a *Authored) checkWeights(op, at string) (map[string]float64, error) {
	right, weights := 0, map[string]float64{}
	for id, w := range a.Key.Weights {
		switch {
		case !slices.ContainsFunc(a.Options, func(o Option) bool { return o.ID == id }):
			return nil, errs.NewField(op, at+"key.weights", "unknown", 0, "no option %q", id)
		case math.IsNaN(w) || w < -1 || w > 1:
			return nil, errs.NewField(op, at+"key.weights."+id, "out_of_range", 1, "must be -1 to 1")
		case w > 0:
			right++
		}
		if w != 0 { // a weight of 0 equals no weight
			weights[id] = w
		}
	}
	if right == 0 {
		return nil, errs.NewField(op, at+"key.weights", "no_right", 1, "no answer is right")
	}
	return weights, nil
}

func checkAccepted(op, at string, list []Accepted) ([]Accepted, error) {
	if len(list) > MaxAccepted {
		return nil, errs.NewField(op, at+"key.texts", "too_many", MaxAccepted, "%d, at most %d", len(list), MaxAccepted)
	}
	for i := range list {
		var err error
		if list[i].Text, err = cleanText(op, fmt.Sprintf("%skey.texts[%d].text", at, i), list[i].Text, MaxOption, false); err != nil {
			return nil, err
		}
		if w := list[i].Weight; math.IsNaN(w) || w < -1 || w > 1 {
			return nil, errs.NewField(op, fmt.Sprintf("%skey.texts[%d].weight", at, i), "out_of_range", 1, "must be -1 to 1")
		}
	}
	if len(list) == 0 {
		return nil, nil // no answer is right or wrong: the words themselves are the result
	}
	return list, nil
}

func checkNumbers(op, at string, list []Range) ([]Range, error) {
	if len(list) == 0 || len(list) > MaxAccepted {
		return nil, errs.NewField(op, at+"key.numbers", "out_of_range", MaxAccepted, "%d, must be 1 to %d", len(list), MaxAccepted)
	}
	for i, r := range list {
		if isBadNumber(r.Value) || isBadNumber(r.Tolerance) || r.Tolerance < 0 {
			return nil, errs.NewField(op, fmt.Sprintf("%skey.numbers[%d]", at, i), "out_of_range", 0, "must be a number and a tolerance that is not negative")
		}
		if math.IsNaN(r.Weight) || r.Weight < -1 || r.Weight > 1 {
			return nil, errs.NewField(op, fmt.Sprintf("%skey.numbers[%d].weight", at, i), "out_of_range", 1, "must be -1 to 1")
		}
	}
	return list, nil
}

func isBadNumber(v float64) bool { return math.IsNaN(v) || math.Abs(v) > 1e15 }

// normaliseOrder shuffles the options by their texts, the same way each time, and keeps the right
// order in the key. Without a key the options are given in the right order.
func (a *Authored) normaliseOrder(op, at string) ([]string, error) {
	if err := checkOptionTexts(op, at+"options", a.Options, 2); err != nil {
		return nil, err
	}
	right := slices.Clone(a.Options)
	if len(a.Key.Order) > 0 {
		if len(a.Key.Order) != len(a.Options) {
			return nil, errs.NewField(op, at+"key.order", "bad_order", int64(len(a.Options)), "must name each option once")
		}
		for i, id := range a.Key.Order {
			n := slices.IndexFunc(a.Options, func(o Option) bool { return o.ID == id })
			if n < 0 || slices.Contains(a.Key.Order[:i], id) {
				return nil, errs.NewField(op, at+"key.order", "bad_order", int64(len(a.Options)), "must name each option once")
			}
			right[i] = a.Options[n]
		}
	}
	places := make([]int, len(right))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(x, y int) int {
		return cmp.Compare(hashTexts(a.Text, right[x].label()), hashTexts(a.Text, right[y].label()))
	})
	if slices.IsSorted(places) { // the right order must not show
		slices.Reverse(places)
	}
	key := make([]string, len(right))
	shown := make([]Option, len(right))
	for i, p := range places {
		id := string(rune('a' + i))
		shown[i], key[p] = Option{id, right[p].Text, right[p].Image}, id
	}
	a.Options = shown
	return key, nil
}

// label distinguishes an option from the others: its text, or its picture.
func (o Option) label() string {
	if o.Image == nil {
		return o.Text
	}
	return o.Text + "\x00" + o.Image.ID
}

func hashTexts(texts ...string) uint64 {
	h := fnv.New64a()
	for _, t := range texts {
		h.Write([]byte(t))
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// normaliseMatch sorts the choices by text. Each left side has one choice. A choice may have no
// left side.
func (a *Authored) normaliseMatch(op, at string) (map[string]string, error) {
	if err := checkOptionTexts(op, at+"options", a.Options, 2); err != nil {
		return nil, err
	}
	if err := checkOptionTexts(op, at+"choices", a.Choices, 2); err != nil {
		return nil, err
	}
	slices.SortStableFunc(a.Choices, func(x, y Option) int { return cmp.Compare(x.label(), y.label()) })
	left, right := assignLetterIDs(a.Options), assignLetterIDs(a.Choices)
	one := map[string]string{} // by choice: the first of those with the same text, since a pupil cannot tell them apart
	differ := a.Choices[:0:0]
	for _, c := range a.Choices {
		if n := len(differ); n == 0 || differ[n-1].label() != c.label() {
			differ = append(differ, c)
		}
		one[c.ID] = differ[len(differ)-1].ID
	}
	if a.Choices = differ; len(differ) < 2 {
		return nil, errs.NewField(op, at+"choices", "too_few", 2, "at least 2 that differ")
	}
	places := assignLetterIDs(a.Choices)
	pairs := map[string]string{}
	for l, r := range a.Key.Pairs {
		nl, nr := left[l], right[r]
		if nl == "" || nr == "" {
			return nil, errs.NewField(op, at+"key.pairs", "unknown", 0, "no pair of %q and %q", l, r)
		}
		pairs[nl] = places[one[nr]]
	}
	if len(pairs) != len(a.Options) {
		return nil, errs.NewField(op, at+"key.pairs", "missing", int64(len(a.Options)), "each left side needs its right side")
	}
	return pairs, nil
}

// filterFeedback keeps the feedback to answers that can be given: an option, an accepted text, an
// accepted number, or AnyNumber.
func (a *Authored) filterFeedback(op, at string) error {
	if len(a.Key.Feedback) > MaxAccepted+MaxOptions {
		return errs.NewField(op, at+"key.feedback", "too_many", MaxAccepted+MaxOptions, "too many")
	}
	known := map[string]bool{AnyNumber: a.Kind == Numeric}
	switch a.Kind {
	case Single, Multi, TrueFalse, Poll:
		for _, o := range a.Options {
			known[o.ID] = true
		}
	case Text:
		for _, t := range a.Key.Texts {
			known[t.Text] = true
		}
	case Numeric:
		for _, n := range a.Key.Numbers {
			known[n.String()] = true
		}
	}
	kept := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(a.Key.Feedback)) {
		v, err := cleanText(op, at+"key.feedback", a.Key.Feedback[k], MaxFeedback, true)
		if err != nil {
			return err
		}
		if k = strings.TrimSpace(k); v != "" && known[k] {
			kept[k] = v
		}
	}
	if a.Key.Feedback = kept; len(kept) == 0 {
		a.Key.Feedback = nil
	}
	return nil
}
