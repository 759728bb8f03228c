package server_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/errs"
)

// addGradedLesson adds a lesson with hostile names to the rig.
func addGradedLesson(t *testing.T, r *rig) {
	t.Helper()
	if err := r.Store.SetPolicy(t.Context(), cloudtest.School, cloud.Policy{Names: true}); err != nil {
		t.Fatal(err)
	}
	c := r.enrolBox("b1")
	b := cloudtest.LessonFacts("b1", 1, 0, 2)
	set := func(i int, kind string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Facts[i].Kind, b.Facts[i].Data, b.Facts[i].Stream, b.Facts[i].By = kind, data, "report@b1", ""
		b.Facts[i].Wall = time.Now().UnixMilli()
	}
	set(0, cloud.Listed, cloud.Listing{Class: "c1", Name: "=7b", Pupils: []cloud.ListedPupil{{ID: "p_1", Name: `=HYPERLINK("x")`}, {ID: "p_2", Name: "@SUM(1)"}}})
	now := time.Now().UnixMilli()
	set(1, cloud.Graded, cloud.Grades{
		Lesson: "l1", Class: "c1", Title: "<script>alert(1)</script>", Started: now - 3600_000, Ended: now,
		Items: []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "-1+1;=2", Points: 2, Graded: true}},
		Pupils: []cloud.PupilGrades{
			{Pupil: "p_1", Came: now - 3000_000, MS: 2_700_000, Marks: map[string]cloud.Mark{"q1": {Fraction: .5, Points: 1}}},
			{Pupil: "p_2", Marks: map[string]cloud.Mark{}},
		},
	})
	if _, err := c.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func TestNoCellOfAnExportIsAFormula(t *testing.T) {
	r := newRig(t)
	addGradedLesson(t, r)
	token := r.newToken(cloudtest.School, pg.MayRead)
	for path, want := range map[string][]string{
		"/export/results.csv":                    {"'=7b", "'-1+1;'=2", `'=HYPERLINK("x")`, "p_1", "0.5", "true"},
		"/export/attendance.csv":                 {"'=7b", `'=HYPERLINK("x")`, "p_2", "45"},
		"/export/results.csv?since=2020-01-01":   {"p_1"},
		"/export/attendance.csv?school=School+1": {"p_1"},
	} {
		status, head, text := r.get(token, path)
		if status != 200 || head.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(head.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %v %s", path, status, head, text)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: %d rows, %v", path, len(rows), err)
		}
		all := map[string]bool{}
		for _, row := range rows {
			for _, cell := range row {
				all[cell] = true
				if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
					t.Errorf("%s: the cell %q is a formula", path, cell)
				}
			}
		}
		for _, cell := range want {
			if !all[cell] {
				t.Errorf("%s: no cell %q in %v", path, cell, rows)
			}
		}
	}
	for _, q := range []string{"since=yesterday", "school=%00", "school=%ff"} {
		if status, _, text := r.get(r.newToken("", pg.MayRead), "/export/results.csv?"+q); status != 400 {
			t.Errorf("%s: got %d %s", q, status, text)
		}
	}
}

func TestOneRosterFilesFitTogether(t *testing.T) {
	r := newRig(t)
	addGradedLesson(t, r)
	_, _, text := r.get(r.newToken("", pg.MayRead), "/export/oneroster.zip")
	z, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(in).ReadAll()
		if err != nil {
			t.Fatal(f.Name, err)
		}
		for _, row := range rows[1:] {
			m := map[string]string{}
			for i, cell := range row {
				m[rows[0][i]] = cell
			}
			tables[f.Name] = append(tables[f.Name], m)
		}
	}
	props := map[string]string{}
	for _, row := range tables["manifest.csv"] {
		props[row["propertyName"]] = row["value"]
	}
	if props["oneroster.version"] != "1.2" || props["file.results"] != "bulk" || props["file.users"] != "absent" || len(props) != 25 {
		t.Errorf("manifest: %v", props)
	}
	items := tables["lineItems.csv"]
	if len(items) != 2 || len(tables["results.csv"]) != 4 || items[0]["categorySourcedId"] != tables["categories.csv"][0]["sourcedId"] || items[0]["resultValueMax"] != "2" {
		t.Fatalf("got %v", tables)
	}
	status := map[string]string{}
	for _, row := range tables["results.csv"] {
		if row["lineItemSourcedId"] == items[0]["sourcedId"] {
			continue // of the lesson
		}
		if row["lineItemSourcedId"] != items[1]["sourcedId"] || row["classSourcedId"] != items[0]["classSourcedId"] {
			t.Errorf("a result of nothing: %v", row)
		}
		status[row["studentSourcedId"]] = row["scoreStatus"] + " " + row["score"]
	}
	if d := cmp.Diff(map[string]string{"p_1": "fully graded 1", "p_2": "not submitted "}, status); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestThePageShowsTheBoxesAndRunsNothing(t *testing.T) {
	r := newRig(t)
	if err := r.Store.AddSchool(t.Context(), "Other", cloud.Policy{}); err != nil {
		t.Fatal(err)
	}
	c := r.enrolBox("box-with-a-long-id")
	self := cloudtest.NewSelf("box-with-a-long-id", 1, 500)
	self.Name = `<img src=x onerror=alert(1)>`
	if _, err := c.State(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	b := cloudtest.LessonFacts(self.Box, 1, 0, 100)
	b.Facts[7].Data = json.RawMessage(`"\u0000"`)
	if _, err := c.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	token := r.newToken("", pg.MayRead)
	page := r.addOperator("ada", "").get("/")
	text := page.text
	if page.status != 200 || !strings.HasPrefix(page.head.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("got %d %v", page.status, page.head)
	}
	for _, want := range []string{"&lt;img src=x", "box-with-a-long-id<", "facts were refused", `class="n">400</td>`, `lang="en"`, "<caption>", `scope="row"`, "1.0.0", "just now"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, never := range []string{"<img", "<script", "style=", "onerror=alert(1)>\""} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if _, head, css := r.get("", "/style.css"); head.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(css, "prefers-color-scheme: dark") {
		t.Error("no style")
	}
	other := r.newToken("Other", pg.MayRead)
	if _, _, text := r.get(other, "/api/boxes"); strings.Contains(text, "box-with") {
		t.Error("a school sees another one's boxes")
	}
	if status, _, _ := r.get(other, "/api/boxes?school=School+1"); status != 403 {
		t.Errorf("another school's boxes: %d", status)
	}
	if _, _, text := r.get(token, "/api/dead?box=box-with-a-long-id"); !strings.Contains(text, `"code":"22P05"`) {
		t.Errorf("got %s", text)
	}
	if _, _, text := r.get(other, "/api/dead"); text != "{\"dead\":[]}\n" {
		t.Errorf("got %s", text)
	}
	if _, _, text := r.get(token, "/api/boxes"); !strings.Contains(text, `"behind":400`) {
		t.Errorf("got %s", text)
	}
}

func TestATokenHasOnlyItsRights(t *testing.T) {
	r := newRig(t)
	xapi, read, mine := r.newToken("", pg.MayXAPI), r.newToken("", pg.MayRead), r.newToken(cloudtest.School, pg.MayRead)
	for _, c := range []struct {
		token, path string
		want        int
	}{
		{"", "/api/boxes", 401},
		{"llt_WRONG", "/api/boxes", 401},
		{xapi, "/api/boxes", 403},
		{read, "/api/boxes", 200},
		{read, "/xapi/statements", 403},
		{xapi, "/xapi/statements", 200},
		{"", "/xapi/about", 200},
		{read, "/metrics", 200},
		{mine, "/metrics", 403},
		{xapi, "/metrics", 403},
	} {
		status, head, text := r.get(c.token, c.path, "X-Experience-API-Version", "1.0.3")
		if status != c.want || (status == 401) != (head.Get("WWW-Authenticate") != "") {
			t.Errorf("%q %s: got %d %s, want %d", c.token, c.path, status, text, c.want)
		}
	}
	if err := r.Store.RevokeToken(t.Context(), "[read]"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := r.get(read, "/api/boxes"); status != 401 {
		t.Errorf("a token that was revoked: %d", status)
	}
	last := 0
	for range 40 {
		last, _, _ = r.get("llt_WRONG", "/api/boxes")
	}
	if last != 429 {
		t.Errorf("who guesses tokens gets %d", last)
	}
}

func TestStatementsFollowXAPI(t *testing.T) {
	r := newRig(t)
	addGradedLesson(t, r)
	token := r.newToken(cloudtest.School, pg.MayXAPI)
	get := func(path string) (int, http.Header, string) {
		return r.get(token, path, "X-Experience-API-Version", "1.0.1")
	}
	type page struct {
		Statements []struct {
			ID    string `json:"id"`
			Actor struct {
				Account struct{ HomePage, Name string }
			} `json:"actor"`
		} `json:"statements"`
		More string `json:"more"`
	}
	seen := map[string]bool{}
	for path := "/xapi/statements?limit=1&ascending=true"; path != ""; {
		status, head, text := get(path)
		if status != 200 || head.Get("X-Experience-API-Version") != "1.0.3" || head.Get("X-Experience-API-Consistent-Through") == "" {
			t.Fatalf("%s: %d %v %s", path, status, head, text)
		}
		var p page
		if err := json.Unmarshal([]byte(text), &p); err != nil || len(p.Statements) > 1 {
			t.Fatalf("%s: %s %v", path, text, err)
		}
		for _, s := range p.Statements {
			if seen[s.ID] || s.Actor.Account.HomePage != "https://"+r.addr {
				t.Fatalf("%s: %+v once more, or of nowhere", path, s)
			}
			seen[s.ID] = true
		}
		path = p.More
		if len(seen) > 20 {
			t.Fatal("it does not end")
		}
	}
	if len(seen) == 0 {
		t.Fatal("there is no statement")
	}
	for id := range seen {
		if status, _, text := get("/xapi/statements?statementId=" + id); status != 200 || !strings.Contains(text, id) {
			t.Errorf("%s: %d %s", id, status, text)
		}
	}
	for path, want := range map[string]int{
		"/xapi/statements?statementId=6c1b0b0e-0000-4000-8000-000000000000":               404,
		"/xapi/statements?statementId=x&limit=1":                                          400,
		"/xapi/statements?limit=-1":                                                       400,
		"/xapi/statements?since=now":                                                      400,
		"/xapi/statements?colour=red":                                                     400,
		"/xapi/statements?limit=1&limit=2":                                                400,
		"/xapi/statements?more=nonsense":                                                  400,
		"/xapi/statements?agent=%7B%22mbox%22%3A%22mailto%3Aa%40b%22%7D":                  400,
		"/xapi/statements?agent=%7B%22account%22%3A%7B%22name%22%3A%22p_1%22%7D%7D":       200,
		"/xapi/statements?verb=http%3A%2F%2Fx&format=ids&attachments=false":               200,
		"/xapi/statements?since=2100-01-01T00:00:00Z&until=2101-01-01T00:00:00.5%2B02:00": 200,
	} {
		if status, _, text := get(path); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, text, want)
		}
	}
	if status, head, _ := r.get(token, "/xapi/statements"); status != 400 || head.Get("X-Experience-API-Version") != "1.0.3" {
		t.Errorf("without a version: %d", status)
	}
}

func TestASchoolImportsOnlySticksOfItsOwnBoxes(t *testing.T) {
	r := newRig(t)
	if err := r.Store.AddSchool(t.Context(), "Other", cloud.Policy{}); err != nil {
		t.Fatal(err)
	}
	post := func(token, path string, file []byte) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+r.addr+path, bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		status, _, text := r.do(req, token)
		return status, text
	}
	var file bytes.Buffer
	w, err := usbfile.NewWriter(&file, cloudtest.NewSelf("b1", 1, 30), cloudtest.StickKey("b1"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(2) {
		if err := w.Add(cloudtest.LessonFacts("b1", 1, i*15, 15)); err != nil {
			t.Fatal(err)
		}
	}
	cut := bytes.Clone(file.Bytes()[:file.Len()-73])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, mine, other := r.newToken("", pg.MayAdmin), r.newToken(cloudtest.School, pg.MayAdmin), r.newToken("Other", pg.MayAdmin)
	for _, c := range []struct {
		token, path string
		file        []byte
		want        int
		text        string
	}{
		{r.newToken("", pg.MayRead), "/import", file.Bytes(), 403, "may_not"},
		{all, "/import", file.Bytes(), 403, "stranger"},
		{other, "/import?school=School+1", file.Bytes(), 403, "may_not"},
		{mine, "/import?school=School+1", cut, 200, `"cut":true,"code":"cut"`},
		{all, "/import", file.Bytes(), 200, `"stored":15,"known":15,"dead":0,"pos":30`},
		{mine, "/import", file.Bytes(), 200, `"stored":0,"known":30`},
		{other, "/import", file.Bytes(), 403, "may_not"},
		{other, "/import?school=Other", file.Bytes(), 403, "may_not"},
		{all, "/import", []byte("nonsense"), 400, "no_stick"},
		{mine, "/import", unsign(t, file.Bytes()), 403, "unsigned"},
		{mine, "/import?unsigned=1", unsign(t, file.Bytes()), 200, `"unsigned":true`},
	} {
		if status, text := post(c.token, c.path, c.file); status != c.want || !strings.Contains(text, c.text) {
			t.Errorf("%s: got %d %s, want %d %s", c.path, status, text, c.want, c.text)
		}
	}
	if err := r.Store.RevokeBox(t.Context(), "b1"); err != nil {
		t.Fatal(err)
	}
	if status, text := post(all, "/import", file.Bytes()); status != 403 || !strings.Contains(text, cloud.CodeRevoked) {
		t.Errorf("of a box that was revoked: %d %s", status, text)
	}
}

// A stick is carried by hand, so a file counts for the box only if the box signed it.
func TestAStickIsTakenFromItsOwnBoxOnly(t *testing.T) {
	f := cloudtest.NewFixture(t)
	carry := func(key ed25519.PrivateKey, o server.StickOptions, box string, from uint64) (usbfile.Report, error) {
		var file bytes.Buffer
		w, err := usbfile.NewWriter(&file, cloudtest.NewSelf(box, 1, from+10), key)
		if err == nil {
			err = errors.Join(w.Add(cloudtest.LessonFacts(box, 1, from, 10)), w.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		data := file.Bytes()
		if o.Unsigned {
			data = unsign(t, data)
		}
		in, err := usbfile.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		rep, _, err := server.ImportStick(pg.WithActor(t.Context(), pg.Actor{Name: "carla"}), f.Store, o, in)
		return rep, err
	}
	own, thief := cloudtest.StickKey("b1"), cloudtest.StickKey("thief")
	school := server.StickOptions{School: cloudtest.School}
	trust := server.StickOptions{School: cloudtest.School, TrustKey: true}
	for i, c := range []struct {
		name string
		key  ed25519.PrivateKey
		with server.StickOptions
		box  string
		code string
	}{
		{"an unknown box", own, server.StickOptions{}, "b1", cloud.CodeStranger},
		{"a new box", own, school, "b1", ""},
		{"the same box", own, server.StickOptions{}, "b1", ""},
		{"another key", thief, server.StickOptions{}, "b1", server.CodeOtherKey},
		{"another key and the school", thief, school, "b1", server.CodeOtherKey},
		{"another key that is to be trusted, without the school", thief, server.StickOptions{TrustKey: true}, "b1", server.CodeOtherKey},
		{"the box lost its key", thief, trust, "b1", ""},
		{"its old key", own, school, "b1", server.CodeOtherKey},
		{"no signature, and it is said", own, server.StickOptions{Unsigned: true}, "b1", ""},
	} {
		rep, err := carry(c.key, c.with, c.box, uint64(10*i))
		if got := errs.BodyOf(err); got.Code != c.code && err != nil || (err == nil) != (c.code == "") || rep.Unsigned != c.with.Unsigned || err == nil && rep.Stored != 10 {
			t.Errorf("%s: got %+v, %v, want %q", c.name, rep, err, c.code)
		}
	}
	var trusted []string
	for d, err := range f.Store.Deeds(t.Context(), pg.DeedQuery{Text: "box key trusted"}) {
		if err != nil {
			t.Fatal(err)
		}
		trusted = append(trusted, strings.Join([]string{d.Operator, d.School, d.Object, d.Detail}, " "))
	}
	want := "carla " + cloudtest.School + " b1 " + https.PinOf(own.Public().(ed25519.PublicKey))[:12] + " -> " + https.PinOf(thief.Public().(ed25519.PublicKey))[:12]
	if len(trusted) != 1 || trusted[0] != want {
		t.Errorf("the audit log has %q, want %q", trusted, want)
	}
	var file bytes.Buffer
	w, err := usbfile.NewWriter(&file, cloudtest.NewSelf("b1", 1, 10), own)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	in, err := usbfile.NewReader(bytes.NewReader(unsign(t, file.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = server.ImportStick(t.Context(), f.Store, school, in)
	if got := errs.BodyOf(err); got.Code != server.CodeUnsigned || !strings.Contains(got.Message, "--unsigned") {
		t.Errorf("without a signature: %v", err)
	}
	if err := f.Store.RevokeBox(t.Context(), "b1"); err != nil {
		t.Fatal(err)
	}
	if _, err := carry(thief, trust, "b1", 900); errs.BodyOf(err).Code != cloud.CodeRevoked {
		t.Errorf("of a revoked box: %v", err)
	}
}

// unsign makes of a file what programs before the signatures wrote.
func unsign(t *testing.T, file []byte) []byte {
	t.Helper()
	line, rest, _ := bytes.Cut(file, []byte("\n"))
	var head map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&head); err != nil {
		t.Fatal(err)
	}
	delete(head, "key")
	head["format"] = 1
	line, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	out, rest := append(line, '\n'), rest[ed25519.SignatureSize:]
	for len(rest) > 0 {
		n := 4 + int(binary.BigEndian.Uint32(rest))
		out, rest = append(out, rest[:n]...), rest[n+ed25519.SignatureSize:]
	}
	return out
}

// A browser adds the password of an operator to what another site sends. The node refuses that, and
// takes the same from its own page and from programs.
func TestAPageOfAnotherSiteCannotWriteInTheCloud(t *testing.T) {
	r := newRig(t)
	token := r.newToken(cloudtest.School, pg.MayAdmin)
	for name, c := range map[string]struct {
		headers []string
		refused bool
	}{
		"another site, a new browser":       {[]string{"Sec-Fetch-Site", "cross-site"}, true},
		"another host of the same domain":   {[]string{"Sec-Fetch-Site", "same-site"}, true},
		"another site, an old browser":      {[]string{"Origin", "https://evil.example"}, true},
		"a page without an origin":          {[]string{"Origin", "null"}, true},
		"the node's own page":               {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "https://" + r.addr}, false},
		"the node's own page, old browsers": {[]string{"Origin", "https://" + r.addr}, false},
		"a program":                         {nil, false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+r.addr+"/import", strings.NewReader("no file of a box"))
		if err != nil {
			t.Fatal(err)
		}
		status, _, body := r.do(req, token, c.headers...)
		if got := status == http.StatusForbidden && strings.Contains(body, "other_origin"); got != c.refused {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
