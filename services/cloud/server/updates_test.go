package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/timetest"
)

// ownFacts returns a batch of facts that a box writes of itself, after position from.
func ownFacts(box string, from uint64, kind string, payload any) *batch.Batch {
	data, _ := json.Marshal(payload)
	return &batch.Batch{Box: box, Incarnation: 1, From: from, To: from + 1, Facts: []batch.Fact{{
		Pos: from + 1, Stream: "report@" + box, Epoch: 1, Seq: from + 1, Kind: kind, Version: 1, Boot: 9, Mono: int64(from), Wall: 1_790_000_000_000 + int64(from), Trusted: true, Data: data,
	}}}
}

// TestAnOperatorUpdatesBoxesInStages does it by the pages, while the node runs the stages.
func TestAnOperatorUpdatesBoxesInStages(t *testing.T) {
	r := newRig(t)
	boxes := map[string]cloud.Sink{"b1": r.enrolBox("b1"), "b2": r.enrolBox("b2")}
	at := map[string]uint64{}
	send := func(box, kind string, payload any) {
		t.Helper()
		if _, err := boxes[box].Put(t.Context(), ownFacts(box, at[box], kind, payload)); err != nil {
			t.Fatal(err)
		}
		at[box]++
	}
	for box := range boxes {
		send(box, cloud.Reported, cloud.Report{Board: "pc", Build: 10, Worst: "ok"})
	}
	if err := r.Store.AddSchool(t.Context(), "School 2", cloud.Policy{}); err != nil {
		t.Fatal(err)
	}
	ada, bob := r.addOperator("ada", ""), r.addOperator("bob", "School 2")
	if a := ada.get("/updates"); a.status != 200 || !strings.Contains(a.text, "cloud release add") {
		t.Errorf("got %d %s", a.status, a.text)
	}
	if _, err := r.Store.AddRelease(t.Context(), pg.Release{Board: "pc", Version: "1.1.0", Build: 11, URL: "https://releases.example/pc"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ release, stages, when, want string }{
		{"x", "all", "night", "release"}, {"9", "all", "night", "no release 9"}, {"1", "most", "night", "number of boxes"}, {"1", "all", "soon", "night or now"},
	} {
		if a := ada.post("/updates", "release", c.release, "stages", c.stages, "when", c.when); a.status != 400 || !strings.Contains(a.text, c.want) {
			t.Errorf("%+v: got %d %s", c, a.status, a.text)
		}
	}
	ada.post("/updates", "release", "1", "stages", "1, all", "when", "now").wantRedirect(t, "./update?did=started&id=1")
	var offered []string
	for box, sink := range boxes {
		page, err := sink.Pull(t.Context(), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			if it.Kind == cloud.ItemUpdate {
				offered = append(offered, box)
			}
		}
	}
	if len(offered) != 1 {
		t.Fatalf("the first stage has %q", offered)
	}
	first, second := offered[0], map[string]string{"b1": "b2", "b2": "b1"}[offered[0]]
	if a := bob.get("/update?id=1"); a.status != 404 {
		t.Errorf("another school sees it: %d", a.status)
	}
	if a := bob.post("/update", "id", "1", "deed", "stop"); a.status != 404 {
		t.Errorf("another school stops it: %d", a.status)
	}
	send(first, cloud.Progressed, cloud.UpdateProgress{Build: 11, Try: 1, State: "installed"})
	send(first, cloud.Reported, cloud.Report{Board: "pc", Build: 11, Worst: "ok"})
	timetest.WaitUntil(t, "the node begins the second stage", func() bool { return strings.Contains(ada.get("/updates").text, "2 of 2 (all)") })
	send(second, cloud.Progressed, cloud.UpdateProgress{Build: 11, Try: 1, State: "failed", Code: "foreign_key", Reason: "the <signature> is foreign"})
	timetest.WaitUntil(t, "it stops by itself", func() bool { return strings.Contains(ada.get("/update?id=1").text, "stopped") })
	a := ada.get("/update?id=1")
	for _, want := range []string{"the &lt;signature&gt; is foreign", "1 of 2 boxes", "Try the failed boxes again"} {
		if !strings.Contains(a.text, want) {
			t.Errorf("the page has no %q: %s", want, a.text)
		}
	}
	ada.post("/update", "id", "1", "deed", "again").wantRedirect(t, "./update?did=update-again&id=1")
	ada.post("/update", "id", "1", "deed", "stop").wantRedirect(t, "./update?did=update-stop&id=1")
	if a := ada.get("/update?id=1"); !strings.Contains(a.text, "may not install it any more") || strings.Contains(a.text, "its stage has not begun") {
		t.Errorf("a box lost its offer: %s", a.text)
	}
	if a := ada.post("/update", "id", "1", "deed", "stop"); a.status == 303 {
		t.Error("it is stopped twice")
	}
	ada.post("/update", "id", "1", "deed", "end").wantRedirect(t, "./update?did=update-end&id=1")
	if a := ada.post("/update", "id", "1", "deed", "nonsense"); a.status != 400 {
		t.Errorf("got %d", a.status)
	}
	log := ada.get("/audit").text
	for _, want := range []string{"rollout started", "rollout stage 2 begins", "rollout stopped by itself", "rollout tries again", "rollout ended"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log has no %q", want)
		}
	}
}
