package listimport

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
)

// readBook reads the first sheet of a workbook that has any content. The lines are the sheet's
// rows. Values come as they are stored and not as they are shown: a column of ids that is too
// narrow shows 1.2E+11.
func (t *table) readBook(op string, data []byte) (err error) {
	defer func() { // a panic of the library on a hostile file is an error of the file
		if p := recover(); p != nil {
			err = t.damagedBook(op, fmt.Errorf("%v", p))
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxUnzip, UnzipXMLSizeLimit: maxUnzip, // the same: no temporary files
	})
	if err != nil {
		return t.damagedBook(op, err)
	}
	defer func() { _ = book.Close() }() // it has no temporary files to remove
	for _, sheet := range book.GetSheetList() {
		records, err := t.readSheet(op, book, sheet)
		if err != nil {
			return err
		}
		if len(records) > 0 {
			return t.readRows(op, t.file, records)
		}
	}
	return nil
}

func (t *table) damagedBook(op string, err error) error {
	return errs.NewField(op, "file", "damaged", 0, "%s: the workbook cannot be read: %v", t.file, shortText(err.Error()))
}

func (t *table) readSheet(op string, book *excelize.File, name string) (records []record, err error) {
	rows, err := book.Rows(name)
	if err != nil {
		return nil, nil // a sheet of a chart has no rows
	}
	defer func() { _ = rows.Close() }()
	for line, count := 1, 0; rows.Next(); line++ {
		cells, err := rows.Columns()
		if err != nil {
			return nil, errs.NewField(op, lineField(t.file, line), "damaged", 0, "%s, row %d: %v", t.file, line, shortText(err.Error()))
		}
		cells = cells[:min(len(cells), maxColumns)]
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "\n", " ") // Alt+Enter in a cell
		}
		rec := record{line: line, fields: cells, raw: strings.Join(cells, " ")}
		if rec.isEmpty() {
			continue
		}
		if count += len(cells); count > maxCells {
			return nil, errs.NewField(op, lineField(t.file, line), "too_many_cells", maxCells, "%s, row %d: more than %d cells in the file", t.file, line, maxCells)
		}
		if records = append(records, rec); len(records) > MaxRows {
			return records, nil // take refuses it
		}
	}
	if err := rows.Error(); err != nil {
		return nil, t.damagedBook(op, err)
	}
	return records, nil
}
