package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBadInputNamesTheFieldAndTheLimit(t *testing.T) {
	r := newRig(t).school()
	long := strings.Repeat("x", 61)
	class := "/api/classes/" + r.class.ID
	for _, c := range []struct {
		method, path string
		in           any
		status       int
		code, field  string
		limit        int64
	}{
		{"POST", "/api/classes", map[string]string{"name": long}, 400, "too_long", "name", 60},
		{"POST", "/api/classes", map[string]string{"name": " "}, 400, "empty", "name", 1},
		{"POST", "/api/classes", map[string]string{"name": "a\x00b"}, 400, "bad_text", "name", 0},
		{"POST", "/api/classes", map[string]string{"name": className1}, 400, "duplicate", "name", 0},
		{"POST", "/api/classes", map[string]any{"name": 5}, 400, "", "name", 0},
		{"POST", "/api/classes", map[string]any{}, 400, "", "", 0},
		{"POST", "/api/classes", map[string]any{"name": "X", "extra": 1}, 400, "", "extra", 0},
		{"POST", "/api/classes", `{"name":`, 400, "", "", 0},
		{"POST", "/api/classes", ``, 400, "", "", 0},
		{"POST", "/api/classes", `[]`, 400, "", "", 0},
		{"PATCH", class, map[string]string{"name": long}, 400, "too_long", "name", 60},
		{"PATCH", class + "/pupils/" + r.class.Pupils[1].ID, map[string]string{"name": pupil3}, 400, "duplicate", "name", 0},
		{"POST", "/api/lessons", map[string]string{"class": r.spare.ID, "title": long}, 400, "too_long", "title", 60},
		{"POST", "/api/lessons", map[string]string{"class": "c_none"}, 404, "no_class", "", 0},
		{"GET", "/api/classes/c_none", nil, 404, "no_class", "", 0},
		{"GET", "/api/classes/" + strings.Repeat("x", 65), nil, 400, "", "path.id", 0},
		{"POST", "/api/lessons/l_none/end", nil, 404, "no_lesson", "", 0},
		{"POST", "/api/lessons/l_none/release", map[string]string{"pupil": "p"}, 404, "no_lesson", "", 0},
		{"DELETE", class + "/pupils/p_none", nil, 404, "no_pupil", "", 0},
		{"DELETE", class, nil, 409, "lesson_open", "", 0},
		{"POST", "/api/admin/letters/l_none/retry", nil, 404, "no_letter", "", 0},
		{"POST", "/api/join", map[string]string{"key": r.lesson.Key, "pupil": "p_none"}, 404, "no_pupil", "", 0},
		{"POST", "/api/classes", map[string]string{"name": strings.Repeat("x", 300<<10)}, 413, "too_long", "body", 256 << 10},
	} {
		w := r.do(r.request("admin", c.method, c.path, c.in))
		if w.Code != c.status {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, w.Code, c.status, w.Body)
			continue
		}
		b := readRefusal(t, w)
		if c.code != "" && b.Code != c.code || c.field != "" && b.Field != c.field || c.limit != 0 && b.Limit != c.limit {
			t.Errorf("%s %s: %+v, want code %q field %q limit %d", c.method, c.path, b, c.code, c.field, c.limit)
		}
	}
}

func TestANameThatIsNotTakenWinsAndTheSecondLoses(t *testing.T) {
	r := newRig(t).school()
	join := func(pupil int) *httptest.ResponseRecorder {
		return r.do(r.request("nobody", "POST", "/api/join", map[string]string{"key": r.lesson.Key, "pupil": r.class.Pupils[pupil].ID}))
	}
	if w := join(1); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := join(1)
	if b := readRefusal(t, w); w.Code != 409 || b.Code != "taken" || b.Reason != "stale" {
		t.Errorf("%d %+v", w.Code, b)
	}
}

func TestTheCookieIsForTheBoxAlone(t *testing.T) {
	r := newRig(t).school()
	w := r.do(r.request("nobody", "POST", "/api/login", map[string]string{"name": admin1, "pin": pin}))
	var found bool
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-ll" {
			found = true
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) != 43 {
				t.Errorf("%+v", c)
			}
		}
	}
	if !found {
		t.Errorf("no cookie: %v", w.Header())
	}
}

// FuzzJoin sends arbitrary input to the two operations of unknown callers.
func FuzzJoin(f *testing.F) {
	for _, seed := range []string{
		`{"code":"123456"}`, `{"key":"AAAAAAAAAAA"}`, `{}`, ``, `null`, `[]`, `{"code":null,"pupil":5}`, `{"code":"` + strings.Repeat("9", 5000) + `"}`,
		`{"code":"١٢٣٤٥٦","pupil":"p_x"}`, `{"code":"\u0000"}`, `{"code":"1","code":"2"}`, "\xff\xfe", `{"key":"../../x","pupil":"p/../p"}`,
	} {
		f.Add(seed)
	}
	r := newRig(f)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/api/join/look", "/api/join"} {
			req := httptest.NewRequest("POST", "http://192.168.1.5"+path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, req)
			if w.Code < 400 || w.Code >= 500 {
				t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s %q: %s", path, body, w.Body)
			}
		}
	})
}

// TestTheLogHoldsNoSecretAndNoName calls every operation, with right and wrong input, and
// logs at debug level.
func TestTheLogHoldsNoSecretAndNoName(t *testing.T) {
	r := newRig(t)
	code := r.claim
	r.school()
	secrets := []string{code, pin, admin1, teacher1, pupil1, pupil2, pupil3, className1, r.lesson.Code, r.lesson.Key, "canary-wrong-pin"}
	for _, role := range roles {
		for _, c := range r.calls()[:20] { // the reads
			method, _, _ := strings.Cut(c.route, " ")
			r.do(r.request(role, method, c.path, c.in))
		}
	}
	for _, in := range []struct {
		path string
		body any
	}{
		{"/api/login", map[string]string{"name": admin1, "pin": "canary-wrong-pin"}},
		{"/api/login", map[string]string{"name": admin1, "pin": pin}},
		{"/api/login", `{"name":"` + admin1 + `","pin":"` + pin + `"`},
		{"/api/login", map[string]any{"name": admin1, "pin": []string{pin}}},
		{"/api/claim", map[string]string{"code": code, "box": "B", "name": admin1, "pin": pin}},
		{"/api/join/look", map[string]string{"code": r.lesson.Code}},
		{"/api/join", map[string]string{"key": r.lesson.Key, "pupil": r.class.Pupils[1].ID}},
		{"/api/join", map[string]string{"code": r.lesson.Code, "pupil": r.class.Pupils[1].ID}},
	} {
		w := r.do(r.request("nobody", "POST", in.path, in.body))
		for _, c := range w.Result().Cookies() {
			if c.Value != "" {
				secrets = append(secrets, c.Value)
			}
		}
		if w.Code >= 400 && (strings.Contains(w.Body.String(), pin) || strings.Contains(w.Body.String(), "canary-wrong-pin")) {
			t.Errorf("a refusal repeats the PIN: %s", w.Body)
		}
	}
	r.do(r.request("nobody", "GET", "/socket/websocket?vsn=2.0.0&token="+r.tokens["pupil"], nil))
	r.do(r.request("admin", "POST", "/api/classes/"+r.class.ID+"/pupils", map[string]string{"text": pupil1 + "\n" + pupil1}))
	r.do(r.request("admin", "POST", "/api/lessons/"+r.lesson.ID+"/end", nil))
	for _, token := range r.tokens {
		secrets = append(secrets, token)
	}
	text := r.log.String()
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
