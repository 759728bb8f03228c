package listimport

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

const size = 3 << 20

// hostile are files of that size that may exhaust a reader, with the error that refuses them.
var hostile = map[string]struct {
	text string
	want string // code, field and limit of the error, or empty if the file is read
}{
	"one line of cells":       {repeat("a,", size), "too_many_columns a.csv:1 1000"},
	"one line of commas":      {repeat(",", size), "too_many_columns a.csv:1 1000"},
	"one cell":                {repeat("x", size), "cell_too_long a.csv:1 100000"},
	"one cell in quotes":      {"name,class\n\"" + repeat("x", size-20) + "\",7b", "cell_too_long a.csv:2 100000"},
	"quotation marks":         {repeat(`"`, size), "cell_too_long a.csv:1 100000"},
	"empty lines":             {"name,class" + repeat("\n", size-20), "empty file 1"},
	"returns":                 {"name,class" + repeat("\r", size-20), "empty file 1"},
	"short lines":             {repeat("a\n", size), "too_many_rows a.csv:20001 20000"},
	"open quotation marks":    {"name,class\nAda,7b\n" + repeat("a,\"b\n", size-20), ""},
	"doubled quotation marks": {"name,class\n" + repeat("\"A\"\"\"\"da\",7b\n", size-20), "too_many_rows a.csv:20001 20000"},
	"many cells":              {repeat(strings.Repeat("a,", 199)+"a\n", size), "too_many_cells a.csv:5243 1048576"},
	"long rows":               {"name,class,more\n" + repeat("Ada,7b,"+strings.Repeat("x", 440)+"\n", size-20), ""},
}

// repeat returns as many copies of s as fit into n bytes.
func repeat(s string, n int) string { return strings.Repeat(s, n/len(s)) }

// allocated returns the bytes that f allocates on the heap, garbage included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A list is read in a process of its own, on a board with little memory.
func TestAListTakesAFewTimesItsSizeOfMemory(t *testing.T) {
	const most = 8 // bytes a byte: a cell of two bytes needs its place in the table
	for name, c := range hostile {
		data := []byte(c.text)
		var err error
		got := allocated(func() { _, err = Parse("a.csv", data) })
		if ratio := float64(got) / float64(len(data)); ratio > most && !race {
			t.Errorf("%s: %.1f bytes for each byte of the file, at most %d", name, ratio, most)
		}
		said := ""
		if e, ok := errors.AsType[*errs.Error](err); ok {
			said = strings.Join([]string{e.Code, e.Field, strconv.FormatInt(e.Limit, 10)}, " ")
		}
		if said != c.want {
			t.Errorf("%s: got %q (%v), want %q", name, said, err, c.want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, c := range hostile {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			data := []byte(c.text)
			total := uint64(0)
			for b.Loop() {
				total += allocated(func() { _, _ = Parse("a.csv", data) })
			}
			b.ReportMetric(float64(total)/float64(b.N)/float64(len(data)), "heap-B/file-B")
		})
	}
}

// BenchmarkReadManyNames reads a list of 20,000 names in 800 classes.
func BenchmarkReadManyNames(b *testing.B) {
	var list strings.Builder
	list.WriteString("First name,Last name,Class,Email\n")
	for i := range MaxRows - 1 {
		n := strconv.Itoa(i)
		list.WriteString("Ida" + n + ",Vorn,Class " + strconv.Itoa(i/25) + ",ida" + n + "@school.example\n")
	}
	data := []byte(list.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		tab, err := Parse("school.csv", data)
		if err != nil || len(tab.Classes) != 800 {
			b.Fatal(len(tab.Classes), err)
		}
	}
}
