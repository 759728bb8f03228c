package gateway

import (
	"net/http"
	"testing"

	"github.com/livelearn/box/services/gateway/signin"

	"github.com/livelearn/box/services/roster"
)

func TestAnAdminLooksAfterTheStaff(t *testing.T) {
	r := newRig(t).school()
	var eve roster.Staff
	r.ok("admin", "POST", "/api/staff", map[string]any{"name": "Eve", "pin": "135790"}, &eve)
	r.ok("admin", "PATCH", "/api/staff/"+eve.ID, map[string]any{"admin": true}, &eve)
	var list []roster.Staff
	r.ok("admin", "GET", "/api/staff", nil, &list)
	if !eve.Admin || len(list) != 4 {
		t.Errorf("%+v %+v", eve, list)
	}
	r.ok("admin", "DELETE", "/api/staff/"+eve.ID, nil, nil)
	for _, s := range list {
		if s.Name != admin1 {
			continue
		}
		w := r.do(r.request("admin", "DELETE", "/api/staff/"+s.ID, nil))
		if b := readRefusal(t, w); w.Code != http.StatusConflict || b.Code != "last_admin" {
			t.Errorf("%d %+v", w.Code, b)
		}
		r.ok("admin", "POST", "/api/staff/"+s.ID+"/pin", map[string]string{"pin": "135790"}, nil)
		r.ok("admin", "GET", "/api/staff", nil, nil) // this device stays
	}
}

func TestANewPINNeedsTheOldOneAndIsNotGuessed(t *testing.T) {
	r := newRig(t).school()
	for n := range signin.TriesPerDevice + 1 {
		w := r.do(r.request("teacher", "POST", "/api/pin", map[string]string{"old": "wrong pin", "new": "135790"}))
		want := http.StatusForbidden
		if n == signin.TriesPerDevice {
			want = http.StatusTooManyRequests
		}
		if w.Code != want {
			t.Errorf("guess %d: %d %s", n, w.Code, w.Body)
		}
	}
	other := r.request("admin", "POST", "/api/pin", map[string]string{"old": pin, "new": "135790"})
	other.RemoteAddr = "192.168.1.78:4000"
	if w := r.do(other); w.Code != http.StatusNoContent {
		t.Errorf("another teacher: %d %s", w.Code, w.Body)
	}
	r.ok("nobody", "POST", "/api/login", map[string]string{"name": admin1, "pin": "135790"}, nil)
}

func TestSettingsAreTheBoxes(t *testing.T) {
	r := newRig(t).school()
	var s roster.Settings
	r.ok("admin", "PATCH", "/api/admin/settings", map[string]any{"name": "Room 5", "results_days": 100}, &s)
	if s != (roster.Settings{Name: "Room 5", Lang: "en", ChatDays: 30, ResultsDays: 100}) {
		t.Errorf("%+v", s)
	}
	w := r.do(r.request("admin", "PATCH", "/api/admin/settings", map[string]any{"chat_days": 0}))
	if b := readRefusal(t, w); w.Code != 400 || b.Field != "chat_days" || b.Limit != 365 {
		t.Errorf("%d %+v", w.Code, b)
	}
}
