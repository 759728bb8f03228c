package exchange

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/table"
)

// kinds are the files that hold no quiz that is read, with advice. Pages translate their codes.
var kinds = map[string]string{
	"word":          "this looks like a Word document; copy its questions into a text file in Aiken or GIFT",
	"powerpoint":    "this looks like a PowerPoint presentation; bring it in as slides",
	"opendocument":  "this looks like an OpenDocument file; save a spreadsheet as .xlsx or CSV",
	"old_excel":     "this looks like an old Office file or one with a password; save it as .xlsx without one",
	"pdf":           "this looks like a PDF; bring it in as slides",
	"picture":       "this looks like a picture; add it to a question",
	"moodle_backup": "this looks like a Moodle backup; export the questions of Moodle's question bank as Moodle XML",
	"class_list":    "this looks like a class list; bring it in with the classes",
	"spreadsheet":   "this looks like a spreadsheet; its headings are not those of Kahoot, Quizizz or Blooket",
	"other_zip":     "this zip has no imsmanifest.xml and no h5p.json, so it is no QTI package and no H5P file",
	"web_page":      "this looks like a web page; download the quiz as a file",
	"qti_part":      "this looks like one part of a QTI package; pick the whole zip",
	"other_xml":     "this XML is neither Moodle XML nor QTI",
	"json":          "this looks like JSON, which is no format for quizzes here",
	"choice_list":   "this looks like Aiken without its ANSWER lines; write ANSWER: and a letter below the options of each question",
	"plain_text":    "this looks like plain text; questions are written in GIFT or Aiken",
	"binary":        "this is no text, no zip and no spreadsheet",
}

// refuseKind returns the error of a file of a kind that holds no quiz.
func refuseKind(kind string) error {
	return errs.NewField(readOp, "file", "quiz_"+kind, 0, "%s", kinds[kind])
}

// sniffBinary returns the kind of a file that is no text by its first bytes, or "".
func sniffBinary(data []byte) string {
	for start, kind := range map[string]string{
		"\xd0\xcf\x11\xe0": "old_excel", "%PDF": "pdf", "{\\rtf": "word", "\x89PNG": "picture", "\xff\xd8\xff": "picture", "GIF8": "picture",
		"Rar!": "binary", "7z\xbc\xaf": "binary", "\x1f\x8b": "binary",
	} {
		if bytes.HasPrefix(data, []byte(start)) {
			return kind
		}
	}
	return ""
}

// findRoot returns the name of the root of an XML file in small letters and without hyphens, or "".
func findRoot(data []byte) string {
	start := bytes.TrimLeft(data[:min(len(data), 1024)], "\xef\xbb\xbf \t\r\n")
	if !bytes.HasPrefix(start, []byte("<")) {
		return ""
	}
	lower := bytes.ToLower(start)
	if bytes.HasPrefix(lower, []byte("<!doctype html")) || bytes.HasPrefix(lower, []byte("<html")) {
		return "html"
	}
	d := xml.NewDecoder(bytes.NewReader(data[:min(len(data), 64<<10)]))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // the name of a tag is ASCII
	for {
		t, err := d.RawToken()
		if err != nil {
			if bytes.HasPrefix(start, []byte("<?xml")) {
				return "unknown"
			}
			return ""
		}
		if e, ok := t.(xml.StartElement); ok {
			name := strings.ReplaceAll(strings.ToLower(e.Name.Local), "-", "")
			if !bytes.HasPrefix(start, []byte("<?xml")) && !bytes.HasPrefix(start, []byte("<!")) && !knownRoots[name] {
				return "" // a text that begins with markup
			}
			return name
		}
	}
}

var knownRoots = map[string]bool{"quiz": true, "questestinterop": true, "assessmentitem": true, "qtiassessmentitem": true, "assessmenttest": true, "qtiassessmenttest": true, "manifest": true}

var (
	listedChoice = regexp.MustCompile(`(?m)^\s*[Aa][.)]\s+\S.*\n\s*[Bb][.)]\s+\S`)
	mailPattern  = regexp.MustCompile(`[\w.]+@[\w.]+`)
)

// guessText returns the likely kind of a text.
func guessText(text string, rows []table.Row) string {
	start := strings.TrimSpace(text)
	if (strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[")) && json.Valid([]byte(start)) {
		return "json"
	}
	if listedChoice.MatchString(text) {
		return "choice_list"
	}
	wide := 0
	for _, r := range rows {
		if len(r.Cells) > 1 && len(r.Cells) == len(rows[0].Cells) {
			wide++
		}
	}
	if len(rows) > 1 && wide == len(rows) {
		if mailPattern.MatchString(text) || nameHeading.MatchString(text[:min(len(text), 200)]) {
			return "class_list"
		}
		return "spreadsheet"
	}
	return "plain_text"
}

var nameHeading = regexp.MustCompile(`(?i)\b(name|surname|forename|pupil|student|class|nom|prénom|élève|classe|nombre|apellidos?|alumno|clase)\b|الاسم|الصف`)
