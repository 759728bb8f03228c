package server

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/sheet"
)

// exportRoutes adds the routes for spreadsheets and other programs.
func (s *Server) exportRoutes(mux *routes) {
	mux.HandleFunc("GET /export/results.csv", s.withGrant(pg.MayRead, s.exportFile("results.csv", "text/csv; charset=utf-8", s.resultsCSV)))
	mux.HandleFunc("GET /export/attendance.csv", s.withGrant(pg.MayRead, s.exportFile("attendance.csv", "text/csv; charset=utf-8", s.attendanceCSV)))
	mux.HandleFunc("GET /export/oneroster.zip", s.withGrant(pg.MayRead, s.exportFile("oneroster.zip", "application/zip", s.oneRoster)))
}

// exportFile answers with a file. The answer starts with the first bytes. A later error aborts the
// connection, so that a partial file does not look complete.
func (s *Server) exportFile(name, kind string, write func(ctx context.Context, store *pg.Store, w io.Writer, p pg.Period) error) handler {
	return func(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
		of, err := s.school(r, g)
		if err != nil {
			return err
		}
		if g.Operator { // names of pupils leave the cloud
			who := pg.Actor{Name: g.Name, Address: s.clientAddress(r), School: g.School}
			if err := s.store.Record(pg.WithActor(r.Context(), who), pg.Deed{School: of, Action: "exported", Object: name}); err != nil {
				return err
			}
		}
		since, err := parseSince(r.FormValue("since"))
		if err != nil {
			return err
		}
		select {
		case s.exportSlots <- struct{}{}:
			defer func() { <-s.exportSlots }()
		default:
			return errs.NewCode(op, errs.Busy, "too_many", "the node is making other exports")
		}
		store := s.store.Reader(r.Context(), since)
		until, err := store.ConsistentThrough(r.Context())
		if err != nil {
			return err
		}
		w.Header().Set("X-Consistent-Through", until.UTC().Format(time.RFC3339Nano)) // since of the next export
		out := &exportWriter{w: w, rc: http.NewResponseController(w), name: name, kind: kind}
		clearReadDeadline(out.rc)
		if err := write(r.Context(), store, out, pg.Period{School: of, Since: since, Until: until}); err != nil {
			if out.started {
				s.log.Warn("an export was not finished", "kind", r.Pattern, "err", err)
				panic(http.ErrAbortHandler)
			}
			return err
		}
		return nil
	}
}

// parseSince parses a date or an RFC 3339 time.
func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errs.NewField(op, "since", "bad_time", 0, "must be like 2026-09-01 or 2026-09-01T08:00:00Z")
}

// exportWriter writes the file of an answer. Each write extends the deadline.
type exportWriter struct {
	w          http.ResponseWriter
	rc         *http.ResponseController
	name, kind string
	started    bool
}

// Write implements io.Writer.
func (f *exportWriter) Write(p []byte) (int, error) {
	if !f.started {
		f.started = true
		f.w.Header().Set("Content-Type", f.kind)
		f.w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	}
	_ = f.rc.SetWriteDeadline(time.Now().Add(bodyPause)) // test writers have no deadline
	return f.w.Write(p)
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// writeRows writes a CSV table. The byte order mark shows spreadsheets that it is UTF-8.
func writeRows[T any](w io.Writer, head []string, list iter.Seq2[T, error], cells func(T) []string) error {
	c := sheet.NewWriter(w)
	first := true
	for row, err := range list {
		if err != nil {
			return err
		}
		if first {
			if first, err = false, writeTableHead(w, c, head); err != nil {
				return errs.New(op, errs.Down, err)
			}
		}
		if err := c.Write(cells(row)); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	if first {
		if err := writeTableHead(w, c, head); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	if err := c.Flush(); err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

func writeTableHead(w io.Writer, c sheet.Writer, head []string) error {
	_, err := io.WriteString(w, "\ufeff")
	return errors.Join(err, c.Write(head))
}

func (s *Server) resultsCSV(ctx context.Context, store *pg.Store, w io.Writer, p pg.Period) error {
	head := []string{
		"school", "class", "class_id", "lesson", "lesson_id", "started", "question", "question_id", "pupil", "pupil_id",
		"answered", "fraction", "points", "of", "box", "received", "person", "class_key", "teacher", "quiz", "edition", "present", "asked",
	}
	return writeRows(w, head, store.Results(ctx, p), func(r pg.ResultRow) []string {
		return []string{
			sheet.Text(r.School), sheet.Text(r.ClassName), sheet.Text(r.Class), sheet.Text(r.Title), sheet.Text(r.Lesson), formatTime(r.Started),
			sheet.Text(r.Question), sheet.Text(r.Item), sheet.Text(r.Name), sheet.Text(r.Pupil),
			strconv.FormatBool(r.Answered), scoreText(r, r.Fraction), scoreText(r, r.Points), formatNumber(r.Max), sheet.Text(r.Box), formatTime(r.Received),
			sheet.Text(r.Person), sheet.Text(r.ClassKey), sheet.Text(r.Teacher), sheet.Text(r.Quiz), sheet.Text(r.Edition), strconv.FormatBool(r.Present), strconv.FormatBool(r.Asked),
		}
	})
}

// scoreText returns a score, or "" for who was absent and for a question that does not count: a
// mean over the column is then right.
func scoreText(r pg.ResultRow, score float64) string {
	if !r.Graded || !r.Present && !r.Answered {
		return ""
	}
	return formatNumber(score)
}

func (s *Server) attendanceCSV(ctx context.Context, store *pg.Store, w io.Writer, p pg.Period) error {
	head := []string{
		"school", "class", "class_id", "lesson", "lesson_id", "started", "ended", "pupil", "pupil_id", "came", "minutes", "box", "received",
		"person", "class_key", "teacher", "asked", "answered", "points", "of",
	}
	return writeRows(w, head, store.Attendance(ctx, p), func(r pg.AttendanceRow) []string {
		return []string{
			sheet.Text(r.School), sheet.Text(r.ClassName), sheet.Text(r.Class), sheet.Text(r.Title), sheet.Text(r.Lesson), formatTime(r.Started), formatTime(r.Ended),
			sheet.Text(r.Name), sheet.Text(r.Pupil), formatTime(r.Came), formatNumber(r.Stay.Round(time.Minute).Minutes()), sheet.Text(r.Box), formatTime(r.Received),
			sheet.Text(r.Person), sheet.Text(r.ClassKey), sheet.Text(r.Teacher), strconv.Itoa(r.Asked), strconv.Itoa(r.Answered), formatNumber(r.Points), formatNumber(r.Max),
		}
	})
}
