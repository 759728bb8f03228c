package server

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// exported is what programs and spreadsheets take.
func (s *Server) exported(mux *http.ServeMux) {
	mux.HandleFunc("GET /export/results.csv", s.may(pg.MayRead, s.export("results.csv", "text/csv; charset=utf-8", s.resultsCSV)))
	mux.HandleFunc("GET /export/attendance.csv", s.may(pg.MayRead, s.export("attendance.csv", "text/csv; charset=utf-8", s.attendanceCSV)))
	mux.HandleFunc("GET /export/oneroster.zip", s.may(pg.MayRead, s.export("oneroster.zip", "application/zip", s.oneRoster)))
}

// export answers with a file. It begins when the first bytes are there; a fault after that
// ends the connection, so that half a file does not look whole.
func (s *Server) export(name, kind string, write func(ctx context.Context, w io.Writer, school string, since time.Time) error) handler {
	return func(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
		of, err := school(r, g)
		if err != nil {
			return err
		}
		since, err := day(r.FormValue("since"))
		if err != nil {
			return err
		}
		select {
		case s.exports <- struct{}{}:
			defer func() { <-s.exports }()
		default:
			return errs.Code(op, errs.Busy, "too_many", "other exports are being made")
		}
		out := &file{w: w, rc: http.NewResponseController(w), name: name, kind: kind}
		unhurried(out.rc)
		if err := write(r.Context(), out, of, since); err != nil {
			if out.begun {
				s.log.Warn("an export was not finished", "kind", r.Pattern, "err", err)
				panic(http.ErrAbortHandler)
			}
			return err
		}
		return nil
	}
}

// day is a time that somebody asked from: a date, or a time as RFC 3339 has it.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errs.Field(op, "since", "bad_time", 0, "must be like 2026-09-01 or 2026-09-01T08:00:00Z")
}

// file is an answer that is a file. It has time as long as it moves.
type file struct {
	w          http.ResponseWriter
	rc         *http.ResponseController
	name, kind string
	begun      bool
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.w.Header().Set("Content-Type", f.kind)
		f.w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	}
	_ = f.rc.SetWriteDeadline(time.Now().Add(bodyPause)) // not every writer has one: tests
	return f.w.Write(p)
}

// plain keeps a spreadsheet from running what somebody wrote: a cell that begins like a
// formula gets an apostrophe in front.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

func stamped(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// rows writes a table. The mark before it tells spreadsheets that it is UTF-8.
func rows[T any](w io.Writer, head []string, list iter.Seq2[T, error], cells func(T) []string) error {
	c := csv.NewWriter(w)
	first := true
	for row, err := range list {
		if err != nil {
			return err
		}
		if first {
			if first, err = false, begin(w, c, head); err != nil {
				return errs.New(op, errs.Down, err)
			}
		}
		if err := c.Write(cells(row)); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	if first {
		if err := begin(w, c, head); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

func begin(w io.Writer, c *csv.Writer, head []string) error {
	_, err := io.WriteString(w, "\ufeff")
	return errors.Join(err, c.Write(head))
}

func (s *Server) resultsCSV(ctx context.Context, w io.Writer, school string, since time.Time) error {
	head := []string{
		"school", "class", "class_id", "lesson", "lesson_id", "started", "question", "question_id", "pupil", "pupil_id",
		"answered", "fraction", "points", "of", "box", "received",
	}
	return rows(w, head, s.store.Results(ctx, school, since), func(r pg.ResultRow) []string {
		return []string{
			plain(r.School), plain(r.ClassName), plain(r.Class), plain(r.Title), plain(r.Lesson), stamped(r.Started),
			plain(r.Question), plain(r.Item), plain(r.Name), plain(r.Pupil),
			strconv.FormatBool(r.Answered), number(r.Fraction), number(r.Points), number(r.Max), plain(r.Box), stamped(r.Received),
		}
	})
}

func (s *Server) attendanceCSV(ctx context.Context, w io.Writer, school string, since time.Time) error {
	head := []string{
		"school", "class", "class_id", "lesson", "lesson_id", "started", "ended", "pupil", "pupil_id", "came", "minutes", "box", "received",
	}
	return rows(w, head, s.store.Attendance(ctx, school, since), func(r pg.AttendanceRow) []string {
		return []string{
			plain(r.School), plain(r.ClassName), plain(r.Class), plain(r.Title), plain(r.Lesson), stamped(r.Started), stamped(r.Ended),
			plain(r.Name), plain(r.Pupil), stamped(r.Came), number(r.Present.Round(time.Minute).Minutes()), plain(r.Box), stamped(r.Received),
		}
	})
}

// The files of a OneRoster 1.2 package (1EdTech, CSV binding, section 4); those with
// results are there, whoever takes them knows the classes and people.
var rosterFiles = []string{
	"academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics", "enrollments",
	"lineItemLearningObjectiveIds", "lineItems", "lineItemScoreScales", "orgs", "resources", "resultLearningObjectiveIds",
	"results", "resultScoreScales", "roles", "scoreScales", "userProfiles", "userResources", "users",
}

const category = "livelearn-lessons"

// lineItem is what is graded: a question of a lesson, as one school had it.
type lineItem struct{ school, lesson, item string }

// id is one that fits a sourcedId (at most 255 characters), whatever it is made of.
func id(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (l lineItem) id() string { return id(l.school, l.lesson, l.item) }

// oneRoster writes results as OneRoster 1.2 has them. The results are read twice: what is
// graded comes before what came of it.
func (s *Server) oneRoster(ctx context.Context, w io.Writer, school string, since time.Time) error {
	items := map[lineItem]bool{}
	z := zip.NewWriter(w)
	err := errors.Join(
		table(z, "manifest.csv", []string{"propertyName", "value"}, manifest()),
		table(z, "categories.csv", []string{"sourcedId", "status", "dateLastModified", "title", "weight"},
			one([]string{category, "", "", "Lessons", ""})),
	)
	if err != nil {
		return err
	}
	err = table(z, "lineItems.csv", []string{
		"sourcedId", "status", "dateLastModified", "title", "description", "assignDate", "dueDate", "classSourcedId",
		"categorySourcedId", "gradingPeriodSourcedId", "academicSessionSourcedId", "schoolSourcedId", "resultValueMin", "resultValueMax",
	}, lineItems(s.store.Results(ctx, school, since), items))
	if err != nil {
		return err
	}
	err = table(z, "results.csv", []string{
		"sourcedId", "status", "dateLastModified", "lineItemSourcedId", "studentSourcedId", "scoreStatus", "score", "textScore",
		"scoreDate", "comment", "classSourcedId", "inProgress", "incomplete", "late", "missing",
	}, scores(s.store.Results(ctx, school, since), items))
	if err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

func table(z *zip.Writer, name string, head []string, list iter.Seq2[[]string, error]) error {
	w, err := z.Create(name)
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	c := csv.NewWriter(w)
	err = c.Write(head)
	for row, fault := range list {
		if fault != nil {
			return fault
		}
		err = errors.Join(err, c.Write(row))
	}
	c.Flush()
	if err = errors.Join(err, c.Error()); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

func one(row []string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) { yield(row, nil) }
}

func manifest() iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		list := [][]string{{"manifest.version", "1.0"}, {"oneroster.version", "1.2"}}
		for _, name := range rosterFiles {
			mode := "absent"
			if name == "categories" || name == "lineItems" || name == "results" {
				mode = "bulk"
			}
			list = append(list, []string{"file." + name, mode})
		}
		list = append(list, []string{"source.systemName", "LiveLearn Box"}, []string{"source.systemCode", "livelearn"})
		for _, row := range list {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// lineItems gives each question once, and notes it.
func lineItems(list iter.Seq2[pg.ResultRow, error], items map[lineItem]bool) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for r, err := range list {
			if err != nil {
				yield(nil, err)
				return
			}
			l := lineItem{r.School, r.Lesson, r.Item}
			if items[l] {
				continue
			}
			items[l] = true
			title := strings.TrimSpace(r.Title + ": " + strings.Join(strings.Fields(r.Question), " "))
			if !yield([]string{
				l.id(), "", "", plain(title), "", stamped(r.Started), stamped(r.Ended), plain(r.Class), category, "", "", id(r.School), "0", number(r.Max),
			}, nil) {
				return
			}
		}
	}
}

// scores gives the results of questions that were noted.
func scores(list iter.Seq2[pg.ResultRow, error], items map[lineItem]bool) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for r, err := range list {
			if err != nil {
				yield(nil, err)
				return
			}
			l := lineItem{r.School, r.Lesson, r.Item}
			if !items[l] {
				continue // graded while this is written
			}
			status, score := "fully graded", number(r.Points)
			if !r.Answered {
				status, score = "not submitted", ""
			}
			if !yield([]string{
				id(r.School, r.Lesson, r.Item, r.Pupil), "", "", l.id(), plain(r.Pupil), status, score, "",
				r.Ended.UTC().Format(time.DateOnly), "", plain(r.Class), "false", "false", "false", strconv.FormatBool(!r.Answered),
			}, nil) {
				return
			}
		}
	}
}
