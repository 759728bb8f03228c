package pg_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// openLogin gives the box its own login and opens it.
func (r *rig) openLogin(box string) string {
	r.t.Helper()
	u, err := r.store.AddDirect(r.t.Context(), school, box, "Room 12")
	r.must(err)
	return u
}

func TestABoxWithItsOwnLoginSyncs(t *testing.T) {
	r := newRig(t)
	sink := openStore(t, r.openLogin("box-direct")).DirectSink("box-direct")
	x := newBox("box-direct", 1<<63+5)
	x.addAnswers(100)
	x.addFact("room:r1", "u_ben", "quiz.answered", `{"text":"\u0000"}`)
	x.mono += 400 * 24 * 3600 * 1000 // a month without a partition
	x.addAnswers(1)
	x.addReport(cloud.Erased, cloud.Erasure{Pupil: "u_pupil03"})
	got, err := sink.Put(t.Context(), x.takeBatch())
	r.must(err)
	if got.Stored != 102 || len(got.Dead) != 1 || got.Dead[0].Incarnation != x.incarnation {
		t.Fatalf("got %+v", got)
	}
	state, err := sink.State(t.Context(), cloud.Self{Box: "box-direct", Name: "Room 13", Format: 1, Incarnation: x.incarnation, Position: 103})
	r.must(err)
	if !state.Known || state.Pos != 103 || state.School != school || len(state.Dead) != 1 {
		t.Fatalf("state %+v", state)
	}
	page, err := sink.Pull(t.Context(), 0, 10)
	r.must(err)
	if len(page.Items) != 2 || page.Items[1].Kind != cloud.ItemErasure {
		t.Fatalf("page %+v", page)
	}
}

func TestABoxLoginSeesAndChangesOnlyItsOwnBox(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addAnswers(50)
	x.addFact("room:r1", "u_ben", "quiz.answered", `{"text":"\u0000"}`)
	r.put(x.takeBatch())
	address := r.openLogin("box-direct")
	store, db := openStore(t, address), connectRaw(t, address)
	y := newBox("box-direct", 9)
	y.addFact("room:r9", "u_ben", "quiz.answered", "{}")
	if _, err := store.DirectSink("box-direct").Put(t.Context(), y.takeBatch()); err != nil {
		t.Fatal(err)
	}

	for table, want := range map[string]int{"facts": 1, "watermarks": 1, "dead_letters": 0, "boxes": 1, "schools": 1, "down": 1} {
		var n int
		column := "*"
		if table == "boxes" || table == "schools" { // a box may not read whole rows of these
			column = "id"
		}
		if err := db.QueryRow(t.Context(), `select count(`+column+`) from livelearn.`+table).Scan(&n); err != nil || n != want {
			t.Errorf("%s: sees %d, %v, want %d", table, n, err, want)
		}
	}
	for _, sql := range []string{
		`update livelearn.facts set payload = null`,
		`delete from livelearn.facts`,
		`truncate livelearn.facts`,
		`insert into livelearn.facts select * from livelearn.facts`,
		`update livelearn.watermarks set pos = 0`,
		`update livelearn.dead_letters set resolved = now()`,
		`update livelearn.schools set policy = '{"names":true,"chat":true}'`,
		`update livelearn.boxes set revoked = null`,
		`insert into livelearn.down (school, kind, id, n) values (1, 'quiz', 'x', 1)`,
		`select * from livelearn.codes`, `select * from livelearn.tokens`, `select * from livelearn.secrets`,
		`select * from livelearn.erased`, `select * from livelearn.anchors`, `select * from livelearn.streams`,
		`select key from livelearn.boxes`,
		`select * from livelearn.facts_undated`, `select * from livelearn.facts_2026_09`,
		`select * from livelearn.results`, `select * from livelearn.facts_at`, `select * from livelearn.boxes_seen`,
		`select livelearn.erase_pupil(1, 'u_ben')`, `select livelearn.retain(now())`, `select livelearn.put_item(1, 'quiz', 'x', null, false)`,
		`select livelearn.ensure_month(now())`, `select livelearn.admit('` + ada + `')`,
		`select livelearn.state('` + ada + `', 7, '', '', 1, 0, 10)`,
		`select livelearn.pull('` + ada + `', 0, 10)`,
		`set role postgres`, `create table livelearn.mine ()`, `create role friend`,
	} {
		if _, err := db.Exec(t.Context(), sql); err == nil {
			t.Errorf("may %s", sql)
		}
	}
	_, err := store.Ingest(t.Context(), ada, &batch.Batch{Box: ada, Incarnation: 7, From: 51, To: 60})
	wantError(t, err, errs.Denied, cloud.CodeStranger)
	_, err = store.State(t.Context(), ada, cloud.Self{Box: ada, Format: 1, Incarnation: 7})
	wantError(t, err, errs.Denied, cloud.CodeStranger)
	if n := r.queryInt(`select pos from livelearn.watermarks where box = $1`, ada); n != 51 {
		t.Fatalf("the watermark of the other box is at %d", n)
	}
}

func TestARevokedLoginIsRefused(t *testing.T) {
	r := newRig(t)
	address := r.openLogin("box-direct")
	held := openStore(t, address).DirectSink("box-direct")
	if _, err := held.Pull(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	r.must(r.store.RevokeBox(t.Context(), "box-direct"))
	_, err := held.Pull(t.Context(), 0, 1) // over a connection from before
	wantError(t, err, errs.Denied, cloud.CodeRevoked)
	_, err = openStore(t, address).DirectSink("box-direct").Pull(t.Context(), 0, 1)
	wantError(t, err, errs.Denied, cloud.CodeRevoked)

	fresh := r.openLogin("box-direct")
	if _, err := openStore(t, fresh).DirectSink("box-direct").Pull(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	_, err = openStore(t, address).DirectSink("box-direct").Pull(t.Context(), 0, 1) // with the old password
	wantError(t, err, errs.Denied, cloud.CodeRevoked)
}

func TestNoErrorCarriesAPassword(t *testing.T) {
	const password = "hunter2hunter2"
	for _, address := range []string{
		"postgres://box:" + password + "@127.0.0.1:1/db?connect_timeout=1",
		"host=/nowhere user=box dbname=db password=" + password,
		"postgres://box:" + password + "@[::1/db", "postgres://box:" + password + "@host:port/db",
		"postgres://box:pa ss" + password + "@host/db", "host=h password=" + password + " port=x", "postgres://" + password + ":%zz@h/db",
	} {
		s, err := pg.Open(t.Context(), address)
		if err == nil {
			_, err = s.DirectSink("b").Pull(t.Context(), 0, 1)
			s.Close()
		}
		if err == nil || strings.Contains(err.Error(), password) || strings.Contains(errs.BodyOf(err).Message, password) {
			t.Errorf("got %v", err)
		}
	}
	r := newRig(t)
	u, err := url.Parse(r.url)
	r.must(err)
	u.User = url.UserPassword("postgres", password)
	_, err = openStore(t, u.String()).Boxes(t.Context(), "")
	if err == nil || strings.Contains(err.Error(), password) || errs.KindOf(err) != errs.Down {
		t.Errorf("wrong password: %v", err)
	}
}

// A box that bypasses the program and uses one number twice harms no other box. A clock beyond
// all time does not block the other facts.
func TestABoxLoginThatBreaksTheOrderStoresItOnce(t *testing.T) {
	r := newRig(t)
	db := connectRaw(t, r.openLogin("box-direct"))
	var pos, stored int
	var dead []map[string]any
	for i, want := range []struct{ stored, dead int }{{1, 1}, {0, 1}} {
		err := db.QueryRow(t.Context(), `select pos, stored, dead from livelearn.ingest('box-direct', $1, 0, 9, 0, false,
			'{1,2,3}', '{room:r1,room:r1,room:r1}', '{1,1,1}', '{1,1,2}', '{x,x,x}', '{1,1,1}', '{"","",""}', '{"","",""}',
			'{5,5,5}', '{6,6,6}', '{1790000000000,1790000000000,9223372036854775807}', '{t,t,t}', '{1,1,1}', null, null)`, i).Scan(&pos, &stored, &dead)
		r.must(err)
		if pos != 9 || stored != want.stored || len(dead) != want.dead {
			t.Fatalf("at %d, %d stored, dead %v", pos, stored, dead)
		}
	}
}

func TestTheOwnerNeedNotBeASuperuser(t *testing.T) {
	root := connectRaw(t, cloudtest.EmptyPostgres(t))
	var database string
	if err := root.QueryRow(t.Context(), `select current_database()`).Scan(&database); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`create role owner_` + database + ` login createrole password 'secret'`,
		`alter database ` + database + ` owner to owner_` + database,
	} {
		if _, err := root.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(root.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("owner_"+database, "secret")
	r := &rig{t: t, url: u.String(), store: openStore(t, u.String()), db: root}
	r.must(r.store.Migrate(t.Context()))
	r.must(r.store.AddSchool(t.Context(), school, cloud.Policy{}))
	r.enrol(school, ada)
	x := newBox(ada, 7)
	x.addEve()
	r.put(x.takeBatch())
	r.must(r.store.ErasePupil(t.Context(), school, eve))
	if _, err := r.store.Retain(t.Context(), dayAfter(500)); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t, r.openLogin("box-direct")).DirectSink("box-direct").Pull(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	r.must(r.store.RevokeBox(t.Context(), "box-direct"))
}
