package qti

import (
	"encoding/base64"
	"errors"
	"math"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/pack"
)

// unescapePath decodes the escapes of an address.
func unescapePath(s string) string {
	if p, err := url.PathUnescape(s); err == nil {
		return p
	}
	return s
}

func decodeDataURL(src string) ([]byte, error) {
	_, coded, ok := strings.Cut(src, ";base64,")
	if !ok {
		return nil, errors.New("the picture is in no known form")
	}
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(coded), ""))
}

// response is a response declaration.
type response struct {
	cardinality string
	base        string
	correct     []string
	mapped      []mapEntry
	rest        float64 // of what is not mapped
	most        float64 // of the mapped score, or 0: its sum
}

type mapEntry struct {
	key   string
	value float64
}

// question is the state of reading one item of QTI 2 or 3.
type question struct {
	draft.Reader
	item.Authored
	report    draft.Question
	node      *pack.Node
	body      *pack.Node
	settings  map[string]bool
	responses map[string]response
	gaps      []draft.Gap
}

// inlineNames and blockNames are the interactions that can be asked. otherNames cannot.
var (
	inlineNames = []string{"textentryinteraction", "inlinechoiceinteraction"}
	blockNames  = []string{"choiceinteraction", "orderinteraction", "matchinteraction", "extendedtextinteraction", "gapmatchinteraction"}
	otherNames  = []string{
		"associateinteraction", "hottextinteraction", "hotspotinteraction", "selectpointinteraction", "graphicorderinteraction", "graphicassociateinteraction",
		"graphicgapmatchinteraction", "positionobjectinteraction", "positionobjectstage", "sliderinteraction", "drawinginteraction", "uploadinteraction",
		"mediainteraction", "custominteraction", "portablecustominteraction", "endattemptinteraction",
	}
)

func (r *reader) readItem(n *pack.Node, at place) {
	q := &question{node: n, body: n.Child("itembody"), settings: readSettings(n), responses: map[string]response{}}
	if r.zip != nil {
		q.report.File = path.Base(at.file)
	}
	q.report.Line = n.Line
	q.report.Text = readWords(q.body)
	if q.report.Text == "" {
		q.report.Text = n.Attr("title")
	}
	q.Reader = r.newTextReader(&q.report, at.file)
	q.Title, q.ID, q.Seconds = n.Attr("title"), usableID(n.Attr("identifier")), at.seconds
	if err := q.read(); err != nil {
		r.RefuseError(q.report, err)
	} else if len(q.gaps) > 0 {
		r.AddGaps(q.report, q.Authored, q.gaps)
	} else {
		r.Add(q.report, q.Authored)
	}
}

// usableID returns an id that the box accepts, or none.
func usableID(id string) string {
	if len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return id
}

// read reads the item.
func (q *question) read() error {
	if q.body == nil {
		return draft.NewFault("empty", "", "the item has no body")
	}
	if q.node.Child("templatedeclaration") != nil {
		return draft.NewFault(draft.UnknownKind, "template", "questions with values that change are not asked here")
	}
	replaceObjects(q.body)
	for _, d := range q.node.List("responsedeclaration") {
		q.responses[d.Attr("identifier")] = readResponse(d)
	}
	q.readPoints()
	q.readFeedback()
	q.noteScoring()
	all := q.body.Find(slices.Concat(inlineNames, blockNames, otherNames)...)
	inline := 0
	for _, n := range all {
		switch {
		case slices.Contains(otherNames, n.Name):
			name := strings.TrimSuffix(n.Name, "interaction")
			return draft.NewFault(draft.UnknownKind, name, "no questions of the kind %q are asked here", name)
		case slices.Contains(inlineNames, n.Name):
			inline++
		}
	}
	switch {
	case len(all) == 0:
		q.Kind, q.Points = item.Slide, 0
		q.Text, q.Image = q.readBody(nil)
		return nil
	case inline == len(all):
		return q.readGaps()
	case len(all) > 1:
		return draft.NewFault(draft.SeveralAsked, "", "the item asks %d things, and a question asks one", len(all))
	case all[0].Name == "gapmatchinteraction":
		return q.readGapMatch(all[0])
	}
	q.Text, q.Image = q.readBody(func(n *pack.Node) (string, bool) {
		return "<div>" + n.Child("prompt").InnerHTML(nil) + "</div>", n == all[0]
	})
	return q.readInteraction(all[0])
}

// readBody returns the text of the body. instead replaces elements, and may be nil.
func (q *question) readBody(instead func(*pack.Node) (string, bool)) (string, *item.Image) {
	return q.ReadText(q.body.InnerHTML(func(n *pack.Node) (string, bool) {
		switch n.Name {
		case "rubricblock", "feedbackblock", "feedbackinline", "templateblock", "templateinline", "modalfeedback", "stylesheet":
			if n.Name != "stylesheet" && readWords(n) != "" {
				q.report.Lose(draft.LostFeedback, "", "feedback and notes in the text are left out")
			}
			return "", true
		case "printedvariable":
			q.report.Lose(draft.LostScoring, "", "a computed value is left out")
			return "", true
		}
		if instead != nil {
			return instead(n)
		}
		return "", false
	}))
}

func readResponse(n *pack.Node) response {
	r := response{cardinality: n.Attr("cardinality"), base: strings.ToLower(n.Attr("basetype"))}
	for _, v := range n.Child("correctresponse").List("value") {
		r.correct = append(r.correct, v.Words())
	}
	for _, e := range n.Child("mapping").List("mapentry") {
		if v, err := strconv.ParseFloat(e.Attr("mappedvalue"), 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			r.mapped = append(r.mapped, mapEntry{e.Attr("mapkey"), v})
		}
	}
	if v, err := strconv.ParseFloat(n.Child("mapping").Attr("defaultvalue"), 64); err == nil && !math.IsNaN(v) {
		r.rest = v
	}
	if v, err := strconv.ParseFloat(n.Child("mapping").Attr("upperbound"), 64); err == nil && v > 0 && !math.IsInf(v, 0) {
		r.most = v
	}
	return r
}

// mappedPoints returns the greatest score that a mapping gives, or 0 for none. QTI 2.1, section 5.1:
// the values of a container are summed, and the sum has at most the upper bound.
func (r response) mappedPoints() float64 {
	sum, most := 0.0, 0.0
	for _, e := range r.mapped {
		sum += max(e.value, 0)
		most = max(most, e.value)
	}
	if r.cardinality == "single" {
		sum = most
	}
	if r.most > 0 {
		return min(sum, r.most)
	}
	return sum
}

// readPoints reads the greatest score: the declared one, or what the mappings give. Items without
// either have a point.
func (q *question) readPoints() {
	q.Points = 1
	for _, o := range q.node.List("outcomedeclaration") {
		if o.Attr("identifier") != "MAXSCORE" && (o.Attr("identifier") != "SCORE" || o.Attr("normalmaximum") == "") {
			continue
		}
		s := o.Child("defaultvalue").Child("value").Words()
		if o.Attr("identifier") == "SCORE" {
			s = o.Attr("normalmaximum")
		}
		if v, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(v) {
			q.Points = q.report.RoundPoints(v)
			return
		}
	}
	if !q.mapsResponses() {
		return
	}
	sum := 0.0
	for _, r := range q.responses {
		sum += r.mappedPoints()
	}
	if sum > 0 {
		q.Points = q.report.RoundPoints(sum)
	}
}

// mapsResponses reports whether the score is what the mappings give.
func (q *question) mapsResponses() bool {
	p := q.node.Child("responseprocessing")
	return strings.Contains(path.Base(p.Attr("template")), "map_response") || len(p.Find("mapresponse")) > 0 && len(p.Find("product")) == 0
}

// readFeedback reads the feedback that appears after an answer: to an option by its identifier, or to
// all answers.
func (q *question) readFeedback() {
	list := q.node.List("modalfeedback")
	for _, n := range list {
		id := n.Attr("identifier")
		text, _ := q.ReadText(n.InnerHTML(nil))
		switch {
		case text == "":
		case id == "general" || len(list) == 1 && !q.hasChoice(id):
			if q.Key.General = text; id != "general" {
				q.report.Lose(draft.LostFeedback, "", "feedback to some answers is shown to all")
			}
		case q.hasChoice(id):
			q.setFeedback(id, text)
		default:
			q.report.Lose(draft.LostFeedback, "", "feedback is left out")
		}
	}
}

func (q *question) setFeedback(to, text string) {
	if q.Key.Feedback == nil {
		q.Key.Feedback = map[string]string{}
	}
	if text != "" {
		q.Key.Feedback[to] = text
	}
}

func (q *question) hasChoice(id string) bool {
	return slices.ContainsFunc(q.body.Find("simplechoice"), func(n *pack.Node) bool { return n.Attr("identifier") == id })
}

// noteScoring notes a scoring of its own.
func (q *question) noteScoring() {
	if q.node.Attr("adaptive") == "true" {
		q.report.Lose(draft.LostScoring, "", "the question changes with the answers, and here it does not")
	}
	p := q.node.Child("responseprocessing")
	if p == nil || p.Attr("template") != "" || q.settings["ours"] {
		return
	}
	for _, name := range []string{"mapresponse", "mapresponsepoint", "match", "equal", "stringmatch", "member", "contains"} {
		if len(p.Find(name)) == 1 {
			return // right is what the declaration says
		}
	}
	for id := range q.responses {
		if list, err := q.readLimits(id); err == nil && len(list) == len(p.Find("setoutcomevalue")) {
			return // right is what lies between the limits
		}
	}
	q.report.Lose(draft.LostScoring, "", "the file has rules for points; here the right answers count")
}

// responseOf returns the declaration for an interaction.
func (q *question) responseOf(n *pack.Node) response {
	return q.responses[n.Attr("responseidentifier")]
}
