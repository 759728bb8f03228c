// Package table reads the spreadsheets from which Kahoot, Quizizz and Blooket import questions, as CSV
// and as a workbook, and writes Kahoot's workbook. It opens nothing.
//
// Promises: it accepts any bytes. A row that cannot be asked is a fault with its line. A panic of the
// library for workbooks is an error of the file.
package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
)

// Formats by their headings.
const (
	Kahoot  = "kahoot"
	Quizizz = "quizizz"
	Blooket = "blooket"
)

const (
	maxUnzip  = 48 << 20 // bytes of a workbook
	maxRows   = 3000
	maxCells  = 100   // of a row
	maxCell   = 32767 // bytes
	headLines = 25    // rows in which the headings may be
)

// Row is one row of a spreadsheet.
type Row struct {
	Line  int // from 1
	Cells []string
}

// cell returns the cell at a place, trimmed, or "".
func (r Row) cell(at int) string {
	if at < 0 || at >= len(r.Cells) {
		return ""
	}
	return strings.TrimSpace(r.Cells[at])
}

// ReadCSV returns the rows of a CSV with any of the usual separators.
func ReadCSV(text string) []Row {
	var best []Row
	for _, comma := range ",;\t" {
		rows := splitRows(text, comma)
		if _, ok := FindHead(rows); ok {
			return rows
		}
		if best == nil {
			best = rows
		}
	}
	return best
}

func splitRows(text string, comma rune) (rows []Row) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	for len(rows) < maxRows {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			continue // a broken quote: the next line may be whole
		}
		line, _ := r.FieldPos(0)
		rows = append(rows, Row{line, cutCells(cells)})
	}
	return rows
}

func cutCells(cells []string) []string {
	cells = cells[:min(len(cells), maxCells)]
	for i, c := range cells {
		cells[i] = c[:min(len(c), maxCell)]
	}
	return cells
}

// ReadBook returns the rows of the first sheet of a workbook that has questions.
func ReadBook(op string, data []byte) (rows []Row, err error) {
	defer func() { // a panic of the library on a hostile file is an error of the file
		if p := recover(); p != nil {
			err = damagedBook(op, fmt.Errorf("%v", p))
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		ShortDatePattern: "yyyy-mm-dd", UnzipSizeLimit: maxUnzip, UnzipXMLSizeLimit: maxUnzip, // the same: no temporary files
	})
	if err != nil {
		return nil, damagedBook(op, err)
	}
	defer func() { _ = book.Close() }() // it has no temporary files to remove
	var first []Row
	for _, sheet := range book.GetSheetList() {
		rows, err := readSheet(book, sheet)
		if err != nil {
			return nil, damagedBook(op, err)
		}
		if _, ok := FindHead(rows); ok {
			return rows, nil
		}
		if first == nil {
			first = rows
		}
	}
	return first, nil
}

func damagedBook(op string, err error) error {
	return errs.NewField(op, "file", "damaged", 0, "the workbook cannot be read: %.200s", err.Error())
}

// readSheet returns the rows of a sheet with the cells as people see them: a date is not its number of
// days and 25 % is not 0.25. Only a long number is as it was typed.
func readSheet(book *excelize.File, name string) (list []Row, err error) {
	rows, err := book.Rows(name)
	if err != nil {
		return nil, nil // a sheet of a chart has no rows
	}
	defer func() { _ = rows.Close() }()
	typed, err := book.Rows(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = typed.Close() }()
	for line := 1; rows.Next() && typed.Next() && len(list) < maxRows; line++ {
		cells, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		raw, err := typed.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, err
		}
		for i, c := range cells {
			if i < len(raw) && shortened.MatchString(c) {
				cells[i] = raw[i]
			}
		}
		if len(cells) > 0 {
			list = append(list, Row{line, cutCells(cells)})
		}
	}
	return list, rows.Error()
}

// shortened matches a long number as a spreadsheet shows it: "1.2E+11".
var shortened = regexp.MustCompile(`^-?\d(?:[.,]\d+)?E[+-]\d+$`)
