package gateway

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/roster"
)

func TestAClassListIsPreviewedAndThenBroughtIn(t *testing.T) {
	r := newRig(t).school()
	file := "\ufeffId;Vorname;Name;Klasse\r\nx1;Eve;Neu;9c\r\nx2;;;9c"
	var dry, got roster.Imported
	r.ok("teacher", "POST", "/api/intake?name=9c.csv&dry=true", file, &dry)
	if len(dry.Classes) != 1 || dry.Classes[0].Name != "9c" || dry.Classes[0].ID != "" || len(dry.Classes[0].Added) != 1 {
		t.Fatalf("%+v", dry)
	}
	if p := dry.Problems; len(p) != 1 || p[0].Line != 3 || p[0].File != "9c.csv" || p[0].Code != "no_name" {
		t.Errorf("%+v", p)
	}
	r.ok("teacher", "POST", "/api/intake?name=9c.csv&dry=false", file, &got)
	if c, err := r.Roster.Class(got.Classes[0].ID); err != nil || c.Pupils[0].Name != "Eve Neu" || c.Pupils[0].Source != "x1" {
		t.Errorf("%+v %v", c, err)
	}
	r.ok("teacher", "POST", "/api/intake?name=list.txt&class="+r.class.ID, pupil1+"\nGus", &got)
	if c := got.Classes[0]; len(c.Added) != 1 || len(c.Unchanged) != 1 || len(c.Missing) != 2 || c.ID != r.class.ID {
		t.Errorf("%+v", c)
	}
	w := r.do(r.request("teacher", "POST", "/api/intake?dry=true", "name\nEve"))
	if body := w.Body.String(); strings.Contains(body, "null") {
		t.Errorf("a list is null: %s", body)
	}
	if log := r.log.String(); strings.Contains(log, "Neu") || strings.Contains(log, "Gus") {
		t.Error("a name is in the log")
	}
}

func TestAClassListIsRefusedWithTheReason(t *testing.T) {
	r := newRig(t).school()
	for want, req := range map[string]*http.Request{
		"no_header a.csv:1": r.request("teacher", "POST", "/api/intake?name=a.csv", "Ada;Lovelace\nBen;Cook"),
		"old_excel file":    r.request("teacher", "POST", "/api/intake?name=a.xls", "\xd0\xcf\x11\xe0"),
		"too_large file":    r.request("teacher", "POST", "/api/intake?name=a", strings.Repeat("x", listimport.MaxFile+1)),
		"no_class ":         r.request("teacher", "POST", "/api/intake?class=c_none", "Ada"),
	} {
		w := r.do(req)
		if b := readRefusal(t, w); b.Code+" "+b.Field != want || w.Code >= 500 {
			t.Errorf("%d %+v, want %s", w.Code, b, want)
		}
	}
	chunked := r.request("teacher", "POST", "/api/intake", strings.Repeat("x", listimport.MaxFile+1))
	chunked.ContentLength = -1
	if b := readRefusal(t, r.do(chunked)); b.Code != "too_large" {
		t.Errorf("%+v", b)
	}
}

func TestOneClassListIsReadAtATime(t *testing.T) {
	begun, end := make(chan struct{}, 2), make(chan struct{})
	r := newRig(t, func(_ *Config, d *Deps) {
		d.ReadClassList = func(_ context.Context, name string, data []byte, choice listimport.Choice) (listimport.Table, error) {
			begun <- struct{}{}
			<-end
			return listimport.Read(name, data, choice)
		}
	}).school()
	done := make(chan int, 1)
	first := r.request("teacher", "POST", "/api/intake?dry=true", "Ada")
	go func() { done <- r.do(first).Code }()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := r.do(r.request("teacher", "POST", "/api/intake?dry=true", "Ada").WithContext(ctx))
	if b := readRefusal(t, w); w.Code != http.StatusTooManyRequests || b.Reason != "busy" || len(begun) != 0 {
		t.Errorf("%d %+v", w.Code, b)
	}
	close(end)
	if code := <-done; code != http.StatusOK {
		t.Errorf("the first: %d", code)
	}
}

// A list that is understood by half is not brought in before someone says what its columns mean.
// The box remembers it for the next list with the same headings.
func TestAPersonSaysOnceWhatTheColumnsOfAListMean(t *testing.T) {
	r := newRig(t).school()
	file := "Zork;Blim;Quiddle\nNele;Brandt;8C\nSade;Okoro;8C\n"
	var got roster.Imported
	r.ok("teacher", "POST", "/api/intake?name=a.csv&dry=true", file, &got)
	if c := got.Columns; len(got.Classes) != 0 || c == nil || c.Code != "no_header" || len(c.Samples) != 2 || c.Headings[2] != "Quiddle" {
		t.Fatalf("%+v %+v", got, c)
	}
	if w := r.do(r.request("teacher", "POST", "/api/intake?name=a.csv", file)); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.ok("teacher", "POST", "/api/intake?name=a.csv&columns=given,family,class", file, &got)
	if len(got.Classes) != 1 || got.Classes[0].Name != "8C" || got.Classes[0].Added[0].Name != "Nele Brandt" {
		t.Fatalf("%+v", got)
	}
	got = roster.Imported{}
	r.ok("teacher", "POST", "/api/intake?name=b.csv&dry=true", "zork,blim,quiddle\nUma,Lind,8D\n", &got)
	if len(got.Classes) != 1 || got.Classes[0].Added[0].Name != "Uma Lind" || !got.Columns.Remembered {
		t.Errorf("%+v", got)
	}
	r.ok("teacher", "POST", "/api/intake?name=b.csv&dry=true&columns=family,given,other", "zork,blim,quiddle\nUma,Lind,8D\n", &got)
	if len(got.Classes) != 1 || got.Classes[0].Added[0].Name != "Lind Uma" || got.Classes[0].Name != "b" {
		t.Errorf("another choice: %+v", got)
	}
}
