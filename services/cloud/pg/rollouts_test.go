package pg_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// fleet is a number of boxes that report themselves, and a release.
type fleet struct {
	*rig
	boxes   map[string]*boxWriter
	release int64
}

func newFleet(t *testing.T, n int) *fleet {
	f := &fleet{rig: newRig(t), boxes: map[string]*boxWriter{}}
	f.must(f.store.AddSchool(t.Context(), "Dale School", cloud.Policy{}))
	for i := range n {
		id := fmt.Sprint("box-", i)
		f.enrol([]string{school, "Dale School"}[i%2], id)
		f.boxes[id] = newBox(id, 1)
		f.report(id, 10, "ok")
	}
	var err error
	f.release, err = f.store.AddRelease(t.Context(), pg.Release{Board: "pi", Version: "1.1.0", Build: 11, URL: "https://releases.example/pi-1.1.0.livelearn"})
	f.must(err)
	return f
}

// report has a box report itself.
func (f *fleet) report(box string, build int, worst string) {
	f.t.Helper()
	f.boxes[box].addReport(cloud.Reported, cloud.Report{Board: "pi", Build: build, Worst: worst})
	f.put(f.boxes[box].takeBatch())
}

func (f *fleet) progress(box, state, reason string, try int) {
	f.t.Helper()
	f.boxes[box].addReport(cloud.Progressed, cloud.UpdateProgress{Build: 11, Try: try, State: state, Reason: reason})
	f.put(f.boxes[box].takeBatch())
}

// install has a box install what it was offered.
func (f *fleet) install(box string, try int) {
	f.t.Helper()
	f.progress(box, "installed", "", try)
	f.report(box, 11, "ok")
}

// offered returns the boxes that have an offer now, as they see it.
func (f *fleet) offered() (list []string) {
	f.t.Helper()
	for box := range f.boxes {
		page, err := f.store.Pull(f.t.Context(), box, 0, 100)
		f.must(err)
		for _, it := range page.Items {
			if it.Kind != cloud.ItemUpdate {
				continue
			}
			var u cloud.Update
			if it.ID != box {
				f.t.Errorf("%s gets the item of %s", box, it.ID)
			}
			if it.Gone {
				continue
			}
			if err := json.Unmarshal(it.Data, &u); err != nil || u.Build != 11 || u.Version != "1.1.0" || u.When != "night" || u.URL == "" {
				f.t.Errorf("%s: %s, %v", box, it.Data, err)
			}
			list = append(list, box)
		}
	}
	slices.Sort(list)
	return list
}

func (f *fleet) start(stages string) int64 {
	f.t.Helper()
	list, err := pg.ParseStages(stages)
	f.must(err)
	id, err := f.store.StartRollout(f.t.Context(), pg.RolloutPlan{Release: f.release, Stages: list, Night: true})
	f.must(err)
	return id
}

func (f *fleet) advance(want int) {
	f.t.Helper()
	n, err := f.store.AdvanceRollouts(f.t.Context())
	f.must(err)
	if n != want {
		f.t.Fatalf("%d rollouts changed, want %d", n, want)
	}
}

func (f *fleet) find(id int64) pg.Rollout {
	f.t.Helper()
	o, _, err := f.store.FindRollout(f.t.Context(), "", id)
	f.must(err)
	return o
}

func TestARolloutGoesStageByStage(t *testing.T) {
	f := newFleet(t, 20)
	id := f.start("1, 10%, all")
	first := f.offered()
	if len(first) != 1 {
		t.Fatalf("the first stage has %v", first)
	}
	f.advance(0)
	f.progress(first[0], "scheduled", "", 1)
	f.advance(0)
	f.progress(first[0], "installed", "", 1)
	f.advance(0) // its health with the new build is not known yet
	f.report(first[0], 11, "ok")
	f.advance(1)
	second := f.offered()
	if len(second) != 2 || !slices.Contains(second, first[0]) {
		t.Fatalf("10 percent of 20 are %v, with %v", second, first)
	}
	for _, box := range second {
		f.install(box, 1)
	}
	f.advance(1)
	if list := f.offered(); len(list) != 20 {
		t.Fatalf("all are %d", len(list))
	}
	for box := range f.boxes {
		f.install(box, 1)
	}
	f.advance(1)
	if o := f.find(id); o.State != pg.RolloutDone || o.Installed != 20 || o.Failed != 0 {
		t.Errorf("%+v", o)
	}
	var deeds []string
	for d, err := range f.store.Deeds(t.Context(), pg.DeedQuery{Text: "rollout"}) {
		f.must(err)
		deeds = append(deeds, d.Action)
	}
	slices.Reverse(deeds)
	want := "rollout started, rollout stage 2 begins, rollout stage 3 begins, rollout finished"
	if got := strings.Join(deeds, ", "); got != want {
		t.Errorf("the audit log has %s", got)
	}
}

func TestAStageWithAFailingBoxStopsByItself(t *testing.T) {
	for name, fail := range map[string]func(f *fleet, box string){
		"rolled back": func(f *fleet, box string) { f.progress(box, "failed", "it did not start", 1) },
		"bad health":  func(f *fleet, box string) { f.progress(box, "installed", "", 1); f.report(box, 11, "fail") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, 10)
			id := f.start("3, all")
			list := f.offered()
			f.install(list[0], 1)
			fail(f, list[1])
			f.advance(1)
			if o := f.find(id); o.State != pg.RolloutStopped || !strings.HasPrefix(o.Why, list[1]+": ") || o.Stage != 1 {
				t.Fatalf("%+v", o)
			}
			for _, box := range f.offered() {
				if box == list[2] {
					t.Error("the box that had not begun may still install it")
				}
			}
			f.advance(0)
			f.must(f.store.ResumeRollout(t.Context(), id, false))
			f.progress(list[2], "installed", "", 1) // a report of the try before changes nothing
			if o := f.find(id); o.State != pg.RolloutRunning || o.Excused != 1 || o.Try != 2 {
				t.Fatalf("%+v", o)
			}
			f.install(list[2], 2)
			f.advance(1)
			if o := f.find(id); o.Stage != 2 || o.Failed != 0 {
				t.Errorf("it goes on without the box: %+v", o)
			}
		})
	}
}

func TestAFailedBoxIsTriedAgainWhenTheOperatorAsks(t *testing.T) {
	f := newFleet(t, 4)
	id := f.start("all")
	list := f.offered()
	f.progress(list[0], "failed", "the disk is full", 1)
	f.advance(1)
	f.must(f.store.ResumeRollout(t.Context(), id, true))
	if got := f.offered(); !slices.Equal(got, list) {
		t.Fatalf("%v are offered, want %v", got, list)
	}
	for _, box := range list {
		f.install(box, 2)
	}
	f.advance(1)
	if o := f.find(id); o.State != pg.RolloutDone || o.Installed != 4 || o.Excused != 0 {
		t.Errorf("%+v", o)
	}
}

func TestAnOperatorStopsAndEndsARollout(t *testing.T) {
	f := newFleet(t, 4)
	id := f.start("all")
	f.must(f.store.StopRollout(t.Context(), id))
	if list := f.offered(); len(list) != 0 {
		t.Errorf("%v may still install it", list)
	}
	wantError(t, f.store.StopRollout(t.Context(), id), errs.Stale, "rollout_state")
	_, err := f.store.StartRollout(t.Context(), pg.RolloutPlan{Release: f.release, Stages: []string{"all"}})
	wantError(t, err, errs.Invalid, "box_taken")
	f.must(f.store.EndRollout(t.Context(), id))
	wantError(t, f.store.ResumeRollout(t.Context(), id, false), errs.Stale, "rollout_state")
	wantError(t, f.store.StopRollout(t.Context(), 99), errs.Missing, "no_rollout")
	f.start("1")
}

func TestASilentBoxIsSkipped(t *testing.T) {
	f := newFleet(t, 4)
	id := f.start("2, all")
	list := f.offered()
	f.install(list[0], 1)
	f.advance(0)
	f.must(f.store.SkipStage(t.Context(), id))
	wantError(t, f.store.SkipStage(t.Context(), id), errs.Stale, "last_stage")
	for box := range f.boxes {
		if !slices.Contains(list, box) {
			f.install(box, 1)
		}
	}
	f.advance(1)
	if o := f.find(id); o.State != pg.RolloutDone || o.Installed != 3 {
		t.Errorf("%+v", o)
	}
	if !slices.Contains(f.offered(), list[1]) {
		t.Error("the silent box lost its offer")
	}
}

func TestAStageIsASchool(t *testing.T) {
	f := newFleet(t, 6)
	f.start("school:Dale School, all")
	if got := f.offered(); !slices.Equal(got, []string{"box-1", "box-3", "box-5"}) {
		t.Errorf("%v", got)
	}
}

// TestARolloutTakesBoxesThatItFits leaves out other boards, boxes that have the build, revoked boxes
// and those that do not report a board.
func TestARolloutTakesBoxesThatItFits(t *testing.T) {
	f := newFleet(t, 4)
	f.report("box-0", 11, "ok")
	f.boxes["box-1"].addReport(cloud.Reported, cloud.Report{Board: "pc", Build: 10})
	f.put(f.boxes["box-1"].takeBatch())
	f.must(f.store.RevokeBox(t.Context(), "box-2"))
	delete(f.boxes, "box-2")
	f.start("all")
	if got := f.offered(); !slices.Equal(got, []string{"box-3"}) {
		t.Errorf("%v", got)
	}
}

func TestAnOperatorOfASchoolUpdatesItsOwnBoxes(t *testing.T) {
	f := newFleet(t, 4)
	ctx := pg.WithActor(t.Context(), pg.Actor{Name: "olga", School: school})
	_, err := f.store.StartRollout(ctx, pg.RolloutPlan{Release: f.release, Stages: []string{"all"}})
	wantError(t, err, errs.Denied, "may_not")
	id, err := f.store.StartRollout(ctx, pg.RolloutPlan{Release: f.release, School: school, Stages: []string{"all"}, Night: true})
	f.must(err)
	if got := f.offered(); !slices.Equal(got, []string{"box-0", "box-2"}) {
		t.Errorf("%v", got)
	}
	if _, _, err := f.store.FindRollout(ctx, "Dale School", id); errs.KindOf(err) != errs.Missing {
		t.Errorf("another school sees it: %v", err)
	}
	other := pg.WithActor(t.Context(), pg.Actor{Name: "dan", School: "Dale School"})
	wantError(t, f.store.StopRollout(other, id), errs.Denied, "may_not")
	_, err = f.store.AddRelease(ctx, pg.Release{Board: "pi", Version: "9.0.0", Build: 99, URL: "https://evil.example/x"})
	wantError(t, err, errs.Denied, "may_not")
}

func TestStagesNameTheirFault(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "101%", "0%", "x", "1,,2", "5 boxes", strings.Repeat("1,", 20) + "1"} {
		if _, err := pg.ParseStages(text); errs.BodyOf(err).Field != "stages" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAReleaseNamesItsFault(t *testing.T) {
	f := newFleet(t, 0)
	good := pg.Release{Board: "pi", Version: "1.2.0", Build: 12, URL: "https://releases.example/x"}
	for field, change := range map[string]func(*pg.Release){
		"board":   func(r *pg.Release) { r.Board = "Pi 5" },
		"version": func(r *pg.Release) { r.Version = "next" },
		"build":   func(r *pg.Release) { r.Build = 0 },
		"url":     func(r *pg.Release) { r.URL = "ftp://releases.example/x" },
		"notes":   func(r *pg.Release) { r.Notes = strings.Repeat("x", 17<<10) },
	} {
		r := good
		change(&r)
		if _, err := f.store.AddRelease(t.Context(), r); errs.BodyOf(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	other := pg.Release{Board: "pi", Version: "1.1.1", Build: 11, URL: good.URL}
	_, err := f.store.AddRelease(t.Context(), other)
	wantError(t, err, errs.Invalid, "taken")
	id, err := f.store.AddRelease(t.Context(), good)
	f.must(err)
	f.must(f.store.RemoveRelease(t.Context(), id))
	wantError(t, f.store.RemoveRelease(t.Context(), id), errs.Missing, "no_release")
}

// TestTwoStartsAtOnceGiveABoxOneRollout starts eight releases at once for the same boxes.
func TestTwoStartsAtOnceGiveABoxOneRollout(t *testing.T) {
	f := newFleet(t, 4)
	var wait sync.WaitGroup
	var started atomic.Int64
	for build := int64(12); build < 20; build++ {
		id, err := f.store.AddRelease(t.Context(), pg.Release{Board: "pi", Version: fmt.Sprintf("1.1.%d", build), Build: build, URL: "https://releases.example/pi"})
		f.must(err)
		wait.Go(func() {
			_, err := f.store.StartRollout(t.Context(), pg.RolloutPlan{Release: id, Stages: []string{"all"}})
			if err == nil {
				started.Add(1)
			} else if errs.BodyOf(err).Code != "box_taken" {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := started.Load(); got != 1 {
		t.Errorf("%d rollouts have the same boxes", got)
	}
}

// TestARolloutThatCannotGoOnHoldsNoOther has a database that refuses to change the first rollout.
func TestARolloutThatCannotGoOnHoldsNoOther(t *testing.T) {
	f := newFleet(t, 2)
	start := func(of string) int64 {
		id, err := f.store.StartRollout(t.Context(), pg.RolloutPlan{Release: f.release, School: of, Stages: []string{"all"}})
		f.must(err)
		return id
	}
	first, second := start(school), start("Dale School")
	f.exec(fmt.Sprintf(`alter table livelearn.rollouts add check (id <> %d or state <> 'done')`, first))
	f.install("box-0", 1)
	f.install("box-1", 1)
	if n, err := f.store.AdvanceRollouts(t.Context()); n != 1 || err == nil {
		t.Errorf("%d changed, %v", n, err)
	}
	if a, b := f.find(first), f.find(second); a.State != pg.RolloutRunning || b.State != pg.RolloutDone {
		t.Errorf("the first is %s, the second is %s", a.State, b.State)
	}
}
