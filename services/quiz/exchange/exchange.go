// Package exchange reads questions in all formats in which teachers have them, and writes them in
// those that others read. It finds out the format by the content.
//
// Promises: Read accepts any bytes and keeps nothing. A file in none of the formats is an error that
// names its likely kind. Every question that is not read as it is in the file says so. What Write
// does not say of a question, Read of the result gives back.
package exchange

import (
	"bytes"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/quiz/aiken"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/h5p"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
	"github.com/livelearn/box/services/quiz/moodle"
	"github.com/livelearn/box/services/quiz/pack"
	"github.com/livelearn/box/services/quiz/qti"
	"github.com/livelearn/box/services/quiz/table"
	"github.com/livelearn/box/services/slides"
)

const readOp = "exchange.Read"

// MakePicture makes a picture for a question from a file.
type MakePicture func(data []byte) (slides.Picture, error)

// Read reads a file. It returns its questions and the pictures in them by their ids. Errors are
// errs.Invalid: the code is the likely kind of a file that holds no quiz.
func Read(data []byte, picture MakePicture) (draft.File, map[string][]byte, error) {
	c := &draft.Collector{Op: readOp, Pictures: draft.Pictures{Make: picture}}
	c.Questions = []draft.Question{}
	err := readFile(c, data)
	return c.File, c.Pictures.Made, err
}

func readFile(c *draft.Collector, data []byte) error {
	if len(data) > draft.MaxFile {
		return errs.NewField(readOp, "file", "too_large", draft.MaxFile, "at most %d MB", draft.MaxFile>>20)
	}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return readZip(c, data)
	case bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return errs.NewField(readOp, "file", "empty", 1, "the zip is empty")
	}
	if kind := sniffBinary(data); kind != "" {
		return refuseKind(kind)
	}
	if root := findRoot(data); root != "" {
		return readXML(c, root, data)
	}
	return readBytes(c, data)
}

// maxEcho is the longest text that goes back to the page in which it can be edited.
const maxEcho = 512 << 10

func readBytes(c *draft.Collector, data []byte) error {
	text, err := listimport.Decode(readOp, "file", data)
	if err != nil {
		return refuseKind("binary")
	}
	if len(text) <= maxEcho {
		c.Text = text
	}
	return readText(c, text)
}

func readZip(c *draft.Collector, data []byte) error {
	z, err := pack.OpenZip(readOp, data)
	if err != nil {
		return err
	}
	switch {
	case z.Has("xl/workbook.xml"):
		return readBook(c, data)
	case z.Has("h5p.json"):
		c.Format = "h5p"
		return h5p.Parse(c, z)
	case z.FindBase("imsmanifest.xml") != "":
		c.Format = "qti"
		return qti.ParsePackage(c, z)
	case z.Has("word/document.xml"):
		return refuseKind("word")
	case z.Has("ppt/presentation.xml"):
		return refuseKind("powerpoint")
	case z.Has("content.xml") && z.Has("mimetype"):
		return refuseKind("opendocument")
	case z.Has("moodle_backup.xml"):
		return refuseKind("moodle_backup")
	case z.FindBase("users.csv") != "" || z.FindBase("manifest.csv") != "":
		return refuseKind("class_list")
	}
	if qti.HasItems(z) {
		c.Format = "qti"
		return qti.ParsePackage(c, z)
	}
	return refuseKind("other_zip")
}

func readBook(c *draft.Collector, data []byte) error {
	rows, err := table.ReadBook(readOp, data)
	if err != nil {
		return err
	}
	h, ok := table.FindHead(rows)
	if !ok {
		return refuseKind("spreadsheet")
	}
	table.Parse(c, h, rows)
	return nil
}

func readXML(c *draft.Collector, root string, data []byte) error {
	switch root {
	case "html":
		return refuseKind("web_page")
	case "quiz", "questestinterop", "assessmentitem", "qtiassessmentitem", "item", "section", "assessment":
	case "assessmenttest", "qtiassessmenttest", "manifest":
		return refuseKind("qti_part")
	case "moodle_backup":
		return refuseKind("moodle_backup")
	default:
		return refuseKind("other_xml")
	}
	n, err := pack.ReadXML(readOp, data)
	if err != nil {
		return err
	}
	if root == "quiz" {
		c.Format = "moodle"
		moodle.Parse(c, n)
		return nil
	}
	c.Format = "qti"
	qti.ParseFile(c, n)
	return nil
}

func readText(c *draft.Collector, text string) error {
	rows := table.ReadCSV(text[:min(len(text), 8<<20)])
	h, isTable := table.FindHead(rows)
	switch {
	case strings.TrimSpace(text) == "":
		return errs.NewField(readOp, "file", "empty", 1, "the file is empty")
	case isTable:
		table.Parse(c, h, rows)
	case gift.IsGIFT(text):
		readGIFT(c, text)
	case aiken.IsAiken(text):
		c.Format = "aiken"
		aiken.Parse(c, text)
	default:
		return refuseKind(guessText(text, rows))
	}
	return nil
}

// readGIFT reads GIFT. It reports questions in Aiken among them: GIFT would make slides of them, with
// the answer on it.
func readGIFT(c *draft.Collector, text string) {
	c.Format = "gift"
	gift.Walk(text, func(b gift.Block, a item.Authored, p *gift.Problem) {
		q := draft.Question{Line: b.Line, Text: b.Text}
		switch {
		case p != nil:
			q.Line, q.Text = p.Line, p.Text
			c.Refuse(q, p.Code, "", "%s", p.Message)
			return
		case a.Kind == item.Slide && aiken.IsAiken(b.Text):
			c.Refuse(q, "looks_like_aiken", "", "this looks like Aiken, and the file is GIFT")
			return
		}
		for _, what := range markup.FindLosses(b.Text) {
			q.Lose(what, "", draft.LossTexts[what])
		}
		c.Add(q, a)
	})
}
