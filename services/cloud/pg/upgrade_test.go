package pg_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// While a cloud is upgraded, nodes of two versions share the database. The program of the version
// before is not in the repository, but all that it does to the database is in its statements. So
// testdata/before has every statement that its tests sent, in a file with the number of its last
// step. The tests here require that each of them means the same after this version's steps: a step
// may add columns and tables (expand), and takes away only what no recorded statement uses (contract).
// A node of the version before that runs while the steps are applied is played by a Store that does
// not migrate; the test checks that it sends recorded statements only.
//
// Before a release: go test ./services/cloud/pg -record testdata/before, and delete the file of the
// version that no longer runs at the same time as this one.

var record = flag.String("record", "", "folder that gets the statements which the tests send")

// statementTracer collects the statements on the tables of the cloud.
type statementTracer struct {
	mu   sync.Mutex
	seen map[string]bool // guarded by mu
}

var recorded = &statementTracer{seen: map[string]bool{}}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statementTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	verb, _, _ := strings.Cut(strings.TrimSpace(d.SQL), " ")
	if strings.Contains(d.SQL, "livelearn.") && slices.Contains([]string{"select", "insert", "update", "delete", "with"}, verb) {
		s.seen[d.SQL] = true
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*statementTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statementTracer) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for sql := range s.seen {
		list = append(list, sql)
	}
	slices.Sort(list)
	return list
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if *record != "" {
		step, err := pg.NewestStep()
		if err == nil {
			var data []byte
			if data, err = json.MarshalIndent(recorded.list(), "", "\t"); err == nil {
				err = os.WriteFile(filepath.Join(*record, fmt.Sprintf("%05d.json", step)), append(data, '\n'), 0o666)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// readBefore returns the step and the statements of the version before.
func readBefore(t *testing.T) (step int64, list []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/before/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no statements of the version before: %v", err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(filepath.Base(files[0]), "%05d.json", &step); err != nil {
		t.Fatal(err)
	}
	return step, list
}

// TestStatementsOfTheVersionBeforeMeanTheSameAfterAnUpgrade prepares each of them before and after
// the steps of this version, and compares the types that Postgres gives to arguments and columns.
func TestStatementsOfTheVersionBeforeMeanTheSameAfterAnUpgrade(t *testing.T) {
	step, list := readBefore(t)
	url := cloudtest.EmptyPostgres(t)
	store := openStore(t, url)
	if err := store.MigrateTo(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	was := describeStatements(t, url, list)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was, describeStatements(t, url, list)); diff != "" {
		t.Errorf("an upgrade changes what statements of the version before get (-before +after):\n%s", diff)
	}
}

func describeStatements(t *testing.T, url string, list []string) map[string]string {
	t.Helper()
	db := connectRaw(t, url)
	out := map[string]string{}
	for _, sql := range list {
		d, err := db.Prepare(t.Context(), "", sql)
		if err != nil {
			out[sql] = err.Error()
			continue
		}
		var text strings.Builder
		text.WriteString(fmt.Sprint(d.ParamOIDs))
		for _, f := range d.Fields {
			text.WriteString(fmt.Sprintf(" %s:%d", f.Name, f.DataTypeOID))
		}
		out[sql] = text.String()
	}
	return out
}

// TestABoxSendsOnThroughBothVersionsOfAnUpgrade lets a box send lessons to a node of the version
// before, to one of this version, and in turns, while the steps of this version are applied.
func TestABoxSendsOnThroughBothVersionsOfAnUpgrade(t *testing.T) {
	step, list := readBefore(t)
	url := cloudtest.EmptyPostgres(t)
	sent := &statementTracer{seen: map[string]bool{}}
	old, err := pg.OpenTraced(t.Context(), url, sent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(old.Close)
	fresh := openStore(t, url)
	if err := fresh.MigrateTo(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, url: url, store: old, db: connectRaw(t, url)}
	r.must(old.AddSchool(t.Context(), school, cloud.Policy{Names: true, Chat: true}))
	r.enrol(school, ada)

	x := newBox(ada, 7)
	x.addLessons(3)
	r.sync(x.takeBatch(), old)
	migrated := make(chan error, 1)
	go func() { migrated <- fresh.Migrate(t.Context()) }()
	for done := false; !done; {
		select {
		case err := <-migrated:
			r.must(err)
			done = true
		default:
			x.addLessons(1)
			r.sync(x.takeBatch(), old)
		}
	}
	for range 3 {
		x.addLessons(1)
		r.sync(x.takeBatch(), fresh)
		x.addLessons(1)
		r.sync(x.takeBatch(), old)
	}

	if got := r.queryInt(`select count(*) from livelearn.facts`); got != len(x.facts) {
		t.Errorf("got %d facts, the box sent %d", got, len(x.facts))
	}
	for _, sql := range sent.list() {
		if !slices.Contains(list, sql) {
			t.Errorf("the old node sends what the version before does not: %s", sql)
		}
	}
	was, is := countResults(t, old), countResults(t, fresh)
	if was == 0 || was != is {
		t.Errorf("the old node reads %d results, the new one %d", was, is)
	}
}

// sync sends a batch as a box does: it asks for the state, and tries again what has to wait.
func (r *rig) sync(b *batch.Batch, node *pg.Store) {
	r.t.Helper()
	self := cloud.Self{Box: b.Box, Name: "Room 12", Version: "1.0", Format: 1, Incarnation: b.Incarnation, Position: b.To}
	for {
		_, err := node.State(r.t.Context(), b.Box, self)
		if err == nil {
			_, err = node.Ingest(r.t.Context(), b.Box, b)
		}
		if err == nil {
			_, err = node.Pull(r.t.Context(), b.Box, 0, 10)
		}
		switch errs.KindOf(err) {
		case errs.Down, errs.Busy:
			time.Sleep(10 * time.Millisecond)
			continue
		case errs.Stale: // the batch is here, and what followed it was cut off
			return
		}
		r.must(err)
		return
	}
}

func countResults(t *testing.T, s *pg.Store) (n int) {
	t.Helper()
	for _, err := range s.Results(t.Context(), pg.Period{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
