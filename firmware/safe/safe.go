// Package safe is what an appliance shows when its box keeps ending: one page that says what
// happened and offers a fresh try, an update, a restore and the data. It stands on nothing of
// the box: no database is opened, nothing is written but what a person asks for.
//
// Whoever changes something or takes data must enter the code that the machine's own display
// shows, since 30 curious teenagers are in the room and nobody can sign in.
package safe

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/services/errs"
)

//go:embed page.html
var pageText string

//go:embed safe.css
var style []byte

//go:embed words.json
var wordsText []byte

// Deps are what the page offers.
type Deps struct {
	Version string
	Data    string // the box's data folder
	Boot    func(context.Context) (door.Boot, error)
	Restart func(context.Context) error
	// Restore makes the data folder that of a backup.
	Restore func(io.Reader) error
	// Update takes a bundle and restarts into it; nil: this machine has one system only.
	Update func(context.Context, io.Reader) error
	Log    *slog.Logger
}

// Mode is the safe mode. Its Handler may be served from any goroutine.
type Mode struct {
	deps  Deps
	page  *template.Template
	words map[string]map[string]string // by language

	mu      sync.Mutex
	code    string    // guarded by mu
	wrong   int       // tries since the code was made; guarded by mu
	allowed time.Time // the next try; guarded by mu
}

const (
	alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // 8 of these: 40 bits
	maxWrong = 20                                 // then there is a new code
	tryPause = time.Second
	maxForm  = 1 << 30 // bytes
)

// New makes a safe mode.
func New(deps Deps) (*Mode, error) {
	m := &Mode{deps: deps, code: newCode()}
	if err := json.Unmarshal(wordsText, &m.words); err != nil {
		return nil, err
	}
	var err error
	m.page, err = template.New("page").Parse(pageText)
	return m, err
}

func newCode() string {
	b := make([]byte, 8)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// Code is what the display shows.
func (m *Mode) Code() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.code
}

// check takes a try at the code.
func (m *Mode) check(code string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Before(m.allowed) {
		return errs.Code("safe", errs.Busy, "too_fast", "one try a second")
	}
	m.allowed = now.Add(tryPause)
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code[:min(len(code), 64)]))
	if subtle.ConstantTimeCompare([]byte(code), []byte(m.code)) == 1 {
		m.wrong = 0
		return nil
	}
	if m.wrong++; m.wrong >= maxWrong {
		m.code, m.wrong = newCode(), 0
	}
	return errs.Code("safe", errs.Denied, "wrong_code", "this is not the code that the box shows")
}

// Handler is the page.
func (m *Mode) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { m.show(w, r, http.StatusOK, "", nil) })
	mux.HandleFunc("GET /safe.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(style) // the reader is gone: nobody to tell
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "safe\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"ready":false,"safe":true}`, http.StatusServiceUnavailable)
	})
	for path, do := range map[string]func(http.ResponseWriter, *http.Request, io.Reader) (string, error){
		"/restart": m.restart, "/export": m.export, "/restore": m.restore, "/update": m.update,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { m.act(w, r, do) })
	}
	cross := http.NewCrossOriginProtection()
	return headers(cross.Handler(mux))
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// act reads a form: the code first, and a file, if there is one, as a stream.
func (m *Mode) act(w http.ResponseWriter, r *http.Request, do func(http.ResponseWriter, *http.Request, io.Reader) (string, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	form, err := r.MultipartReader()
	if err != nil {
		m.show(w, r, http.StatusBadRequest, "", errs.Code("safe", errs.Invalid, "bad_form", "the form cannot be read"))
		return
	}
	code, err := form.NextPart()
	if err == nil && code.FormName() == "code" {
		text, _ := io.ReadAll(io.LimitReader(code, 64)) // as far as it goes
		err = m.check(string(text))
	} else if err == nil {
		err = errs.Code("safe", errs.Invalid, "bad_form", "the code comes first")
	}
	if err != nil {
		m.show(w, r, errs.KindOf(err).Status(), "", err)
		return
	}
	file := io.Reader(strings.NewReader(""))
	if part, err := form.NextPart(); err == nil {
		file = part
	}
	said, err := do(w, r, file)
	switch {
	case err != nil:
		m.deps.Log.Error("the safe mode could not do it", "path", r.URL.Path, "err", err)
		m.show(w, r, errs.KindOf(err).Status(), "", err)
	case said != "":
		m.show(w, r, http.StatusOK, said, nil)
	}
}

func (m *Mode) restart(_ http.ResponseWriter, r *http.Request, _ io.Reader) (string, error) {
	return "restarting", m.deps.Restart(r.Context())
}

func (m *Mode) restore(_ http.ResponseWriter, r *http.Request, file io.Reader) (string, error) {
	if err := m.deps.Restore(file); err != nil {
		return "", err
	}
	return "restored", m.deps.Restart(context.WithoutCancel(r.Context()))
}

func (m *Mode) update(_ http.ResponseWriter, r *http.Request, file io.Reader) (string, error) {
	if m.deps.Update == nil {
		return "", errs.Code("safe", errs.Missing, "no_slots", "this machine cannot be updated")
	}
	return "updating", m.deps.Update(context.WithoutCancel(r.Context()), file)
}

// export sends every file of the data folder, as it is. What cannot be read is left out: what
// can be is worth more.
func (m *Mode) export(w http.ResponseWriter, _ *http.Request, _ io.Reader) (string, error) {
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="livelearn-data.tar"`)
	t := tar.NewWriter(w)
	err := filepath.WalkDir(m.deps.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // left out
		}
		return addFile(t, m.deps.Data, path)
	})
	if err = errors.Join(err, t.Close()); err != nil {
		panic(http.ErrAbortHandler) // the reader must not take half of it for all
	}
	return "", nil
}

func addFile(t *tar.Writer, dir, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // left out
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil //nolint:nilerr // left out
	}
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	n, err := io.CopyN(t, f, info.Size())
	if errors.Is(err, io.EOF) { // it was cut while it was read
		_, err = io.CopyN(t, zeros{}, info.Size()-n)
	}
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// view is what the page shows.
type view struct {
	Lang, Dir string
	T         map[string]string
	Version   string
	Said      string // a word of T
	Err       string
	Reasons   []door.Failure
	Log       []string
	CanUpdate bool
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.French, language.Spanish, language.Arabic})

// show writes the page in the reader's language.
func (m *Mode) show(w http.ResponseWriter, r *http.Request, status int, said string, err error) {
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")) // none: English
	_, i, _ := matcher.Match(tags...)
	v := view{Lang: []string{"en", "fr", "es", "ar"}[i], Dir: "ltr", Version: m.deps.Version, CanUpdate: m.deps.Update != nil}
	if v.Lang == "ar" {
		v.Dir = "rtl"
	}
	v.T = m.words[v.Lang]
	v.Said = v.T[said]
	if err != nil {
		if v.Err = v.T["err."+errs.BodyOf(err).Code]; v.Err == "" {
			v.Err = err.Error()
		}
	}
	if b, err := m.deps.Boot(r.Context()); err == nil {
		v.Reasons = b.Failures[max(0, len(b.Failures)-5):]
		v.Log = b.Log[max(0, len(b.Log)-40):]
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = m.page.Execute(w, v) // the reader is gone: nobody to tell
}
