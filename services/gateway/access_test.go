package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/event"
)

// roles are the callers, in the order of apiCall.want.
var roles = []string{"nobody", "pupil", "teacher", "admin"}

// apiCall is one operation and the status that each role gets.
type apiCall struct {
	route string // as in the API description
	path  string // with ids filled in
	in    any
	want  [4]int
}

// The usual values of apiCall.want. ok is the status of success.
func anyRole(ok int) [4]int      { return [4]int{ok, ok, ok, ok} }
func signedInOnly(ok int) [4]int { return [4]int{401, ok, ok, ok} }
func teachersOnly(ok int) [4]int { return [4]int{401, 403, ok, ok} }
func adminsOnly(ok int) [4]int   { return [4]int{401, 403, 403, ok} }

// calls returns every operation. Reads come before writes.
func (r *rig) calls() []apiCall {
	class, spare, lesson := "/api/classes/"+r.class.ID, "/api/classes/"+r.spare.ID, "/api/lessons/"+r.lesson.ID
	pupil := func(n int) string { return r.class.Pupils[n].ID }
	name := map[string]string{"name": "New name"}
	code := map[string]string{"code": r.lesson.Code}
	quiz := "/api/quizzes/" + r.quiz.ID
	return []apiCall{
		{"GET /healthz", "/healthz", nil, anyRole(200)},
		{"GET /readyz", "/readyz", nil, anyRole(200)},
		{"GET /metrics", "/metrics", nil, [4]int{403, 403, 403, 200}},
		{"GET /api/authority", "/api/authority", nil, anyRole(200)},
		{"GET /certificate", "/certificate", nil, anyRole(200)},
		{"GET /guide", "/guide", nil, anyRole(404)},   // this rig has no such page
		{"GET /ca.crt", "/ca.crt", nil, anyRole(404)}, // HTTPS is off
		{"GET /", "/", nil, anyRole(200)},
		{"GET /j/{key}", "/j/" + r.lesson.Key, nil, anyRole(200)},
		{"GET /c/{token}", "/c/AAAAAAAAAAAAAAAAAAAAAA", nil, anyRole(200)},
		{"GET /api/openapi.json", "/api/openapi.json", nil, anyRole(200)},
		{"GET /api/openapi.yaml", "/api/openapi.yaml", nil, anyRole(200)},

		{"GET /api/state", "/api/state", nil, anyRole(200)},
		{"GET /api/classes", "/api/classes", nil, teachersOnly(200)},
		{"GET /api/classes/{id}", class, nil, teachersOnly(200)},
		{"GET /api/classes/{id}/cards", class + "/cards", nil, teachersOnly(200)},
		{"GET /api/classes/{id}/cards/{pupil}/qr.svg", class + "/cards/" + pupil(0) + "/qr.svg", nil, teachersOnly(200)},
		{"GET /api/staff", "/api/staff", nil, adminsOnly(200)},
		{"GET /api/admin/settings", "/api/admin/settings", nil, adminsOnly(200)},
		{"GET /api/lessons", "/api/lessons", nil, teachersOnly(200)},
		{"GET /api/lessons/{id}/qr.svg", lesson + "/qr.svg", nil, teachersOnly(200)},
		{"GET /api/lessons/{id}/remote.svg", lesson + "/remote.svg", nil, teachersOnly(200)},
		{"GET /api/lesson", "/api/lesson?room=" + r.class.ID, nil, signedInOnly(200)},
		{"GET /api/admin/health", "/api/admin/health", nil, teachersOnly(200)},
		{"GET /api/admin/tree", "/api/admin/tree", nil, adminsOnly(200)},
		{"GET /api/admin/crashes", "/api/admin/crashes", nil, adminsOnly(200)},
		{"GET /api/admin/letters", "/api/admin/letters", nil, adminsOnly(200)},
		{"GET /api/admin/log", "/api/admin/log", nil, adminsOnly(200)},
		{"GET /api/admin/audit", "/api/admin/audit", nil, adminsOnly(200)},
		{"GET /api/admin/audit/check", "/api/admin/audit/check", nil, adminsOnly(200)},
		{"GET /api/admin/audit.csv", "/api/admin/audit.csv", nil, adminsOnly(200)},
		{"GET /api/admin/history", "/api/admin/history", nil, adminsOnly(200)},
		{"GET /api/admin/backup", "/api/admin/backup", nil, adminsOnly(200)},
		{"POST /api/admin/backup", "/api/admin/backup", map[string]string{"passphrase": "three words and a number"}, adminsOnly(200)},
		{"GET /api/admin/restore", "/api/admin/restore", nil, adminsOnly(200)},
		{"POST /api/admin/restore/file", "/api/admin/restore/file", "a backup", adminsOnly(200)},
		{"POST /api/admin/restore/check", "/api/admin/restore/check", map[string]string{}, adminsOnly(200)},
		{"POST /api/admin/restore", "/api/admin/restore", map[string]string{"name": "Box"}, adminsOnly(200)},
		{"DELETE /api/admin/restore", "/api/admin/restore", nil, adminsOnly(200)},
		{"GET /api/admin/media", "/api/admin/media", nil, adminsOnly(200)},
		{"GET /api/admin/update", "/api/admin/update", nil, adminsOnly(200)},
		{"POST /api/admin/update/fetch", "/api/admin/update/fetch", map[string]string{"url": "http://192.0.2.1/x"}, [4]int{401, 403, 403, 404}}, // this is no appliance
		{"POST /api/admin/update/install", "/api/admin/update/install", map[string]string{"when": "now"}, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/update/rollback", "/api/admin/update/rollback", nil, [4]int{401, 403, 403, 404}},
		{"DELETE /api/admin/update", "/api/admin/update", nil, [4]int{401, 403, 403, 404}},
		{"GET /api/admin/boot", "/api/admin/boot", nil, adminsOnly(200)},
		{"POST /api/admin/restart", "/api/admin/restart", map[string]string{"what": "program"}, [4]int{401, 403, 403, 404}},
		{"GET /api/admin/network", "/api/admin/network", nil, adminsOnly(200)},
		{"POST /api/admin/label", "/api/admin/label", map[string]string{}, adminsOnly(200)},
		{"GET /api/admin/network/check", "/api/admin/network/check", nil, adminsOnly(200)},
		{"POST /api/admin/network/check", "/api/admin/network/check", nil, adminsOnly(200)},
		{"GET /api/admin/network/wifi", "/api/admin/network/wifi", nil, adminsOnly(200)},
		{"PUT /api/admin/network", "/api/admin/network", map[string]string{"mode": "guest"}, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/network/keep", "/api/admin/network/keep", nil, [4]int{401, 403, 403, 404}},
		{"GET /api/cloud", "/api/cloud", nil, teachersOnly(200)},
		{"GET /api/admin/cloud", "/api/admin/cloud", nil, adminsOnly(200)},
		{"GET /api/admin/cloud/dead", "/api/admin/cloud/dead", nil, adminsOnly(200)},
		{"GET /api/admin/cloud/export", "/api/admin/cloud/export", nil, [4]int{401, 403, 403, 404}}, // this box talks to no cloud
		{"POST /api/admin/cloud/link", "/api/admin/cloud/link", map[string]string{"link": "https://192.0.2.1/#x"}, [4]int{401, 403, 403, 404}},
		{"DELETE /api/admin/cloud/link", "/api/admin/cloud/link", nil, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/cloud/sync", "/api/admin/cloud/sync", nil, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/cloud/dead/retry", "/api/admin/cloud/dead/retry", map[string]any{"incarnation": "1", "pos": 1}, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/cloud/reply", "/api/admin/cloud/reply", "a file", [4]int{401, 403, 403, 404}},
		{"GET /api/admin/boxes", "/api/admin/boxes", nil, adminsOnly(200)},
		{"POST /api/admin/boxes/code", "/api/admin/boxes/code", nil, [4]int{401, 403, 403, 404}}, // this box connects to no other
		{"GET /api/admin/boxes/code", "/api/admin/boxes/code", nil, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/boxes/join", "/api/admin/boxes/join", map[string]string{"address": "192.0.2.1", "code": "AAAAAAAA"}, [4]int{401, 403, 403, 404}},
		{"DELETE /api/admin/boxes/{id}", "/api/admin/boxes/0123456789abcdef", nil, [4]int{401, 403, 403, 404}},
		{"POST /api/admin/media/{node}/drain", "/api/admin/media/media-a/drain", nil, [4]int{401, 403, 403, 404}}, // none here

		{"GET /slides/{deck}/{file}", r.page, nil, anyRole(200)}, // the key is in the address
		{"GET /api/quizzes", "/api/quizzes", nil, teachersOnly(200)},
		{"GET /api/quizzes/{id}", quiz, nil, teachersOnly(200)},
		{"POST /api/quizzes", "/api/quizzes", map[string]string{"title": "Stars"}, teachersOnly(200)},
		{"POST /api/quizzes/import", "/api/quizzes/import", map[string]any{"title": "Import", "text": "Ours? {=Earth}", "dry": true}, teachersOnly(200)},
		{"POST /api/quizzes/file", "/api/quizzes/file", "Ours? {=Earth}", teachersOnly(200)},
		{"GET /api/quizzes/{id}/gift", quiz + "/gift", nil, teachersOnly(200)},
		{"GET /api/quizzes/{id}/export", quiz + "/export?format=qti", nil, teachersOnly(200)},
		{"GET /api/quizzes/{id}/export/notes", quiz + "/export/notes?format=kahoot", nil, teachersOnly(200)},
		{"PUT /api/quizzes/{id}", quiz, r.quiz, teachersOnly(200)},
		{"DELETE /api/quizzes/{id}", quiz, nil, teachersOnly(204)},
		{"GET /api/samples", "/api/samples?lang=en", nil, teachersOnly(200)},
		{"GET /api/samples/{id}", "/api/samples/science-7-9?lang=en", nil, teachersOnly(200)},
		{"POST /api/samples/{id}/copy", "/api/samples/science-7-9/copy?lang=en", nil, teachersOnly(200)},
		{"POST /api/images", "/api/images", "no picture", [4]int{401, 403, 400, 400}},
		{"GET /api/decks", "/api/decks", nil, teachersOnly(200)},
		{"GET /api/decks/{id}", "/api/decks/d_sample", nil, teachersOnly(200)},
		{"POST /api/decks", "/api/decks?title=Dots", "GIF89a", teachersOnly(200)}, // the job finds the fault later
		{"PATCH /api/decks/{id}", "/api/decks/d_sample", map[string]string{"title": "Planets"}, teachersOnly(200)},
		{"DELETE /api/decks/{id}", "/api/decks/d_sample", nil, teachersOnly(204)},

		{"GET /api/door", "/api/door", nil, anyRole(200)},
		{"POST /api/door", "/api/door", map[string]string{"box": ""}, anyRole(200)},
		{"POST /api/join/look", "/api/join/look", code, anyRole(200)},
		{"POST /api/claim", "/api/claim", map[string]string{"code": "AAAAAAAA", "box": "B", "name": "N", "pin": pin}, anyRole(409)},
		{"POST /api/login", "/api/login", map[string]string{"name": teacher1, "pin": pin}, anyRole(200)},
		{"POST /api/classes", "/api/classes", map[string]string{"name": "Made"}, teachersOnly(200)},
		{"GET /api/colleagues", "/api/colleagues", nil, teachersOnly(200)},
		{"PUT /api/classes/{id}/teachers", class + "/teachers", map[string][]string{"teachers": {}}, teachersOnly(200)},
		{"PATCH /api/classes/{id}", class, name, teachersOnly(200)},
		{"POST /api/classes/{id}/pupils", class + "/pupils", map[string]any{"text": "Someone", "dry": true}, teachersOnly(200)},
		{"PATCH /api/classes/{id}/pupils/{pupil}", class + "/pupils/" + pupil(1), name, teachersOnly(200)},
		{"POST /api/classes/{id}/cards/renew", class + "/cards/renew?pupil=" + pupil(1), nil, teachersOnly(200)},
		{"POST /api/intake", "/api/intake?name=7b.csv&dry=true", "name\nSomeone", teachersOnly(200)},
		{"POST /api/staff", "/api/staff", map[string]any{"name": "Made", "pin": pin}, adminsOnly(200)},
		{"PATCH /api/staff/{id}", "/api/staff/" + r.other.ID, name, adminsOnly(200)},
		{"POST /api/staff/{id}/pin", "/api/staff/" + r.other.ID + "/pin", map[string]string{"pin": pin}, adminsOnly(204)},
		{"DELETE /api/staff/{id}", "/api/staff/" + r.other.ID, nil, adminsOnly(204)},
		{"POST /api/pin/confirm", "/api/pin/confirm", map[string]string{"pin": pin}, teachersOnly(204)},
		{"GET /api/pin/confirm", "/api/pin/confirm", nil, teachersOnly(204)},
		{"POST /api/pin", "/api/pin", map[string]string{"old": pin, "new": pin + "0"}, teachersOnly(204)},
		{"PATCH /api/admin/settings", "/api/admin/settings", map[string]int{"chat_days": 7}, adminsOnly(200)},
		{"POST /api/lessons", "/api/lessons", map[string]string{"class": r.class.ID}, teachersOnly(200)},
		{"POST /api/lessons/{id}/tokens", lesson + "/tokens", map[string]string{"use": "whip", "label": "OBS"}, teachersOnly(200)},
		{"GET /api/lessons/{id}/tokens", lesson + "/tokens", nil, teachersOnly(200)},
		{"DELETE /api/lessons/{id}/tokens/{token}", lesson + "/tokens/" + r.pass.ID, nil, teachersOnly(204)},
		{"OPTIONS /whip/{lesson}", "/whip/" + r.lesson.ID, nil, anyRole(200)},
		{"POST /whip/{lesson}", "/whip/" + r.lesson.ID, "v=0", anyRole(401)}, // the role does not count here, only a token does
		{"POST /whep/{lesson}", "/whep/" + r.lesson.ID, "v=0", anyRole(401)},
		{"PATCH /whip/{lesson}/{session}", "/whip/" + r.lesson.ID + "/x", "a=x", anyRole(401)},
		{"DELETE /whep/{lesson}/{session}", "/whep/" + r.lesson.ID + "/x", nil, anyRole(401)},
		{"PUT /api/lessons/{id}/lobby", lesson + "/lobby", map[string]bool{"open": true}, teachersOnly(200)},
		{"GET /api/lessons/{id}/lobby", lesson + "/lobby", nil, teachersOnly(200)},
		{"POST /api/lessons/{id}/lobby/admit", lesson + "/lobby/admit", map[string][]string{"waiting": {"w_none"}}, teachersOnly(200)},
		{"POST /api/lessons/{id}/lobby/refuse", lesson + "/lobby/refuse", map[string][]string{"waiting": {"w_none"}}, teachersOnly(200)},
		{"POST /api/join/ask", "/api/join/ask", map[string]string{"code": r.lesson.Code, "pupil": pupil(1)}, [4]int{409, 409, 200, 200}}, // the lobby is open where staff opened it
		{"POST /api/join/ticket", "/api/join/ticket", map[string]string{"ticket": r.lesson.ID + "." + pupil(1) + ".x"}, anyRole(200)},
		{"POST /api/join/leave", "/api/join/leave", map[string]string{"ticket": r.lesson.ID + "." + pupil(1) + ".x"}, anyRole(204)},
		{"POST /api/lessons/{id}/release", lesson + "/release", map[string]string{"pupil": pupil(2)}, teachersOnly(204)},
		{"POST /api/admin/letters/{id}/retry", "/api/admin/letters/" + r.letter + "/retry", nil, adminsOnly(204)},
		{"POST /api/admin/letters/{id}/drop", "/api/admin/letters/" + r.letter + "/drop", nil, adminsOnly(404)}, // done above
		{"POST /api/admin/health/{check}/acknowledge", "/api/admin/health/roster/acknowledge", nil, adminsOnly(204)},
		{"POST /api/join", "/api/join", map[string]string{"code": r.lesson.Code, "pupil": pupil(0)}, [4]int{409, 200, 409, 409}},
		{"DELETE /api/classes/{id}/pupils/{pupil}", class + "/pupils/" + pupil(2), nil, teachersOnly(204)},
		{"DELETE /api/classes/{id}", spare, nil, teachersOnly(204)},
		{"POST /api/lessons/{id}/end", lesson + "/end", nil, teachersOnly(200)},
		{"GET /api/jobs", "/api/jobs", nil, teachersOnly(200)},
		{"GET /api/jobs/{id}", "/api/jobs/j_none", nil, [4]int{401, 403, 404, 404}},
		{"POST /api/jobs/{id}/cancel", "/api/jobs/j_none/cancel", nil, [4]int{401, 403, 404, 404}},
		{"POST /api/lessons/{id}/quiz", lesson + "/quiz", map[string]string{"quiz": "q_none"}, [4]int{401, 403, 404, 404}},
		{"POST /api/lessons/{id}/deck", lesson + "/deck", map[string]string{"deck": "d_none"}, [4]int{401, 403, 404, 404}},
		{"GET /api/past", "/api/past", nil, teachersOnly(200)},
		{"GET /api/lessons/{id}/results", lesson + "/results", nil, [4]int{401, 403, 404, 404}}, // no job has run
		{"GET /api/lessons/{id}/results.csv", lesson + "/results.csv", nil, [4]int{401, 403, 404, 404}},
		{"GET /api/lessons/{id}/results.xlsx", lesson + "/results.xlsx", nil, [4]int{401, 403, 404, 404}},
		{"GET /api/media", "/api/media", nil, teachersOnly(200)},
		{"GET /api/lessons/{id}/capsule", lesson + "/capsule", nil, [4]int{401, 403, 404, 404}}, // nothing was recorded
		{"GET /recordings/{lesson}/{file}", "/recordings/" + r.lesson.ID + "/capsule.json", nil, [4]int{401, 403, 404, 404}},
		{"GET /api/lessons/{id}/film", lesson + "/film", nil, [4]int{401, 403, 404, 404}},
		{"POST /api/lessons/{id}/film", lesson + "/film", map[string]string{"source": "camera"}, [4]int{401, 403, 404, 404}}, // nothing was recorded
		{"DELETE /api/lessons/{id}/capsule", lesson + "/capsule", nil, teachersOnly(204)},
		{"POST /api/lessons/{id}/results", lesson + "/results", nil, teachersOnly(200)},
		{"GET /api/pupils/{id}/export", "/api/pupils/" + pupil(0) + "/export", nil, adminsOnly(200)},
		{"POST /api/pupils/{id}/erase", "/api/pupils/" + pupil(0) + "/erase", map[string]string{"name": pupil1}, adminsOnly(200)},
		{"POST /api/clock", "/api/clock", map[string]int64{"now": event.Earliest}, teachersOnly(200)},
		{"POST /api/logout", "/api/logout", nil, anyRole(204)},
	}
}

func TestEveryOperationKnowsWhoMayCallIt(t *testing.T) {
	for n, role := range roles {
		t.Run(role, func(t *testing.T) {
			r := newRig(t).school()
			for _, c := range r.calls() {
				method, _, _ := strings.Cut(c.route, " ")
				w := r.do(r.request(role, method, c.path, c.in))
				if w.Code != c.want[n] {
					t.Errorf("%s by %s: %d, want %d: %s", c.route, role, w.Code, c.want[n], w.Body)
				}
				if w.Code >= 400 && strings.HasPrefix(c.path, "/api/") {
					readRefusal(t, w)
				}
			}
		})
	}
}

func TestThePresentedTableIsComplete(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("nobody", "GET", "/api/openapi.json", nil))
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%v: version %q", err, doc.OpenAPI)
	}
	var tested []string
	for _, c := range r.calls() {
		tested = append(tested, c.route)
	}
	listed := 0
	for path, methods := range doc.Paths {
		for method := range methods {
			listed++
			if route := strings.ToUpper(method) + " " + path; !slices.Contains(tested, route) {
				t.Errorf("%s is in the documentation and in no test", route)
			}
		}
	}
	for _, route := range tested {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/api/openapi") {
			continue
		}
		if _, ok := doc.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s is not in the documentation", route)
		}
	}
	if listed < 25 {
		t.Errorf("%d operations are documented", listed)
	}
}

func TestAPupilSeesTheOwnRoomOnly(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("pupil", "GET", "/api/lesson?room="+r.spare.ID, nil))
	if b := readRefusal(t, w); w.Code != http.StatusForbidden || b.Code != "other_room" {
		t.Errorf("%d %+v", w.Code, b)
	}
	w = r.do(r.request("pupil", "GET", "/api/lesson", nil))
	for _, secret := range []string{r.lesson.Code, r.lesson.Key} {
		if w.Code != 200 || strings.Contains(w.Body.String(), secret) {
			t.Errorf("%d: a pupil is told %q: %s", w.Code, secret, w.Body)
		}
	}
}

func TestABearerTokenIsAsGoodAsTheCookie(t *testing.T) {
	r := newRig(t).school()
	req := r.request("nobody", "GET", "/api/classes", nil)
	req.Header.Set("Authorization", "Bearer "+r.tokens["teacher"])
	if w := r.do(req); w.Code != 200 {
		t.Errorf("bearer: %d %s", w.Code, w.Body)
	}
	if w := r.do(r.request("nobody", "GET", "/api/classes?token="+r.tokens["teacher"], nil)); w.Code != 401 {
		t.Errorf("a token in the query of the API: %d", w.Code)
	}
}
