package pg

import (
	"context"
	"iter"
	"time"
)

// Results gives the results that came in after since, of a school or of all, by the newest
// grading of each lesson.
func (s *Store) Results(ctx context.Context, school string, since time.Time) iter.Seq2[ResultRow, error] {
	return each(ctx, s, "Results", `select school, box, coalesce(class, ''), class_name, lesson, title, item, question, kind, graded, pupil, name, answered,
			fraction, points, max, started, ended, at, received
		from livelearn.results where ($1 = '' or school = $1) and received > $2 order by school, ended, lesson, pupil, item`,
		func(r *ResultRow) []any {
			return []any{
				&r.School, &r.Box, &r.Class, &r.ClassName, &r.Lesson, &r.Title, &r.Item, &r.Question, &r.Kind, &r.Graded, &r.Pupil, &r.Name, &r.Answered,
				&r.Fraction, &r.Points, &r.Max, &r.Started, &r.Ended, &r.At, &r.Received,
			}
		}, school, since)
}

// Attendance gives who was in which lesson, as Results does.
func (s *Store) Attendance(ctx context.Context, school string, since time.Time) iter.Seq2[AttendanceRow, error] {
	return each(ctx, s, "Attendance", `select school, box, coalesce(class, ''), class_name, lesson, title, pupil, name, started, ended,
			coalesce(came, '0001-01-01 00:00:00+00'), make_interval(secs => ms / 1000.0), received
		from livelearn.attendance where ($1 = '' or school = $1) and received > $2 order by school, ended, lesson, pupil`,
		func(r *AttendanceRow) []any {
			return []any{
				&r.School, &r.Box, &r.Class, &r.ClassName, &r.Lesson, &r.Title, &r.Pupil, &r.Name, &r.Started, &r.Ended,
				&r.Came, &r.Present, &r.Received,
			}
		}, school, since)
}

// each runs a query and gives its rows as they come.
func each[T any](ctx context.Context, s *Store, op, sql string, into func(*T) []any, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			yield(none, fault(op, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var row T
			if err := rows.Scan(into(&row)...); err != nil {
				yield(none, fault(op, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, fault(op, err))
		}
	}
}
