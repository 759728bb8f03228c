package pg_test

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

func TestSeveralNodesMigrateAtOnce(t *testing.T) {
	url := cloudtest.EmptyPostgres(t)
	nodes := []*pg.Store{openStore(t, url), openStore(t, url), openStore(t, url), openStore(t, url)}
	if errs.KindOf(nodes[0].CheckReady(t.Context())) != errs.Down {
		t.Fatal("ready without a schema")
	}
	_, err := nodes[0].Boxes(t.Context(), "")
	wantError(t, err, errs.Down, cloud.CodeCloudOlder)
	var group sync.WaitGroup
	for _, s := range nodes {
		group.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := nodes[3].CheckReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := (&rig{t: t, db: connectRaw(t, url)}).queryInt(`select max(n) from (select count(*) n from livelearn_steps.livelearn_schema group by version_id) x`); n != 1 {
		t.Fatalf("a step was taken %d times", n)
	}
}

func TestASchemaOfANewerProgramStays(t *testing.T) {
	r := newRig(t)
	if _, err := r.db.Exec(t.Context(), `insert into livelearn_steps.livelearn_schema (version_id, is_applied) values (99, true)`); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.store.CheckReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := r.store.SchemaVersion(t.Context()); err != nil || v != 99 {
		t.Fatalf("version %d, %v", v, err)
	}
}

func TestAnOldSchemaIsReported(t *testing.T) {
	r := newRig(t)
	if _, err := r.db.Exec(t.Context(), `drop function livelearn.ingest`); err != nil {
		t.Fatal(err)
	}
	_, err := r.store.Ingest(t.Context(), ada, &batch.Batch{Box: ada, Incarnation: 1, To: 1})
	wantError(t, err, errs.Down, cloud.CodeCloudOlder)
}

func TestATooOldBoxIsRefused(t *testing.T) {
	r := newRig(t)
	_, err := r.store.State(t.Context(), ada, cloud.Self{Box: ada})
	wantError(t, err, errs.Denied, cloud.CodeBoxOlder)
}

func TestACodeWorksOnceWithinAWeek(t *testing.T) {
	r := newRig(t)
	code, err := r.store.NewCode(t.Context(), school)
	r.must(err)
	if len(code) != 20 || r.queryInt(`select count(*) from livelearn.codes where encode(hash, 'escape') like '%' || $1 || '%'`, code) != 0 {
		t.Fatalf("code %q", code)
	}
	e := pg.Enrolment{Code: strings.ToLower(code[:5] + "-" + code[5:10] + " " + code[10:]), Box: "box-new", Name: "New", Key: make(ed25519.PublicKey, 32)}
	for _, bad := range []pg.Enrolment{{Code: code, Key: e.Key}, {Code: code, Box: "b", Key: e.Key[:5]}, {Code: code, Box: "b\x00", Key: e.Key}} {
		if _, err := r.store.Enrol(t.Context(), bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
	if got, err := r.store.Enrol(t.Context(), e); err != nil || got != school {
		t.Fatalf("got %q, %v", got, err)
	}
	_, err = r.store.Enrol(t.Context(), e)
	wantError(t, err, errs.Denied, pg.CodeBadCode)
	e.Code, err = r.store.NewCode(t.Context(), school)
	r.must(err)
	if _, err := r.db.Exec(t.Context(), `update livelearn.codes set expires = expires - interval '7 days'`); err != nil {
		t.Fatal(err)
	}
	_, err = r.store.Enrol(t.Context(), e)
	wantError(t, err, errs.Denied, pg.CodeBadCode)
	_, err = r.store.NewCode(t.Context(), "nowhere")
	wantError(t, err, errs.Missing, "no_school")
}

func TestABoxBelongsToOneSchool(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddSchool(t.Context(), "Lake School", cloud.Policy{}))
	code, err := r.store.NewCode(t.Context(), "Lake School")
	r.must(err)
	_, err = r.store.Enrol(t.Context(), pg.Enrolment{Code: code, Box: ada, Key: make(ed25519.PublicKey, 32)})
	wantError(t, err, errs.Denied, pg.CodeOtherSchool)
	_, err = r.store.AddDirect(t.Context(), "Lake School", ada, "x")
	wantError(t, err, errs.Denied, pg.CodeOtherSchool)
	// The failed enrolment did not use up the code.
	if _, err := r.store.Enrol(t.Context(), pg.Enrolment{Code: code, Box: "box-lake", Key: make(ed25519.PublicKey, 32)}); err != nil {
		t.Fatal(err)
	}
}

func TestATokenIsAHashAndEndsWhenRevoked(t *testing.T) {
	r := newRig(t)
	token, err := r.store.NewToken(t.Context(), "dashboard", school, pg.MayRead, pg.MayXAPI)
	r.must(err)
	got, err := r.store.CheckToken(t.Context(), token)
	r.must(err)
	if diff := cmp.Diff(got, pg.Grant{Name: "dashboard", School: school, May: []string{pg.MayRead, pg.MayXAPI}}); diff != "" {
		t.Fatal(diff)
	}
	if len(r.findTraces(token)) > 0 {
		t.Fatal("the token is in the database")
	}
	_, err = r.store.CheckToken(t.Context(), token+"x")
	wantError(t, err, errs.Denied, pg.CodeBadToken)
	r.must(r.store.RevokeToken(t.Context(), "dashboard"))
	_, err = r.store.CheckToken(t.Context(), token)
	wantError(t, err, errs.Denied, pg.CodeBadToken)
	wantError(t, r.store.RevokeToken(t.Context(), "dashboard"), errs.Missing, "no_token")
	if _, err := r.store.NewToken(t.Context(), "x", "", "everything"); errs.KindOf(err) != errs.Invalid {
		t.Fatal(err)
	}
	_, err = r.store.NewToken(t.Context(), "x", "nowhere", pg.MayRead)
	wantError(t, err, errs.Missing, "no_school")
	all, err := r.store.NewToken(t.Context(), "all", "", pg.MayAdmin)
	r.must(err)
	if got, err := r.store.CheckToken(t.Context(), all); err != nil || got.School != "" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestAllNodesShareASecret(t *testing.T) {
	r := newRig(t)
	nodes := []*pg.Store{r.store, openStore(t, r.url), openStore(t, r.url)}
	got := make([]string, len(nodes))
	var group sync.WaitGroup
	for i, s := range nodes {
		group.Go(func() {
			b, err := s.SharedSecret(t.Context(), "session")
			if err != nil {
				t.Error(err)
			}
			got[i] = string(b)
		})
	}
	group.Wait()
	if len(got[0]) != 32 || got[0] != got[1] || got[1] != got[2] {
		t.Fatalf("got %x", got)
	}
	other, err := r.store.SharedSecret(t.Context(), "other")
	r.must(err)
	if string(other) == got[0] {
		t.Fatal("two names, one secret")
	}
}

func TestAChangedObjectGetsANewNumber(t *testing.T) {
	r := newRig(t)
	put := func(name string, gone bool) uint64 {
		t.Helper()
		data, _ := json.Marshal(cloud.Class{Name: name})
		n, err := r.store.PutItem(t.Context(), school, cloud.ItemClass, "c1", data, gone)
		r.must(err)
		return n
	}
	first := put("7a", false)
	if again := put("7a", false); again != first {
		t.Fatalf("the same again is number %d, was %d", again, first)
	}
	quiz := json.RawMessage(`{"title":"Fractions","items":[{"kind":"single","text":"1/2 + 1/2","options":[{"text":"1"},{"text":"2"}],"points":1,"key":{"weights":{"a":1}}}]}`)
	_, err := r.store.PutItem(t.Context(), school, cloud.ItemQuiz, "z1", quiz, false)
	r.must(err)
	second := put("7b", false)
	third := put("", true)
	if second <= first || third <= second {
		t.Fatalf("numbers %d, %d, %d", first, second, third)
	}
	r.must(r.store.SetPolicy(t.Context(), school, cloud.Policy{Names: true}))

	var got []cloud.Item
	for since := uint64(0); ; {
		page, err := r.store.Pull(t.Context(), ada, since, 1)
		r.must(err)
		got = append(got, page.Items...)
		if since = page.Next; !page.More {
			break
		}
	}
	last := got[len(got)-1]
	if last.Kind != cloud.ItemPolicy || last.Version != 2 || !strings.Contains(string(last.Data), `"names": true`) {
		t.Fatalf("got %+v: %s", last, last.Data)
	}
	for _, i := range got {
		if i.Kind == cloud.ItemClass && (!i.Gone || i.N != third || i.Version != 3) {
			t.Fatalf("got %+v", i)
		}
	}
	if page, err := r.store.Pull(t.Context(), ada, last.N, 10); err != nil || len(page.Items) != 0 || page.Next != last.N {
		t.Fatalf("got %+v, %v", page, err)
	}
}

func TestAnIncompleteObjectIsRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ kind, id, data string }{
		{cloud.ItemClass, "c1", `{"name":"7b","pupils":[{"id":"1","name":"Ben"},{"id":"1","name":"Eve"}]}`},
		{cloud.ItemClass, "c1", `{"name":"7b","pupils":[{"id":"1","name":"Ben","time":4}]}`},
		{cloud.ItemClass, "c1", `{"name":"7b","pupils":[{"id":"1"}]}`},
		{cloud.ItemClass, "c1", `{"name":"7b\u0000"}`},
		{cloud.ItemClass, "c1", `{"title":"7b"}`},
		{cloud.ItemClass, "", `{"name":"7b"}`},
		{cloud.ItemQuiz, "z1", `{"items":[{}]}`},
		{cloud.ItemPolicy, "policy", `{}`},
		{"anything", "x", `{}`},
	} {
		if _, err := r.store.PutItem(t.Context(), school, c.kind, c.id, json.RawMessage(c.data), false); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: got %v", c.data, err)
		}
	}
}

func TestItemNumbersBecomeVisibleInOrder(t *testing.T) {
	r := newRig(t)
	nodes := []*pg.Store{r.store, openStore(t, r.url)}
	var writers sync.WaitGroup
	for i, s := range nodes {
		for w := range 2 {
			writers.Go(func() {
				for n := range 25 {
					data, _ := json.Marshal(cloud.Class{Name: strings.Repeat("x", n+1)})
					if _, err := s.PutItem(t.Context(), school, cloud.ItemClass, string(rune('a'+2*i+w))+string(rune('a'+n)), data, false); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	seen := map[string]bool{}
	for since, over := uint64(0), false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		page, err := r.store.Pull(t.Context(), ada, since, 0)
		r.must(err)
		for _, i := range page.Items {
			seen[i.Kind+i.ID] = true
		}
		since = page.Next
	}
	if len(seen) != 101 { // 100 items and the policy
		t.Fatalf("a reader that went on saw %d of 101", len(seen))
	}
}
