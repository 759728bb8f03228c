package pg

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const gradingsPerExport = 100 // gradings of one query of an export

// Period selects the lessons of an export: those whose newest grading became visible after Since,
// and not after Until. Zero times and an empty school select all.
type Period struct {
	School       string
	Since, Until time.Time
}

// Results returns what each pupil reached, in the order in which the gradings became visible.
func (s *Store) Results(ctx context.Context, p Period) iter.Seq2[ResultRow, error] {
	return exportRows(ctx, s, "Results", p, `select school, box, coalesce(class, ''), coalesce(class_key, ''), class_name, lesson, title, item, question, kind, graded, pupil, person, name,
			coalesce(teacher, ''), coalesce(quiz, ''), coalesce(edition, ''), present, asked, answered, coalesce(fraction, 0), coalesce(points, 0), max, started, ended, at, received
		from livelearn.results where row_id = any ($1) order by received, lesson, pupil, n`,
		func(r *ResultRow) []any {
			return []any{
				&r.School, &r.Box, &r.Class, &r.ClassKey, &r.ClassName, &r.Lesson, &r.Title, &r.Item, &r.Question, &r.Kind, &r.Graded, &r.Pupil, &r.Person, &r.Name,
				&r.Teacher, &r.Quiz, &r.Edition, &r.Present, &r.Asked, &r.Answered, &r.Fraction, &r.Points, &r.Max, &r.Started, &r.Ended, &r.At, &r.Received,
			}
		})
}

// Attendance returns the pupils' presence in lessons and their sums, in the order of Results.
func (s *Store) Attendance(ctx context.Context, p Period) iter.Seq2[AttendanceRow, error] {
	return exportRows(ctx, s, "Attendance", p, `select school, box, coalesce(class, ''), coalesce(class_key, ''), class_name, lesson, title, pupil, person, name, coalesce(teacher, ''),
			started, ended, coalesce(came, '0001-01-01 00:00:00+00'), make_interval(secs => ms / 1000.0), graded, asked, answered, points, max, received
		from livelearn.attendance where row_id = any ($1) order by received, lesson, pupil`,
		func(r *AttendanceRow) []any {
			return []any{
				&r.School, &r.Box, &r.Class, &r.ClassKey, &r.ClassName, &r.Lesson, &r.Title, &r.Pupil, &r.Person, &r.Name, &r.Teacher,
				&r.Started, &r.Ended, &r.Came, &r.Stay, &r.Graded, &r.Asked, &r.Answered, &r.Points, &r.Max, &r.Received,
			}
		})
}

// Questions returns the lessons and their graded questions, in the order of Results. The row of a
// lesson has no item. It comes first and has the sum of the questions.
func (s *Store) Questions(ctx context.Context, p Period) iter.Seq2[QuestionRow, error] {
	return exportRows(ctx, s, "Questions", p, `select school, coalesce(class_key, ''), lesson, title, item, question, max, started, ended from (
			select school, class_key, lesson, title, item, question, max, started, ended, received, n from livelearn.questions where row_id = any ($1) and graded
			union all
			select school, class_key, lesson, title, '', '', sum(max), started, ended, received, 0 from livelearn.questions where row_id = any ($1) and graded
			group by school, class_key, lesson, title, started, ended, received) x order by received, lesson, n`,
		func(r *QuestionRow) []any {
			return []any{&r.School, &r.ClassKey, &r.Lesson, &r.Title, &r.Item, &r.Question, &r.Max, &r.Started, &r.Ended}
		})
}

// exportRows yields the rows of a period. It reads a bounded number of lessons at a time by a
// cursor, so that neither side holds the whole export.
func exportRows[T any](ctx context.Context, s *Store, op string, p Period, sql string, into func(*T) []any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		at := &exportCursor{stored: p.Since}
		for at != nil {
			var none T
			var ids []int64
			var err error
			if ids, at, err = s.nextLessons(ctx, p, *at); err != nil {
				yield(none, wrapError(op, err))
				return
			}
			if len(ids) == 0 {
				continue
			}
			rows, err := s.pool.Query(ctx, sql, ids)
			if err != nil {
				yield(none, wrapError(op, err))
				return
			}
			if !yieldRows(rows, op, into, yield) {
				return
			}
		}
	}
}

// yieldRows yields the rows of one query. It returns false to end the export.
func yieldRows[T any](rows pgx.Rows, op string, into func(*T) []any, yield func(T, error) bool) bool {
	defer rows.Close()
	var row T
	for rows.Next() {
		row = *new(T)
		if err := rows.Scan(into(&row)...); err != nil {
			yield(row, wrapError(op, err))
			return false
		}
		if !yield(row, nil) {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(row, wrapError(op, err))
		return false
	}
	return true
}

// exportCursor is the grading after which an export continues.
type exportCursor struct {
	stored     time.Time
	school     int
	stream     string
	epoch, seq int64
}

// nextLessons returns the rows of the lessons of the next gradings, and the cursor after them, or
// nil at the end. A grading that a newer one replaced has no lesson.
func (s *Store) nextLessons(ctx context.Context, p Period, at exportCursor) (ids []int64, next *exportCursor, err error) {
	where, args := "a.school > 0", []any{at.stored, at.school, at.stream, at.epoch, at.seq}
	if p.School != "" {
		where = "a.stored > '-infinity' and a.school = (select id from livelearn.schools where name = $6)"
		args = append(args, p.School)
	}
	if !p.Until.IsZero() {
		where += " and a.stored <= $" + strconv.Itoa(len(args)+1)
		args = append(args, p.Until)
	}
	begin := "(a.stored, a.school, a.stream, a.epoch, a.seq) > ($1, $2, $3, $4::bigint, $5::bigint)"
	if at.stream == "" {
		begin = "a.stored > $1 and $2::int is not null and $3::text is not null and $4::bigint is not null and $5::bigint is not null"
	}
	rows, err := s.pool.Query(ctx, `select a.stored, a.school, a.stream, a.epoch, a.seq, l.id
		from (select * from livelearn.arrivals a where `+where+` and `+begin+` order by a.stored, a.school, a.stream, a.epoch, a.seq limit `+strconv.Itoa(gradingsPerExport)+`) a
		left join livelearn.lesson_rows l on l.school = a.school and l.lesson = a.lesson and l.g_stream = a.stream and l.g_epoch = a.epoch and l.g_seq = a.seq
		order by a.stored, a.school, a.stream, a.epoch, a.seq`, args...)
	if err != nil {
		return nil, nil, err
	}
	var id *int64
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&at.stored, &at.school, &at.stream, &at.epoch, &at.seq, &id}, func() error {
		n++
		if id != nil {
			ids = append(ids, *id)
		}
		return nil
	})
	if n == gradingsPerExport {
		next = &at
	}
	return ids, next, err
}

const lessonsPerRebuild = 100 // lessons of one transaction

// Rebuild makes the tables of lessons, marks and names again from the facts of a school, or of all
// schools. It returns the number of lessons. Boxes may send facts meanwhile.
func (s *Store) Rebuild(ctx context.Context, school string) (n int, err error) {
	rows, err := s.pool.Query(ctx, `select id from livelearn.schools where $1 = '' or name = $1 order by id`, school)
	if err != nil {
		return 0, wrapError("Rebuild", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err == nil && len(ids) == 0 && school != "" {
		err = errNoSchool("Rebuild", school)
	}
	if err != nil {
		return 0, wrapError("Rebuild", err)
	}
	for _, id := range ids {
		for last := new(string); last != nil; {
			if err := s.pool.QueryRow(ctx, `select livelearn.rebuild($1, $2, $3)`, id, *last, lessonsPerRebuild).Scan(&last); err != nil {
				return n, wrapError("Rebuild", err)
			}
		}
		if _, err := s.pool.Exec(ctx, `select livelearn.rebuild_weeks($1)`, id); err != nil {
			return n, wrapError("Rebuild", err)
		}
		var lessons int
		if err := s.pool.QueryRow(ctx, `select count(*) from livelearn.lesson_rows where school = $1`, id).Scan(&lessons); err != nil {
			return n, wrapError("Rebuild", err)
		}
		n += lessons
	}
	return n, nil
}
