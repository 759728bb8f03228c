package scenario

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/timetest"
)

const passphrase = "correct horse battery staple"

// startHome starts a box that keeps its address over its restarts.
func startHome(t *testing.T) *boxtest.Box {
	t.Helper()
	box := boxtest.Start(t, t.TempDir())
	code := box.Code
	box.Stop()
	box = box.Restart()
	box.Code = code
	return box
}

// sendBody sends a body of size bytes and returns the status and the answer, also of a refusal.
func sendBody(p *boxtest.Person, method, path string, body io.Reader, size int64) (int, []byte, error) {
	req, err := http.NewRequest(method, "http://"+p.Box.HTTP+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.ContentLength = size
	req.Header.Set("Cookie", p.Cookie)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue") // a body that is refused unread is not sent: the answer would be lost with it
	client := http.Client{Timeout: timetest.Patience, Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: timetest.Patience}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// admin is a person with the steps of a restore.
type admin struct {
	t *testing.T
	*boxtest.Person
}

// send sends a body and returns the code of the refusal, or "".
func (a admin) send(method, path string, body []byte, out any) string {
	a.t.Helper()
	return a.stream(method, path, bytes.NewReader(body), int64(len(body)), out)
}

// stream sends what it reads, size bytes.
func (a admin) stream(method, path string, body io.Reader, size int64, out any) string {
	a.t.Helper()
	status, data, err := sendBody(a.Person, method, path, body, size)
	if again, ok := body.(io.Seeker); ok && err == nil && bytes.Contains(data, []byte(`"pin_needed"`)) && a.ConfirmPIN() == nil {
		_, _ = again.Seek(0, io.SeekStart) // of bytes in memory
		status, data, err = sendBody(a.Person, method, path, body, size)
	}
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	if status >= 300 {
		var refusal struct{ Code string }
		if json.Unmarshal(data, &refusal) != nil || refusal.Code == "" {
			a.t.Errorf("%s %s: %d without a code: %s", method, path, status, data)
		}
		return refusal.Code
	}
	if out == nil {
		return ""
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = data
	} else if err := json.Unmarshal(data, out); err != nil {
		a.t.Fatal(err)
	}
	return ""
}

func (a admin) post(path, text string, out any) string {
	a.t.Helper()
	return a.send("POST", path, []byte(text), out)
}

func (a admin) must(code string) {
	a.t.Helper()
	if code != "" {
		a.t.Fatalf("refused: %s", code)
	}
}

// backup downloads a backup, encrypted if there is a passphrase.
func (a admin) backup(passphrase string) (data []byte) {
	a.t.Helper()
	if passphrase == "" {
		a.must(a.send("GET", "/api/admin/backup", nil, &data))
	} else {
		a.must(a.post("/api/admin/backup", `{"passphrase":"`+passphrase+`"}`, &data))
	}
	return data
}

// stage uploads a backup and checks it.
func (a admin) stage(data []byte, passphrase string) (s adminapi.RestoreStatus) {
	a.t.Helper()
	a.must(a.send("POST", "/api/admin/restore/file", data, nil))
	a.must(a.post("/api/admin/restore/check", `{"passphrase":"`+passphrase+`"}`, &s))
	return s
}

const confirmed = `{"name":"test BOX "}` // as people type

// school is what the pages of a teacher show.
func (a admin) school() string {
	a.t.Helper()
	var all strings.Builder
	for _, path := range []string{"/api/classes", "/api/staff", "/api/quizzes", "/api/decks", "/api/past"} {
		var data []byte
		a.must(a.send("GET", path, nil, &data))
		fmt.Fprintf(&all, "%s %s\n", path, data)
	}
	return all.String()
}

// comeBack waits until the box has restarted with the backup's data.
func (a admin) comeBack() {
	a.t.Helper()
	timetest.WaitUntil(a.t, "the restart", func() bool {
		status, data, err := sendBody(a.Person, "GET", "/api/admin/restore", http.NoBody, 0)
		var s adminapi.RestoreStatus
		return err == nil && status == http.StatusOK && json.Unmarshal(data, &s) == nil && s.Step == adminapi.RestoreEmpty && s.Last != nil
	})
}

// newSchool claims a box and gives it a class, a lesson that has ended, and the sample.
func newSchool(t *testing.T) admin {
	t.Helper()
	ada := admin{t, startHome(t).ClaimBox("Ada")}
	l := ada.OpenLesson(ada.AddClass("7B", 5), "Planets")
	ada.must(ada.post("/api/lessons/"+l.ID+"/end", "", nil))
	return ada
}

// change makes what a backup of before has not.
func (a admin) change() {
	a.t.Helper()
	l := a.OpenLesson(a.AddClass("8C", 3), "Volcanoes")
	a.must(a.post("/api/lessons/"+l.ID+"/end", "", nil))
	a.must(a.post("/api/staff", `{"name":"Grace","pin":"135790"}`, nil))
	a.must(a.send("DELETE", "/api/quizzes/q_sample", nil, nil))
}

// TestABackupIsRestoredThroughThePage makes a backup, changes the box, restores, and finds the box
// as it was: from a plain backup and from an encrypted one.
func TestABackupIsRestoredThroughThePage(t *testing.T) {
	for _, phrase := range []string{"", passphrase} {
		ada := newSchool(t)
		before := ada.school()
		data := ada.backup(phrase)
		if got := bytes.Contains(data, []byte("LIVELEARN BOX BACKUP")); got != (phrase == "") {
			t.Errorf("with the passphrase %q the backup is readable: %v", phrase, got)
		}
		ada.change()
		changed := ada.school()
		s := ada.stage(data, phrase)
		if got := ada.school(); got != changed {
			t.Errorf("the check changed the box: %s", cmp.Diff(changed, got))
		}
		if s.Step != adminapi.RestoreChecked || s.Report == nil {
			t.Fatalf("got %+v", s)
		}
		want := adminapi.RestoreReport{
			Made: s.Report.Made, Version: "dev",
			Backup: adminapi.BoxContents{Name: "Test box", Staff: 1, Classes: 1, Pupils: 5, Lessons: 1, Quizzes: 1, Decks: 1},
			Box:    adminapi.BoxContents{Name: "Test box", Staff: 2, Classes: 2, Pupils: 8, Lessons: 2, Decks: 1},
			Lost: []adminapi.LostContent{
				{Kind: "staff", Count: 1, Names: []string{"Grace"}},
				{Kind: "classes", Count: 1, Names: []string{"8C"}},
				{Kind: "pupils", Count: 3, Names: []string{"Pupil A1", "Pupil B2", "Pupil C3"}},
				{Kind: "lessons", Count: 1, Names: []string{"Volcanoes"}},
			},
		}
		if diff := cmp.Diff(want, *s.Report); diff != "" || time.Since(s.Report.Made) > time.Hour {
			t.Errorf("the report: %s", diff)
		}
		ada.must(ada.post("/api/admin/restore", confirmed, nil))
		ada.comeBack()
		if got := ada.school(); got != before {
			t.Errorf("after the restore: %s", cmp.Diff(before, got))
		}
		if aside, err := filepath.Glob(filepath.Join(ada.Box.Dir, "replaced-*", "roster.db")); err != nil || len(aside) != 1 {
			t.Errorf("what was replaced is in %v, %v", aside, err)
		}
		var page struct {
			Entries []struct{ Name, From, Detail string }
		}
		timetest.WaitUntil(t, "the entry of the restore", func() bool { // the restarted box writes it
			ada.must(ada.send("GET", "/api/admin/audit?action=box.restored", nil, &page))
			return len(page.Entries) > 0
		})
		if len(page.Entries) != 1 || page.Entries[0].Name != "Ada" || page.Entries[0].From != "page" || !strings.Contains(page.Entries[0].Detail, "replaced-") {
			t.Errorf("the audit log of the restored box tells %+v", page.Entries)
		}
		if log := ada.Box.ReadLog(); strings.Contains(log, passphrase) || !strings.Contains(log, "restore confirmed") {
			t.Errorf("the log lacks the restore, or has the passphrase: %s", log)
		}
	}
}

// newer is the plain backup with the format of a later program.
func newer(t *testing.T, data []byte) []byte {
	t.Helper()
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	line, rest, _ := bytes.Cut(rest, []byte("\n"))
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	line = bytes.Replace(line, []byte(`"format":1`), []byte(`"format":2`), 1)
	sum := sha256.Sum256(line)
	return slicesJoin(head, line, []byte(hex.EncodeToString(sum[:])), rest)
}

func slicesJoin(lines ...[]byte) []byte { return bytes.Join(lines, []byte("\n")) }

// TestARefusedRestoreChangesNothing tries each backup that must be refused, and each missing
// confirmation.
func TestARefusedRestoreChangesNothing(t *testing.T) {
	ada := newSchool(t)
	plain, sealed := ada.backup(""), ada.backup(passphrase)
	foreign := newSchool(t).backup("")
	flip := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 1
		return data
	}
	before := ada.school()
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"a photo":                  {[]byte("\x89PNG\r\n and more than a head of a backup"), "not_a_backup"},
		"nothing":                  {nil, "not_a_backup"},
		"cut":                      {plain[:len(plain)/2], "truncated"},
		"a flipped bit":            {flip(plain, len(plain)/2), "altered"},
		"encrypted, cut":           {sealed[:len(sealed)/2], "altered"},
		"encrypted, a flipped bit": {flip(sealed, len(sealed)/2), "altered"},
		"a later format":           {newer(t, plain), "newer"},
		"a later kind":             {bytes.Replace(plain, []byte("BACKUP 1"), []byte("BACKUP 2"), 1), "newer"},
	} {
		ada.must(ada.send("POST", "/api/admin/restore/file", c.data, nil))
		if got := ada.post("/api/admin/restore/check", `{"passphrase":"`+passphrase+`"}`, nil); got != c.code {
			t.Errorf("%s: got %q, want %q", name, got, c.code)
		}
		if got := ada.post("/api/admin/restore", confirmed, nil); got != "no_backup" {
			t.Errorf("%s: restored: %q", name, got)
		}
		if _, err := os.Stat(filepath.Join(ada.Box.Dir, "restore")); err == nil {
			t.Errorf("%s: the refused file is kept", name)
		}
	}
	if got := ada.stream("POST", "/api/admin/restore/file", rand.Reader, 1<<50, nil); got != "restore_no_space" && got != "too_large" {
		t.Errorf("too large for the disk: %q", got)
	}
	ada.must(ada.send("POST", "/api/admin/restore/file", sealed, nil))
	for phrase, code := range map[string]string{"": "no_passphrase", "another passphrase": "wrong_passphrase"} {
		if got := ada.post("/api/admin/restore/check", `{"passphrase":"`+phrase+`"}`, nil); got != code {
			t.Errorf("with %q: got %q, want %q", phrase, got, code)
		}
	}
	ada.must(ada.post("/api/admin/restore/check", `{"passphrase":"`+passphrase+`"}`, nil)) // the file is still there
	if got := ada.post("/api/admin/restore", `{"name":"Test"}`, nil); got != "wrong_name" {
		t.Errorf("another name: %q", got)
	}
	if s := ada.stage(foreign, ""); !s.Report.OtherBox {
		t.Error("the backup of another box is not told")
	}
	if got := ada.post("/api/admin/restore", confirmed, nil); got != "another_box" {
		t.Errorf("another box: %q", got)
	}
	if got := ada.school(); got != before {
		t.Errorf("the box has changed: %s", cmp.Diff(before, got))
	}
	ada.OpenLesson(ada.AddClass("9A", 1), "Rivers")
	if s := ada.stage(plain, ""); !s.Report.LessonOpen {
		t.Error("the open lesson is not told")
	}
	if got := ada.post("/api/admin/restore", confirmed, nil); got != "lesson_running" {
		t.Errorf("a lesson is open: %q", got)
	}
}

// TestABoxTakesThePlaceOfAnother restores the backup of another box. Its people can use this box,
// and those of the box before cannot.
func TestABoxTakesThePlaceOfAnother(t *testing.T) {
	ada, other := newSchool(t), newSchool(t)
	other.change()
	before := other.school()
	ada.stage(other.backup(""), "")
	ada.must(ada.post("/api/admin/restore", `{"name":"Test box","otherBox":true}`, nil))
	restored := admin{t, &boxtest.Person{Box: ada.Box, Cookie: other.Cookie}}
	restored.comeBack()
	if got := restored.school(); got != before {
		t.Errorf("after the restore: %s", cmp.Diff(before, got))
	}
	if status, _, err := sendBody(ada.Person, "GET", "/api/classes", http.NoBody, 0); err != nil || status != http.StatusUnauthorized {
		t.Errorf("an admin of the box before: %d, %v", status, err)
	}
}

// TestARestoreKilledAtAnyStepLeavesOneWholeBox kills the box at each step of a restore, and at
// moments after the confirmation. The box then has all of the old data or all of the new.
func TestARestoreKilledAtAnyStepLeavesOneWholeBox(t *testing.T) {
	ada := newSchool(t)
	before := ada.school()
	data := ada.backup("")
	ada.change()
	changed := ada.school()
	type killed struct {
		after    string
		do       func()
		old, new bool // what the box may be then
	}
	steps := []killed{
		{"half an upload", func() {
			_, _, _ = sendBody(ada.Person, "POST", "/api/admin/restore/file", bytes.NewReader(data[:len(data)/2]), int64(len(data))) // breaks off
		}, true, false},
		{"an upload", func() { ada.must(ada.send("POST", "/api/admin/restore/file", data, nil)) }, true, false},
		{"a check", func() { ada.stage(data, "") }, true, false},
	}
	late := func(path, body string, pause time.Duration) { // without waiting for the answer
		go func() { _, _, _ = sendBody(ada.Person, "POST", path, strings.NewReader(body), int64(len(body))) }()
		time.Sleep(pause) // somewhere in the work of a process
	}
	for _, pause := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
		steps = append(steps,
			killed{fmt.Sprint("a check and ", pause), func() {
				ada.must(ada.send("POST", "/api/admin/restore/file", data, nil))
				late("/api/admin/restore/check", "{}", pause)
			}, true, false},
			killed{fmt.Sprint("a confirmation and ", pause), func() { ada.stage(data, ""); late("/api/admin/restore", confirmed, pause) }, true, true},
			killed{fmt.Sprint("an answered confirmation and ", pause), func() {
				ada.stage(data, "")
				ada.must(ada.post("/api/admin/restore", confirmed, nil))
				time.Sleep(pause) // somewhere in the stop, the renames and the start of a process
			}, false, true},
		)
	}
	for _, s := range steps {
		s.do()
		ada.Box.Kill()
		ada.Box = ada.Box.Restart()
		if _, err := os.Stat(filepath.Join(ada.Box.Dir, "restore")); err == nil {
			t.Errorf("after %s: the staged files are left", s.after)
		}
		got := ada.school()
		if (got != changed || !s.old) && (got != before || !s.new) {
			t.Errorf("after %s: the old box %v, the new box %v, got %s", s.after, got == changed, got == before, got)
		}
		if got == before { // the next step begins with the changed box
			ada.change()
			changed = ada.school()
		}
	}
}
