package server

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/sheet"
)

// rosterFiles are the files of a OneRoster 1.2 package (1EdTech, CSV binding, section 4). The
// export has the files with results only, and the sessions that they refer to. The importing
// system knows its classes and people: the export has the ids of the lists that came from there.
var rosterFiles = []string{
	"academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics", "enrollments",
	"lineItemLearningObjectiveIds", "lineItems", "lineItemScoreScales", "orgs", "resources", "resultLearningObjectiveIds",
	"results", "resultScoreScales", "roles", "scoreScales", "userProfiles", "userResources", "users",
}

const lessonCategory = "livelearn-lessons"

// sourcedID hashes parts to a sourcedId, which may have at most 255 characters.
func sourcedID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// schoolYear returns the year in which a school year ends. It begins in August.
func schoolYear(t time.Time) int {
	t = t.UTC()
	if t.Month() >= time.August {
		return t.Year() + 1
	}
	return t.Year()
}

func sessionID(t time.Time) string { return "livelearn-year-" + strconv.Itoa(schoolYear(t)) }

// oneRoster writes the results as a OneRoster 1.2 package. A lesson is a line item, and so is each
// of its graded questions.
func (s *Server) oneRoster(ctx context.Context, store *pg.Store, w io.Writer, p pg.Period) error {
	z := zip.NewWriter(w)
	years := map[int]bool{}
	err := errors.Join(
		writeTable(z, "manifest.csv", []string{"propertyName", "value"}, manifestRows()),
		writeTable(z, "categories.csv", []string{"sourcedId", "status", "dateLastModified", "title", "weight"},
			yieldAll([][]string{{lessonCategory, "", "", "Lessons", ""}})),
	)
	if err != nil {
		return err
	}
	err = writeTable(z, "lineItems.csv", []string{
		"sourcedId", "status", "dateLastModified", "title", "description", "assignDate", "dueDate", "classSourcedId",
		"categorySourcedId", "gradingPeriodSourcedId", "academicSessionSourcedId", "schoolSourcedId", "resultValueMin", "resultValueMax",
	}, lineItemRows(store.Questions(ctx, p), years))
	if err != nil {
		return err
	}
	err = writeTable(z, "academicSessions.csv", []string{
		"sourcedId", "status", "dateLastModified", "title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear",
	}, yieldAll(sessionRows(years)))
	if err != nil {
		return err
	}
	err = writeTable(z, "results.csv", []string{
		"sourcedId", "status", "dateLastModified", "lineItemSourcedId", "studentSourcedId", "scoreStatus", "score", "textScore",
		"scoreDate", "comment", "classSourcedId", "inProgress", "incomplete", "late", "missing",
	}, scoreRows(store.Attendance(ctx, p), store.Results(ctx, p)))
	if err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

func writeTable(z *zip.Writer, name string, head []string, list iter.Seq2[[]string, error]) error {
	w, err := z.Create(name)
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	c := sheet.NewWriter(w)
	err = c.Write(head)
	for row, fault := range list {
		if fault != nil {
			return fault
		}
		err = errors.Join(err, c.Write(row))
	}
	if err = errors.Join(err, c.Flush()); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

func yieldAll(list [][]string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, row := range list {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func manifestRows() iter.Seq2[[]string, error] {
	list := [][]string{{"manifest.version", "1.0"}, {"oneroster.version", "1.2"}}
	for _, name := range rosterFiles {
		mode := "absent"
		if slices.Contains([]string{"academicSessions", "categories", "lineItems", "results"}, name) {
			mode = "bulk"
		}
		list = append(list, []string{"file." + name, mode})
	}
	return yieldAll(append(list, []string{"source.systemName", "LiveLearn Box"}, []string{"source.systemCode", "livelearn"}))
}

func sessionRows(years map[int]bool) (list [][]string) {
	for y := range years {
		end := strconv.Itoa(y)
		list = append(list, []string{
			"livelearn-year-" + end, "", "", strconv.Itoa(y-1) + "/" + end, "schoolYear", strconv.Itoa(y-1) + "-08-01", end + "-07-31", "", end,
		})
	}
	slices.SortFunc(list, slices.Compare)
	return list
}

// convertRows yields a row for each value.
func convertRows[T any](list iter.Seq2[T, error], row func(T) []string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for v, err := range list {
			if err != nil {
				yield(nil, err)
				return
			}
			if cells := row(v); cells != nil && !yield(cells, nil) {
				return
			}
		}
	}
}

// lineItemRows yields a row for each lesson and each graded question, and notes the school years.
func lineItemRows(list iter.Seq2[pg.QuestionRow, error], years map[int]bool) iter.Seq2[[]string, error] {
	return convertRows(list, func(r pg.QuestionRow) []string {
		years[schoolYear(r.Ended)] = true
		id, title := sourcedID(r.School, r.Lesson), r.Title
		if r.Item != "" {
			id, title = sourcedID(r.School, r.Lesson, r.Item), r.Title+": "+r.Question
		}
		title = strings.Join(strings.Fields(title), " ")
		if title == "" {
			title = r.Started.UTC().Format(time.DateOnly) // a title is required
		}
		return []string{
			id, "", "", sheet.Text(title), "", formatTime(r.Started), formatTime(r.Ended), sheet.Text(r.ClassKey), lessonCategory,
			sessionID(r.Ended), sessionID(r.Ended), sourcedID(r.School), "0", formatNumber(r.Max),
		}
	})
}

// scoreRows yields the scores of the lessons, and then those of the graded questions.
func scoreRows(lessons iter.Seq2[pg.AttendanceRow, error], questions iter.Seq2[pg.ResultRow, error]) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		totals := convertRows(lessons, func(r pg.AttendanceRow) []string {
			if r.Graded == 0 {
				return nil
			}
			return scoreRow(sourcedID(r.School, r.Lesson), r.Person, r.ClassKey, r.Points, !r.Came.IsZero() || r.Answered > 0, r.Ended)
		})
		for row, err := range totals {
			if !yield(row, err) || err != nil {
				return
			}
		}
		convertRows(questions, func(r pg.ResultRow) []string {
			if !r.Graded {
				return nil
			}
			return scoreRow(sourcedID(r.School, r.Lesson, r.Item), r.Person, r.ClassKey, r.Points, r.Answered, r.Ended)
		})(yield)
	}
}

func scoreRow(line, person, class string, points float64, scored bool, at time.Time) []string {
	status, score := "fully graded", formatNumber(points)
	if !scored {
		status, score = "not submitted", ""
	}
	return []string{
		sourcedID(line, person), "", "", line, sheet.Text(person), status, score, "",
		at.UTC().Format(time.DateOnly), "", sheet.Text(class), "false", "false", "false", strconv.FormatBool(!scored),
	}
}
