package pg_test

import (
	"context"
	"encoding/hex"
	"testing"
	"time"
)

// TestAnErasureBesideAVoidIsNotLost runs both in transactions that overlap, each of them first.
func TestAnErasureBesideAVoidIsNotLost(t *testing.T) {
	const erase = `select livelearn.erase_pupil(id, '` + eve + `') from livelearn.schools`
	const void = `select livelearn.void_box('` + ada + `', '2000-01-01')`
	const undo = `select livelearn.undo_void(max(id)) from livelearn.void_list`
	for name, c := range map[string]struct{ before, first, second string }{
		"erase, undo": {void, erase, undo}, "undo, erase": {void, undo, erase},
		"erase, void": {"", erase, void}, "void, erase": {"", void, erase},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			x := newBox(ada, 7)
			x.addEve()
			if got := r.put(x.takeBatch()); len(got.Dead) != 1 {
				t.Fatalf("got %+v", got)
			}
			if c.before != "" { // a row that an erasure waits for at first would hide what it misses later
				r.exec(`insert into livelearn.erasures_asked (school, pupil, box) select school, $2, id from livelearn.boxes where id = $1`, ada, eve)
				r.exec(c.before)
			}
			other := connectRaw(t, r.url)
			tx, err := r.db.Begin(t.Context())
			r.must(err)
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			_, err = tx.Exec(t.Context(), c.first)
			r.must(err)
			done := make(chan error, 1)
			go func() { _, err := other.Exec(t.Context(), c.second); done <- err }()
			r.awaitBlocked(other.PgConn().PID())
			r.must(tx.Commit(t.Context()))
			r.must(<-done)
			if left := r.findTraces(eve, secret, hex.EncodeToString([]byte(secret))); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if n := r.queryInt(`select (select count(*) from livelearn.facts) + (select count(*) from livelearn.voided)`); n != 6 {
				t.Errorf("%d facts", n)
			}
		})
	}
}

// awaitBlocked returns when a connection waits for another.
func (r *rig) awaitBlocked(pid uint32) {
	r.t.Helper()
	for r.queryInt(`select cardinality(pg_blocking_pids($1))`, int32(pid)) == 0 { // the test's own limit ends it
		time.Sleep(5 * time.Millisecond) // the server is a process of its own
	}
}
