package sheet

import (
	"encoding/csv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestTextIsNoFormulaInAnyCellThatItMayBecome(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		"Ann":               "Ann",
		"2 - 1 = 1":         "2 - 1 = 1",
		"x; y":              "x; y",
		"(2, -3)":           "(2, -3)",
		"=1+1":              "'=1+1",
		" =1+1":             "' =1+1",
		"\u200b=1+1":        "'\u200b=1+1",
		"\u00a0\ufeff@A1":   "'\u00a0\ufeff@A1",
		"＝1":                "'＝1",
		"﹢1":                "'﹢1",
		"\tx":               "'\tx",
		"x;=1+1":            "x;'=1+1",
		"x; =1+1":           "x;' =1+1",
		"x\t-1":             "x\t'-1",
		"x\n+1":             "x\n'+1",
		"x\r\n＠A":           "x\r'\n'＠A",
		`x;"=1"`:            `x;'"=1"`,
		"y;=cmd|' /C c'!A0": "y;'=cmd|' /C c'!A0",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// cells splits a file as Excel does: a quote counts at the beginning of a cell only, and
// what follows the closing quote belongs to the cell as it is.
func cells(text string, comma rune) (out []string) {
	var cell strings.Builder
	begins, quoted := true, false
	in := []rune(text)
	for i := 0; i < len(in); i++ {
		switch c := in[i]; {
		case begins && c == '"':
			begins, quoted = false, true
		case quoted && c == '"' && i+1 < len(in) && in[i+1] == '"':
			cell.WriteRune(c)
			i++
		case quoted && c == '"':
			quoted = false
		case !quoted && (c == comma || c == '\n' || c == '\r'):
			out = append(out, cell.String())
			cell.Reset()
			begins = true
		default:
			begins = false
			cell.WriteRune(c)
		}
	}
	return append(out, cell.String())
}

// runs reports whether a spreadsheet may read a cell as a formula.
func runs(cell string) bool {
	cell = strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf) || r == '"' })
	return cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0])
}

func FuzzNoCellIsAFormulaWhateverTheSeparator(f *testing.F) {
	f.Add("x;=1+1", "Ann")
	f.Add("y;=cmd|' /C calc'!A0", "Bob\n-1")
	f.Add(`a;"`, `b";=1;"`)
	f.Add("a\"\t\"=1", "\r\n;\t＝1")
	f.Add(`"=1`, `","=1`)
	f.Add(`x,=1,"=2`, "\u200b;\u200b@1")
	f.Fuzz(func(t *testing.T, a, b string) {
		rows := [][]string{{Text(a), Text(b), "1"}, {Text(b), "0.5", Text(a)}}
		var out strings.Builder
		w := NewWriter(&out)
		for _, row := range rows {
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, comma := range ",;\t" {
			lazy := csv.NewReader(strings.NewReader(out.String()))
			lazy.Comma, lazy.LazyQuotes, lazy.FieldsPerRecord = comma, true, -1
			all, err := lazy.ReadAll()
			if err != nil {
				t.Fatalf("%q: %v", comma, err)
			}
			for _, row := range append(all, cells(out.String(), comma)) {
				for _, cell := range row {
					if runs(cell) {
						t.Errorf("separated by %q the cell %q of %q is a formula", comma, cell, out.String())
					}
				}
			}
		}
		if strings.ContainsRune(a+b, '\r') {
			return // encoding/csv reads \r\n within a cell as \n
		}
		got, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if d := cmp.Diff(got, rows); err != nil || d != "" {
			t.Errorf("read back: %v %s", err, d)
		}
	})
}
