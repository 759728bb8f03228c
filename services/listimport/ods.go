package listimport

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// odsContent is the part of an OpenDocument spreadsheet that has the cells (OpenDocument 1.3,
// part 3, section 9).
const odsContent = "content.xml"

// readODS reads the first sheet of an OpenDocument spreadsheet that has any content. Rows and
// cells that repeat are written once, with their number.
func (t *table) readODS(op string, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return t.damagedBook(op, err)
	}
	defer func() { _ = r.Close() }()
	d := xml.NewDecoder(io.LimitReader(r, maxUnzip))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.damagedBook(op, err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "table" {
			records, err := t.readODSTable(op, d)
			if err != nil || len(records) > 0 {
				return errors.Join(err, t.readRows(op, t.file, records))
			}
		}
	}
}

// odsSheet is a sheet while it is read.
type odsSheet struct {
	records         []record
	line, cells     int // the number of the row, and of all cells that have been kept
	fields          []string
	text            strings.Builder
	inCell          bool
	repeat, repeats int // of the cell, of the row
}

func (t *table) readODSTable(op string, d *xml.Decoder) ([]record, error) {
	s := odsSheet{line: 1}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, t.damagedBook(op, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			s.start(e)
		case xml.CharData:
			if s.inCell && s.text.Len() < maxCell {
				s.text.Write(e)
			}
		case xml.EndElement:
			if e.Name.Local == "table" || len(s.records) > MaxRows {
				return s.records, nil // readRows refuses too many
			}
			if s.end(e); s.cells > maxCells {
				return nil, errs.NewField(op, "file", "too_many_cells", maxCells, "%s: more than %d cells in the file", t.file, maxCells)
			}
		}
	}
}

func (s *odsSheet) start(e xml.StartElement) {
	switch e.Name.Local {
	case "table-row":
		s.fields, s.repeats = nil, repeatOf(e, "number-rows-repeated")
	case "table-cell", "covered-table-cell":
		s.inCell, s.repeat = true, repeatOf(e, "number-columns-repeated")
		s.text.Reset()
	case "s", "tab", "line-break": // a space
		s.text.WriteByte(' ')
	case "p":
		if s.text.Len() > 0 {
			s.text.WriteByte(' ')
		}
	case "annotation":
		s.inCell = false // a comment is no content
	}
}

func (s *odsSheet) end(e xml.EndElement) {
	switch e.Name.Local {
	case "annotation":
		s.inCell = true
		s.text.Reset()
	case "table-cell", "covered-table-cell":
		text := strings.TrimSpace(s.text.String())
		for n := 0; n < s.repeat && len(s.fields) < maxColumns; n++ {
			s.fields = append(s.fields, text)
		}
		s.inCell = false
	case "table-row":
		for len(s.fields) > 0 && s.fields[len(s.fields)-1] == "" {
			s.fields = s.fields[:len(s.fields)-1]
		}
		rec := record{line: s.line, fields: s.fields, raw: strings.Join(s.fields, " ")}
		for n := 0; n < s.repeats && len(s.fields) > 0 && len(s.records) <= MaxRows; n++ {
			rec.line = s.line + n
			s.records = append(s.records, rec)
			s.cells += len(s.fields)
		}
		s.line += s.repeats
	}
}

// repeatOf returns how often a row or a cell repeats.
func repeatOf(e xml.StartElement, name string) int {
	for _, a := range e.Attr {
		if n, err := strconv.Atoi(a.Value); a.Name.Local == name && err == nil && n > 0 {
			return min(n, 1<<21)
		}
	}
	return 1
}
