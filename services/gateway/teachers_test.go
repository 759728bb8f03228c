package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/roster"
)

// TestATeacherSeesOwnClassesOnly calls every operation on a class and on a lesson as a teacher
// whose class it is not.
func TestATeacherSeesOwnClassesOnly(t *testing.T) {
	r := newRig(t).school()
	owner := r.other.ID
	r.ok("admin", "PUT", "/api/classes/"+r.class.ID+"/teachers", map[string][]string{"teachers": {owner}}, nil)
	n := 0
	for _, c := range r.calls() {
		if !strings.Contains(c.path, r.class.ID) && !strings.Contains(c.path, r.lesson.ID) || !strings.HasPrefix(c.path, "/api/") && !strings.HasPrefix(c.path, "/recordings/") {
			continue
		}
		n++
		method, _, _ := strings.Cut(c.route, " ")
		w := r.do(r.request("teacher", method, c.path, c.in))
		if b := readRefusal(t, w); w.Code != http.StatusForbidden || b.Code != "other_class" {
			t.Errorf("%s by another teacher: %d %+v", c.route, w.Code, b)
		}
	}
	if n < 25 {
		t.Errorf("%d operations were called", n)
	}
	w := r.do(r.request("teacher", "POST", "/api/lessons", map[string]string{"class": r.class.ID}))
	if b := readRefusal(t, w); b.Code != "other_class" {
		t.Errorf("a lesson of another teacher's class: %d %+v", w.Code, b)
	}
	for _, path := range []string{"/api/classes", "/api/lessons", "/api/past"} {
		if w := r.do(r.request("teacher", "GET", path, nil)); strings.Contains(w.Body.String(), r.class.ID) {
			t.Errorf("%s shows the class of another teacher: %s", path, w.Body)
		}
		if w := r.do(r.request("admin", "GET", path, nil)); path != "/api/past" && !strings.Contains(w.Body.String(), r.class.ID) {
			t.Errorf("%s hides a class from the admin: %s", path, w.Body)
		}
	}
	r.ok("admin", "PUT", "/api/classes/"+r.class.ID+"/teachers", map[string][]string{"teachers": {}}, nil)
	r.ok("teacher", "GET", "/api/classes/"+r.class.ID, nil, nil)
}

func TestANewClassIsTheTeachersOwn(t *testing.T) {
	r := newRig(t).school()
	var own, shared roster.Class
	r.ok("teacher", "POST", "/api/classes", map[string]string{"name": "Own"}, &own)
	r.ok("admin", "POST", "/api/classes", map[string]string{"name": "Shared"}, &shared)
	if len(own.Teachers) != 1 || len(shared.Teachers) != 0 {
		t.Errorf("a teacher's class is for %v, an admin's for %v", own.Teachers, shared.Teachers)
	}
	r.ok("teacher", "PUT", "/api/classes/"+own.ID+"/teachers", map[string][]string{"teachers": {own.Teachers[0], r.other.ID}}, &own)
	if len(own.Teachers) != 2 {
		t.Errorf("shared with %v", own.Teachers)
	}
}
