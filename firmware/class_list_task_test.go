package firmware

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/listimport"
)

// newListReader is a box that can read class lists and nothing else.
func newListReader(program string) *Box {
	return &Box{parts: Parts{Program: program, Log: slog.New(slog.DiscardHandler)}}
}

// fullWorkbook is a sheet of as many pupils as a file may have.
func fullWorkbook(t testing.TB) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for n := range listimport.MaxRows {
		row := []any{"id-" + fmt.Sprint(n), fmt.Sprintf("Pupil Number%d", n), fmt.Sprintf("class %d", n/100)}
		if n == 0 {
			row = []any{"id", "name", "class"}
		}
		if err := w.SetRow(fmt.Sprintf("A%d", n+1), row); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	if err := errors.Join(w.Flush(), f.Write(&buf)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// heavyWorkbook is a workbook of 60 MB when unpacked: a million rows of one short name.
func heavyWorkbook(t testing.TB) []byte {
	t.Helper()
	light := fullWorkbook(t)
	in, err := zip.NewReader(bytes.NewReader(light), int64(len(light)))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range in.File {
		w, err := z.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == "xl/worksheets/sheet1.xml" {
			_, err = io.WriteString(w, `<worksheet><sheetData>`+strings.Repeat(`<row><c t="inlineStr"><is><t>Ada</t></is></c></row>`, 1_150_000)+`</sheetData></worksheet>`)
		} else {
			r, e := f.Open()
			if e != nil {
				t.Fatal(e)
			}
			_, err = io.Copy(w, r)
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

func TestAClassListIsReadByAWorker(t *testing.T) {
	b := newListReader(testProgram(t))
	tab, err := b.readClassList(t.Context(), "7b.csv", []byte("Ada\nBen\n,\n"), listimport.Choice{})
	if err != nil || len(tab.Classes) != 1 || tab.Classes[0].Name != "7b" || tab.Classes[0].Pupils[1].Name != "Ben" {
		t.Errorf("%+v %v", tab, err)
	}
	tab, err = b.readClassList(t.Context(), "a.csv", []byte("Ada;Lovelace\nBen;Cook\n"), listimport.Choice{})
	if err != nil || tab.Columns == nil || tab.Columns.Code != "no_header" {
		t.Errorf("got %+v, %v", tab, err)
	}
	tab, err = b.readClassList(t.Context(), "a.csv", []byte("Ada;Lovelace\nBen;Cook\n"), listimport.Choice{Meanings: []string{"given", "family"}, Headless: true})
	if err != nil || len(tab.Classes) != 1 || tab.Classes[0].Pupils[1].Name != "Ben Cook" {
		t.Errorf("got %+v, %v", tab, err)
	}
	start := time.Now()
	tab, err = b.readClassList(t.Context(), "school.xlsx", fullWorkbook(t), listimport.Choice{})
	if err != nil || len(tab.Classes) != 200 {
		t.Errorf("%d classes, %v", len(tab.Classes), err)
	}
	t.Logf("%d rows: %v", listimport.MaxRows, time.Since(start))
}

func TestAClassListThatEndsTheWorkerIsRefused(t *testing.T) {
	start := time.Now()
	_, err := newListReader(testProgram(t)).readClassList(t.Context(), "a.xlsx", heavyWorkbook(t), listimport.Choice{})
	t.Logf("60 MB of sheet: %v, %v", time.Since(start), err)
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
	_, err = newListReader("/bin/false").readClassList(t.Context(), "a.csv", []byte("Ada"), listimport.Choice{})
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != "unreadable" || strings.Contains(e.Error(), "Ada") {
		t.Errorf("got %v", err)
	}
}
