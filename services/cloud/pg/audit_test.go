package pg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// deeds returns entries of the audit log as text, oldest first.
func (r *rig) deeds(q pg.DeedQuery) (list []string) {
	r.t.Helper()
	for d, err := range r.store.Deeds(r.t.Context(), q) {
		r.must(err)
		list = append([]string{fmt.Sprintf("%s@%s %s: %s %s %s", d.Operator, d.Address, d.School, d.Action, d.Object, d.Detail)}, list...)
	}
	return list
}

// TestEachChangeIsInTheAuditLog makes every change that an operator can make.
func TestEachChangeIsInTheAuditLog(t *testing.T) {
	r := newRig(t)
	ctx := pg.WithActor(t.Context(), pg.Actor{Name: "ada", Address: "192.0.2.7"})
	last := r.queryInt(`select coalesce(max(id), 0) from livelearn.audit`)
	r.must(r.store.AddSchool(ctx, "Lake", cloud.Policy{}))
	r.must(r.store.RenameSchool(ctx, "Lake", "Sea"))
	r.must(r.store.SetPolicy(ctx, "Sea", cloud.Policy{Names: true}))
	r.must(r.store.SetDays(ctx, "Sea", 9, 99))
	r.must(r.store.SetSilentHours(ctx, "Sea", 5))
	_, err := r.store.NewCode(ctx, "Sea")
	r.must(err)
	_, err = r.store.NewToken(ctx, "Grafana", "", pg.MayRead)
	r.must(err)
	r.must(r.store.RevokeToken(ctx, "Grafana"))
	_, err = r.store.PutItem(ctx, "Sea", cloud.ItemClass, "c1", []byte(`{"name":"P","pupils":[]}`), false)
	r.must(err)
	_, err = r.store.PutItem(ctx, "Sea", cloud.ItemClass, "c1", nil, true)
	r.must(err)
	r.must(r.store.RenameBox(ctx, ada, "Lab"))
	r.must(r.store.MoveBox(ctx, ada, "Sea"))
	_, err = r.store.VoidBox(ctx, ada, time.UnixMilli(started))
	r.must(err)
	r.must(r.store.RevokeBox(ctx, ada))
	r.must(r.store.RemoveBox(ctx, ada))
	_, err = r.store.AddOperator(ctx, "Bob", "Sea")
	r.must(err)
	_, err = r.store.ResetOperator(ctx, "bob")
	r.must(err)
	r.must(r.store.RemoveOperator(ctx, "BOB"))
	r.must(r.store.ErasePupil(ctx, "Sea", "p_1"))
	r.must(r.store.RemoveSchool(ctx, "Sea"))
	// A change that fails leaves no entry.
	wantError(t, r.store.RenameBox(ctx, "typo", "x"), errs.Missing, "no_box")
	want := []string{
		"Lake: school added  ", "Sea: school renamed Lake Sea", "Sea: policy set  names true, chats false", "Sea: retention set  chats 9 days, results 99 days",
		"Sea: alert set  silent after 5 hours", "Sea: code made  ", ": token made Grafana read", ": token revoked Grafana ", "Sea: class sent c1 ", "Sea: class withdrawn c1 ",
		"Hill School: box renamed box-ada Lab", "Hill School: box moved away box-ada to Sea", "Sea: box moved here box-ada ", "Sea: box voided box-ada since 2026-09-21T14:13:20Z",
		"Sea: box revoked box-ada ", "Sea: box removed box-ada ", "Sea: operator added bob ", "Sea: operator reset bob ", "Sea: operator removed bob ", "Sea: pupil erased  ",
		"Sea: school removed Sea ",
	}
	got := r.deeds(pg.DeedQuery{})[last:]
	for i := range want {
		want[i] = "ada@192.0.2.7 " + want[i]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := r.deeds(pg.DeedQuery{Box: ada, School: school}); len(got) != 2 {
		t.Errorf("of the box at the school: %q", got)
	}
	if got := r.deeds(pg.DeedQuery{Text: "GRAFANA"}); len(got) != 2 {
		t.Errorf("by text: %q", got)
	}
	if got := r.deeds(pg.DeedQuery{Limit: 1}); len(got) != 1 || got[0] != want[len(want)-1] {
		t.Errorf("the newest: %q", got)
	}
	_, err = r.store.Retain(t.Context(), time.Now().AddDate(2, 1, 0))
	r.must(err)
	if got := r.deeds(pg.DeedQuery{}); len(got) != 0 {
		t.Errorf("after two years: %q", got)
	}
}

// TestAnActorOfASchoolChangesOnlyItsOwn tries each change at another school. The database must stay
// as it is.
func TestAnActorOfASchoolChangesOnlyItsOwn(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddSchool(t.Context(), "Lake", cloud.Policy{}))
	_, err := r.store.AddOperator(t.Context(), "carl", "")
	r.must(err)
	_, err = r.store.VoidBox(t.Context(), ada, time.UnixMilli(0))
	r.must(err)
	before := r.queryInt(`select count(*) from livelearn.audit`)
	ctx := pg.WithActor(t.Context(), pg.Actor{Name: "bob", School: "Lake"})
	for name, do := range map[string]func() error{
		"AddSchool":      func() error { return r.store.AddSchool(ctx, "Mine", cloud.Policy{}) },
		"RenameSchool":   func() error { return r.store.RenameSchool(ctx, "Lake", "Sea") },
		"RemoveSchool":   func() error { return r.store.RemoveSchool(ctx, school) },
		"SetPolicy":      func() error { return r.store.SetPolicy(ctx, school, cloud.Policy{}) },
		"SetDays":        func() error { return r.store.SetDays(ctx, school, 1, 1) },
		"SetSilentHours": func() error { return r.store.SetSilentHours(ctx, school, 1) },
		"NewCode":        func() error { _, err := r.store.NewCode(ctx, school); return err },
		"NewToken":       func() error { _, err := r.store.NewToken(ctx, "x", "", pg.MayRead); return err },
		"PutItem": func() error {
			_, err := r.store.PutItem(ctx, school, cloud.ItemClass, "c1", []byte(`{"name":"P","pupils":[]}`), false)
			return err
		},
		"RenameBox":      func() error { return r.store.RenameBox(ctx, ada, "x") },
		"RevokeBox":      func() error { return r.store.RevokeBox(ctx, ada) },
		"RemoveBox":      func() error { return r.store.RemoveBox(ctx, ada) },
		"MoveBox":        func() error { return r.store.MoveBox(ctx, ada, "Lake") },
		"VoidBox":        func() error { _, err := r.store.VoidBox(ctx, ada, time.UnixMilli(0)); return err },
		"UndoVoid":       func() error { _, err := r.store.UndoVoid(ctx, 1); return err },
		"ErasePupil":     func() error { return r.store.ErasePupil(ctx, school, "p_1") },
		"AddOperator":    func() error { _, err := r.store.AddOperator(ctx, "dora", ""); return err },
		"ResetOperator":  func() error { _, err := r.store.ResetOperator(ctx, "carl"); return err },
		"RemoveOperator": func() error { return r.store.RemoveOperator(ctx, "carl") },
	} {
		if err := do(); errs.KindOf(err) != errs.Denied || errs.BodyOf(err).Code != "may_not" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := r.queryInt(`select count(*) from livelearn.audit`); n != before {
		t.Errorf("%d entries of what was refused", n-before)
	}
	r.must(r.store.SetSilentHours(ctx, "Lake", 1))
	if got := r.queryText(`select name, silent_hours::text from livelearn.schools order by name`); got != school+"|72\nLake|1" {
		t.Errorf("got %s", got)
	}
}

func TestABoxHasTheNameThatAnOperatorGave(t *testing.T) {
	r := newRig(t)
	name := func(want string) {
		t.Helper()
		list, err := r.store.Boxes(t.Context(), school)
		r.must(err)
		if len(list) != 1 || list[0].Name != want || list[0].OwnName != "Room 12" {
			t.Fatalf("got %+v, want %q", list, want)
		}
	}
	name("Room 12")
	r.must(r.store.RenameBox(t.Context(), ada, "Lab"))
	name("Lab")
	_, err := r.store.State(t.Context(), ada, cloud.Self{Box: ada, Name: "Room 12", Format: 1, Incarnation: 7})
	r.must(err)
	name("Lab")
	r.must(r.store.RenameBox(t.Context(), ada, ""))
	name("Room 12")
}

func TestABoxIsSilentAfterTheHoursOfItsSchool(t *testing.T) {
	now := time.UnixMilli(started)
	at := func(h int) *time.Time { return new(now.Add(-time.Duration(h) * time.Hour)) }
	for i, c := range []struct {
		box  pg.BoxState
		want bool
	}{
		{pg.BoxState{Enrolled: *at(100), Seen: at(71), SilentHours: 72}, false},
		{pg.BoxState{Enrolled: *at(100), Seen: at(73), SilentHours: 72}, true},
		{pg.BoxState{Enrolled: *at(1), Seen: at(73), SilentHours: 72}, false}, // enrolled again
		{pg.BoxState{Enrolled: *at(71), SilentHours: 72}, false},
		{pg.BoxState{Enrolled: *at(73), SilentHours: 72}, true},
		{pg.BoxState{Enrolled: *at(100), Seen: at(73), SilentHours: 72, Revoked: at(1)}, false},
	} {
		if got := c.box.IsSilent(now); got != c.want {
			t.Errorf("%d: got %t", i, got)
		}
	}
}

// TestASchoolIsRemovedWithWhatItWasAsked removes a school with an erasure that waits and a voided box.
func TestASchoolIsRemovedWithWhatItWasAsked(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	addSmallLesson(x)
	r.put(x.takeBatch())
	_, err := r.store.VoidBox(t.Context(), ada, time.UnixMilli(0))
	r.must(err)
	_, err = r.db.Exec(t.Context(), `insert into livelearn.erasures_asked (school, pupil, box) values (1, 'p_1', $1)`, ada)
	r.must(err)
	r.must(r.store.RemoveSchool(t.Context(), school))
	for _, table := range []string{"erasures_asked", "voided", "void_list", "voided_letters", "operators"} {
		if n := r.queryInt(`select count(*) from livelearn.` + table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
}
