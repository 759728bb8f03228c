package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/room"
)

// grantFor has another box ask who a person is.
func (r *rig) grantFor(role, box string) (code int, user string, g room.Grant) {
	r.t.Helper()
	req := r.request(role, "GET", relay.CallerPath, nil)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req.WithContext(httpapi.WithBox(req.Context(), box)))
	var who struct {
		User      string
		Word, Key []byte
	}
	if w.Code == http.StatusOK {
		checkError(r.t, json.Unmarshal(w.Body.Bytes(), &who))
	}
	return w.Code, who.User, room.Grant{Word: who.Word, Key: who.Key}
}

// Another box brings a person with a grant of this one. It gets the person's own seats and no other, and
// only as long as the person is signed in.
func TestAGuestGetsTheOwnSeatOnly(t *testing.T) {
	r := newRig(t).school()
	if code, _, _ := r.grantFor("nobody", "b"); code != http.StatusUnauthorized {
		t.Errorf("nobody gets a grant: %d", code)
	}
	if w := r.do(r.request("admin", "GET", relay.CallerPath, nil)); w.Code != http.StatusNotFound {
		t.Errorf("a browser asks as a box does: %d", w.Code)
	}
	_, pupil, ofPupil := r.grantFor("pupil", "b")
	_, teacher, ofTeacher := r.grantFor("teacher", "b")
	_, admin, ofAdmin := r.grantFor("admin", "b")
	refused := func(box, user string, role event.Role, in string, g room.Grant) string {
		t.Helper()
		as, err := r.AdmitGuest(box, &room.Seat{Room: in, Viewer: event.Viewer{User: user, Role: role}, Name: "whatever the box says", Grant: g})
		if err == nil && (as.Name == "" || string(as.Key) != string(g.Key)) {
			t.Errorf("%s is let in as %+v", user, as)
		}
		return errs.BodyOf(err).Code
	}
	long := room.Grant{Word: append(ofPupil.Word[:len(ofPupil.Word):len(ofPupil.Word)], 0)}
	changed := room.Grant{Word: append([]byte("x"), ofPupil.Word[1:]...)}
	for _, c := range []struct {
		what, box, user string
		role            event.Role
		in              string
		grant           room.Grant
		want            string
	}{
		{"the pupil", "b", pupil, event.Pupil, r.class.ID, ofPupil, ""},
		{"the admin", "b", admin, event.Teacher, r.class.ID, ofAdmin, ""},
		{"the admin's projector", "b", "screen:" + admin, event.Screen, r.class.ID, ofAdmin, ""},
		{"at a box that did not get it", "c", pupil, event.Pupil, r.class.ID, ofPupil, "bad_grant"},
		{"as another pupil", "b", r.class.Pupils[1].ID, event.Pupil, r.class.ID, ofPupil, "other_room"},
		{"as a teacher", "b", pupil, event.Teacher, r.class.ID, ofPupil, "other_room"},
		{"as the teacher", "b", teacher, event.Teacher, r.class.ID, ofPupil, "other_room"},
		{"as a projector", "b", "screen:" + pupil, event.Screen, r.class.ID, ofPupil, "other_room"},
		{"as the box", "b", teacher, event.Operator, r.class.ID, ofTeacher, "other_room"},
		{"in another room", "b", pupil, event.Pupil, r.spare.ID, ofPupil, "other_room"},
		{"the teacher of all classes", "b", teacher, event.Teacher, r.class.ID, ofTeacher, ""},
		{"without a grant", "b", pupil, event.Pupil, r.class.ID, room.Grant{}, "bad_grant"},
		{"with a long one", "b", pupil, event.Pupil, r.class.ID, long, "bad_grant"},
		{"with a changed one", "b", pupil, event.Pupil, r.class.ID, changed, "bad_grant"},
	} {
		got := refused(c.box, c.user, c.role, c.in, c.grant)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	r.ok("admin", "PUT", "/api/classes/"+r.class.ID+"/teachers", map[string][]string{"teachers": {r.other.ID}}, nil)
	if got := refused("b", teacher, event.Teacher, r.class.ID, ofTeacher); got == "" {
		t.Error("a teacher is let into the class of another one")
	}
	checkError(t, r.Roster.SignOut(r.tokens["pupil"]))
	if got := refused("b", pupil, event.Pupil, r.class.ID, ofPupil); got != "signed_out" {
		t.Errorf("after signing out: %q", got)
	}
}
