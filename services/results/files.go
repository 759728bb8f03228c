package results

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/quiz/item"
)

// headings are the words of the files that people open, by language.
type headings struct {
	pupil, minutes, score, most, absent string
	pupils, questions, question         string
	kind, asked, answered, mean         string
}

var languages = map[string]headings{
	"en": {
		"Pupil", "Minutes present", "Score", "Out of", "absent", "Pupils", "Questions", "Question",
		"Kind", "Asked", "Answered", "Mean",
	},
	"fr": {
		"Élève", "Minutes de présence", "Points", "Sur", "absent", "Élèves", "Questions", "Question",
		"Type", "Présents", "Réponses", "Moyenne",
	},
	"es": {
		"Alumno", "Minutos presente", "Puntos", "De", "ausente", "Alumnos", "Preguntas", "Pregunta",
		"Tipo", "Preguntados", "Respuestas", "Media",
	},
	"ar": {
		"التلميذ", "دقائق الحضور", "الدرجة", "من", "غائب", "التلاميذ", "الأسئلة", "السؤال",
		"النوع", "المسؤولون", "الإجابات", "المتوسط",
	},
}

func wordsOf(lang string) headings {
	lang, _, _ = strings.Cut(lang, "-")
	if w, ok := languages[lang]; ok {
		return w
	}
	return languages["en"]
}

// WriteJSON writes results as the pages read them.
func WriteJSON(w io.Writer, r Results) error { return json.NewEncoder(w).Encode(r) }

// bom tells Excel that a CSV file is UTF-8.
const bom = "\ufeff"

// WriteCSV writes a row for each pupil: name, minutes present, score, of how much, and
// what each question earned, or what was answered where there are no points.
func WriteCSV(w io.Writer, r Results) error {
	out := bufio.NewWriter(w)
	if _, err := out.WriteString(bom); err != nil {
		return err
	}
	c := csv.NewWriter(out)
	c.UseCRLF = true // RFC 4180
	for row := range r.rows() {
		line := make([]string, len(row))
		for i, cell := range row {
			switch v := cell.(type) {
			case string:
				line[i] = plain(v)
			case float64:
				line[i] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return errors.Join(c.Error(), out.Flush())
}

// plain keeps a spreadsheet from running what a pupil wrote: a cell that begins like a
// formula gets an apostrophe in front.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

// rows are the table of pupils. A cell is a string, a float64, or nil for nothing.
func (r Results) rows() func(yield func([]any) bool) {
	return func(yield func([]any) bool) {
		words := wordsOf(r.lang)
		head := []any{words.pupil, words.minutes, words.score, words.most}
		for i, it := range r.Items {
			head = append(head, strconv.Itoa(i+1)+". "+clip(strings.Join(strings.Fields(it.Title+" "+it.Text), " ")))
		}
		if !yield(head) {
			return
		}
		for i, p := range r.Pupils {
			row := []any{nameOf(p), any(words.absent), p.Score, p.Max}
			if !p.Absent {
				row[1] = minutes(r.Attendance[i].MS)
			}
			for _, it := range r.Items {
				row = append(row, r.cell(p, it))
			}
			if !yield(row) {
				return
			}
		}
	}
}

// cell is what a pupil's row tells of a question.
func (r Results) cell(p Pupil, it Question) any {
	a, ok := p.Items[it.ID]
	switch {
	case !ok:
		return nil
	case it.Graded:
		return a.Points
	}
	return spoken(it, a.Response)
}

// spoken is a response as people read it.
func spoken(it Question, r item.Response) string {
	var parts []string
	for _, id := range append(append([]string{}, r.Options...), r.Order...) {
		parts = append(parts, textOf(it.Options, id))
	}
	if r.Text != "" {
		parts = append(parts, r.Text)
	}
	return strings.Join(parts, "; ")
}

// nameOf is the name, or the id of a pupil who is on no list any more.
func nameOf(p Pupil) string {
	if p.Name != "" {
		return p.Name
	}
	return p.User
}

func minutes(ms int64) float64 { return float64((ms + 30_000) / 60_000) }

// clipAt is how many characters of a question its column shows.
const clipAt = 80

func clip(s string) string {
	if utf8.RuneCountInString(s) <= clipAt {
		return s
	}
	return string([]rune(s)[:clipAt-1]) + "…"
}

// WriteXLSX writes a workbook of two sheets: the pupils as in the CSV, and the questions
// with how they were answered.
func WriteXLSX(w io.Writer, r Results) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	words := wordsOf(r.lang)
	if err := f.SetSheetName("Sheet1", words.pupils); err != nil {
		return err
	}
	if _, err := f.NewSheet(words.questions); err != nil {
		return err
	}
	if err := sheet(f, words.pupils, r.rows()); err != nil {
		return err
	}
	if err := sheet(f, words.questions, r.asked()); err != nil {
		return err
	}
	return f.Write(w)
}

// asked are the table of questions.
func (r Results) asked() func(yield func([]any) bool) {
	return func(yield func([]any) bool) {
		words := wordsOf(r.lang)
		if !yield([]any{words.question, words.kind, words.asked, words.answered, words.mean}) {
			return
		}
		for _, it := range r.Items {
			row := []any{
				strings.TrimSpace(it.Title + " " + it.Text), string(it.Kind), float64(it.Asked), float64(it.Answered), nil,
			}
			if it.Graded {
				row[4] = it.Fraction
			}
			if !yield(row) {
				return
			}
		}
	}
}

// sheet streams rows into a sheet: only the row at hand is in memory.
func sheet(f *excelize.File, name string, rows func(yield func([]any) bool)) error {
	s, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	if err := s.SetColWidth(1, 1, 28); err != nil {
		return err
	}
	n := 0
	for row := range rows {
		n++
		for i, cell := range row {
			if text, ok := cell.(string); ok {
				row[i] = plain(text)
			}
		}
		if err := s.SetRow("A"+strconv.Itoa(n), row); err != nil {
			return err
		}
	}
	return s.Flush()
}
