package table

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/quiz/markup"
)

// Limits of Kahoot's template.
const (
	kahootQuestion = 120 // characters
	kahootAnswer   = 75
	kahootAnswers  = 4
)

// kahootSeconds are the time limits that Kahoot has.
var kahootSeconds = []int{5, 10, 20, 30, 60, 90, 120, 240}

const kahootDefault = 20 // seconds, where the question has no limit

// kahootHeadings are those of Kahoot's template. They are in row kahootHead, from column B on.
var kahootHeadings = []string{
	"Question - max 120 characters", "Answer 1 - max 75 characters", "Answer 2 - max 75 characters", "Answer 3 - max 75 characters", "Answer 4 - max 75 characters",
	"Time limit (sec) – 5, 10, 20, 30, 60, 90, 120, or 240 secs", "Correct answer(s) - choose at least one",
}

const kahootHead = 8

// WriteKahoot writes questions as Kahoot's workbook. It returns what each question loses, by its
// place.
func WriteKahoot(items []item.Authored) ([]byte, []draft.Question, error) {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }() // it has no temporary files to remove
	set := func(row, column int, v any) error {
		at, err := excelize.CoordinatesToCellName(column, row)
		if err != nil {
			return err
		}
		return f.SetCellValue("Sheet1", at, v)
	}
	err := set(2, 2, "Quiz template")
	for i, h := range kahootHeadings {
		err = errors.Join(err, set(kahootHead, 2+i, h))
	}
	notes, row := []draft.Question{}, kahootHead
	for i, a := range items {
		q := draft.Question{Line: i + 1, Text: draft.CutText(a.Text)}
		cells := makeKahootRow(&q, a)
		notes = append(notes, q)
		if q.Fault != nil {
			continue
		}
		row++
		err = errors.Join(err, set(row, 1, row-kahootHead))
		for n, v := range cells {
			err = errors.Join(err, set(row, 2+n, v))
		}
	}
	var out bytes.Buffer
	if err = errors.Join(err, f.Write(&out)); err != nil {
		return nil, nil, errs.New("table.WriteKahoot", errs.Internal, err)
	}
	return out.Bytes(), notes, nil
}

// makeKahootRow returns the cells of a question, or sets the fault of q.
func makeKahootRow(q *draft.Question, a item.Authored) []any {
	refuse := func(code, value, format string, args ...any) []any {
		q.Fault = &draft.Note{Code: code, Value: value, Message: fmt.Sprintf(format, args...)}
		return nil
	}
	weights := a.Key.Weights
	options := slices.Clone(a.Options)
	switch a.Kind {
	case item.TrueFalse:
		options = []item.Option{{ID: "t", Text: "True"}, {ID: "f", Text: "False"}}
	case item.Single, item.Multi:
	default:
		return refuse("no_such_kind", string(a.Kind), "Kahoot's spreadsheet has no questions of the kind %q", a.Kind)
	}
	if len(options) > kahootAnswers {
		return refuse("too_many_options", strconv.Itoa(kahootAnswers), "Kahoot's spreadsheet has %d answers", kahootAnswers)
	}
	if n := utf8.RuneCountInString(a.Text); n > kahootQuestion {
		return refuse("text_too_long", strconv.Itoa(kahootQuestion), "%d characters: Kahoot's questions have at most %d", n, kahootQuestion)
	}
	noteLosses(q, a)
	cells := []any{a.Text}
	var right []string
	for i := range kahootAnswers {
		if i >= len(options) {
			cells = append(cells, nil)
			continue
		}
		o := options[i]
		if o.Image != nil {
			q.Lose(markup.LostPicture, "", "the spreadsheet has no pictures")
			if o.Text == "" {
				o.Text = o.Image.Alt
			}
		}
		if n := utf8.RuneCountInString(o.Text); n > kahootAnswer {
			return refuse("text_too_long", strconv.Itoa(kahootAnswer), "%d characters: Kahoot's answers have at most %d", n, kahootAnswer)
		}
		if weights[o.ID] > 0 {
			right = append(right, strconv.Itoa(i+1))
		}
		cells = append(cells, o.Text)
	}
	return append(cells, chooseSeconds(q, a.Seconds), strings.Join(right, ","))
}

// noteLosses notes what the spreadsheet has no column for.
func noteLosses(q *draft.Question, a item.Authored) {
	right := 0
	for _, w := range a.Key.Weights {
		if w > 0 {
			right++
		}
	}
	for _, w := range a.Key.Weights {
		if w != 1 {
			q.Lose(draft.LostScoring, "", "the spreadsheet has no shares of points")
		}
	}
	switch {
	case a.Kind == item.Single && right > 1:
		q.Lose(draft.LostScoring, "", "several right answers mean that several are chosen")
	case a.Kind == item.Multi && right == 1:
		q.Lose(draft.LostScoring, "", "one right answer means that one is chosen")
	}
	if a.Key.General != "" || len(a.Key.Feedback) > 0 {
		q.Lose(draft.LostFeedback, "", "the spreadsheet has no feedback")
	}
	if a.Image != nil {
		q.Lose(markup.LostPicture, "", "the spreadsheet has no pictures")
	}
	if a.Title != "" {
		q.Lose(draft.LostTitle, "", "the spreadsheet has no titles")
	}
	if a.Points != 1 {
		q.Lose(draft.LostPoints, "", "the spreadsheet has no points")
	}
}

// chooseSeconds returns the time limit of Kahoot that is nearest and not shorter.
func chooseSeconds(q *draft.Question, seconds int) int {
	want := seconds
	if want == 0 {
		want = kahootDefault
	}
	best := kahootSeconds[len(kahootSeconds)-1]
	for _, s := range slices.Backward(kahootSeconds) {
		if s >= want {
			best = s
		}
	}
	if best != seconds {
		q.Lose(draft.LostTime, strconv.Itoa(best), fmt.Sprintf("the time limit becomes %d seconds", best))
	}
	return best
}
