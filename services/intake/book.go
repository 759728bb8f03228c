package intake

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
)

// readBook reads the first sheet of a workbook that has something in it. The lines are
// the sheet's rows. Values come as they are stored and not as they are shown: a column
// of ids that is too narrow shows 1.2E+11.
func (t *table) readBook(op string, data []byte) (err error) {
	defer func() { // what others' code makes of a hostile file is the file's fault
		if p := recover(); p != nil {
			err = t.damagedBook(op, fmt.Errorf("%v", p))
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxUnzip, UnzipXMLSizeLimit: maxUnzip, // the same: nothing goes to temporary files
	})
	if err != nil {
		return t.damagedBook(op, err)
	}
	defer book.Close() //nolint:errcheck // it has no temporary files to remove
	for _, sheet := range book.GetSheetList() {
		records, err := t.sheet(op, book, sheet)
		if err != nil {
			return err
		}
		if len(records) > 0 {
			return t.take(op, t.file, records)
		}
	}
	return nil
}

func (t *table) damagedBook(op string, err error) error {
	return errs.Field(op, "file", "damaged", 0, "%s: the workbook cannot be read: %v", t.file, short(err.Error()))
}

func (t *table) sheet(op string, book *excelize.File, name string) (records []record, err error) {
	rows, err := book.Rows(name)
	if err != nil {
		return nil, nil // a sheet of a chart has no rows
	}
	defer rows.Close() //nolint:errcheck // as above
	for line := 1; rows.Next(); line++ {
		cells, err := rows.Columns()
		if err != nil {
			return nil, errs.Field(op, where(t.file, line), "damaged", 0, "%s, row %d: %v", t.file, line, short(err.Error()))
		}
		cells = cells[:min(len(cells), maxColumns)]
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "\n", " ") // Alt+Enter in a cell
		}
		rec := record{line: line, fields: cells, raw: strings.Join(cells, " ")}
		if rec.empty() {
			continue
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
