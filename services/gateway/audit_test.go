package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// acts returns the entries of the audit log, oldest first.
func (r *rig) acts() []audit.Entry {
	r.t.Helper()
	list, _, err := r.Audit.List(r.t.Context(), audit.Filter{}, 1000)
	checkError(r.t, err)
	slices.Reverse(list)
	return list
}

// told returns an entry in short: who did what to what.
func told(e audit.Entry) string {
	s := e.Name + " " + e.Action + " " + e.Target
	if e.Refused {
		s += " refused " + e.Detail
	}
	return strings.TrimSpace(s)
}

func (r *rig) told() (list []string) {
	for _, e := range r.acts() {
		list = append(list, told(e))
	}
	return list
}

func TestWhoDidWhatToWhomIsRecorded(t *testing.T) {
	r := newRig(t).school()
	pupil := r.class.Pupils[0].ID
	before := len(r.acts())
	for _, c := range []struct {
		role, method, path string
		in                 any
	}{
		{"admin", "GET", "/api/pupils/" + pupil + "/export", nil},
		{"admin", "GET", "/api/admin/backup", nil},
		{"admin", "PATCH", "/api/admin/settings", map[string]int{"chat_days": 9}},
		{"teacher", "GET", "/api/classes/" + r.class.ID + "/cards", nil},
		{"teacher", "GET", "/api/classes/" + r.class.ID + "/cards", nil}, // opened again: no second entry
		{"teacher", "DELETE", "/api/classes/" + r.spare.ID, nil},
		{"admin", "GET", "/api/admin/audit.csv", nil},
	} {
		r.ok(c.role, c.method, c.path, c.in, nil)
	}
	want := []string{
		admin1 + " pupil.exported " + pupil, admin1 + " backup.exported", admin1 + " settings.changed",
		teacher1 + " cards.opened " + r.class.ID, teacher1 + " class.deleted " + r.spare.ID, admin1 + " audit.exported",
	}
	if d := cmp.Diff(want, r.told()[before:]); d != "" {
		t.Errorf("entries (-want +got)\n%s", d)
	}
	for _, e := range r.acts()[before:] {
		if e.From != "192.168.1.77" || e.By == "" || e.At == 0 {
			t.Errorf("who, when and from where: %+v", e)
		}
	}
}

func TestFailedSignInsAreRecorded(t *testing.T) {
	r := newRig(t).school()
	before := len(r.acts())
	login := func(name, pin string) {
		r.do(r.request("nobody", "POST", "/api/login", map[string]string{"name": name, "pin": pin}))
	}
	login(teacher1, "wrong-pin")
	login("no-such-canary-7391", "wrong-pin") // it may be a PIN in the wrong field
	login(teacher1, pin)
	r.do(r.request("admin", "POST", "/api/pin/confirm", map[string]string{"pin": "wrong-pin"}))
	r.do(r.request("pupil", "POST", "/api/pupils/"+r.class.Pupils[1].ID+"/erase", map[string]string{"name": pupil2}))
	want := []string{
		teacher1 + " staff.signed_in  refused", "staff.signed_in  refused", teacher1 + " staff.signed_in",
		admin1 + " pin.confirmed  refused", "pupil.erased " + r.class.Pupils[1].ID + " refused",
	}
	if d := cmp.Diff(want, r.told()[before:]); d != "" {
		t.Errorf("entries (-want +got)\n%s", d)
	}
	if last := r.acts()[before+4]; last.By != r.class.Pupils[0].ID {
		t.Errorf("a refused pupil is recorded as %q", last.By)
	}
}

// dangerous lists the operations that ask for the PIN again.
func (r *rig) dangerous() []apiCall {
	var list []apiCall
	for _, c := range r.calls() {
		switch c.route {
		case "POST /api/pupils/{id}/erase", "GET /api/pupils/{id}/export", "GET /api/admin/backup", "POST /api/admin/backup", "POST /api/admin/restore",
			"POST /api/admin/update/fetch", "POST /api/admin/update/install", "POST /api/admin/update/rollback", "POST /api/admin/cloud/link", "DELETE /api/admin/cloud/link",
			"GET /api/admin/cloud/export", "POST /api/staff", "PATCH /api/staff/{id}", "POST /api/staff/{id}/pin", "DELETE /api/staff/{id}":
			list = append(list, c)
		}
	}
	return append(list, apiCall{"PUT /api/admin/update/bundle", "/api/admin/update/bundle", "a bundle", [4]int{401, 403, 403, 404}})
}

func TestDangerousActsAskForThePINAgain(t *testing.T) {
	r := newRig(t).school()
	if n := len(r.dangerous()); n != 16 {
		t.Fatalf("%d operations are in the list", n)
	}
	var err error
	if _, r.tokens["admin"], err = r.Roster.SignIn(t.Context(), admin1, pin); err != nil { // a session whose PIN is not fresh
		t.Fatal(err)
	}
	for _, c := range r.dangerous() {
		method, _, _ := strings.Cut(c.route, " ")
		w := r.do(r.request("admin", method, c.path, c.in))
		if b := readRefusal(t, w); w.Code != http.StatusForbidden || b.Code != "pin_needed" || !strings.Contains(b.Message, "PIN") {
			t.Errorf("%s without the PIN: %d %+v", c.route, w.Code, b)
		}
	}
	if w := r.do(r.request("admin", "POST", "/api/pin/confirm", map[string]string{"pin": "wrong-pin"})); w.Code != http.StatusForbidden {
		t.Errorf("a wrong PIN: %d", w.Code)
	}
	r.refused("GET", "/api/admin/backup")
	r.ok("admin", "POST", "/api/pin/confirm", map[string]string{"pin": pin}, nil)
	r.ok("admin", "GET", "/api/admin/backup", nil, nil)

	_, other, err := r.Roster.SignIn(t.Context(), admin1, pin) // another device of the same admin
	checkError(t, err)
	r.tokens["admin"] = other
	r.refused("GET", "/api/admin/backup")
}

// refused checks that an operation asks the admin for the PIN.
func (r *rig) refused(method, path string) {
	r.t.Helper()
	w := r.do(r.request("admin", method, path, nil))
	if b := readRefusal(r.t, w); b.Code != "pin_needed" {
		r.t.Errorf("%s %s: %d %+v", method, path, w.Code, b)
	}
}

func TestAPINIsFreshForMinutesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c httpapi.Callers
		caller := httpapi.Caller{Token: "a"}
		c.MarkFresh("a")
		time.Sleep(httpapi.FreshFor - time.Second)
		if err := c.CheckFresh(caller); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if c.CheckFresh(caller) == nil {
			t.Error("the PIN is fresh for ever")
		}
		c.MarkFresh("b") // forgets the old ones
		if c.CheckFresh(httpapi.Caller{}) == nil || c.CheckFresh(httpapi.Caller{Token: "b"}) != nil {
			t.Error("the PIN of one session is that of another")
		}
	})
}

func TestSigningInIsAFreshPIN(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("nobody", "POST", "/api/login", map[string]string{"name": admin1, "pin": pin}))
	for _, c := range w.Result().Cookies() {
		if c.Name == "ll" {
			r.tokens["admin"] = c.Value
		}
	}
	r.ok("admin", "GET", "/api/admin/backup", nil, nil)
}

func TestTheAuditLogIsSearchedAndChecked(t *testing.T) {
	r := newRig(t).school()
	r.ok("admin", "GET", "/api/admin/backup", nil, nil)
	r.ok("teacher", "GET", "/api/classes/"+r.class.ID+"/cards", nil, nil)
	var page struct {
		Entries []struct{ Action, Name, TargetName string }
		Actions []string
	}
	r.ok("admin", "GET", "/api/admin/audit?action=cards.opened&text=canaryTEACH", nil, &page)
	if len(page.Entries) != 1 || page.Entries[0].TargetName != className1 || len(page.Actions) < 20 {
		t.Errorf("found %+v", page)
	}
	for _, e := range r.acts() {
		if !slices.Contains(audit.Actions, e.Action) {
			t.Errorf("%s is not in the list of actions", e.Action)
		}
	}
	var v audit.Verified
	r.ok("admin", "GET", "/api/admin/audit/check", nil, &v)
	if v.Breaks != 0 || v.Entries != len(r.acts()) || v.Head == "" {
		t.Errorf("the check tells %+v", v)
	}
	w := r.do(r.request("admin", "GET", "/api/admin/audit?from=5&to=4", nil))
	if b := readRefusal(t, w); b.Field != "to" {
		t.Errorf("a time that ends before it begins: %d %+v", w.Code, b)
	}
	w = r.do(r.request("admin", "GET", "/api/admin/audit.csv", nil))
	if text := w.Body.String(); !strings.Contains(text, "backup.exported") || !strings.Contains(text, className1+" ("+r.class.ID+")") {
		t.Errorf("the spreadsheet is %s", text)
	}
}

// Every name of an action in the code is in audit.Actions, which the page translates.
func TestEachAuditedOperationHasAnActionOfTheList(t *testing.T) {
	r := newRig(t).school()
	n := 0
	for path, item := range r.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if act := httpapi.AuditedAction(*op); act != "" {
				if n++; !slices.Contains(audit.Actions, act) {
					t.Errorf("%s records %q, which is not in audit.Actions", path, act)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("%d operations are audited", n)
	}
}
