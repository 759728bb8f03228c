package pg

import (
	"context"
	//lint:ignore gosec of version 3 UUIDs
	"crypto/md5"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

const (
	maxStatements    = 500
	maxGradings      = 1024 // gradings examined for one page
	gradingsPerQuery = 16   // gradings examined in one query
	verbPrefix       = "http://adlnet.gov/expapi/verbs/"
	activityPrefix   = "http://adlnet.gov/expapi/activities/"
)

// statement is a row of livelearn.statements_of.
type statement struct {
	id, verb                  string
	voids                     *string
	stored, at                time.Time
	school, lesson, title     string
	class, item               *string
	question, pupil, name     string
	ms                        *int64
	points, highest, fraction *float64
}

// Statements returns xAPI 1.0.3 statements, newest first by default, and a bookmark for the next
// page ("" at the end). Statements of a replaced grading are voided by further statements.
//
// It examines gradings one after another until the page is full, and at most maxGradings. So a
// page may be short or empty and still have a next one.
func (s *Store) Statements(ctx context.Context, q StatementQuery) (list []json.RawMessage, next string, err error) {
	if q.Limit <= 0 || q.Limit > maxStatements {
		q.Limit = maxStatements
	}
	at, err := parseBookmark(q.More)
	if err != nil {
		return nil, "", err
	}
	if q.Verb = strings.TrimPrefix(q.Verb, verbPrefix); !slices.Contains([]string{"", "attended", "answered", "voided"}, q.Verb) {
		return nil, "", nil
	}
	if q.ID != "" {
		if q.lesson, err = s.findLesson(ctx, q); err != nil || q.lesson == "" {
			return nil, "", wrapError("Statements", err)
		}
	}
	at, more, err := s.readLines(ctx, q, at, func(l line) error {
		raw, err := json.Marshal(l.toXAPI(q.Home))
		list = append(list, raw)
		return err
	})
	if err != nil {
		return nil, "", wrapError("Statements", err)
	}
	if more {
		next = at.String()
	}
	return list, next, nil
}

// readLines calls take with the lines after a bookmark, at most q.Limit. It returns the bookmark
// after them, and whether more may follow.
func (s *Store) readLines(ctx context.Context, q StatementQuery, at *bookmark, take func(line) error) (*bookmark, bool, error) {
	n := 0
	for looked := 0; looked < maxGradings; looked += gradingsPerQuery {
		rows, err := s.queryLines(ctx, q, at, q.Limit+1-n)
		if err != nil {
			return nil, false, err
		}
		for _, r := range rows {
			if r.id != "" && n == q.Limit {
				return at, true, nil
			}
			if at = &r.bookmark; r.id == "" {
				continue
			}
			if err := take(r); err != nil {
				return nil, false, errs.New("pg.Statements", errs.Internal, err)
			}
			n++
		}
		if countGradings(rows) < gradingsPerQuery {
			return at, false, nil
		}
		at.id = "" // all statements of this grading were returned
	}
	return at, true, nil
}

// countGradings returns the number of gradings that the lines belong to.
func countGradings(rows []line) (n int) {
	for i, r := range rows {
		if i == 0 || r.bookmark.grading != rows[i-1].bookmark.grading {
			n++
		}
	}
	return n
}

// line is a statement with its bookmark. A grading without statements gives a line without an id.
type line struct {
	statement
	bookmark bookmark
}

// queryLines returns the next lines after a bookmark, of at most gradingsPerQuery gradings. If it returns
// fewer than most, these gradings have no more.
func (s *Store) queryLines(ctx context.Context, q StatementQuery, at *bookmark, most int) ([]line, error) {
	sql, args, err := q.buildSQL(at, most+gradingsPerQuery)
	if err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r line, err error) {
		g := &r.bookmark.grading
		err = row.Scan(&g.micros, &g.school, &g.stream, &g.epoch, &g.seq, &r.id, &r.verb, &r.voids, &r.stored, &r.at, &r.statement.school,
			&r.lesson, &r.title, &r.class, &r.item, &r.question, &r.pupil, &r.name, &r.ms, &r.points, &r.highest, &r.fraction)
		r.bookmark.id = r.id
		return r, err
	})
}

// findLesson returns the lesson whose grading made the statement q.ID or voided it, or "". The id
// begins with the prefix of its grading. Ids of the time before that are hashes, so findLesson
// computes those of all old gradings.
func (s *Store) findLesson(ctx context.Context, q StatementQuery) (found string, err error) {
	id := strings.ToLower(q.ID)
	cond, args := "a.old", []any{q.School}
	if len(id) == 36 && id[14] == '8' {
		prefix, bad := strconv.ParseInt(id[:8]+id[9:13], 16, 64)
		if bad != nil {
			prefix = -1 // no statement has such an id
		}
		cond, args = "not a.old and a.prefix = $2", append(args, prefix)
	}
	rows, err := s.pool.Query(ctx, `select a.school, a.stream, a.epoch, a.seq, a.old, a.lesson, a.pupils,
			array(select i ->> 'id' from jsonb_path_query(f.payload, '$.items[*]') i where i ->> 'id' is not null)
		from livelearn.arrivals a join livelearn.facts f on f.school = a.school and f.stream = a.stream and f.epoch = a.epoch and f.seq = a.seq and f.wall = a.wall
		where a.lesson <> '' and ($1 = '' or a.school = (select id from livelearn.schools where name = $1)) and `+cond, args...)
	if err != nil {
		return "", err
	}
	var g gradingKey
	var old bool
	var lesson string
	var pupils, items []string
	_, err = pgx.ForEachRow(rows, []any{&g.school, &g.stream, &g.epoch, &g.seq, &old, &lesson, &pupils, &items}, func() error {
		if !old {
			found = lesson // the page has the other half of the id
			return nil
		}
		for _, p := range pupils {
			name := fmt.Sprintf("%d|%s|%d|%d|%s", g.school, g.stream, g.epoch, g.seq, p)
			if hasStatementID(name, id) || slices.ContainsFunc(items, func(i string) bool { return hasStatementID(name+"|"+i, id) }) {
				found = lesson
			}
		}
		return nil
	})
	return found, err
}

// hasStatementID reports whether a statement of this name, or the one that voids it, has the id.
func hasStatementID(name, id string) bool {
	own := namedUUID(name)
	return own == id || namedUUID("voided|"+own) == id
}

// namedUUID computes the same id as livelearn.named_uuid.
func namedUUID(name string) string {
	//lint:ignore gosec RFC 9562 version 3 is made of it; it guards nothing
	b := md5.Sum([]byte(name))
	b[6], b[8] = b[6]&15|48, b[8]&63|128
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// parseActivity returns the lesson and the question of an activity's IRI.
func parseActivity(home, iri string) (lesson, item string, ok bool) {
	rest, ok := strings.CutPrefix(iri, home+"/lessons/")
	lesson, item, _ = strings.Cut(rest, "/items/")
	lesson, err := url.PathUnescape(lesson)
	if err != nil {
		return "", "", false
	}
	item, err = url.PathUnescape(item)
	return lesson, item, ok && err == nil
}

// jsonObject is a JSON object.
type jsonObject = map[string]any

// toXAPI returns the statement in the form of xAPI 1.0.3 (part 2, section 2). home is the IRI
// prefix of accounts and activities.
func (r statement) toXAPI(home string) jsonObject {
	out := jsonObject{
		"id": r.id, "version": "1.0.3", "stored": formatTime(r.stored), "timestamp": formatTime(r.at),
		"authority": jsonObject{"objectType": "Agent", "account": jsonObject{"homePage": home, "name": "livelearn"}},
	}
	if r.voids != nil {
		out["actor"] = out["authority"]
		out["verb"] = jsonObject{"id": verbPrefix + "voided", "display": jsonObject{"en": "voided"}}
		out["object"] = jsonObject{"objectType": "StatementRef", "id": *r.voids}
		return out
	}
	actor := jsonObject{"objectType": "Agent", "account": jsonObject{"homePage": home, "name": r.pupil}}
	if r.name != "" {
		actor["name"] = r.name
	}
	lesson := newActivity(home+"/lessons/"+url.PathEscape(r.lesson), "lesson", r.title)
	out["actor"], out["object"] = actor, lesson
	out["verb"] = jsonObject{"id": verbPrefix + r.verb, "display": jsonObject{"en": r.verb}}
	around := jsonObject{}
	if r.class != nil && *r.class != "" {
		around["grouping"] = []jsonObject{newActivity(home+"/classes/"+url.PathEscape(*r.class), "course", "")}
	}
	if r.item != nil {
		out["object"] = newActivity(lesson["id"].(string)+"/items/"+url.PathEscape(*r.item), "question", r.question)
		around["parent"] = []jsonObject{lesson}
	}
	out["context"] = jsonObject{"platform": "LiveLearn", "contextActivities": around}
	if result := r.toResult(); len(result) > 0 {
		out["result"] = result
	}
	return out
}

// toResult returns the score for a question, or for all questions of a lesson.
func (r statement) toResult() jsonObject {
	out := jsonObject{}
	if r.item == nil && r.ms != nil {
		out["duration"] = fmt.Sprintf("PT%dS", *r.ms/1000)
	}
	if r.highest == nil || *r.highest <= 0 || r.points == nil {
		return out
	}
	points := max(min(*r.points, *r.highest), 0) // xAPI requires min <= raw <= max
	out["score"] = jsonObject{"raw": points, "min": 0, "max": *r.highest, "scaled": points / *r.highest}
	if r.fraction != nil && r.item != nil {
		out["success"] = *r.fraction >= 1
	}
	return out
}

func newActivity(id, kind, name string) jsonObject {
	def := jsonObject{"type": activityPrefix + kind}
	if name != "" {
		def["name"] = jsonObject{"und": name}
	}
	return jsonObject{"objectType": "Activity", "id": id, "definition": def}
}

// ConsistentThrough returns the time of the last commit with a grading. A later reader who asks for
// statements or results since then misses none, because times become visible in order.
func (s *Store) ConsistentThrough(ctx context.Context) (t time.Time, err error) {
	err = s.pool.QueryRow(ctx, `select stored from livelearn.last_arrival`).Scan(&t)
	return t, wrapError("ConsistentThrough", err)
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
