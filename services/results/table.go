package results

import "github.com/livelearn/box/services/quiz/item"

// Results are the results of a lesson. Fractions are 0 to 1, times are in milliseconds.
type Results struct {
	Lesson     Lesson     `json:"lesson"`
	Attendance []Presence `json:"attendance"` // by name, all pupils of the class
	Items      []Question `json:"items"`      // in the order of asking
	Pupils     []Pupil    `json:"pupils"`     // by name, all pupils of the class
	Hardest    []string   `json:"hardest"`    // ids of items, the hardest first
	Help       []Help     `json:"help"`       // the pupils with the most reasons first
	lang       string     // of the headings in the files
}

// Lesson identifies the lesson.
type Lesson struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	ClassName string `json:"className"`
	Started   int64  `json:"started"` // milliseconds since 1970
	Ended     int64  `json:"ended"`   // the same; 0 while it is open
}

// Presence is one pupil's time in the lesson.
type Presence struct {
	User   string `json:"user"`
	Name   string `json:"name"`
	Came   int64  `json:"came"`  // milliseconds since 1970; 0: never
	MS     int64  `json:"ms"`    // time present
	Times  int    `json:"times"` // how often the pupil came
	Absent bool   `json:"absent,omitempty"`
}

// Question is one question and how it was answered.
type Question struct {
	ID       string         `json:"id"` // the item's
	Kind     item.Kind      `json:"kind"`
	Title    string         `json:"title"`
	Text     string         `json:"text"`
	Round    int            `json:"round"`
	Points   int            `json:"points"`
	Graded   bool           `json:"graded"`
	Asked    int            `json:"asked"`    // pupils who were here
	Answered int            `json:"answered"` // of them
	Fraction float64        `json:"fraction"` // mean of the answers
	Options  []item.Option  `json:"options"`
	Counts   map[string]int `json:"counts"` // by option: pupils who chose it, or in orders and matches had it right
	Texts    []TextCount    `json:"texts"`  // typed answers, the most frequent first, at most 20
	Right    []string       `json:"right"`  // ids of options, or texts
	Pairs    []Pair         `json:"pairs"`  // of a match, in the order of the options
	Gaps     []GapResult    `json:"gaps,omitempty"`
	Image    *item.Image    `json:"image,omitempty"`
	Regions  []item.Region  `json:"regions,omitempty"` // right places of a pin
	Pins     []item.Place   `json:"pins,omitempty"`    // all places that were chosen
}

// Pair is a right pair of a match.
type Pair struct {
	Left  string `json:"left"`  // the id of the option
	Right string `json:"right"` // the text of its choice
}

// GapResult is one gap of a text with its answers.
type GapResult struct {
	ID      string        `json:"id"`
	Kind    item.Kind     `json:"kind"`
	Options []item.Option `json:"options,omitempty"`
	Right   []string      `json:"right"`   // accepted answers in words
	Hits    int           `json:"hits"`    // pupils who had it right
	Answers []TextCount   `json:"answers"` // the most frequent first, at most 20
}

// TextCount is a typed answer and how many pupils gave it.
type TextCount struct {
	Text  string `json:"text"`
	N     int    `json:"n"`
	Right bool   `json:"right,omitempty"` // it was marked as wholly right
}

// Pupil is one pupil's part in the lesson.
type Pupil struct {
	User     string            `json:"user"`
	Name     string            `json:"name"`
	Absent   bool              `json:"absent,omitempty"`
	Score    float64           `json:"score"` // rounded to hundredths
	Max      float64           `json:"max"`   // of all questions of the lesson
	Answered int               `json:"answered"`
	Right    int               `json:"right"`  // wholly
	Wrong    int               `json:"wrong"`  // less than half
	Streak   int               `json:"streak"` // the most right answers in a row
	Hands    int               `json:"hands"`
	Lost     int               `json:"lost"` // taps on "lost"
	Chats    int               `json:"chats"`
	Items    map[string]Answer `json:"items"` // by the question's id
}

// Answer is the answer of a pupil to one question.
type Answer struct {
	Fraction float64       `json:"fraction"`
	Points   float64       `json:"points"` // earned: by speed, when the quiz was scored so
	Response item.Response `json:"response"`
	exact    float64       // the fraction before it was rounded
}

// Help is why a pupil may need help: "wrong_often", "silent", "lost", "late".
type Help struct {
	User string   `json:"user"`
	Why  []string `json:"why"`
}
