package listimport

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
)

// packZip makes a zip of names and contents, in this order.
func packZip(t testing.TB, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// packWorkbook makes a workbook of sheets of rows. A nil row stays empty.
func packWorkbook(t testing.TB, sheets ...[][]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for n, rows := range sheets {
		name := fmt.Sprintf("Sheet%d", n+1)
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			cell, _ := excelize.CoordinatesToCellName(1, i+1)
			if err := f.SetSheetRow(name, cell, &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	var buf bytes.Buffer
	if err := f.Write(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// describeTable writes a table as lines: "7b: Ada Lovelace [17] @2", "! 3 duplicate".
func describeTable(tab Table) string {
	var b strings.Builder
	for _, c := range tab.Classes {
		fmt.Fprint(&b, c.Name)
		if c.Source != "" {
			fmt.Fprintf(&b, " [%s]", c.Source)
		}
		b.WriteString(":\n")
		for _, p := range c.Pupils {
			fmt.Fprintf(&b, "  %s", p.Name)
			if p.Source != "" {
				fmt.Fprintf(&b, " [%s]", p.Source)
			}
			fmt.Fprintf(&b, " @%d\n", p.Line)
		}
	}
	for _, p := range tab.Problems {
		fmt.Fprintf(&b, "! %s:%d %s\n", p.File, p.Line, p.Code)
	}
	return b.String()
}

func parseAndDescribe(t testing.TB, name string, data []byte) string {
	t.Helper()
	tab, err := Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return describeTable(tab)
}

// checkRefused checks an error's code and field.
func checkRefused(t *testing.T, err error, want string) {
	t.Helper()
	got := "none"
	if e, ok := errors.AsType[*errs.Error](err); ok {
		got = e.Code + " " + e.Field
	}
	if got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
