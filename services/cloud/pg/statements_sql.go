package pg

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sortColumns lists the columns of a grading's sort key. bookmarkValues has the placeholders for a
// bookmark's values.
const (
	sortColumns    = "stored, school, stream, epoch, seq"
	bookmarkValues = "?, ?, ?, ?::bigint, ?::bigint"
)

// pageSQL collects the conditions of a page's query: on gradings (k) and on their statements (x).
type pageSQL struct {
	gradings, lines []string
	args            []any
}

// addCondition adds a condition. Each ? in it stands for one value of v.
func (p *pageSQL) addCondition(where *[]string, cond string, v ...any) {
	for _, a := range v {
		p.args = append(p.args, a)
		cond = strings.Replace(cond, "?", "$"+strconv.Itoa(len(p.args)), 1)
	}
	*where = append(*where, cond)
}

// buildSQL returns the query for at most most lines after a bookmark. A filter that q does not
// use is absent from the query, so that the planner picks the right index.
func (q StatementQuery) buildSQL(at *bookmark, most int) (string, []any, error) {
	p := &pageSQL{gradings: []string{"true"}, lines: []string{"true"}}
	if err := q.addSubjectFilters(p); err != nil {
		return "", nil, err
	}
	q.addTimeFilters(p)
	dir, than := "desc", "<"
	if q.Ascending {
		dir, than = "asc", ">"
	}
	if at != nil {
		at.addStart(p, than)
	}
	verb := "null"
	if q.Verb != "" {
		p.addCondition(&p.lines, "x.verb = ?", q.Verb)
		verb = "$" + strconv.Itoa(len(p.args))
	}
	ordered := strings.ReplaceAll(sortColumns, ",", " "+dir+",") + " " + dir
	return fmt.Sprintf(`select floor(extract(epoch from k.stored) * 1000000)::bigint, k.school, k.stream, k.epoch, k.seq, coalesce(x.id::text, ''), coalesce(x.verb, ''),
			x.voids::text, coalesce(x.stored, k.stored), coalesce(x.at, k.stored), coalesce(x.school, ''), coalesce(x.lesson, ''), coalesce(x.title, ''),
			x.class, x.item, coalesce(x.question, ''), coalesce(x.person, ''), coalesce(x.name, ''), x.ms, x.points, x.max, x.fraction
		from (select %s, wall from livelearn.arrivals where %s order by %s limit %d) k
		left join lateral (select * from livelearn.statements_of(k.school, k.stream, k.epoch, k.seq, k.wall, %s) x where %s) x on true
		order by %s, x.id %s limit %d`,
		sortColumns, strings.Join(p.gradings, " and "), ordered, gradingsPerQuery, verb, strings.Join(p.lines, " and "), prefixK(ordered), dir, most), p.args, nil
}

// addSubjectFilters adds the filters by school, id, pupil and activity.
func (q StatementQuery) addSubjectFilters(p *pageSQL) error {
	if q.School == "" {
		p.addCondition(&p.gradings, "school > 0") // selects the index arrivals_all
	} else {
		p.addCondition(&p.gradings, "stored > '-infinity' and school = (select id from livelearn.schools where name = ?)", q.School) // selects the index arrivals_school
	}
	if q.ID != "" {
		p.addCondition(&p.lines, "x.id::text = ?", strings.ToLower(q.ID))
	}
	if q.Pupil != "" {
		// An agent is a person, who may have other ids on other boxes.
		p.addCondition(&p.gradings, `pupils && (select array_agg(r.pupil) || left(?, 255) from (
				select pupil from livelearn.people where source <> '' and source = ? union select pupil from livelearn.matches where person = ?) r)`, q.Pupil, q.Pupil, q.Pupil)
		p.addCondition(&p.lines, "x.person = ? and x.verb <> 'voided'", q.Pupil)
	}
	if q.Activity != "" {
		lesson, item, ok := parseActivity(q.Home, q.Activity)
		if !ok {
			p.addCondition(&p.gradings, "false") // an activity of elsewhere has no statement here
			return nil
		}
		p.addCondition(&p.gradings, "lesson = left(?, 255)", lesson)
		p.addCondition(&p.lines, "x.lesson = ? and coalesce(x.item, '') = ? and x.verb <> 'voided'", lesson, item)
	}
	if q.lesson != "" {
		p.addCondition(&p.gradings, "lesson = left(?, 255)", q.lesson)
	}
	return nil
}

// addTimeFilters adds the filters by the time of arrival.
func (q StatementQuery) addTimeFilters(p *pageSQL) {
	if !q.Since.IsZero() {
		p.addCondition(&p.gradings, "stored > ?", q.Since)
	}
	if !q.Until.IsZero() {
		p.addCondition(&p.gradings, "stored <= ?", q.Until)
	}
}

// addStart adds the condition that the page starts after the bookmark. than is < or >.
func (b *bookmark) addStart(p *pageSQL, than string) {
	g := b.grading
	v := []any{time.UnixMicro(g.micros), g.school, g.stream, g.epoch, g.seq}
	if b.id == "" {
		p.addCondition(&p.gradings, "("+sortColumns+") "+than+" ("+bookmarkValues+")", v...)
		return
	}
	p.addCondition(&p.gradings, "("+sortColumns+") "+than+"= ("+bookmarkValues+")", v...)
	p.addCondition(&p.lines, "(("+prefixK(sortColumns)+") <> ("+bookmarkValues+") or x.id "+than+" ?::uuid)", append(v, b.id)...)
}

// prefixK puts the prefix k. before each column of a list.
func prefixK(columns string) string { return "k." + strings.ReplaceAll(columns, ", ", ", k.") }
