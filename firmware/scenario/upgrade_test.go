package scenario

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
	"github.com/livelearn/box/services/wire/wiretest"
)

// The folder v0.1.0 holds files that the program of version 0.1.0 wrote. They stay for
// good: a school that updates has such files.
//
//	data.tar.gz   a data folder, stopped in the middle of a lesson
//	box.llbox     a backup of it
//	cloud.sql.gz  the database of the cloud that the box was linked to (pg_dump)
//	update.livelearn, root.json
//	              a signed update and the key to check it with
//	recorded.json who is who in them
//	*.json, *.csv what the program of 0.1.0 answered to the requests of readAnswers
const earlier = "testdata/v0.1.0"

// writeEarlier makes the files again, by the program of this tree:
//
//	go test ./firmware/scenario -run WriteEarlier -write-earlier testdata/vX.Y.Z
var writeEarlier = flag.String("write-earlier", "", "folder that gets the files of this version")

func TestWriteEarlier(t *testing.T) {
	if *writeEarlier == "" {
		t.Skip("writes the files of this version only when asked: -write-earlier FOLDER")
	}
	to, err := filepath.Abs(*writeEarlier)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	cloud := newCloud(t)
	kept := recordLesson(t, box, func(ada *boxtest.Person) { linkBox(t, ada, cloud) })
	(&linkedBox{&boxtest.Person{Box: box, Cookie: kept.Teacher.Cookie}, t, cloud}).arrived()
	box.Stop()
	run(t, boxtest.BuildProgram(t), "backup", "--data", dir, filepath.Join(to, "box.llbox"))
	writeBundle(t, to)
	run(t, "tar", "-C", dir, "--exclude=box.log", "--exclude=ready.json", "--exclude=lock", "--exclude=control.sock", "--exclude=tls", "--exclude=journal.db.ballast", "--sort=name", "-czf", filepath.Join(to, "data.tar.gz"), ".")
	run(t, "sh", "-c", `"$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pg_dump" --no-owner --no-privileges "$1" | gzip -9n >"$2"`, "-", cloud.DB, filepath.Join(to, "cloud.sql.gz"))
	writeJSON(t, filepath.Join(to, "recorded.json"), kept)
	for name, got := range readAnswers(t, openEarlier(t, to), kept) {
		if err := os.WriteFile(filepath.Join(to, name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// writeBundle makes a signed update and the public part of the key that signed it.
func writeBundle(t *testing.T, to string) {
	t.Helper()
	dir, program := t.TempDir(), boxtest.BuildProgram(t)
	key, root, payload := filepath.Join(dir, "key"), filepath.Join(to, "root.json"), filepath.Join(dir, "payload")
	if err := os.WriteFile(payload, bytes.Repeat([]byte("payload "), 8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(to, "update.livelearn")
	run(t, program, "update", "keys", "new", key)
	run(t, program, "update", "keys", "root", "--key", key, "--out", root)
	run(t, program, "update", "make", "--root", root, "--board", "pc", "--version", "0.1.0", "--build", "7", "--boot", payload, "--system", payload, "--out", bundle)
	run(t, program, "update", "sign", "--key", key, bundle)
}

func TestAnUpdateBundleOfVersion010IsVerified(t *testing.T) {
	run(t, boxtest.BuildProgram(t), "update", "verify", "--root", filepath.Join(earlier, "root.json"), filepath.Join(earlier, "update.livelearn"))
	damaged := filepath.Join(t.TempDir(), "update.livelearn")
	data, err := os.ReadFile(filepath.Join(earlier, "update.livelearn"))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1]++
	if err := os.WriteFile(damaged, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command(boxtest.BuildProgram(t), "update", "verify", "--root", filepath.Join(earlier, "root.json"), damaged).Run() == nil {
		t.Error("a damaged bundle is verified")
	}
}

// TestADataFolderOfVersion010Opens compares what the box sends from stored facts with what the
// earlier program sent from the same folder: each value is the same, fields may be added. Sessions stay signed in.
func TestADataFolderOfVersion010Opens(t *testing.T) {
	compareAnswers(t, readAnswers(t, openEarlier(t, earlier), readRecorded(t)))
}

func TestABackupOfVersion010IsRestored(t *testing.T) {
	dir := t.TempDir()
	run(t, boxtest.BuildProgram(t), "restore", "--data", dir, filepath.Join(earlier, "box.llbox"))
	box := boxtest.Start(t, dir)
	ada := &boxtest.Person{Box: box}
	if _, err := ada.CallAPI("POST", "/api/login", map[string]string{"name": "Ada", "pin": "246810"}, nil); err != nil {
		t.Fatal(err)
	}
	kept := readRecorded(t)
	kept.Teacher.Cookie = ada.Cookie
	answers := readAnswers(t, box, kept)
	delete(answers, "pupil.json") // a restored box starts a new epoch and signs pupils out
	compareAnswers(t, answers)
}

func TestACloudDatabaseOfVersion010IsMigrated(t *testing.T) {
	cloudtest.Postgres(t) // the schema makes roles, which belong to the server and are in no dump
	db := cloudtest.EmptyPostgres(t)
	dump, err := os.ReadFile(filepath.Join(earlier, "cloud.sql.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	psql := exec.Command("psql", "-q", "-v", "ON_ERROR_STOP=1", db)
	// The facts get older than the school keeps them: the node would empty them at its start.
	psql.Stdin = io.MultiReader(z, strings.NewReader("\nupdate livelearn.schools set chat_days = 36500, results_days = 36500;\n"))
	if out, err := psql.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	before := countRows(t, db, "facts_at")
	waitUntilReady(t, boxtest.StartCloud(t, t.TempDir(), db)) // it migrates first
	for view, want := range map[string]int{"facts_at": before, "lessons": 1, "answers": 16, "attendance": 0, "dead": 0, "boxes_seen": 1} {
		if got := countRows(t, db, view); got != want {
			t.Errorf("view %s has %d rows, want %d", view, got, want)
		}
	}
}

// waitUntilReady waits until a node has migrated its database.
func waitUntilReady(t *testing.T, node *boxtest.Cloud) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // its certificate is its own
	for {
		resp, err := client.Get(node.Addr + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(50 * time.Millisecond) // the node is a process of its own
	}
}

func countRows(t *testing.T, db, view string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM livelearn."+view).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// openEarlier starts the box on a copy of a recorded data folder. The files get older than the box
// keeps chat, but it empties nothing in its first five minutes.
func openEarlier(t *testing.T, from string) *boxtest.Box {
	t.Helper()
	dir := t.TempDir()
	run(t, "tar", "-C", dir, "-xzf", filepath.Join(from, "data.tar.gz"))
	return boxtest.Start(t, dir, "--set", "roster.session=87600h") // the files get older than a session
}

// readAnswers gets what the box sends to a teacher and a pupil: the view at a join, every event
// since the first, the lesson's results.
func readAnswers(t *testing.T, box *boxtest.Box, kept recorded) map[string][]byte {
	t.Helper()
	ada := &boxtest.Person{Box: box, User: kept.Teacher.User, Cookie: kept.Teacher.Cookie}
	ben := &boxtest.Person{Box: box, User: kept.Pupil.User, Cookie: kept.Pupil.Cookie}
	all := map[string][]byte{}
	for i, p := range []*boxtest.Person{ada, ben} { // the teacher first, who sees the pupil come
		name := []string{"teacher.json", "pupil.json"}[i]
		if p == ben && isSignedOut(p) {
			continue
		}
		m := p.NewMember(kept.Room)
		joined, err := m.Connect()
		if err != nil {
			t.Fatal(name, err)
		}
		m.Drop()
		all[name] = indent(t, map[string]any{"view": joined.View, "events": readEvents(t, p, kept.Room, joined.Epoch)})
	}
	for name, path := range map[string]string{"classes.json": "/api/classes", "quizzes.json": "/api/quizzes", "decks.json": "/api/decks", "lessons.json": "/api/lessons"} {
		var got json.RawMessage
		if _, err := ada.CallAPI("GET", path, nil, &got); err != nil {
			t.Fatal(err)
		}
		all[name] = indent(t, got)
	}
	all["results.json"] = endLesson(t, ada, kept.Lesson)
	return all
}

// untilNow matches what a lesson's end decides: it is another moment in each run.
var untilNow = regexp.MustCompile(`"(ended|ms|times)": \d+`)

// endLesson ends the lesson and waits for its results.
func endLesson(t *testing.T, ada *boxtest.Person, lesson string) []byte {
	t.Helper()
	if _, err := ada.CallAPI("POST", "/api/lessons/"+lesson+"/end", struct{}{}, nil); err != nil {
		t.Fatal(err)
	}
	var got json.RawMessage
	for {
		status, err := ada.CallAPI("GET", "/api/lessons/"+lesson+"/results", nil, &got)
		if err == nil {
			return untilNow.ReplaceAll(indent(t, got), []byte(`"$1": 0`))
		}
		if status != http.StatusNotFound {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // the job runs in a process of the box
	}
}

// readEvents gets all events of a lesson that the person may see, by a resume from the
// first one.
func readEvents(t *testing.T, p *boxtest.Person, room string, epoch uint64) json.RawMessage {
	t.Helper()
	raw, err := net.Dial("tcp", p.Box.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := wiretest.Dial(raw, p.NewMember(room).URL, p.Cookie, func(wire.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	supervise.Spawn(nil, "reader", conn.Run)
	defer conn.Close()
	a, err := wiretest.WaitAnswer(conn.SendEvent("", "room:"+room, wire.Join, map[string]any{"since": 1, "epoch": epoch}))
	if err != nil || !a.OK {
		t.Fatalf("join: %s: %v", a.Response, err)
	}
	var joined struct{ Missed json.RawMessage }
	if err := json.Unmarshal(a.Response, &joined); err != nil || len(joined.Missed) < 100 {
		t.Fatalf("no events: %s: %v", a.Response, err)
	}
	return joined.Missed
}

func isSignedOut(p *boxtest.Person) bool {
	status, _ := p.CallAPI("GET", "/api/state", nil, nil)
	return status == http.StatusUnauthorized
}

// compareAnswers checks that the answers keep every value of version 0.1.0. A later version may add
// fields to an object.
func compareAnswers(t *testing.T, got map[string][]byte) {
	t.Helper()
	for name, data := range got {
		file, err := os.ReadFile(filepath.Join(earlier, name))
		if err != nil {
			t.Fatal(err)
		}
		var want, have any
		if err := errors.Join(json.Unmarshal(file, &want), json.Unmarshal(data, &have)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, dropAdded(want, have)); diff != "" {
			t.Errorf("%s differs from the one of version 0.1.0 (-0.1.0 +now):\n%s", name, diff)
		}
	}
}

// dropAdded returns have without the fields that the objects of want lack.
func dropAdded(want, have any) any {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return have
		}
		kept := map[string]any{}
		for key, value := range h {
			if old, ok := w[key]; ok {
				kept[key] = dropAdded(old, value)
			}
		}
		return kept
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return have
		}
		kept := make([]any, len(h))
		for i := range h {
			kept[i] = dropAdded(w[i], h[i])
		}
		return kept
	}
	return have
}

func TestAnAddedFieldIsNoDifference(t *testing.T) {
	want := map[string]any{"a": 1.0, "list": []any{map[string]any{"b": 2.0}}}
	for have, same := range map[string]bool{
		`{"a":1,"list":[{"b":2,"new":3}],"new":4}`: true,
		`{"a":1,"list":[{"b":3}]}`:                 false,
		`{"a":1,"list":[{"b":2},{"b":2}]}`:         false,
		`{"list":[{"b":2}]}`:                       false,
		`{"a":1,"list":{}}`:                        false,
	} {
		var v any
		if err := json.Unmarshal([]byte(have), &v); err != nil {
			t.Fatal(err)
		}
		if got := cmp.Equal(want, dropAdded(want, v)); got != same {
			t.Errorf("%s: got %v, want %v", have, got, same)
		}
	}
}

func readRecorded(t *testing.T) (r recorded) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(earlier, "recorded.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func indent(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	if err := os.WriteFile(file, indent(t, v), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
