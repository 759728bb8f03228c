package moodle

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
)

func unescapePath(s string) string {
	if p, err := url.PathUnescape(s); err == nil {
		return p
	}
	return s
}

// readChoice reads a multiple choice question.
func (q *question) readChoice() error {
	q.Kind = item.Multi
	if s := q.node.Child("single").Words(); s == "true" || s == "1" || s == "" {
		q.Kind = item.Single
	}
	weights := map[string]float64{}
	for i, n := range q.node.List("answer") {
		w, err := q.readFraction(n)
		if err != nil {
			return err
		}
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, o.Image = q.readRich(n)
		q.NameOption(&o, i)
		q.Options = append(q.Options, o)
		q.setFeedback(o.ID, n)
		if weights[o.ID] = w; q.isSet("equal") {
			weights[o.ID] = 0
			if w > 0 {
				weights[o.ID] = 1
			}
		}
	}
	if q.Key.Weights = weights; q.isSet("poll") {
		q.Kind, q.Key.Weights = item.Poll, nil
	}
	return nil
}

// readAllOrNothing reads a question in which all right options together are the answer.
func (q *question) readAllOrNothing() error {
	q.Q.Lose(draft.LostScoring, "", "each right option gives its share")
	q.Kind = item.Multi
	q.Key.Weights = map[string]float64{}
	for i, n := range q.node.List("answer") {
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, o.Image = q.readRich(n)
		q.NameOption(&o, i)
		q.Options = append(q.Options, o)
		q.setFeedback(o.ID, n)
		if w, err := q.readFraction(n); err != nil {
			return err
		} else if w > 0 {
			q.Key.Weights[o.ID] = 1
		}
	}
	return nil
}

func (q *question) readTrueFalse() error {
	q.Kind = item.TrueFalse
	q.Key.Weights = map[string]float64{}
	for _, n := range q.node.List("answer") {
		id := "f"
		if strings.EqualFold(n.Child("text").Words(), "true") {
			id = "t"
		}
		w, err := q.readFraction(n)
		if err != nil {
			return err
		}
		q.Key.Weights[id] = w
		q.setFeedback(id, n)
	}
	return nil
}

func (q *question) readTexts() error {
	q.Kind = item.Text
	for _, n := range q.node.List("answer") {
		w, err := q.readFraction(n)
		if err != nil {
			return err
		}
		s := n.Child("text").Words()
		q.Key.Texts = append(q.Key.Texts, item.Accepted{Text: s, Weight: w})
		q.setFeedback(s, n)
	}
	if len(q.Key.Texts) == 0 {
		return draft.NewFault("no_right", "", "no answer is right")
	}
	return nil
}

func (q *question) readNumbers() error {
	q.Kind = item.Numeric
	for _, n := range q.node.List("answer") {
		w, err := q.readFraction(n)
		if err != nil {
			return err
		}
		s := n.Child("text").Words()
		if s == item.AnyNumber && w == 0 {
			q.setFeedback(item.AnyNumber, n)
			continue
		}
		r := item.Range{Weight: w}
		if s == item.AnyNumber {
			r.Tolerance = 1e15
		} else if r.Value, err = strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64); err != nil {
			return draft.NewFault("not_a_number", "", "%q is no number", s)
		}
		if t := n.Child("tolerance").Words(); t != "" && s != item.AnyNumber {
			if r.Tolerance, err = strconv.ParseFloat(t, 64); err != nil || r.Tolerance < 0 {
				return draft.NewFault("not_a_number", "", "%q is no tolerance", t)
			}
		}
		q.Key.Numbers = append(q.Key.Numbers, r)
		q.setFeedback(r.String(), n)
	}
	if units := q.node.Child("units"); units != nil && len(units.List("unit")) > 0 {
		q.Q.Lose(draft.LostScoring, units.List("unit")[0].Child("unit_name").Words(), "units are not asked for")
	}
	return nil
}

func (q *question) readMatch() error {
	q.Kind = item.Match
	q.Key.Pairs = map[string]string{}
	for i, n := range q.node.List("subquestion") {
		left := item.Option{ID: strconv.Itoa(i)}
		left.Text, left.Image = q.readRich(n)
		q.NameOption(&left, i)
		right := item.Option{ID: left.ID}
		if answer := n.Child("answer"); answer.Attr("format") != "" { // of the question type that drags
			right.Text, right.Image = q.readRich(answer)
		} else {
			right.Text = answer.Child("text").Words()
		}
		for _, c := range q.Choices { // the same words are one choice
			if c.Text == right.Text && c.Image == nil && right.Image == nil {
				right = c
			}
		}
		if right.ID == left.ID {
			q.Choices = append(q.Choices, right)
		}
		if left.Text != "" || left.Image != nil {
			q.Options = append(q.Options, left)
			q.Key.Pairs[left.ID] = right.ID
		}
	}
	return nil
}

// readOrder reads a question of the plugin that became a part of Moodle 4.5. The answers are in the
// right order.
func (q *question) readOrder() error {
	q.Kind = item.Order
	for i, n := range q.node.List("answer") {
		o := item.Option{ID: strconv.Itoa(i)}
		o.Text, o.Image = q.readRich(n)
		q.NameOption(&o, i)
		q.Options = append(q.Options, o)
	}
	if s := q.node.Child("gradingtype").Words(); s != "" && s != "ABSOLUTE_POSITION" && s != "0" {
		q.Q.Lose(draft.LostScoring, "", "each thing in its place gives its share")
	}
	return nil
}

func (q *question) readEssay() error {
	if q.Kind = item.Text; !q.isSet("text") { // people read the words, and no points are given
		q.Points = 0
	}
	if s, _ := q.readRich(q.node.Child("graderinfo")); s != "" {
		q.Q.Lose(draft.LostFeedback, "", "the notes for those who mark are left out")
	}
	return nil
}

func (q *question) readSlide() error {
	q.Kind = item.Slide
	return nil
}

// selectPattern matches a gap for a chosen option.
var selectPattern = regexp.MustCompile(`\[\[\d{1,3}\]\]`)

// gapPattern matches a gap of the question type "embedded answers": {1:SHORTANSWER:=sat~%50%sits}.
var gapPattern = regexp.MustCompile(`\{(\d*):([A-Z_]+):((?:\\.|[^\\}])*)\}`)
