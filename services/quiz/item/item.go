// Package item defines one question: the part that everybody may see, its key, the responses
// that a pupil may give, and the points for them. It is pure: no state, no clock, no input or
// output.
//
// Promises: an Item has no key in it, and a Key does not encode by accident. Grade accepts
// any response and never fails. Normalise and Check name the field and the limit.
package item

import (
	"encoding/json"
	"errors"
)

// Kind is the way in which a question is answered.
type Kind string

// Kinds of questions. A slide has no answer.
const (
	Single    Kind = "single"
	Multi     Kind = "multi"
	TrueFalse Kind = "truefalse"
	Text      Kind = "text"
	Numeric   Kind = "numeric"
	Order     Kind = "order"
	Match     Kind = "match"
	Gaps      Kind = "gaps" // a text with several places for answers
	Poll      Kind = "poll"
	Pin       Kind = "pin"  // tap a place on a picture
	Draw      Kind = "draw" // draw on a picture or on white
	Slide     Kind = "slide"
)

// Kinds are all kinds, in the order in which the editor offers them.
var Kinds = []Kind{Single, Multi, TrueFalse, Text, Numeric, Order, Match, Gaps, Poll, Pin, Draw, Slide}

// Limits. Lengths are in characters (runes).
const (
	MaxItems    = 100
	MaxText     = 20_000 // a reading text
	MaxGeneral  = 2000
	MaxTitle    = 200
	MaxOptions  = 26 // a letter each
	MaxOption   = 200
	MaxAccepted = 20
	MaxFeedback = 500
	MaxPoints   = 100
	MinSeconds  = 5
	MaxSeconds  = 3600
	MaxAnswer   = 200 // of a written response
)

// Option is one thing to choose, to order or to match. Its id is its place in the shown order.
// Ids are given after shuffling, so an id gives nothing away.
type Option struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Image *Image `json:"image,omitempty"`
}

// Item is the part of a question that everybody may see.
type Item struct {
	ID      string   `json:"id"`
	Kind    Kind     `json:"kind"`
	Title   string   `json:"title,omitempty"`
	Text    string   `json:"text"`
	Image   *Image   `json:"image,omitempty"`   // above the answers; of a pin or a drawing the picture under it
	Options []Option `json:"options,omitempty"` // to choose from or to order, or the left sides of a match
	Choices []Option `json:"choices,omitempty"` // the right sides of a match
	Gaps    []Gap    `json:"gaps,omitempty"`    // in the order of the text
	Points  int      `json:"points"`
	Seconds int      `json:"seconds,omitempty"` // 0: no limit
}

// Accepted is a written answer and its weight, -1 to 1. A "*" in it matches any text, "\*" an
// asterisk.
type Accepted struct {
	Text   string  `json:"text"`
	Weight float64 `json:"weight"`
}

// AnyNumber is the key of the feedback to every other number.
const AnyNumber = "*"

// Range is an accepted number: Value plus or minus Tolerance.
type Range struct {
	Value     float64 `json:"value"`
	Tolerance float64 `json:"tolerance"`
	Weight    float64 `json:"weight"`
}

// Key is the solution of a question. Encoding it fails, so that it gets nowhere by accident.
// Authored is the type that carries a key on purpose.
type Key struct {
	Weights  map[string]float64 // by option id, -1 to 1
	Texts    []Accepted
	Numbers  []Range
	Order    []string          // option ids
	Pairs    map[string]string // option id to choice id
	Regions  []Region          // right places; empty: none is right or wrong
	Gaps     map[string]GapKey // by gap id
	Feedback map[string]string // by option id, accepted text, Range.String or AnyNumber
	General  string
}

// MarshalJSON always fails.
func (Key) MarshalJSON() ([]byte, error) {
	return nil, errors.New("item: a key is not encoded by itself")
}

// Authored is a question with its key: for its author, the library and the log.
type Authored struct {
	Item
	Key Key
}

// keyData is the stored form of a key.
type keyData struct {
	Weights  map[string]float64 `json:"weights,omitempty"`
	Texts    []Accepted         `json:"texts,omitempty"`
	Numbers  []Range            `json:"numbers,omitempty"`
	Order    []string           `json:"order,omitempty"`
	Pairs    map[string]string  `json:"pairs,omitempty"`
	Regions  []Region           `json:"regions,omitempty"`
	Gaps     map[string]GapKey  `json:"gaps,omitempty"`
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

// UnmarshalJSON reads the format of MarshalJSON.
func (a *Authored) UnmarshalJSON(data []byte) error {
	var d authoredData
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	a.Item, a.Key = d.Item, Key(d.Key)
	return nil
}

// Quiz is a list of questions with their settings.
type Quiz struct {
	ID      string     `json:"id"`
	Title   string     `json:"title"`
	Speed   bool       `json:"speed"`                      // faster right answers score more
	Paced   string     `json:"paced" enum:"teacher,pupil"` // "teacher" or "pupil"
	Board   bool       `json:"board"`                      // a leaderboard may be shown
	Items   []Authored `json:"items"`
	Updated int64      `json:"updated"` // milliseconds since 1970, set by the library
}

// Response is the answer of a pupil. Text has a number as it was typed.
type Response struct {
	Options []string          `json:"options,omitempty"`
	Text    string            `json:"text,omitempty"`
	Order   []string          `json:"order,omitempty"`
	Pairs   map[string]string `json:"pairs,omitempty"`
	Pin     *Place            `json:"pin,omitempty"`
	Strokes []Stroke          `json:"strokes,omitempty"`
	Gaps    map[string]string `json:"gaps,omitempty"` // by gap id: a text, or the id of an option
}

// Revealed is the part of a key that everybody may see after the reveal.
type Revealed struct {
	Right    []string               `json:"right,omitempty"` // option ids
	Texts    []string               `json:"texts,omitempty"`
	Numbers  []string               `json:"numbers,omitempty"`
	Order    []string               `json:"order,omitempty"`
	Pairs    map[string]string      `json:"pairs,omitempty"`
	Regions  []Region               `json:"regions,omitempty"`
	Gaps     map[string]RevealedGap `json:"gaps,omitempty"`
	General  string                 `json:"general,omitempty"`
	Feedback map[string]string      `json:"feedback,omitempty"`
}
