package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/livelearn/box/services/gateway/adminapi"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

// fakeCloud implements gateway.Cloud and records its calls.
type fakeCloud struct {
	status cloud.Status
	dead   []cloud.Dead
	file   string // the output of Export
	err    error  // the error of every call; Export returns it after the file
	asked  []string
}

func (l *fakeCloud) recordCall(what string) error {
	l.asked = append(l.asked, what)
	return l.err
}

func (l *fakeCloud) Status() cloud.Status                    { return l.status }
func (l *fakeCloud) Waiting() (bool, uint64)                 { return l.status.Way != "", l.status.Queue }
func (l *fakeCloud) Link(_ context.Context, to string) error { return l.recordCall("link " + to) }
func (l *fakeCloud) Unlink(context.Context) error            { return l.recordCall("leave") }
func (l *fakeCloud) Sync()                                   { l.asked = append(l.asked, "sync") }
func (l *fakeCloud) DeadFacts() []cloud.Dead                 { return l.dead }

func (l *fakeCloud) RetryDead(_ context.Context, incarnation, pos uint64, repair bool) error {
	text, err := json.Marshal([]any{incarnation, pos, repair})
	if err != nil {
		return err
	}
	return l.recordCall("retry " + string(text))
}

func (l *fakeCloud) Export(_ context.Context, w io.Writer) error {
	if _, err := io.WriteString(w, l.file); err != nil {
		return err
	}
	return l.recordCall("export")
}

func (l *fakeCloud) ImportReply(_ context.Context, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return errs.New("test", errs.Invalid, err)
	}
	return l.recordCall("reply " + string(data))
}

func (l *fakeCloud) rig(t *testing.T) *rig {
	return newRig(t, func(_ *Config, d *Deps) { d.Cloud = l }).school()
}

func TestTheAdminSeesHowTheCloudIsAndTheTeacherTheLittleThatMatters(t *testing.T) {
	l := &fakeCloud{status: cloud.Status{Way: "https", Where: "cloud.example.org", School: "North", State: cloud.StateSending, Queue: 12, Rate: 400, ETA: 3, Dead: 1}}
	r := l.rig(t)
	var got adminapi.CloudStatus
	r.ok("admin", "GET", "/api/admin/cloud", nil, &got)
	want := adminapi.CloudStatus{Supported: true, Status: l.status}
	want.Notes = []cloud.Note{} // never null in JSON
	if d := cmp.Diff(got, want); d != "" {
		t.Error(d)
	}
	if w := r.do(r.request("teacher", "GET", "/api/cloud", nil)); strings.TrimSpace(w.Body.String()) != `{"linked":true,"waiting":12}` {
		t.Errorf("a teacher is told %s", w.Body)
	}
}

func TestABoxWithoutACloudSaysSoAndIsNoError(t *testing.T) {
	r := newRig(t).school()
	var got adminapi.CloudStatus
	r.ok("admin", "GET", "/api/admin/cloud", nil, &got)
	if got.Supported || got.State != cloud.StateOff {
		t.Errorf("%+v", got)
	}
	if w := r.do(r.request("teacher", "GET", "/api/cloud", nil)); strings.TrimSpace(w.Body.String()) != `{"linked":false,"waiting":0}` {
		t.Errorf("%s", w.Body)
	}
	if b := readRefusal(t, r.do(r.request("admin", "POST", "/api/admin/cloud/sync", nil))); b.Code != "no_cloud" {
		t.Errorf("%+v", b)
	}
}

func TestWhatAnAdminAsksOfTheCloudIsHandedOn(t *testing.T) {
	l := &fakeCloud{file: "facts"}
	r := l.rig(t)
	const large = "18446744073709551615" // JavaScript would round it as a number
	r.ok("admin", "POST", "/api/admin/cloud/link", map[string]string{"link": " https://cloud.example.org/#AAAA \n"}, nil)
	r.ok("admin", "POST", "/api/admin/cloud/sync", nil, nil)
	r.ok("admin", "POST", "/api/admin/cloud/dead/retry", map[string]any{"incarnation": large, "pos": 7}, nil)
	r.ok("admin", "POST", "/api/admin/cloud/dead/retry", map[string]any{"incarnation": large, "pos": 7, "repair": true}, nil)
	r.ok("admin", "POST", "/api/admin/cloud/reply", "a file", nil)
	r.ok("admin", "DELETE", "/api/admin/cloud/link", nil, nil)
	w := r.do(r.request("admin", "GET", "/api/admin/cloud/export", nil))
	if w.Code != 200 || w.Body.String() != "facts" || !strings.HasSuffix(w.Header().Get("Content-Disposition"), `.llcloud"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	want := []string{
		"link https://cloud.example.org/#AAAA", "sync", "retry [" + large + ",7,false]", "retry [" + large + ",7,true]", "reply a file", "leave", "export",
	}
	if d := cmp.Diff(l.asked, want); d != "" {
		t.Error(d)
	}
}

func TestDeadLettersKeepTheirWholeIncarnation(t *testing.T) {
	l := &fakeCloud{dead: []cloud.Dead{{Incarnation: 1<<64 - 1, Pos: 9, Stream: "room:c_1", Kind: "quiz.answered", Code: "22P05", Text: "unsupported Unicode escape sequence"}}}
	r := l.rig(t)
	w := r.do(r.request("admin", "GET", "/api/admin/cloud/dead", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"incarnation":"18446744073709551615"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestALinkThatIsRefusedNamesItsFieldAndIsInNoLog(t *testing.T) {
	l := &fakeCloud{err: errs.NewField("test", "pin", "bad_link", 0, "must be 43 letters")} // a field of the cloud package
	r := l.rig(t)
	secret := "postgres://box:canary-secret@db.example.org/school"
	for _, c := range []struct{ link, code string }{{"", "empty"}, {" ", "empty"}, {strings.Repeat("x", 2001), "too_long"}, {secret, "bad_link"}} {
		w := r.do(r.request("admin", "POST", "/api/admin/cloud/link", map[string]string{"link": c.link}))
		if b := readRefusal(t, w); w.Code != 400 || b.Field != "link" || b.Code != c.code {
			t.Errorf("%.20q: %d %+v", c.link, w.Code, b)
		}
	}
	l.err = nil
	r.ok("admin", "POST", "/api/admin/cloud/link", map[string]string{"link": secret}, nil)
	if strings.Contains(r.log.String(), "canary-secret") {
		t.Error("the log holds the link")
	}
	w := r.do(r.request("admin", "POST", "/api/admin/cloud/dead/retry", map[string]any{"incarnation": "-1", "pos": 1}))
	if b := readRefusal(t, w); w.Code != 400 || b.Field != "incarnation" {
		t.Errorf("%d %+v", w.Code, b)
	}
}

func TestAnExportThatFailsIsNoHalfFile(t *testing.T) {
	l := &fakeCloud{err: errs.NewCode("test", errs.Down, "unlinked", "nothing is linked")}
	r := l.rig(t)
	w := r.do(r.request("admin", "GET", "/api/admin/cloud/export", nil))
	if b := readRefusal(t, w); w.Code != 503 || b.Code != "unlinked" || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("before the first byte: %d %+v %v", w.Code, b, w.Header())
	}
	l.file = strings.Repeat("x", 1<<20)
	w = httptest.NewRecorder()
	broken := func() (p any) {
		defer func() { p = recover() }()
		r.handler.ServeHTTP(w, r.request("admin", "GET", "/api/admin/cloud/export", nil))
		return nil
	}()
	if broken == nil {
		t.Error("half a file ends like a whole one")
	}
}

func TestAReplyIsBounded(t *testing.T) {
	l := &fakeCloud{}
	r := l.rig(t)
	req := r.request("admin", "POST", "/api/admin/cloud/reply", nil)
	req.Body, req.ContentLength = io.NopCloser(io.LimitReader(zeros{}, adminapi.MaxReply+1)), -1 // without a Content-Length
	if w := r.do(req); readRefusal(t, w).Code != "too_large" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	req = r.request("admin", "POST", "/api/admin/cloud/reply", nil)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(nil)), adminapi.MaxReply+1
	if w := r.do(req); readRefusal(t, w).Code != "too_large" || len(l.asked) > 0 {
		t.Errorf("%d %s %v", w.Code, w.Body, l.asked)
	}
	l.err = errs.NewField("test", "box", "other_box", 0, "this is for another box")
	w := r.do(r.request("admin", "POST", "/api/admin/cloud/reply", "a file"))
	if b := readRefusal(t, w); w.Code != 400 || b.Field != "reply" || b.Code != "other_box" {
		t.Errorf("%d %+v", w.Code, b)
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
