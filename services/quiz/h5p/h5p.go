// Package h5p reads the questions of an H5P file: single ones, question sets, and those in columns,
// books, presentations and videos. It opens nothing.
//
// Promises: it accepts any zip and any JSON in it. A question that cannot be asked is a fault with the
// file and its place in it, and what a question loses is noted.
package h5p

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/pack"
)

const (
	maxJSON     = 8 << 20 // bytes
	maxPicture  = 20 << 20
	maxDepth    = 20 // libraries in libraries
	contentFile = "content/content.json"
)

// value is any JSON value. Its methods return zero values where it is another one.
type value struct{ v any }

func (v value) get(names ...string) value {
	for _, n := range names {
		m, _ := v.v.(map[string]any)
		v = value{m[n]}
	}
	return v
}

func (v value) list() (list []value) {
	all, _ := v.v.([]any)
	for _, x := range all {
		list = append(list, value{x})
	}
	return list
}

// text returns a string, a number or a truth value as a text.
func (v value) text() string {
	switch x := v.v.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

func (v value) isTrue() bool { return v.text() == "true" }

// reader reads a file.
type reader struct {
	*draft.Collector
	zip   *pack.Zip
	count int // of questions, for their places
}

// Parse reads a file into c.
func Parse(c *draft.Collector, z *pack.Zip) error {
	r := &reader{Collector: c, zip: z}
	head, err := r.readJSON("h5p.json")
	if err != nil {
		return err
	}
	content, err := r.readJSON(contentFile)
	if err != nil {
		return err
	}
	c.Title = draft.CutText(head.get("title").text())
	main := head.get("mainLibrary").text()
	before := len(c.Questions)
	r.readLibrary(main, "", content, 0)
	if len(c.Questions) == before {
		return errs.NewField(c.Op, "file", "no_items", 1, "there is no question in the H5P file (%s)", main)
	}
	return nil
}

func (r *reader) readJSON(name string) (v value, err error) {
	data, err := r.zip.Read(r.Op, name, maxJSON)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v.v); err != nil {
		return v, errs.NewField(r.Op, name, "broken_json", 0, "%s: the JSON is damaged: %v", name, err)
	}
	return v, nil
}

// holders are the libraries that hold others, with the names of the lists in them.
var holders = map[string]bool{
	"H5P.QuestionSet": true, "H5P.Column": true, "H5P.InteractiveBook": true, "H5P.CoursePresentation": true, "H5P.InteractiveVideo": true,
	"H5P.BranchingScenario": true, "H5P.Accordion": true, "H5P.SingleChoiceSet": false, "H5P.Row": true, "H5P.RowColumn": true, "H5P.Collage": true,
}

// passive are the libraries that ask nothing and are no slides.
var passive = map[string]bool{
	"H5P.Image": true, "H5P.Video": true, "H5P.Audio": true, "H5P.Link": true, "H5P.GoToQuestion": true, "H5P.Nil": true, "H5P.Shape": true, "H5P.ContinuousText": true,
	"H5P.Table": true, "H5P.IFrameEmbed": true, "H5P.ExportableTextArea": true, "H5P.Timeline": true, "H5P.AudioRecorder": true,
}

// readLibrary reads one content by the name of its library.
func (r *reader) readLibrary(library, title string, params value, depth int) {
	name, _, _ := strings.Cut(library, " ")
	if r.IsFull() || depth > maxDepth || passive[name] {
		return
	}
	if holders[name] {
		r.walkContents(params, depth)
		return
	}
	r.count++
	q := &question{title: title, params: params}
	q.report.File, q.report.Line = path.Base(contentFile), 0
	q.Reader = draft.Reader{Collector: r.Collector, Q: &q.report, Open: func(src string) ([]byte, error) { return r.openFile(src) }}
	read, ok := readers[name]
	if !ok {
		kind := strings.TrimPrefix(name, "H5P.")
		q.report.Text = title
		for _, field := range []string{"question", "taskDescription", "text", "textField"} {
			if s, _ := q.ReadText(params.get(field).text()); s != "" && q.report.Text == "" {
				q.report.Text = s
			}
		}
		if q.report.Text == "" {
			q.report.Text = kind
		}
		r.Refuse(q.report, draft.UnknownKind, kind, "no questions of the kind %q are asked here", kind)
		return
	}
	read(q)
}

// walkContents finds the contents in a holder, in the order of its lists.
func (r *reader) walkContents(v value, depth int) {
	if depth > 4*maxDepth {
		return
	}
	switch x := v.v.(type) {
	case []any:
		for _, e := range x {
			r.walkContents(value{e}, depth+1)
		}
	case map[string]any:
		if library, ok := x["library"].(string); ok && strings.HasPrefix(library, "H5P.") {
			r.readLibrary(library, v.get("metadata", "title").text(), v.get("params"), depth+1)
			return
		}
		for _, name := range []string{
			"questions", "content", "chapters", "params", "presentation", "slides", "elements", "action", "interactiveVideo", "assets", "interactions",
			"summary", "task", "branchingScenario", "type", "rows", "columns", "panels",
		} {
			if e, ok := x[name]; ok {
				r.walkContents(value{e}, depth+1)
			}
		}
	}
}

// openFile returns a file of the content.
func (r *reader) openFile(src string) ([]byte, error) {
	if strings.Contains(src, "://") {
		return nil, errs.NewField(r.Op, "file", "elsewhere", 0, "it is an address, and the box fetches nothing")
	}
	src = strings.TrimSuffix(src, "#tmp")
	return r.zip.Read(r.Op, path.Join("content", src), maxPicture)
}
