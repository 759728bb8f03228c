// Package draft holds the questions of a file before a teacher confirms them: which can be asked as
// they are, which lose something, and which cannot be read and why. All readers of formats fill it.
//
// Promises: it stores nothing. A question of a Collector has an item that item.Normalise accepts, or
// a fault. What a reader leaves out of a question is one of its losses.
package draft

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
	"github.com/livelearn/box/services/slides"
)

// Limits of a file.
const (
	MaxFile      = 32 << 20 // bytes
	MaxPictures  = 200
	MaxQuestions = 600     // with those that cannot be read
	maxData      = 3 << 20 // bytes of the questions in JSON, since a quiz has at most 4 MiB
	maxExcerpt   = 120     // characters
	maxLosses    = 10      // of a question
)

// Codes of losses and faults that several formats have. The pages translate them.
const (
	LostFeedback = "lost_feedback" // comments to answers
	LostScoring  = "lost_scoring"  // how points are given
	LostCase     = "lost_case"     // capitals count
	LostTip      = "lost_tip"
	LostTime     = "lost_time"
	LostPoints   = "lost_points" // parts of a point
	LostTitle    = "lost_title"  // its end
	LostLine     = "lost_line"   // a long line of underscores
	NoAlt        = "no_alt"      // a picture without words
	NoKey        = "no_key"      // no right answer: read as a poll
	UnknownKind  = "unknown_kind"
	SeveralAsked = "several_asked"
	TooMany      = "too_many"
)

// Note is a reason. Value completes it: the name of a kind or of a file.
type Note struct {
	Code    string `json:"code"`
	Message string `json:"message"` // in English
	Value   string `json:"value,omitempty"`
}

// Question is one question of a file. It has an item or a fault.
type Question struct {
	File   string         `json:"file,omitempty"` // in a package
	Line   int            `json:"line"`           // from 1; 0: unknown
	Text   string         `json:"text"`           // its beginning
	Item   *item.Authored `json:"item,omitempty"`
	Losses []Note         `json:"losses,omitempty"`
	Fault  *Note          `json:"fault,omitempty"`
}

// File is the content of a file.
type File struct {
	Format    string     `json:"format"`
	Title     string     `json:"title,omitempty"` // of the quiz, if the file has one
	Text      string     `json:"text,omitempty"`  // of a text, for its editor
	Questions []Question `json:"questions"`
}

// Items returns the questions that were read.
func (f File) Items() []item.Authored {
	list := []item.Authored{}
	for _, q := range f.Questions {
		if q.Item != nil {
			list = append(list, *q.Item)
		}
	}
	return list
}

// FaultError is the error of a question that cannot be read.
type FaultError struct{ Note }

// Error returns the message.
func (e *FaultError) Error() string { return e.Message }

// NewFault returns the error of a question that cannot be read. Value completes the code.
func NewFault(code, value, format string, args ...any) error {
	return &FaultError{Note{Code: code, Value: value, Message: fmt.Sprintf(format, args...)}}
}

// Lose adds a loss, once.
func (q *Question) Lose(code, value, message string) {
	n := Note{Code: code, Message: message, Value: value}
	if len(q.Losses) < maxLosses && !slices.Contains(q.Losses, n) {
		q.Losses = append(q.Losses, n)
	}
}

// Collector collects the questions of a file.
type Collector struct {
	File
	Op       string
	Pictures Pictures
	taken    map[string]bool
	read     int
	size     int
	full     bool
}

// IsFull reports that no more questions are taken.
func (c *Collector) IsFull() bool { return c.full }

// Refuse adds a question that cannot be read.
func (c *Collector) Refuse(q Question, code, value, format string, args ...any) {
	q.Item, q.Losses = nil, nil
	q.Fault = &Note{Code: code, Value: value, Message: fmt.Sprintf(format, args...)}
	c.append(q)
}

// RefuseError adds a question with the error of its reading.
func (c *Collector) RefuseError(q Question, err error) {
	if f, ok := errors.AsType[*FaultError](err); ok {
		c.Refuse(q, f.Code, f.Value, "%s", f.Message)
		return
	}
	code, message := "invalid", err.Error()
	if e, ok := errors.AsType[*errs.Error](err); ok {
		code, message = e.Code, e.Err.Error()
		if e.Field != "" {
			message = e.Field + ": " + message
		}
		if code == TooMany {
			code = "too_many_answers"
		}
	}
	c.Refuse(q, code, "", "%s", message)
}

// Add normalises a question and adds it. It refuses one that the box cannot ask.
func (c *Collector) Add(q Question, a item.Authored) {
	if r := []rune(a.Title); len(r) > item.MaxTitle {
		a.Title = strings.TrimSpace(string(r[:item.MaxTitle-1])) + "…"
		q.Lose(LostTitle, "", "the title is cut")
	}
	if strings.TrimSpace(a.Text) == "" && a.Image != nil {
		a.Text = a.Image.Alt
	}
	if q.Text == "" {
		q.Text = a.Text
	}
	if c.taken[a.ID] { // a copy of a question is another question
		a.ID = ""
	}
	if err := a.Normalise(c.Op); err != nil {
		c.RefuseError(q, err)
		return
	}
	data, err := json.Marshal(a)
	if err != nil {
		c.RefuseError(q, err)
		return
	}
	if c.size += len(data); c.size > maxData || c.read == item.MaxItems {
		c.Refuse(q, TooMany, "", "from here on nothing was read: at most %d questions and 3 MB of text", item.MaxItems)
		c.full = true
		return
	}
	if c.taken == nil {
		c.taken = map[string]bool{}
	}
	c.taken[a.ID] = a.ID != ""
	c.read++
	q.Item = &a
	c.append(q)
}

func (c *Collector) append(q Question) {
	if c.full {
		return
	}
	q.Text = CutText(q.Text)
	c.Questions = append(c.Questions, q)
	c.full = len(c.Questions) >= MaxQuestions
}

// CutText returns the beginning of a text on one line.
func CutText(s string) string {
	s = strings.Join(strings.Fields(s[:min(len(s), 8*maxExcerpt)]), " ")
	s = strings.ToValidUTF8(s, "")
	if utf8.RuneCountInString(s) <= maxExcerpt {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:maxExcerpt])) + "…"
}

// RoundPoints returns whole points for a grade.
func (q *Question) RoundPoints(grade float64) int {
	points := int(math.Round(min(max(grade, 0), item.MaxPoints)))
	if points == 0 && grade > 0 {
		points = 1
	}
	if float64(points) != grade {
		q.Lose(LostPoints, "", fmt.Sprintf("%g points become %d", grade, points))
	}
	return points
}

// Pictures makes and holds the pictures of a file.
type Pictures struct {
	// Make makes a picture for a question. Nil: pictures are left out.
	Make func(data []byte) (slides.Picture, error)
	// Made holds the files of the pictures by their ids.
	Made map[string][]byte
}

// keep makes a picture.
func (p *Pictures) keep(data []byte, alt string) (*item.Image, error) {
	if p.Make == nil {
		return nil, errs.NewField("draft", "file", "no_pictures", 0, "pictures are not read here")
	}
	if len(p.Made) >= MaxPictures {
		return nil, errs.NewField("draft", "file", TooMany, MaxPictures, "more than %d pictures", MaxPictures)
	}
	made, err := p.Make(data)
	if err != nil {
		return nil, err
	}
	m := &item.Image{ID: item.MakeImageID(made.Data, made.Ext), W: made.W, H: made.H, Alt: cutAlt(alt)}
	m.Decorative = m.Alt == ""
	if p.Made == nil {
		p.Made = map[string][]byte{}
	}
	p.Made[m.ID] = made.Data
	return m, nil
}

func cutAlt(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > item.MaxAlt {
		return strings.TrimSpace(string(r[:item.MaxAlt-1])) + "…"
	}
	return s
}

// Reader reads the HTML of one question and keeps its pictures.
type Reader struct {
	*Collector
	Q *Question
	// Open returns the content of a picture by its address. Nil: there is none.
	Open func(src string) ([]byte, error)
}

// ReadText returns the text of a piece of HTML and the first picture in it.
func (r Reader) ReadText(s string) (string, *item.Image) {
	var m *item.Image
	in := markup.Reader{KeepPicture: func(src, alt string) bool {
		got := r.KeepPicture(src, alt, m != nil)
		if got != nil {
			m = got
		}
		return got != nil
	}}
	text := strings.TrimSpace(in.ReadText(s))
	for what := range in.Lost {
		if what != markup.LostPicture {
			r.Q.Lose(what, "", LossTexts[what])
		}
	}
	slices.SortStableFunc(r.Q.Losses, func(a, b Note) int { return strings.Compare(a.Code, b.Code) })
	return text, m
}

// LossTexts are the messages of the losses of HTML.
var LossTexts = map[string]string{
	markup.LostPicture: "a picture is only its words",
	markup.LostMedia:   "sound or video is left out", markup.LostFormula: "a formula is only its letters", markup.LostTable: "a table is only its text",
}

// KeepPicture makes the picture at an address. It returns nil, and a loss, for one that cannot be
// kept, and for a second one where there is place for one.
func (r Reader) KeepPicture(src, alt string, second bool) *item.Image {
	name := path.Base(src)
	if strings.HasPrefix(src, "data:") {
		name = "data"
	}
	fail := func(why string) *item.Image {
		r.Q.Lose(markup.LostPicture, name, "a picture is left out: "+why)
		return nil
	}
	switch {
	case second:
		return fail("there is place for one")
	case r.Open == nil:
		return fail("it is not in the file")
	}
	data, err := r.Open(src)
	if err != nil {
		return fail(describeError(err))
	}
	m, err := r.Pictures.keep(data, alt)
	if err != nil {
		return fail(describeError(err))
	}
	return m
}

// NameOption gives words to an option that is only a picture without any.
func (r Reader) NameOption(o *item.Option, n int) {
	if o.Text == "" && o.Image != nil && o.Image.Alt == "" {
		o.Image.Alt, o.Image.Decorative = fmt.Sprintf("%c", 'A'+n%26), false
		r.Q.Lose(NoAlt, o.Image.Alt, "a picture has no words, and its letter is in their place: "+o.Image.Alt)
	}
}

func describeError(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
