package pg_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
)

//go:embed testdata/year.sql
var yearSQL string

const factsPerLesson = 384

// question is one that a district asks, as OPERATING.md answers it. %s is a condition on the school.
type question struct{ name, sql string }

var questions = []question{
	{"1 mean per class and week", `select school, class_name, date_trunc('week', started), sum(fractions) / sum(answered) from livelearn.lessons
		where answered > 0 and %s group by 1, 2, 3`},
	{"2 hardest questions", `select question, sum(answered), sum(fractions) / sum(answered) as mean from livelearn.questions
		where graded and %s group by 1 having sum(answered) > 50 order by mean limit 20`},
	{"3 attendance per class", `select school, class_name, sum(pupils)::float / sum(roster) from livelearn.lessons where %s group by 1, 2`},
	{"4 silent boxes", `select box, name, seen from livelearn.boxes_seen where revoked is null and (seen is null or seen < now() - interval '1 day') and %s`},
	{"5 pupils at risk", `select school, person, max(name), sum(present)::float / sum(lessons), sum(fractions) / nullif(sum(answered), 0) from livelearn.pupil_weeks
		where %s group by 1, 2 having sum(present) < 0.8 * sum(lessons) or sum(fractions) / nullif(sum(answered), 0) < 0.69`},
	{"6 lessons per teacher and week", `select school, teacher, date_trunc('week', started), count(*) from livelearn.lessons where %s group by 1, 2, 3`},
	{"7 wrong options of a lesson", `select item, response -> 'options', count(*) from livelearn.answers
		where lesson = 'l_' || substr(md5('3'), 1, 13) and %s group by 1, 2`},
	{"8 one quiz on all boxes", `select edition, item, sum(fractions) / sum(answered) from livelearn.questions where quiz = 'z_quiz7' and %s group by 1, 2`},
	{"9 lessons without a grading", `select school, count(*) filter (where not graded), count(*) from livelearn.lessons where %s group by 1`},
	{"10 one pupil's history", `select a.title, a.fractions, a.answered from livelearn.persons p join livelearn.attendance a using (school_id, box, pupil)
		where p.person = 'c_class00000003-7' and %s`},
	{"11 pupils per class", `select school, class_key, count(distinct person) from livelearn.pupils where %s group by 1, 2`},
}

// BenchmarkQuestions asks the questions of a district at a number of facts (LIVELEARN_FACTS). It
// reports the time of the second run and the pages that it touches, for a school and for the district.
func BenchmarkQuestions(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("LIVELEARN_FACTS"))
	if err != nil {
		n = 100_000
	}
	r := newRig(b)
	r.writeYear(n)
	for _, q := range questions {
		for _, of := range []struct{ name, condition string }{{"school", "school = 'School 3'"}, {"district", "true"}} {
			b.Run(fmt.Sprint(q.name, "/", of.name), func(b *testing.B) {
				var got cost
				for b.Loop() {
					got = r.explain(fmt.Sprintf(q.sql, of.condition))
				}
				b.ReportMetric(got.ms, "ms")
				b.ReportMetric(got.pages, "pages")
				b.ReportMetric(got.temp, "temp-pages")
				b.ReportMetric(got.rows, "rows")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// writeYear writes about n facts and makes the tables of lessons from them.
func (r *rig) writeYear(n int) {
	r.t.Helper()
	ctx := r.t.Context()
	for i := range 10 {
		r.must(r.store.AddSchool(ctx, fmt.Sprint("School ", i), cloud.Policy{Names: true}))
	}
	r.exec(`insert into livelearn.boxes (id, school, name, version, format, seen) select 'box' || lpad(g::text, 10, '0'),
		(select id from livelearn.schools where name = 'School ' || g % 10), 'Box ' || g, '0.1.0', 1, now() - g % 30 * interval '1 hour' from generate_series(0, 199) g`)
	r.exec(`select livelearn.ensure_months('2026-08-01', '2027-12-31')`)
	r.exec(`set session_replication_role = replica`)
	lessons, began := (n+factsPerLesson-1)/factsPerLesson, time.Now()
	for from := 0; from < lessons; from += 1200 {
		sql := strings.NewReplacer("$1", strconv.Itoa(from), "$2", strconv.Itoa(min(from+1200, lessons)-1)).Replace(yearSQL)
		r.exec(sql)
	}
	r.exec(`set session_replication_role = origin`)
	r.exec(`vacuum analyze livelearn.facts`)
	r.t.Logf("%d facts of %d lessons in %v", lessons*factsPerLesson, lessons, time.Since(began).Round(time.Second))
	began = time.Now()
	_, err := r.store.Rebuild(ctx, "")
	r.must(err)
	r.t.Logf("rebuilt in %v", time.Since(began).Round(time.Second))
	r.exec(`vacuum analyze`)
}

// cost is what Postgres says of a query that it ran.
type cost struct{ ms, pages, temp, rows float64 }

func (r *rig) explain(sql string) cost {
	r.t.Helper()
	var raw []byte
	r.must(r.db.QueryRow(context.Background(), "explain (analyze, buffers, format json) "+sql).Scan(&raw))
	var list []struct {
		Plan struct {
			Rows  float64 `json:"Actual Rows"`
			Hit   float64 `json:"Shared Hit Blocks"`
			Read  float64 `json:"Shared Read Blocks"`
			TempR float64 `json:"Temp Read Blocks"`
			TempW float64 `json:"Temp Written Blocks"`
		}
		Time float64 `json:"Execution Time"`
	}
	r.must(json.Unmarshal(raw, &list))
	p := list[0].Plan
	return cost{list[0].Time, p.Hit + p.Read, p.TempR + p.TempW, p.Rows}
}
