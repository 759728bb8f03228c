package pg

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

const (
	maxStatements = 500
	verbs         = "http://adlnet.gov/expapi/verbs/"
	activities    = "http://adlnet.gov/expapi/activities/"
)

// statement is a row of the view of that name.
type statement struct {
	id                        string
	verb                      string
	voids                     *string
	stored, at                time.Time
	school, lesson, title     string
	class, item               *string
	question, pupil, name     string
	ms                        *int64
	points, highest, fraction *float64
}

// Statements gives xAPI 1.0.3 statements, newest first unless asked otherwise, and where
// to go on ("" at the end). A grading that was replaced is voided by statements of its own.
func (s *Store) Statements(ctx context.Context, q StatementQuery) (list []json.RawMessage, next string, err error) {
	if q.Limit <= 0 || q.Limit > maxStatements {
		q.Limit = maxStatements
	}
	sql, args, err := q.sql()
	if err != nil {
		return nil, "", err
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, "", fault("Statements", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r statement, err error) {
		err = row.Scan(&r.id, &r.verb, &r.voids, &r.stored, &r.at, &r.school, &r.lesson, &r.title, &r.class, &r.item,
			&r.question, &r.pupil, &r.name, &r.ms, &r.points, &r.highest, &r.fraction)
		return r, err
	})
	if err != nil {
		return nil, "", fault("Statements", err)
	}
	if len(found) > q.Limit {
		last := found[q.Limit-1]
		found, next = found[:q.Limit], strconv.FormatInt(last.stored.UnixMicro(), 36)+"."+last.id
	}
	for _, r := range found {
		raw, err := json.Marshal(r.xapi(q.Home))
		if err != nil {
			return nil, "", errs.New("pg.Statements", errs.Internal, err)
		}
		list = append(list, raw)
	}
	return list, next, nil
}

// sql is the query; what is not asked for is not in it.
func (q StatementQuery) sql() (string, []any, error) {
	var where []string
	var args []any
	and := func(cond string, v ...any) {
		for _, a := range v {
			args = append(args, a)
			cond = strings.Replace(cond, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, cond)
	}
	if q.School != "" {
		and("school = ?", q.School)
	}
	if q.ID != "" {
		and("id::text = ?", strings.ToLower(q.ID))
	}
	if q.Pupil != "" {
		and("pupil = ? and verb <> 'voided'", q.Pupil)
	}
	if q.Verb != "" {
		and("verb = ?", strings.TrimPrefix(q.Verb, verbs))
	}
	if q.Activity != "" {
		lesson, item, ok := parts(q.Home, q.Activity)
		if !ok {
			return "", nil, errs.Field("pg.Statements", "activity", "unknown", 0, "is no activity of this place")
		}
		and("lesson = ? and coalesce(item, '') = ? and verb <> 'voided'", lesson, item)
	}
	if !q.Since.IsZero() {
		and("stored > ?", q.Since)
	}
	if !q.Until.IsZero() {
		and("stored <= ?", q.Until)
	}
	dir, than := "desc", "<"
	if q.Ascending {
		dir, than = "asc", ">"
	}
	if q.More != "" {
		at, id, ok := strings.Cut(q.More, ".")
		micros, err := strconv.ParseInt(at, 36, 64)
		if !ok || err != nil || len(id) != 36 {
			return "", nil, errs.Field("pg.Statements", "more", "bad_more", 0, "was not given by an earlier answer")
		}
		and("(stored, id::text) "+than+" (?, ?)", time.UnixMicro(micros), id)
	}
	sql := `select id::text, verb, voids::text, stored, at, school, lesson, title, class, item, question, pupil, name, ms, points, max, fraction from livelearn.statements`
	if len(where) > 0 {
		sql += " where " + strings.Join(where, " and ")
	}
	return sql + fmt.Sprintf(" order by stored %s, id::text %s limit %d", dir, dir, q.Limit+1), args, nil
}

// parts are the lesson and the question that the IRI of an activity names.
func parts(home, iri string) (lesson, item string, ok bool) {
	rest, ok := strings.CutPrefix(iri, home+"/lessons/")
	lesson, item, _ = strings.Cut(rest, "/items/")
	lesson, err := url.PathUnescape(lesson)
	if err != nil {
		return "", "", false
	}
	item, err = url.PathUnescape(item)
	return lesson, item, ok && err == nil
}

// object is a JSON object.
type object = map[string]any

// xapi is the statement as xAPI 1.0.3 writes it (its part 2, section 2). home is where the
// accounts and the activities are.
func (r statement) xapi(home string) object {
	out := object{
		"id": r.id, "version": "1.0.3", "stored": stamp(r.stored), "timestamp": stamp(r.at),
		"authority": object{"objectType": "Agent", "account": object{"homePage": home, "name": "livelearn"}},
	}
	if r.voids != nil {
		out["actor"] = out["authority"]
		out["verb"] = object{"id": verbs + "voided", "display": object{"en": "voided"}}
		out["object"] = object{"objectType": "StatementRef", "id": *r.voids}
		return out
	}
	actor := object{"objectType": "Agent", "account": object{"homePage": home, "name": r.pupil}}
	if r.name != "" {
		actor["name"] = r.name
	}
	lesson := activity(home+"/lessons/"+url.PathEscape(r.lesson), "lesson", r.title)
	out["actor"], out["object"] = actor, lesson
	out["verb"] = object{"id": verbs + r.verb, "display": object{"en": r.verb}}
	around := object{}
	if r.class != nil && *r.class != "" {
		around["grouping"] = []object{activity(home+"/classes/"+url.PathEscape(*r.class), "course", "")}
	}
	if r.item != nil {
		out["object"] = activity(lesson["id"].(string)+"/items/"+url.PathEscape(*r.item), "question", r.question)
		around["parent"] = []object{lesson}
	}
	out["context"] = object{"platform": "LiveLearn", "contextActivities": around}
	if result := r.result(); len(result) > 0 {
		out["result"] = result
	}
	return out
}

// result is what was reached: of a question, or of all questions of a lesson.
func (r statement) result() object {
	out := object{}
	if r.item == nil && r.ms != nil {
		out["duration"] = fmt.Sprintf("PT%dS", *r.ms/1000)
	}
	if r.highest == nil || *r.highest <= 0 || r.points == nil {
		return out
	}
	points := max(min(*r.points, *r.highest), 0) // raw stands between min and max
	out["score"] = object{"raw": points, "min": 0, "max": *r.highest, "scaled": points / *r.highest}
	if r.fraction != nil && r.item != nil {
		out["success"] = *r.fraction >= 1
	}
	return out
}

func activity(id, kind, name string) object {
	def := object{"type": activities + kind}
	if name != "" {
		def["name"] = object{"und": name}
	}
	return object{"objectType": "Activity", "id": id, "definition": def}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
