package audit

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
)

// rig is a log on a real journal.
type rig struct {
	*Log
	t    testing.TB
	path string
	stop func()
}

func newRig(t testing.TB, path string) *rig {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: path, NoBallast: true, Pace: -1}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, path: path, Log: New(j, event.NewClock(1), slog.New(slog.DiscardHandler))}
	ctx, cancel := context.WithCancel(context.Background())
	later, end := context.WithCancel(context.Background())
	first, last := make(chan error, 1), make(chan error, 1)
	go func() { first <- j.Serve(later) }()
	go func() { last <- r.Serve(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-last
		end()
		<-first
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

func (r *rig) record(list ...Entry) {
	r.t.Helper()
	for _, e := range list {
		if err := r.Record(r.t.Context(), e); err != nil {
			r.t.Fatal(err)
		}
	}
}

// told returns the actions and counts of the log, oldest first.
func (r *rig) told() (list []Entry) {
	r.t.Helper()
	all, _, err := r.List(r.t.Context(), Filter{}, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(all)
	for _, e := range all {
		list = append(list, Entry{Action: e.Action, Target: e.Target, Times: e.Times})
	}
	return list
}

func (r *rig) verify() Verified {
	r.t.Helper()
	v, err := r.Verify(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// rewrite changes the payload of a fact, as somebody with the disk could.
func (r *rig) rewrite(seq uint64, change func(*event.Event)) {
	r.t.Helper()
	n, err := r.journal.Rewrite(r.t.Context(), Stream, "", func(e *event.Event) bool {
		if e.Seq != seq {
			return false
		}
		change(e)
		return true
	})
	if err != nil || n != 1 {
		r.t.Fatalf("%d facts rewritten: %v", n, err)
	}
}

func TestTheChainHoldsOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	r := newRig(t, path)
	if v := r.verify(); v.Entries != 0 || v.Breaks != 0 {
		t.Errorf("an empty log: %+v", v)
	}
	r.record(Entry{Action: "pupil.exported", By: "t_1", Name: "Ms Lee", From: "10.0.0.7", Target: "p_1"}, Entry{Action: "backup.exported"})
	r.stop()
	r = newRig(t, path)
	r.record(Entry{Action: "cloud.left"})
	if v := r.verify(); v.Entries != 3 || v.Breaks != 0 || v.Head == "" {
		t.Errorf("after a restart: %+v", v)
	}
	list, more, err := r.List(t.Context(), Filter{By: "t_1"}, 10)
	if err != nil || more || len(list) != 1 || list[0].Name != "Ms Lee" || list[0].From != "10.0.0.7" || list[0].At == 0 {
		t.Errorf("who, when and from where: %+v %v", list, err)
	}
}

func TestAChangedEntryIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*event.Event)
		want   Break
		breaks int
	}{
		"another target": {func(e *event.Event) { e.Data = bytes.Replace(e.Data, []byte("p_2"), []byte("p_9"), 1) }, Break{Seq: 3, Reason: BreakMismatch}, 1},
		"another author": {func(e *event.Event) { e.By = "t_9" }, Break{Seq: 3, Reason: BreakMismatch}, 1},
		"another link":   {func(e *event.Event) { e.Data = bytes.Replace(e.Data, []byte(`"prev":"`), []byte(`"prev":"f`), 1) }, Break{Seq: 2, Reason: BreakMismatch}, 2},
		"emptied":        {func(e *event.Event) { e.Data = json.RawMessage("null") }, Break{Seq: 2, Reason: BreakEmptied}, 1},
		"something else": {func(e *event.Event) { e.Data = json.RawMessage(`{"x":1}`) }, Break{Seq: 2, Reason: BreakNoEntry}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, filepath.Join(t.TempDir(), "journal.db"))
			for _, p := range []string{"p_1", "p_2", "p_3", "p_4"} {
				r.record(Entry{Action: "pupil.exported", By: "t_1", Target: p})
			}
			r.rewrite(2, c.change)
			v := r.verify()
			if v.Broken == nil {
				t.Fatal("the change is not told")
			}
			v.Broken.At = 0
			if d := cmp.Diff(c.want, *v.Broken); d != "" || v.Breaks != c.breaks {
				t.Errorf("%d breaks, the first (-want +got)\n%s", v.Breaks, d)
			}
		})
	}
}

func TestEntriesWhoseYearIsOverBreakNoChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, filepath.Join(t.TempDir(), "journal.db"))
		r.record(Entry{Action: "backup.exported"}, Entry{Action: "cloud.left"})
		time.Sleep(400 * 24 * time.Hour)
		for seq := range uint64(2) {
			r.rewrite(seq+1, func(e *event.Event) { e.Data = json.RawMessage("null") })
		}
		r.record(Entry{Action: "cloud.linked"}, Entry{Action: "cloud.left"})
		if v := r.verify(); v.Removed != 2 || v.Entries != 2 || v.Breaks != 0 {
			t.Errorf("the check tells %+v", v)
		}
		r.stop()
	})
}

func TestManyRefusedTriesShareEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, filepath.Join(t.TempDir(), "journal.db"))
		for range 50 {
			r.record(Entry{Action: SignedIn, From: "10.0.0.7", Refused: true})
		}
		r.record(Entry{Action: SignedIn, From: "10.0.0.8", Refused: true})
		want := []Entry{{Action: SignedIn}, {Action: SignedIn}}
		if d := cmp.Diff(want, r.told()); d != "" {
			t.Errorf("at once (-want +got)\n%s", d)
		}
		time.Sleep(flushInterval + time.Second)
		want = append(want, Entry{Action: SignedIn, Times: 49})
		if d := cmp.Diff(want, r.told()); d != "" {
			t.Errorf("after a minute (-want +got)\n%s", d)
		}
		for i := range maxGroups + 100 {
			r.record(Entry{Action: SignedIn, Target: string(rune('a' + i)), Refused: true})
		}
		if n := len(r.told()); n != 3+maxGroups+1 {
			t.Errorf("%d entries of tries from everywhere", n)
		}
		r.stop()
	})
}

func TestCountedTriesAreWrittenAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	r := newRig(t, path)
	for range 3 {
		r.record(Entry{Action: SignedIn, Refused: true})
	}
	r.stop()
	r = newRig(t, path)
	if d := cmp.Diff([]Entry{{Action: SignedIn}, {Action: SignedIn, Times: 2}}, r.told()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWhatIsOpenedAgainSoonMakesNoSecondEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, filepath.Join(t.TempDir(), "journal.db"))
		open := Entry{Action: "results.opened", By: "t_1", Target: "l_1"}
		other := open
		other.By = "t_2"
		r.record(open, open, other)
		time.Sleep(viewInterval + time.Minute)
		r.record(open)
		if n := len(r.told()); n != 3 {
			t.Errorf("%d entries", n)
		}
		r.stop()
	})
}

func TestQueuedEntriesAreWrittenAtTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Config{Path: path, NoBallast: true, Pace: -1}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := New(j, event.NewClock(1), slog.New(slog.DiscardHandler))
	l.Queue(Entry{Action: "box.restored", Detail: strings.Repeat("\u00e9", 200)})
	ctx, cancel := context.WithCancel(t.Context())
	later, end := context.WithCancel(context.WithoutCancel(ctx))
	first, last := make(chan error, 1), make(chan error, 1)
	go func() { first <- j.Serve(later) }()
	go func() { last <- l.Serve(ctx) }()
	if err := l.Record(ctx, Entry{Action: "cloud.left"}); err != nil {
		t.Fatal(err)
	}
	list, _, err := l.List(ctx, Filter{}, 10)
	if err != nil || len(list) != 2 || list[1].Action != "box.restored" || list[1].Detail != strings.Repeat("\u00e9", 150) {
		t.Errorf("%+v %v", list, err)
	}
	cancel()
	<-last
	end()
	<-first
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheFilterChooses(t *testing.T) {
	e := Entry{Seq: 5, At: 1000, By: "t_1", Name: "Ms Lee", From: "10.0.0.7", Action: "pupil.exported", Target: "p_1", Detail: "Stars"}
	for _, c := range []struct {
		f    Filter
		want bool
	}{
		{Filter{}, true},
		{Filter{By: "t_1", Action: "pupil.exported", Text: "lee", From: 1000, To: 1001, Before: 6}, true},
		{Filter{By: "t_2"}, false},
		{Filter{Action: "pupil.erased"}, false},
		{Filter{Text: "STARS "}, true},
		{Filter{Text: "moon"}, false},
		{Filter{From: 1001}, false},
		{Filter{To: 1000}, false},
		{Filter{Before: 5}, false},
	} {
		if got := c.f.has(e); got != c.want {
			t.Errorf("%+v: %t", c.f, got)
		}
	}
}

func TestNoCellOfTheSpreadsheetIsAFormula(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, []Entry{{Seq: 1, Action: "staff.added", Name: "=1+1", Detail: "x;=cmd|' /C calc'!A0", Times: 3}}, time.UTC); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(err, rows)
	}
	want := []string{"1", "1970-01-01T00:00:00Z", "staff.added", "false", "3", "'=1+1", "", "", "", "x;'=cmd|' /C calc'!A0"}
	if d := cmp.Diff(want, rows[1]); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestAPupilIsToldWhatWasDoneAndNotByWhom(t *testing.T) {
	e := event.Event{Kind: Recorded, By: "t_1", Data: json.RawMessage(`{"action":"pupil.exported","name":"Ms Lee","from":"10.0.0.7","target":"p_1","prev":"ab"}`)}
	if got := string(keepAct(e, event.Viewer{User: "p_1", Role: event.Pupil})); got != `{"action":"pupil.exported","target":"p_1"}` {
		t.Error(got)
	}
	if got := keepAct(e, event.Viewer{User: "t_1", Role: event.Teacher}); !bytes.Equal(got, e.Data) {
		t.Error(string(got))
	}
}

func TestNoLogRecordsNothing(t *testing.T) {
	var l *Log
	if err := l.Record(t.Context(), Entry{Action: "cloud.left"}); err != nil {
		t.Error(err)
	}
	list, _, err := l.List(t.Context(), Filter{}, 1)
	if v, fault := l.Verify(t.Context()); err != nil || fault != nil || len(list) != 0 || v.Entries != 0 {
		t.Error(err, fault)
	}
}
