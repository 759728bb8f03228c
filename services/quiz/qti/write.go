package qti

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

const (
	nsItem     = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
	nsManifest = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
)

// Write writes a quiz as a QTI 3.0 package. open returns the file of a picture. It returns what each
// question loses, by its place.
func Write(title string, items []item.Authored, open func(id string) ([]byte, error)) ([]byte, []draft.Question, error) {
	p := packageWriter{open: open, pictures: map[string]bool{}, ids: map[string]bool{}}
	p.zip = zip.NewWriter(&p.out)
	notes := []draft.Question{}
	for i, a := range items {
		w := writer{Authored: a, packageWriter: &p, q: draft.Question{Line: i + 1, Text: draft.CutText(a.Text)}}
		w.writeItem(fmt.Sprintf("item-%d", i+1))
		notes = append(notes, w.q)
	}
	p.writeTest(title)
	p.writeManifest()
	if p.err == nil {
		p.err = p.zip.Close()
	}
	if p.err != nil {
		return nil, nil, errs.New("qti.Write", errs.Internal, p.err)
	}
	return p.out.Bytes(), notes, nil
}

// packageWriter writes the files of a package.
type packageWriter struct {
	out      bytes.Buffer
	zip      *zip.Writer
	err      error
	open     func(id string) ([]byte, error)
	pictures map[string]bool // that are in the package
	ids      map[string]bool
	files    []packedItem
}

type packedItem struct {
	id       string
	file     string
	seconds  int
	pictures []string
}

func (p *packageWriter) addFile(name string, data []byte) {
	if p.err != nil {
		return
	}
	w, err := p.zip.Create(name)
	if err == nil {
		_, err = w.Write(data)
	}
	p.err = err
}

func (p *packageWriter) writeTest(title string) {
	var b strings.Builder
	fmt.Fprintf(&b, xml.Header+"<qti-assessment-test xmlns=%q identifier=\"test\" title=\"%s\">\n", nsItem, escapeXML(title))
	b.WriteString("<qti-outcome-declaration identifier=\"SCORE\" cardinality=\"single\" base-type=\"float\"/>\n")
	b.WriteString("<qti-test-part identifier=\"part\" navigation-mode=\"nonlinear\" submission-mode=\"individual\">\n<qti-assessment-section identifier=\"section\" title=\"\" visible=\"false\">\n")
	for i, f := range p.files {
		limit := ""
		if f.seconds > 0 {
			limit = fmt.Sprintf("<qti-time-limits max-time=\"%d\"/>", f.seconds)
		}
		fmt.Fprintf(&b, "<qti-assessment-item-ref identifier=\"ref-%d\" href=%q>%s</qti-assessment-item-ref>\n", i+1, f.file, limit)
	}
	b.WriteString("</qti-assessment-section>\n</qti-test-part>\n</qti-assessment-test>\n")
	p.addFile("test.xml", []byte(b.String()))
}

func (p *packageWriter) writeManifest() {
	var b strings.Builder
	fmt.Fprintf(&b, xml.Header+"<manifest xmlns=%q identifier=\"manifest\">\n<metadata>\n<schema>QTI Package</schema>\n<schemaversion>3.0.0</schemaversion>\n</metadata>\n<organizations/>\n<resources>\n", nsManifest)
	b.WriteString("<resource identifier=\"test\" type=\"imsqti_test_xmlv3p0\" href=\"test.xml\">\n<file href=\"test.xml\"/>\n")
	for i := range p.files {
		fmt.Fprintf(&b, "<dependency identifierref=\"res-%d\"/>\n", i+1)
	}
	b.WriteString("</resource>\n")
	for i, f := range p.files {
		fmt.Fprintf(&b, "<resource identifier=\"res-%d\" type=\"imsqti_item_xmlv3p0\" href=%q>\n<file href=%q/>\n", i+1, f.file, f.file)
		for _, name := range f.pictures {
			fmt.Fprintf(&b, "<file href=%q/>\n", name)
		}
		b.WriteString("</resource>\n")
	}
	b.WriteString("</resources>\n</manifest>\n")
	p.addFile("imsmanifest.xml", []byte(b.String()))
}

// writer writes one item.
type writer struct {
	*packageWriter
	item.Authored
	q        draft.Question
	settings []string
	declared strings.Builder // response and outcome declarations
	body     strings.Builder
	rules    strings.Builder // response processing
	remarks  strings.Builder // modal feedback
	files    []string
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

// nameToken matches what an identifier may be.
var nameToken = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (w *writer) writeItem(name string) {
	if w.Kind == item.Pin || w.Kind == item.Draw {
		w.q.Fault = &draft.Note{Code: "no_such_kind", Value: string(w.Kind), Message: fmt.Sprintf("questions of the kind %q are not written to QTI", w.Kind)}
		return
	}
	id := w.ID
	if !nameToken.MatchString(id) || w.ids[id] {
		id = name
	}
	w.ids[id] = true
	w.settings = append(w.settings, "v1")
	if w.Kind != item.Gaps { // these are in the text
		w.body.WriteString(w.makeText(w.Text, w.Image, "p"))
	}
	w.writeKind()
	w.writeFeedback()
	fmt.Fprintf(&w.declared, "<qti-outcome-declaration identifier=\"SCORE\" cardinality=\"single\" base-type=\"float\"><qti-default-value><qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>\n")
	fmt.Fprintf(&w.declared, "<qti-outcome-declaration identifier=\"MAXSCORE\" cardinality=\"single\" base-type=\"float\"><qti-default-value><qti-value>%d</qti-value></qti-default-value></qti-outcome-declaration>\n", w.Points)
	title := w.Title
	var b strings.Builder
	fmt.Fprintf(&b, xml.Header+"<qti-assessment-item xmlns=%q identifier=%q title=\"%s\" adaptive=\"false\" time-dependent=\"false\">\n<!-- %s %s -->\n", nsItem, id, escapeXML(title), settingsPrefix, strings.Join(w.settings, " "))
	b.WriteString(w.declared.String() + "<qti-item-body>\n" + w.body.String() + "</qti-item-body>\n")
	if w.rules.Len() > 0 {
		b.WriteString("<qti-response-processing>\n" + w.rules.String() + "</qti-response-processing>\n")
	}
	b.WriteString(w.remarks.String() + "</qti-assessment-item>\n")
	file := "items/" + name + ".xml"
	w.addFile(file, []byte(b.String()))
	w.packageWriter.files = append(w.packageWriter.files, packedItem{id, file, w.Seconds, w.files})
}

// makeText returns a text as HTML that is XML, and the picture below it.
func (w *writer) makeText(s string, m *item.Image, tag string) string {
	html := ""
	switch {
	case s == "":
	case strings.ContainsAny(s, "\n\t") || strings.Contains(s, "  "):
		html = "<pre>" + escapeXML(s) + "</pre>\n"
	default:
		html = fmt.Sprintf("<%s>%s</%s>\n", tag, markup.HTMLFromText(s), tag)
	}
	return html + w.makePicture(m)
}

// makePicture returns a picture and puts its file into the package. It may be nil.
func (w *writer) makePicture(m *item.Image) string {
	if m == nil {
		return ""
	}
	name := "images/" + m.ID
	if !w.pictures[m.ID] {
		data, err := w.open(m.ID)
		if err != nil {
			w.q.Lose(markup.LostPicture, m.ID, "the file of a picture is not there")
			return ""
		}
		w.addFile(name, data)
		w.pictures[m.ID] = true
	}
	w.files = append(w.files, name)
	return fmt.Sprintf("<img src=\"../%s\" alt=\"%s\" width=\"%d\" height=\"%d\"/>\n", name, escapeXML(m.Alt), m.W, m.H)
}

func (w *writer) writeFeedback() {
	ids := map[string]bool{}
	for _, o := range w.Options {
		ids[o.ID] = w.Kind == item.Single || w.Kind == item.Multi || w.Kind == item.Poll || w.Kind == item.TrueFalse
	}
	parts, lost := "", false
	for _, o := range w.Options {
		s := w.Key.Feedback[o.ID]
		if s == "" || !ids[o.ID] {
			continue
		}
		id := o.ID
		if w.Kind == item.TrueFalse {
			id = truthNames[id]
		}
		w.writeRemark(id, s)
		parts = "<qti-variable identifier=\"RESPONSE\"/>"
	}
	for id := range w.Key.Feedback {
		lost = lost || !ids[id]
	}
	if lost {
		w.q.Lose(draft.LostFeedback, "", "feedback to written answers is left out")
	}
	if w.Key.General != "" {
		w.writeRemark("general", w.Key.General)
		parts += "<qti-base-value base-type=\"identifier\">general</qti-base-value>"
	}
	if parts != "" {
		w.declared.WriteString("<qti-outcome-declaration identifier=\"FEEDBACK\" cardinality=\"multiple\" base-type=\"identifier\"/>\n")
		w.rules.WriteString("<qti-set-outcome-value identifier=\"FEEDBACK\"><qti-multiple>" + parts + "</qti-multiple></qti-set-outcome-value>\n")
	}
}

func (w *writer) writeRemark(id, s string) {
	fmt.Fprintf(&w.remarks, "<qti-modal-feedback outcome-identifier=\"FEEDBACK\" identifier=%q show-hide=\"show\"><qti-content-body>%s</qti-content-body></qti-modal-feedback>\n", id, w.makeText(s, nil, "p"))
}
