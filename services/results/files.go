package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/quiz/item"
)

// headings are the words in the CSV and XLSX files, by language.
type headings struct {
	pupil, minutes, score, most, absent string
	pupils, questions, question         string
	kind, asked, answered, mean         string
	drawn                               string
}

var headingsByLang = map[string]headings{
	"en": {
		"Pupil", "Minutes present", "Score", "Out of", "absent", "Pupils", "Questions", "Question",
		"Kind", "Asked", "Answered", "Mean", "drawn",
	},
	"fr": {
		"Élève", "Minutes de présence", "Points", "Sur", "absent", "Élèves", "Questions", "Question",
		"Type", "Présents", "Réponses", "Moyenne", "dessiné",
	},
	"es": {
		"Alumno", "Minutos presente", "Puntos", "De", "ausente", "Alumnos", "Preguntas", "Pregunta",
		"Tipo", "Preguntados", "Respuestas", "Media", "dibujado",
	},
	"ar": {
		"التلميذ", "دقائق الحضور", "الدرجة", "من", "غائب", "التلاميذ", "الأسئلة", "السؤال",
		"النوع", "المسؤولون", "الإجابات", "المتوسط", "رسم",
	},
}

func headingsFor(lang string) headings {
	lang, _, _ = strings.Cut(lang, "-")
	if w, ok := headingsByLang[lang]; ok {
		return w
	}
	return headingsByLang["en"]
}

// WriteJSON writes results for the pages.
func WriteJSON(w io.Writer, r Results) error { return json.NewEncoder(w).Encode(r) }

// pupilRows are the table of pupils. A cell is a string, a float64, or nil for nothing.
func (r Results) pupilRows() func(yield func([]any) bool) {
	return func(yield func([]any) bool) {
		words := headingsFor(r.lang)
		head := []any{words.pupil, words.minutes, words.score, words.most}
		for i, it := range r.Items {
			head = append(head, strconv.Itoa(i+1)+". "+clipText(strings.Join(strings.Fields(it.Title+" "+it.Text), " ")))
		}
		if !yield(head) {
			return
		}
		for i, p := range r.Pupils {
			row := []any{nameOf(p), any(words.absent), p.Score, p.Max}
			if !p.Absent {
				row[1] = toMinutes(r.Attendance[i].MS)
			}
			for _, it := range r.Items {
				row = append(row, r.pupilCell(p, it))
			}
			if !yield(row) {
				return
			}
		}
	}
}

// pupilCell is a pupil's cell for a question: points, or the answer where there are no points.
func (r Results) pupilCell(p Pupil, it Question) any {
	a, ok := p.Items[it.ID]
	switch {
	case !ok:
		return nil
	case it.Graded:
		return a.Points
	}
	return headingsFor(r.lang).responseText(it, a.Response)
}

// responseText is a response in words.
func (words headings) responseText(it Question, r item.Response) string {
	var parts []string
	for _, id := range append(append([]string{}, r.Options...), r.Order...) {
		parts = append(parts, textOf(it.Options, id))
	}
	if r.Text != "" {
		parts = append(parts, r.Text)
	}
	if r.Pin != nil {
		parts = append(parts, fmt.Sprintf("%.0f %% × %.0f %%", 100*r.Pin.X, 100*r.Pin.Y))
	}
	if len(r.Gaps) > 0 {
		gaps := make([]item.Gap, len(it.Gaps))
		for i, g := range it.Gaps {
			gaps[i] = item.Gap{ID: g.ID, Options: g.Options}
		}
		parts = append(parts, item.JoinGaps(gaps, r.Gaps))
	}
	if len(r.Strokes) > 0 {
		parts = append(parts, words.drawn)
	}
	return strings.Join(parts, "; ")
}

// nameOf is the name. A pupil who has left all class lists has an id only.
func nameOf(p Pupil) string {
	if p.Name != "" {
		return p.Name
	}
	return p.User
}

func toMinutes(ms int64) float64 { return float64((ms + 30_000) / 60_000) }

// WriteXLSX writes a workbook of two sheets: the pupils as in the CSV, and the questions with
// their answers.
func WriteXLSX(w io.Writer, r Results) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	words := headingsFor(r.lang)
	if err := f.SetSheetName("Sheet1", words.pupils); err != nil {
		return err
	}
	if _, err := f.NewSheet(words.questions); err != nil {
		return err
	}
	if err := fillSheet(f, words.pupils, r.pupilRows()); err != nil {
		return err
	}
	if err := fillSheet(f, words.questions, r.questionRows()); err != nil {
		return err
	}
	return f.Write(w)
}

// questionRows are the table of questions.
func (r Results) questionRows() func(yield func([]any) bool) {
	return func(yield func([]any) bool) {
		words := headingsFor(r.lang)
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
			for _, gap := range gapRows(it) {
				if !yield(gap) {
					return
				}
			}
		}
	}
}

// gapRows are the rows below a text with gaps, one for each gap with its right answers.
func gapRows(it Question) (rows [][]any) {
	for _, g := range it.Gaps {
		filled := 0
		for _, a := range g.Answers {
			filled += a.N
		}
		row := []any{"(" + g.ID + ") " + strings.Join(g.Right, " · "), string(g.Kind), float64(it.Asked), float64(filled), nil}
		if it.Graded && it.Answered > 0 {
			row[4] = roundHundredths(float64(g.Hits) / float64(it.Answered))
		}
		rows = append(rows, row)
	}
	return rows
}

// fillSheet streams rows into a sheet: only the row at hand is in memory. A cell of text is no
// formula, whatever it begins with.
func fillSheet(f *excelize.File, name string, rows func(yield func([]any) bool)) error {
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
		if err := s.SetRow("A"+strconv.Itoa(n), row); err != nil {
			return err
		}
	}
	return s.Flush()
}
