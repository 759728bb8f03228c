package recovery

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a safe mode with a record of the requests to the machine.
type rig struct {
	*Mode
	done []string
	got  string
	err  error
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{}
	dir := t.TempDir()
	for name, text := range map[string]string{"journal.db": "answers", "library/a.png": "a picture"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	note := func(what string, body io.Reader) error {
		if body != nil {
			text, _ := io.ReadAll(body)
			r.got = string(text)
		}
		r.done = append(r.done, what)
		return r.err
	}
	m, err := New(Deps{
		Version: "1.2.3", Data: dir, Log: slog.New(slog.DiscardHandler),
		Boot: func(context.Context) (initctl.Boot, error) {
			return initctl.Boot{Failures: []initctl.Failure{{At: time.Unix(1e9, 0), Why: "exit status <2>", Tail: "panic: for the test"}}, Log: []string{"a line"}}, nil
		},
		Restart: func(context.Context) error { return note("restart", nil) },
		Repair:  func(context.Context) error { return note("repair", nil) },
		Restore: func(b io.Reader) error { return note("restore", b) },
		Update:  func(_ context.Context, b io.Reader) error { return note("update", b) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Mode = m
	return r
}

// post posts a form.
func (r *rig) post(path, code, file string) *httptest.ResponseRecorder {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("code", code)
	if file != "" {
		w, _ := form.CreateFormFile("file", "x")
		_, _ = io.WriteString(w, file)
	}
	_ = form.Close()
	req := httptest.NewRequest("POST", path, &body)
	req.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req)
	return w
}

func TestThePageSaysWhatHappenedInTheReadersLanguage(t *testing.T) {
	r := newRig(t)
	for accept, want := range map[string]string{
		"": `lang="en" dir="ltr"`, "fr-CA,fr;q=0.9": `lang="fr" dir="ltr"`, "es": `lang="es" dir="ltr"`, "ar-EG": `lang="ar" dir="rtl"`, "zz, \x00": `lang="en"`,
	} {
		req := httptest.NewRequest("GET", "/anything", nil)
		req.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, req)
		page := w.Body.String()
		for _, part := range []string{want, "exit status &lt;2&gt;", "panic: for the test", "a line", "1.2.3"} {
			if !strings.Contains(page, part) {
				t.Errorf("%q: no %q in the page", accept, part)
			}
		}
		if strings.Contains(page, r.Code()) || strings.Contains(page, "<no value>") {
			t.Errorf("%q: the page holds the code, or lacks a word", accept)
		}
	}
}

// Nothing can be written to damaged data, so the page offers to take it out and to repair it only.
func TestThePageOfDamagedDataOffersARepair(t *testing.T) {
	for damaged, want := range map[string][]string{"": {"/restart", "/export", "/update", "/restore"}, "inode <12>": {"/export", "/repair"}} {
		r := newRig(t)
		r.deps.Boot = func(context.Context) (initctl.Boot, error) { return initctl.Boot{Damaged: damaged}, nil }
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		var got []string
		for _, form := range regexp.MustCompile(`action="([^"]*)"`).FindAllStringSubmatch(w.Body.String(), -1) {
			got = append(got, form[1])
		}
		if !slices.Equal(got, want) || damaged != "" && !strings.Contains(w.Body.String(), "inode &lt;12&gt;") {
			t.Errorf("damage %q: the page has %q, want %q", damaged, got, want)
		}
	}
}

func TestAllLanguagesHaveAllWords(t *testing.T) {
	var words map[string]map[string]string
	if err := json.Unmarshal(wordsText, &words); err != nil {
		t.Fatal(err)
	}
	for lang, list := range words {
		for key := range words["en"] {
			if list[key] == "" {
				t.Errorf("%s: no %s", lang, key)
			}
		}
		if len(list) != len(words["en"]) {
			t.Errorf("%s has %d words, en %d", lang, len(list), len(words["en"]))
		}
	}
}

func TestEachStepNeedsTheCode(t *testing.T) {
	for path, want := range map[string]struct {
		file string
		done []string
	}{
		"/restart": {"", []string{"restart"}}, "/restore": {"a backup", []string{"restore", "restart"}},
		"/update": {"a bundle", []string{"update"}}, "/repair": {"", []string{"repair"}}, "/export": {"", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			if w := r.post(path, "AAAAAAAA", want.file); w.Code != http.StatusForbidden || r.done != nil || w.Header().Get("Content-Disposition") != "" {
				t.Errorf("%s with a wrong code: %d, %v", path, w.Code, r.done)
			}
			if w := r.post(path, r.Code(), want.file); w.Code != http.StatusTooManyRequests || r.done != nil {
				t.Errorf("%s at once after it: %d, %v", path, w.Code, r.done)
			}
			time.Sleep(2 * time.Second)
			code := r.Code()
			w := r.post(path, strings.ToLower(code[:4])+"-"+code[4:], want.file)
			if w.Code != http.StatusOK || !slices.Equal(r.done, want.done) || r.got != want.file {
				t.Errorf("%s: %d, %v, %q", path, w.Code, r.done, r.got)
			}
		})
	}
}

func TestTheDataComesOutAsItIsWithItsKey(t *testing.T) {
	r := newRig(t)
	key := filepath.Join(t.TempDir(), "livelearn-key.txt")
	if err := os.WriteFile(key, []byte("the key"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.deps.Keys = []string{key, key + "-that-is-gone"}
	w := r.post("/export", r.Code(), "")
	got := map[string]string{}
	for in := tar.NewReader(w.Body); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(in)
		got[h.Name] = string(text)
	}
	if len(got) != 3 || got["keys/livelearn-key.txt"] != "the key" || got["journal.db"] != "answers" || got["library/a.png"] != "a picture" {
		t.Errorf("got %v", got)
	}
}

func TestGuessingMakesANewCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		code := r.Code()
		for range maxWrong {
			if r.Code() != code {
				t.Fatal("too early")
			}
			r.post("/restart", "AAAAAAAA", "")
			time.Sleep(2 * time.Second)
		}
		if r.Code() == code {
			t.Error("it is still the same")
		}
	})
}

func TestFaultsAreShown(t *testing.T) {
	r := newRig(t)
	r.err = errs.NewCode("x", errs.Invalid, "foreign_key", "not signed")
	if w := r.post("/update", r.Code(), "x"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "not signed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r = newRig(t)
	req := httptest.NewRequest("POST", "/restart", strings.NewReader("code="+r.Code()))
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest || r.done != nil {
		t.Errorf("%d %v", w.Code, r.done)
	}
	req = httptest.NewRequest("POST", "/restart", nil)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	w = httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req)
	if w.Code != http.StatusForbidden {
		t.Errorf("another site may post: %d", w.Code)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\nAAAA\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		m, err := New(Deps{
			Log: slog.New(slog.DiscardHandler), Boot: func(context.Context) (initctl.Boot, error) { return initctl.Boot{}, nil },
			Restart: func(context.Context) error { t.Error("restarted"); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("POST", "/restart", bytes.NewReader(body))
		req.Header.Set("Content-Type", kind)
		m.Handler().ServeHTTP(httptest.NewRecorder(), req)
	})
}
