// Package item is one question: what everybody may see of it, its key, what a pupil may
// answer, and what that is worth. It is pure: no state, no clock, no input or output.
//
// Promises: an Item has no key in it, and a Key does not encode by accident. Grade takes
// any response and never fails. Normalise and Check name the field and the limit.
package item

import (
	"encoding/json"
	"errors"
)

// Kind is how a question is answered.
type Kind string

// Kinds of questions. A slide asks nothing.
const (
	Single    Kind = "single"
	Multi     Kind = "multi"
	TrueFalse Kind = "truefalse"
	Text      Kind = "text"
	Numeric   Kind = "numeric"
	Order     Kind = "order"
	Match     Kind = "match"
	Poll      Kind = "poll"
	Slide     Kind = "slide"
)

// Limits. Lengths are in characters (runes).
const (
	MaxItems    = 100
	MaxText     = 2000
	MaxTitle    = 200
	MaxOptions  = 10
	MaxOption   = 200
	MaxAccepted = 20
	MaxFeedback = 500
	MaxPoints   = 100
	MinSeconds  = 5
	MaxSeconds  = 3600
	MaxAnswer   = 200 // of a written response
)

// Option is one thing to choose, to order or to match. Its id is its place in the shown
// order, given after shuffling, so it tells nothing.
type Option struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Item is a question as everybody may see it.
type Item struct {
	ID      string   `json:"id"`
	Kind    Kind     `json:"kind"`
	Title   string   `json:"title,omitempty"`
	Text    string   `json:"text"`
	Options []Option `json:"options,omitempty"` // to choose from or to order; the left sides of a match
	Choices []Option `json:"choices,omitempty"` // the right sides of a match
	Points  int      `json:"points"`
	Seconds int      `json:"seconds,omitempty"` // 0: no limit
}

// Accepted is a written answer and what it is worth, -1 to 1. A "*" in it stands for any
// text, "\*" for an asterisk.
type Accepted struct {
	Text   string  `json:"text"`
	Weight float64 `json:"weight"`
}

// AnyNumber is what feedback to every other number is kept by.
const AnyNumber = "*"

// Range is an accepted number: Value plus or minus Tolerance.
type Range struct {
	Value     float64 `json:"value"`
	Tolerance float64 `json:"tolerance"`
	Weight    float64 `json:"weight"`
}

// Key is what is right. It goes nowhere by accident: encoding it fails, and what carries
// a key on purpose (Authored) says so.
type Key struct {
	Weights  map[string]float64 // by option id, -1 to 1
	Texts    []Accepted
	Numbers  []Range
	Order    []string          // option ids
	Pairs    map[string]string // option id to choice id
	Feedback map[string]string // by option id, accepted text, Range.String or AnyNumber
	General  string
}

// MarshalJSON refuses.
func (Key) MarshalJSON() ([]byte, error) {
	return nil, errors.New("item: a key is not encoded by itself")
}

// Authored is a question with its key: for its author, the library and the log.
type Authored struct {
	Item
	Key Key
}

// keyData is a key as it is stored.
type keyData struct {
	Weights  map[string]float64 `json:"weights,omitempty"`
	Texts    []Accepted         `json:"texts,omitempty"`
	Numbers  []Range            `json:"numbers,omitempty"`
	Order    []string           `json:"order,omitempty"`
	Pairs    map[string]string  `json:"pairs,omitempty"`
	Feedback map[string]string  `json:"feedback,omitempty"`
	General  string             `json:"general,omitempty"`
}

type authoredData struct {
	Item
	Key keyData `json:"key"`
}

// MarshalJSON writes the question with its key.
func (a Authored) MarshalJSON() ([]byte, error) {
	return json.Marshal(authoredData{a.Item, keyData(a.Key)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Authored) UnmarshalJSON(data []byte) error {
	var d authoredData
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	a.Item, a.Key = d.Item, Key(d.Key)
	return nil
}

// Quiz is a list of questions and how they are asked.
type Quiz struct {
	ID      string     `json:"id"`
	Title   string     `json:"title"`
	Speed   bool       `json:"speed"` // faster right answers score more
	Paced   string     `json:"paced"` // "teacher" or "pupil"
	Board   bool       `json:"board"` // a leaderboard may be shown
	Items   []Authored `json:"items"`
	Updated int64      `json:"updated"` // milliseconds since 1970; set by the library
}

// Response is what a pupil answers. A number is kept as it was typed, in Text.
type Response struct {
	Options []string          `json:"options,omitempty"`
	Text    string            `json:"text,omitempty"`
	Order   []string          `json:"order,omitempty"`
	Pairs   map[string]string `json:"pairs,omitempty"`
}

// Revealed is what everybody may see of a key after the reveal.
type Revealed struct {
	Right    []string          `json:"right,omitempty"` // option ids
	Texts    []string          `json:"texts,omitempty"`
	Numbers  []string          `json:"numbers,omitempty"`
	Order    []string          `json:"order,omitempty"`
	Pairs    map[string]string `json:"pairs,omitempty"`
	General  string            `json:"general,omitempty"`
	Feedback map[string]string `json:"feedback,omitempty"`
}
