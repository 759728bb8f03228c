package results

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/sheet"
)

// Forms of a CSV file.
const (
	FormPupils    = ""          // a row for each pupil, with all questions
	FormClassroom = "classroom" // as Google Classroom writes marks into a spreadsheet
	FormMoodle    = "moodle"    // as the grade import of Moodle reads them
)

// CSVOptions say how a CSV file is written.
type CSVOptions struct {
	Form string
	Lang string // of the headings, and of numbers where Comma is a semicolon
	// Separator is "comma", "semicolon" or "tab". Empty: the one by which spreadsheets of the language
	// split a file.
	Separator string
	Zone      *time.Location    // of dates, nil means UTC
	Sources   map[string]string // the pupils' ids of the school's own system, by user id
}

var separators = map[string]rune{"comma": ',', "semicolon": ';', "tab": '\t'}

// decimalComma are the languages with a decimal comma. Spreadsheets split at a semicolon there, and
// in Arabic too.
var decimalComma = []string{"fr", "es", "de", "it", "pt", "nl", "tr", "pl", "ru"}

func (o CSVOptions) base() string {
	base, _, _ := strings.Cut(o.Lang, "-")
	return base
}

func hasDecimalComma(lang string) bool {
	return slices.Contains(decimalComma, lang)
}

// comma returns the character between cells.
func (o CSVOptions) comma() (rune, error) {
	if o.Separator == "" {
		if hasDecimalComma(o.base()) || o.base() == "ar" {
			return ';', nil
		}
		return ',', nil
	}
	c, ok := separators[o.Separator]
	if !ok {
		return 0, errs.NewField("results.WriteCSV", "separator", "unknown", 0, "must be comma, semicolon or tab")
	}
	return c, nil
}

// ReadJSON reads the format of WriteJSON.
func ReadJSON(data []byte) (r Results, err error) {
	if err = json.Unmarshal(data, &r); err != nil {
		err = errs.New("results.ReadJSON", errs.Internal, err)
	}
	return r, err
}

// bom is the mark by which Excel knows that a CSV file is UTF-8.
const bom = "\ufeff"

// WriteCSV writes the results as CSV. Forms for other programs are separated by commas, as these
// expect it, unless another separator is chosen.
func WriteCSV(w io.Writer, r Results, o CSVOptions) error {
	r.lang = o.Lang
	rows, ok := map[string]func(func([]any) bool){
		FormPupils: r.pupilRows(), FormClassroom: r.classroomRows(o), FormMoodle: r.moodleRows(o),
	}[o.Form]
	if !ok {
		return errs.NewField("results.WriteCSV", "form", "unknown", 0, "must be empty, classroom or moodle")
	}
	if o.Form != FormPupils && o.Separator == "" {
		o.Separator = "comma"
	}
	comma, err := o.comma()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, bom); err != nil {
		return err
	}
	c := sheet.NewWriter(w)
	c.Comma = comma
	for row := range rows {
		line := make([]string, len(row))
		for i, cell := range row {
			switch v := cell.(type) {
			case string:
				line[i] = sheet.Text(v)
			case float64:
				line[i] = strconv.FormatFloat(v, 'f', -1, 64)
				if comma == ';' && hasDecimalComma(o.base()) {
					line[i] = strings.Replace(line[i], ".", ",", 1)
				}
			}
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	return c.Flush()
}

// classroomRows are the rows that Google Classroom writes when it exports marks: the date and the
// points come above the pupils.
func (r Results) classroomRows(o CSVOptions) func(yield func([]any) bool) {
	return func(yield func([]any) bool) {
		head := [][]any{
			{"Last Name", "First Name", "Email Address", r.taskName()},
			{"", "", "", r.day(o.Zone)},
			{"Points", "", "", r.most()},
		}
		for _, row := range head {
			if !yield(row) {
				return
			}
		}
		for _, p := range r.Pupils {
			first, last := splitName(nameOf(p))
			mail := o.Sources[p.User]
			if !strings.Contains(mail, "@") {
				mail = ""
			}
			if !yield([]any{last, first, mail, scoreOf(p)}) {
				return
			}
		}
	}
}

// moodleRows are rows for the grade import of Moodle, which finds a pupil by one column.
func (r Results) moodleRows(o CSVOptions) func(yield func([]any) bool) {
	return func(yield func([]any) bool) {
		if !yield([]any{"First name", "Last name", "ID number", "Email address", r.taskName()}) {
			return
		}
		for _, p := range r.Pupils {
			first, last := splitName(nameOf(p))
			id, mail := o.Sources[p.User], ""
			if strings.Contains(id, "@") {
				id, mail = "", id
			}
			if !yield([]any{first, last, id, mail, scoreOf(p)}) {
				return
			}
		}
	}
}

// scoreOf is a pupil's score, or nothing for one who was not in the lesson: a programme of marks
// must not take that for a zero.
func scoreOf(p Pupil) any {
	if p.Absent && p.Answered == 0 {
		return nil
	}
	return p.Score
}

// most is the greatest score of the lesson.
func (r Results) most() float64 {
	most := 0.0
	for _, it := range r.Items {
		if it.Graded {
			most += float64(it.Points)
		}
	}
	return math.Round(most*100) / 100
}

func (r Results) taskName() string {
	for _, s := range []string{r.Lesson.Title, r.Lesson.ClassName} {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			return clipText(s)
		}
	}
	return r.Lesson.ID
}

// day is the date of the lesson.
func (r Results) day(zone *time.Location) string {
	return FormatDay(r.Lesson.Started, zone)
}

// FormatDay writes the day of a time in a zone, nil means UTC.
func FormatDay(ms int64, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	return time.UnixMilli(ms).In(zone).Format(time.DateOnly)
}

// splitName cuts a name at its last space. The box keeps whole names, so names of several words may
// be cut in another place than the other program has it: it finds pupils by their id.
func splitName(name string) (first, last string) {
	i := strings.LastIndexByte(name, ' ')
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i+1:]
}

// maxHeading is the greatest length of a column's heading, in characters.
const maxHeading = 80

func clipText(s string) string {
	if utf8.RuneCountInString(s) <= maxHeading {
		return s
	}
	return string([]rune(s)[:maxHeading-1]) + "…"
}
