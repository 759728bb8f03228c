// Package moodle reads and writes Moodle XML, the format in which Moodle's question bank exports
// everything. It is pure.
//
// Promises: Parse accepts any document. A question that cannot be asked is a fault with its line, and
// what a question loses is noted. What Write does not note, Parse gives back. A comment in a question
// keeps the settings that Moodle does not have: <!-- livelearn: poll seconds=30 -->.
package moodle

import (
	"encoding/base64"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
	"github.com/livelearn/box/services/quiz/pack"
)

const settingsPrefix = "livelearn:"

// question is the state of reading one question.
type question struct {
	draft.Reader
	item.Authored
	node     *pack.Node
	settings map[string]string
}

// kindNames are Moodle's types that cannot be asked, as people know them.
var kindNames = map[string]string{
	"calculated": "calculated", "calculatedmulti": "calculated multiple choice", "calculatedsimple": "simple calculated", "ddimageortext": "drag and drop onto image",
	"ddmarker": "drag and drop markers", "randomsamatch": "random short-answer matching", "random": "random question",
}

// Parse reads the questions of a document into c.
func Parse(c *draft.Collector, root *pack.Node) {
	for _, n := range root.List("question") {
		if c.IsFull() {
			return
		}
		switch kind := n.Attr("type"); kind {
		case "category":
		default:
			readQuestion(c, n, kind)
		}
	}
}

func readQuestion(c *draft.Collector, n *pack.Node, kind string) {
	q := &question{node: n, settings: map[string]string{}}
	report := draft.Question{Line: n.Line}
	q.Reader = draft.Reader{Collector: c, Q: &report}
	for _, note := range n.Notes {
		if s, ok := strings.CutPrefix(note, settingsPrefix); ok {
			for w := range strings.FieldsSeq(s) {
				name, value, _ := strings.Cut(w, "=")
				q.settings[name] = value
			}
		}
	}
	q.Title, _ = q.readRich(n.Child("name"))
	q.ID = usableID(n.Child("idnumber").Words())
	body := n.Child("questiontext")
	report.Text = markup.TextFromHTML(body.Child("text").Words())
	if report.Text == "" {
		report.Text = q.Title
	}
	q.Points = 1
	if s := n.Child("defaultgrade").Words(); s != "" {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(v) {
			v = 1
		}
		q.Points = report.RoundPoints(v)
	}
	q.Seconds, _ = strconv.Atoi(q.settings["seconds"])
	q.Key.General, _ = q.readRich(n.Child("generalfeedback"))
	if kind != "cloze" && kind != "multianswer" {
		q.Text, q.Image = q.readRich(body)
	}
	q.noteLosses(kind)
	read, known := readers[kind]
	if !known {
		name := kindNames[kind]
		if name == "" {
			name = kind
		}
		c.Refuse(report, draft.UnknownKind, name, "no questions of the kind %q are asked here", name)
		return
	}
	err := read(q)
	switch {
	case err == nil:
		c.Add(report, q.Authored)
	case !errors.Is(err, addedError{}):
		c.RefuseError(report, err)
	}
}

var readers = map[string]func(*question) error{
	"multichoice": (*question).readChoice, "truefalse": (*question).readTrueFalse, "shortanswer": (*question).readTexts, "numerical": (*question).readNumbers,
	"matching": (*question).readMatch, "ddmatch": (*question).readMatch, "ordering": (*question).readOrder, "essay": (*question).readEssay, "description": (*question).readSlide,
	"cloze": (*question).readCloze, "multianswer": (*question).readCloze,
	"gapselect": (*question).readSelected, "ddwtos": (*question).readSelected,
	"multichoiceset": (*question).readAllOrNothing, "oumultiresponse": (*question).readAllOrNothing,
}

// noteLosses notes what no question keeps.
func (q *question) noteLosses(kind string) {
	if hint := q.node.Child("hint"); hint.Child("text").Words() != "" {
		q.Q.Lose(draft.LostTip, "", "hints after a wrong answer are left out")
	}
	if v, err := strconv.ParseFloat(q.node.Child("penalty").Words(), 64); err == nil && v > 0 && q.node.Child("hint") != nil {
		q.Q.Lose(draft.LostScoring, "", "the penalty for another try is left out")
	}
	for _, name := range []string{"correctfeedback", "partiallycorrectfeedback", "incorrectfeedback"} {
		if s := markup.TextFromHTML(q.node.Child(name).Child("text").Words()); s != "" && !standardFeedback[strings.ToLower(strings.Trim(s, ". !"))] {
			q.Q.Lose(draft.LostFeedback, "", "feedback to right and wrong answers as a whole is left out")
		}
	}
	if kind == "shortanswer" && q.node.Child("usecase").Words() == "1" {
		q.Q.Lose(draft.LostCase, "", "capital and small letters count as the same")
	}
}

// standardFeedback is what Moodle writes by itself.
var standardFeedback = map[string]bool{
	"your answer is correct": true, "your answer is partially correct": true, "your answer is incorrect": true,
	"votre réponse est correcte": true, "votre réponse est partiellement correcte": true, "votre réponse est incorrecte": true,
	"respuesta correcta": true, "respuesta parcialmente correcta": true, "respuesta incorrecta": true,
	"إجابتك صحيحة": true, "إجابتك صحيحة جزئيا": true, "إجابتك خاطئة": true,
}

// readRich returns the text of an element with <text> and <file> in it, and its first picture.
func (q *question) readRich(n *pack.Node) (string, *item.Image) {
	if n == nil {
		return "", nil
	}
	r := q.Reader
	r.Open = func(src string) ([]byte, error) { return openFile(n, src) }
	text := n.Child("text")
	s := text.Words()
	switch format := n.Attr("format"); format {
	case "plain_text":
		return s, nil
	case "moodle_auto_format":
		s = strings.ReplaceAll(s, "\n", "<br>")
	case "markdown":
	default:
		if n.Name == "name" || format == "" && !strings.ContainsAny(s, "<&") {
			return s, nil
		}
	}
	return r.ReadText(s)
}

// openFile returns a file of an element, by the address in its HTML.
func openFile(n *pack.Node, src string) ([]byte, error) {
	if data, ok := strings.CutPrefix(src, "data:"); ok {
		_, coded, _ := strings.Cut(data, ";base64,")
		return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(coded), ""))
	}
	name, ok := strings.CutPrefix(src, "@@PLUGINFILE@@/")
	if !ok {
		return nil, errs.NewField("moodle.Parse", "file", "elsewhere", 0, "it is an address, and the box fetches nothing")
	}
	name = unescapePath(strings.TrimSuffix(name, "?time="))
	for _, f := range n.List("file") {
		if strings.TrimPrefix(f.Attr("path"), "/")+f.Attr("name") == name {
			return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Words()), ""))
		}
	}
	return nil, errs.NewField("moodle.Parse", "file", "missing_file", 0, "the file %q is not there", name)
}

// usableID returns an id that the box accepts, or none.
func usableID(id string) string {
	if len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return id
}

// readFraction returns the weight of an answer.
func (q *question) readFraction(n *pack.Node) (float64, error) {
	s := strings.TrimSpace(n.Attr("fraction"))
	if s == "" {
		s = n.Child("fraction").Words()
	}
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v < -100 || v > 100 {
		return 0, errs.NewField("moodle.Parse", "fraction", "bad_weight", 100, "%q: must be -100 to 100", s)
	}
	return movePoint(s, v), nil
}

var plainNumber = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

// movePoint divides by 100 in the text, since a division would not give the written number back.
func movePoint(s string, v float64) float64 {
	if plainNumber.MatchString(s) {
		if w, err := strconv.ParseFloat(s+"e-2", 64); err == nil {
			return w
		}
	}
	return v / 100
}

func (q *question) setFeedback(to string, n *pack.Node) {
	s, _ := q.readRich(n.Child("feedback"))
	if s == "" {
		return
	}
	if q.Key.Feedback == nil {
		q.Key.Feedback = map[string]string{}
	}
	q.Key.Feedback[to] = s
}

func (q *question) isSet(word string) bool {
	_, ok := q.settings[word]
	return ok
}
