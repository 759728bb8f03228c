package server_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
)

const password = "correct horse battery"

// person is a browser of an operator, without redirects.
type person struct {
	r      *rig
	cookie string
	origin string // of its forms; empty means that of the node
}

// answer is what a person gets.
type answer struct {
	status int
	head   http.Header
	text   string
}

func (p *person) send(method, path string, form url.Values) answer {
	p.r.t.Helper()
	req, err := http.NewRequestWithContext(p.r.t.Context(), method, "https://"+p.r.addr+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.r.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://"+p.r.addr)
		if p.origin != "" {
			req.Header.Set("Origin", p.origin)
		}
		if p.origin == "none" {
			req.Header.Del("Origin")
		}
	}
	if p.cookie != "" {
		req.Header.Set("Cookie", "__Host-livelearn="+p.cookie)
	}
	redirects := p.r.http.CheckRedirect
	p.r.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { p.r.http.CheckRedirect = redirects }()
	status, head, text := p.r.do(req, "")
	return answer{status, head, text}
}

func (p *person) get(path string) answer { p.r.t.Helper(); return p.send(http.MethodGet, path, nil) }

func (p *person) post(path string, pairs ...string) answer {
	p.r.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return p.send(http.MethodPost, path, form)
}

// wantRedirect fails the test unless the answer leads to a page.
func (a answer) wantRedirect(t *testing.T, to string) {
	t.Helper()
	if a.status != http.StatusSeeOther || a.head.Get("Location") != to {
		t.Fatalf("got %d to %q, want %q: %s", a.status, a.head.Get("Location"), to, a.text)
	}
}

// addOperator adds an operator and returns a browser in which the person is signed in.
func (r *rig) addOperator(name, school string) *person {
	r.t.Helper()
	ctx := r.t.Context()
	setup, err := r.Store.AddOperator(ctx, name, school)
	for _, err := range []error{err, r.Store.BeginSetup(ctx, name, setup, "none", "NONE"), r.Store.FinishSetup(ctx, name, setup)} {
		if err != nil {
			r.t.Fatal(err)
		}
	}
	session, err := r.Store.OpenSession(ctx, name, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return &person{r: r, cookie: session}
}

// secretOf returns the secret on the page of a setup.
func secretOf(t *testing.T, a answer) string {
	t.Helper()
	_, rest, ok := strings.Cut(a.text, `<code class="secret">`)
	secret, _, _ := strings.Cut(rest, "<")
	if !ok || a.status != 200 || !strings.Contains(a.text, "<svg") || !strings.Contains(a.text, "otpauth://totp/") {
		t.Fatalf("no secret: %d %s", a.status, a.text)
	}
	return secret
}

func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAnOperatorSignsInWithASecondFactor goes from the code of the command line to the page and back.
func TestAnOperatorSignsInWithASecondFactor(t *testing.T) {
	r := newRig(t)
	setup, err := r.Store.AddOperator(t.Context(), "ada", "")
	if err != nil {
		t.Fatal(err)
	}
	p := &person{r: r}
	p.get("/").wantRedirect(t, "./signin")
	p.get("/box?id=x").wantRedirect(t, "./signin")
	if a := p.get("/setup"); a.status != 200 || !strings.Contains(a.text, "Set-up code") {
		t.Fatalf("got %+v", a)
	}
	for _, c := range []struct{ name, setup, password, again, want string }{
		{"ada", setup, "short", "short", "12 characters"},
		{"ada", setup, password, "another " + password, "differ"},
		{"ada", setup, "my name is ada", "my name is ada", "must not contain the name"},
		{"ada", "ABCDEFGHIJKLMNOPQRST", password, password, "is wrong"},
		{"bob", setup, password, password, "is wrong"},
	} {
		a := p.post("/setup", "name", c.name, "setup", c.setup, "password", c.password, "again", c.again)
		if a.status == 200 || !strings.Contains(a.text, c.want) || strings.Contains(a.text, "otpauth") {
			t.Errorf("%+v: got %d %s", c, a.status, a.text)
		}
	}
	secret := secretOf(t, p.post("/setup", "name", " ADA ", "setup", strings.ToLower(setup), "password", password, "again", password))
	finish := func(code string) answer {
		return p.post("/setup", "step", "2", "name", "ada", "setup", setup, "code", code)
	}
	if a := finish("nonsense"); a.status == 200 || !strings.Contains(a.text, secret) {
		t.Errorf("a wrong code: %d %s", a.status, a.text)
	}
	signIn := func(password, code string) answer {
		return p.post("/signin", "name", "Ada", "password", password, "code", code)
	}
	now := time.Now()
	if a := signIn(password, code(t, secret, now)); a.status != 403 || a.head.Get("Set-Cookie") != "" {
		t.Errorf("before the end of the setup: %d", a.status)
	}
	finish(code(t, secret, now)).wantRedirect(t, "./signin?did=setup")

	for _, c := range [][2]string{{"wrong " + password, code(t, secret, now)}, {password, "000000x"}, {password, ""}} {
		a := signIn(c[0], c[1])
		if a.status != 403 || a.head.Get("Set-Cookie") != "" || !strings.Contains(a.text, "the name, the password or the code is wrong") {
			t.Errorf("%q: got %d %s", c, a.status, a.text)
		}
	}
	a := signIn(password, code(t, secret, now))
	a.wantRedirect(t, "./")
	cookie := a.head.Get("Set-Cookie")
	for _, part := range []string{"__Host-livelearn=", "Path=/;", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=43200"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q has no %q", cookie, part)
		}
	}
	if a := signIn(password, code(t, secret, now)); a.status != 403 || !strings.Contains(a.text, "was used already") {
		t.Errorf("a code works twice: %d %s", a.status, a.text)
	}
	p.cookie, _, _ = strings.Cut(strings.TrimPrefix(cookie, "__Host-livelearn="), ";")
	if a := p.get("/"); a.status != 200 || !strings.Contains(a.text, "ada, all schools") {
		t.Fatalf("got %d %s", a.status, a.text)
	}
	a = p.post("/signout")
	a.wantRedirect(t, "./signin")
	p.get("/").wantRedirect(t, "./signin") // with the cookie of before
	r.checkLogged(t, "a sign-in was refused", pg.CodeBadPart)
	for _, hidden := range []string{password, setup, secret, p.cookie} {
		if strings.Contains(r.log.String(), hidden) {
			t.Errorf("the log has %q", hidden)
		}
	}
}

func TestWhoGuessesHasToWait(t *testing.T) {
	r := newRig(t)
	p := &person{r: r}
	last := answer{}
	for range 100 { // a slow machine gets some of them through
		if last = p.post("/signin", "name", "ada", "password", password, "code", "123456"); last.status == 429 {
			break
		}
	}
	if last.status != 429 || last.head.Get("Retry-After") == "" || !strings.Contains(last.text, "at most 10 a minute") {
		t.Errorf("sign-in: got %d %s", last.status, last.text)
	}
	for range 100 {
		last = p.post("/setup", "name", "ada", "setup", "x", "password", password, "again", password)
		if last.status == 429 {
			break
		}
	}
	if last.status != 429 {
		t.Errorf("setup: got %d", last.status)
	}
}

// TestAFormComesFromTheNodeItself posts each form from elsewhere.
func TestAFormComesFromTheNodeItself(t *testing.T) {
	r := newRig(t)
	r.enrolBox("b1")
	p := r.addOperator("ada", "")
	for _, origin := range []string{"https://evil.example", "http://" + r.addr, "null", "none"} {
		p.origin = origin
		for _, path := range []string{"/signin", "/setup", "/signout", "/rename", "/revoke", "/remove", "/schools"} {
			if a := p.post(path, "id", "b1", "name", "Evil", "school", cloudtest.School, "hours", "1"); a.status != 403 {
				t.Errorf("%s from %s: got %d", path, origin, a.status)
			}
		}
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.boxes where label = '' and revoked is null`); n != 1 {
		t.Error("the box was changed")
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.operator_sessions`); n != 1 {
		t.Error("the person was signed out")
	}
}

// TestAnOperatorOfASchoolSeesAndDoesOnlyItsOwn has each refusal.
func TestAnOperatorOfASchoolSeesAndDoesOnlyItsOwn(t *testing.T) {
	r := newRig(t)
	if err := r.Store.AddSchool(t.Context(), "Other", cloud.Policy{}); err != nil {
		t.Fatal(err)
	}
	r.enrolBox("secret-box")
	bob := r.addOperator("bob", "Other")
	const changes = `select count(*) from livelearn.audit where action <> 'exported'`
	before := r.QueryInt(t, changes)
	for path, want := range map[string]int{
		"/?school=School+1":                      403,
		"/box?id=secret-box":                     404,
		"/box?id=no-box":                         404,
		"/revoke?id=secret-box":                  404,
		"/remove?id=secret-box":                  404,
		"/api/boxes?school=School+1":             403,
		"/api/dead?school=School+1":              403,
		"/export/results.csv?school=School+1":    403,
		"/export/attendance.csv?school=School+1": 403,
		"/export/oneroster.zip?school=School+1":  403,
		"/metrics":                               403,
		"/xapi/statements":                       403, // tokens only
		"/?school=%ff":                           400,
		"/?state=typo":                           400,
	} {
		if a := bob.get(path); a.status != want {
			t.Errorf("%s: got %d %s, want %d", path, a.status, a.text, want)
		}
	}
	for _, c := range [][]string{
		{"/rename", "id", "secret-box", "name", "Mine"},
		{"/revoke", "id", "secret-box"},
		{"/remove", "id", "secret-box"},
		{"/schools", "school", cloudtest.School, "hours", "1"},
		{"/import"},
	} {
		if a := bob.post(c[0], c[1:]...); a.status != 404 && a.status != 403 {
			t.Errorf("%v: got %d", c, a.status)
		}
	}
	for _, path := range []string{"/", "/schools", "/audit", "/audit.csv", "/api/boxes", "/?q=secret"} {
		if a := bob.get(path); a.status != 200 || strings.Contains(a.text, "secret-box") || strings.Contains(a.text, "School 1") {
			t.Errorf("%s: got %d %s", path, a.status, a.text)
		}
	}
	if n := r.QueryInt(t, changes); n != before {
		t.Errorf("%d entries of what was refused", n-before)
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.boxes_seen where box = 'secret-box' and name <> 'Mine' and revoked is null and silent_hours = 72`); n != 1 {
		t.Error("the box was changed")
	}
	bob.post("/schools", "school", "Other", "hours", "5").wantRedirect(t, "./schools?did=alert")
	bob.post("/schools", "hours", "6").wantRedirect(t, "./schools?did=alert") // a school's operator need not name it
	if n := r.QueryInt(t, `select silent_hours from livelearn.schools where name = 'Other'`); n != 6 {
		t.Errorf("got %d hours", n)
	}
	if err := r.Store.RemoveOperator(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/api/boxes"} {
		a := bob.get(path)
		a.wantRedirect(t, map[string]string{"/": "./signin", "/api/boxes": "./../signin"}[path])
	}
}

// TestTheFleetIsFound has boxes of each state, and searches.
func TestTheFleetIsFound(t *testing.T) {
	r := newRig(t)
	exec := func(sql string) {
		t.Helper()
		r.QueryInt(t, `with done as (`+sql+` returning 1) select count(*) from done`)
	}
	r.enrolBox("b-good")
	r.enrolBox("b-old")
	r.enrolBox("b-bad")
	r.enrolBox("b-gone")
	exec(`update livelearn.boxes set seen = now(), name = 'Lab <i>', version = '9.9' where id = 'b-good'`)
	exec(`update livelearn.boxes set seen = now() - interval '80 hours', enrolled = now() - interval '90 hours' where id = 'b-old'`)
	if err := r.Store.RevokeBox(t.Context(), "b-gone"); err != nil {
		t.Fatal(err)
	}
	exec(`insert into livelearn.dead_letters (school, box, incarnation, pos, stream, epoch, seq, boot, mono, kind, code, text) values (1, 'b-bad', 1, 1, 's', 1, 1, 1, 1, 'k', 'c', 't')`)
	ada := r.addOperator("ada", "")
	for path, want := range map[string]string{
		"/":                      "b-bad b-gone b-good b-old",
		"/?state=attention":      "b-bad b-old",
		"/?state=silent":         "b-old",
		"/?state=refused":        "b-bad",
		"/?state=revoked":        "b-gone",
		"/?state=failing":        "",
		"/?state=waiting":        "",
		"/?q=lab+9.9":            "b-good",
		"/?q=lab+1.0":            "",
		"/?q=SCHOOL+B-O":         "b-old",
		"/?school=School+1":      "b-bad b-gone b-good b-old",
		"/?state=silent&page=99": "b-old",
		"/?page=-1&q=b-bad":      "b-bad",
	} {
		a := ada.get(path)
		var got []string
		for _, id := range []string{"b-bad", "b-gone", "b-good", "b-old"} {
			if strings.Contains(a.text, `href="box?id=`+id+`"`) {
				got = append(got, id)
			}
		}
		if a.status != 200 || strings.Join(got, " ") != want {
			t.Errorf("%s: got %d %q, want %q", path, a.status, got, want)
		}
	}
	if a := ada.get("/"); !strings.Contains(a.text, "<b>1</b> silent") || !strings.Contains(a.text, "<b>1</b> with refused facts") || !strings.Contains(a.text, "Lab &lt;i&gt;") {
		t.Errorf("got %s", a.text)
	}
	if n := r.readMetric(t, `livelearn_cloud_box_silent{box="b-old",school="School 1"}`); n != 1 {
		t.Errorf("the metric of a silent box is %v", n)
	}
	if err := r.Store.SetSilentHours(t.Context(), cloudtest.School, 100); err != nil {
		t.Fatal(err)
	}
	if n := r.readMetric(t, `livelearn_cloud_silent_after_seconds{school="School 1"}`); n != 360_000 {
		t.Errorf("the metric of the threshold is %v", n)
	}
	if a := ada.get("/?state=silent"); strings.Contains(a.text, "box?id=") {
		t.Error("the threshold does not count")
	}
	if a := ada.get("/schools"); !strings.Contains(a.text, `value="100"`) {
		t.Errorf("got %s", a.text)
	}
}

// TestALargeFleetComesInPages has more boxes than a page shows.
func TestALargeFleetComesInPages(t *testing.T) {
	r := newRig(t)
	r.QueryInt(t, `with done as (insert into livelearn.boxes (id, school, name) select 'x' || lpad(n::text, 3, '0'), 1, '' from generate_series(1, 230) n returning 1) select count(*) from done`)
	ada := r.addOperator("ada", "")
	for path, want := range map[string][2]string{"/?q=x": {"1 to 100 of 230", "x100"}, "/?q=x&page=2": {"101 to 200 of 230", "x200"}, "/?q=x&page=3": {"201 to 230 of 230", "x230"}} {
		if a := ada.get(path); strings.Count(a.text, "box?id=") != min(100, 100-70*strings.Count(path, "page=3")) || !strings.Contains(a.text, want[0]) || !strings.Contains(a.text, "box?id="+want[1]) {
			t.Errorf("%s: %d boxes", path, strings.Count(a.text, "box?id="))
		}
	}
	if a := ada.get("/?q=x&page=2"); !strings.Contains(a.text, "page=1&amp;q=x") || !strings.Contains(a.text, "page=3&amp;q=x") {
		t.Error("no way to the neighbours of a page")
	}
}

// TestAnOperatorRenamesRevokesAndRemoves does it by the pages, and reads the audit log of it.
func TestAnOperatorRenamesRevokesAndRemoves(t *testing.T) {
	r := newRig(t)
	c := r.enrolBox("b1")
	if _, err := c.Put(t.Context(), cloudtest.LessonFacts("b1", 1, 0, 12)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.State(t.Context(), cloudtest.NewSelf("b1", 1, 17)); err != nil {
		t.Fatal(err)
	}
	ada := r.addOperator("ada", cloudtest.School)
	ada.post("/rename", "id", "b1", "name", " =Lab ").wantRedirect(t, "./box?did=renamed&id=b1")
	if a := ada.post("/rename", "id", "b1", "name", strings.Repeat("x", 256)); a.status != 400 || !strings.Contains(a.text, "255") {
		t.Errorf("got %d %s", a.status, a.text)
	}
	a := ada.get("/box?id=b1&did=renamed")
	for _, want := range []string{"<h1>=Lab</h1>", "The box has its new name.", "Box b1", "<dd>12</dd>", "<dd>5</dd>", "box renamed (=Lab)", "after 72 hours"} {
		if !strings.Contains(a.text, want) {
			t.Errorf("the page has no %q: %s", want, a.text)
		}
	}
	for _, deed := range []string{"revoke", "remove"} {
		a := ada.get("/" + deed + "?id=b1")
		if a.status != 200 || !strings.Contains(a.text, "<dd>12</dd>") || !strings.Contains(a.text, "The 5 facts that wait on it do not arrive") {
			t.Errorf("%s: the page does not show what it found: %s", deed, a.text)
		}
		if n := r.QueryInt(t, `select count(*) from livelearn.boxes where revoked is null`); n != 1 {
			t.Fatalf("%s: a look changed the box", deed)
		}
	}
	ada.post("/revoke", "id", "b1").wantRedirect(t, "./box?did=revoked&id=b1")
	if _, err := c.State(t.Context(), cloudtest.NewSelf("b1", 1, 17)); err == nil {
		t.Error("a revoked box is served")
	}
	if a := ada.get("/box?id=b1"); strings.Contains(a.text, "revoke?id=") || !strings.Contains(a.text, "from 127.0.0.1: box revoked") {
		t.Errorf("got %s", a.text)
	}
	ada.post("/remove", "id", "b1").wantRedirect(t, "./?did=removed")
	if a := ada.post("/remove", "id", "b1"); a.status != 404 {
		t.Errorf("once more: %d", a.status)
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.facts`); n != 12 {
		t.Errorf("%d facts", n)
	}
	if a := ada.get("/export/results.csv"); a.status != 200 {
		t.Errorf("export: %d", a.status)
	}

	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(ada.get("/audit.csv").text, "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows[1:] {
		if row[1] == "ada" {
			got = append(got, strings.Join(row[1:], "|"))
		}
	}
	want := []string{
		"ada|127.0.0.1|School 1|exported|audit.csv|",
		"ada|127.0.0.1|School 1|exported|results.csv|", "ada|127.0.0.1|School 1|box removed|b1|", "ada|127.0.0.1|School 1|box revoked|b1|",
		"ada|127.0.0.1|School 1|box renamed|b1|'=Lab", "ada||School 1|signed in|ada|",
	}
	if want[len(want)-1] = ""; fmt.Sprint(got) != fmt.Sprint(want[:len(want)-1]) {
		t.Errorf("got %q, want %q", got, want)
	}
	if a := ada.get("/audit?q=REVOKED"); strings.Count(a.text, "<tr>") != 2 || !strings.Contains(a.text, "box revoked") {
		t.Errorf("got %s", a.text)
	}
}

// TestTheAuditLogComesInPages has more entries than a page shows.
func TestTheAuditLogComesInPages(t *testing.T) {
	r := newRig(t)
	ctx := pg.WithActor(context.WithoutCancel(t.Context()), pg.Actor{Name: "<b>", Address: "192.0.2.1"})
	for i := range 105 {
		if err := r.Store.Record(ctx, pg.Deed{Action: "tested", Object: fmt.Sprint("o", i)}); err != nil {
			t.Fatal(err)
		}
	}
	ada := r.addOperator("ada", "")
	a := ada.get("/audit?q=tested")
	if strings.Count(a.text, "<tr>") != 101 || strings.Contains(a.text, "<b>") || !strings.Contains(a.text, "<code>o104</code>") {
		t.Fatalf("got %d rows", strings.Count(a.text, "<tr>"))
	}
	_, rest, _ := strings.Cut(a.text, `<a href="?before=`)
	next, _, _ := strings.Cut(rest, `"`)
	if a := ada.get("/audit?before=" + strings.ReplaceAll(next, "&amp;", "&")); strings.Count(a.text, "<tr>") != 6 || strings.Contains(a.text, "?before=") {
		t.Errorf("the second page has %d rows", strings.Count(a.text, "<tr>"))
	}
}
