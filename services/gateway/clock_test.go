package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/livelearn/box/services/gateway/httpapi"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
)

func (r *rig) clockState() httpapi.ClockState {
	r.t.Helper()
	var s struct{ Clock httpapi.ClockState }
	r.ok("nobody", "GET", "/api/state", nil, &s)
	return s.Clock
}

func TestATeachersBrowserTellsTheTime(t *testing.T) {
	r := newRig(t).school()
	r.Health.SetCheck("clock", health.Warn, "clock_not_set", "")
	if s := r.clockState(); s.Trusted || s.Now == 0 {
		t.Fatalf("before: %+v", s)
	}
	told := event.Earliest + time.Hour.Milliseconds()
	var out httpapi.ClockState
	r.ok("teacher", "POST", "/api/clock", map[string]int64{"now": told}, &out)
	if s := r.clockState(); !out.Trusted || !s.Trusted || out.Now < told || s.Now < out.Now || s.Now > told+time.Minute.Milliseconds() {
		t.Errorf("told %d: %+v, then %+v", told, out, s)
	}
	for _, c := range r.Health.List() {
		if c.Name == "clock" && c.Level != health.OK {
			t.Errorf("%+v", c)
		}
	}
}

func TestATimeThatCannotBeIsRefusedWithItsField(t *testing.T) {
	r := newRig(t).school()
	for _, now := range []int64{0, -1, event.Earliest - 1, event.Latest + 1} {
		w := r.do(r.request("teacher", "POST", "/api/clock", map[string]int64{"now": now}))
		if b := readRefusal(t, w); w.Code != http.StatusBadRequest || b.Field != "now" || b.Code != "out_of_range" {
			t.Errorf("%d: %d %+v", now, w.Code, b)
		}
	}
	for _, in := range []any{`{"now":"today"}`, `{"now":1e300}`, `{}`} {
		w := r.do(r.request("teacher", "POST", "/api/clock", in))
		if b := readRefusal(t, w); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %+v", in, w.Code, b)
		}
	}
	if r.clockState().Trusted {
		t.Error("a refused time is trusted")
	}
}

func TestABoxThatKnowsTheTimeIsNotToldIt(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) { d.Clock = event.NewSyncedClock(1, func() bool { return true }) }).school()
	w := r.do(r.request("teacher", "POST", "/api/clock", map[string]int64{"now": event.Earliest}))
	if b := readRefusal(t, w); w.Code != http.StatusConflict || b.Code != "clock_trusted" {
		t.Errorf("%d %+v", w.Code, b)
	}
	before := time.Now().UnixMilli()
	if s := r.clockState(); !s.Trusted || s.Now < before || s.Now > time.Now().UnixMilli() {
		t.Errorf("%+v", s)
	}
}

func TestTheHistoryOfAFreshBoxHasLists(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("admin", "GET", "/api/admin/history", nil))
	if want := `{"at":[],"chat_p99_ms":[],"load":[],"memory_mb":[],"sockets":[]}`; w.Code != 200 || w.Body.String() != want+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
