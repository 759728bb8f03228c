// Package recovery serves the safe mode of an appliance, after its box keeps ending. One page
// shows the failures and offers a restart, an update, a restore and a download of the data. It
// uses no part of the box: it opens no database, and writes only on request.
//
// To change something or to take data, a person must enter the code on the machine's own
// display, because 30 curious teenagers are in the room and there is no sign-in.
package recovery

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

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/services/errs"
)

//go:embed page.html
var pageText string

//go:embed safe.css
var styleSheet []byte

//go:embed words.json
var wordsText []byte

// Deps are the dependencies of a Mode.
type Deps struct {
	Version string
	Data    string // data folder of the box
	// Keys are files outside of the data folder with the key of its databases. An export has them too:
	// without the key it cannot be read.
	Keys    []string
	Boot    func(context.Context) (initctl.Boot, error)
	Restart func(context.Context) error
	// Repair restarts the machine and repairs its damaged data, even if a part of it is lost.
	Repair func(context.Context) error
	// Restore replaces the data folder by a backup.
	Restore func(io.Reader) error
	// Update installs a bundle and restarts into it. Nil: this machine has one system only.
	Update func(context.Context, io.Reader) error
	Log    *slog.Logger
}

// Mode is the safe mode. Its Handler may be used from any goroutine.
type Mode struct {
	deps  Deps
	page  *template.Template
	words map[string]map[string]string // by language

	mu         sync.Mutex
	code       string    // guarded by mu
	wrongTries int       // wrong tries since the code was made; guarded by mu
	nextTryAt  time.Time // time of the next allowed try; guarded by mu
}

const (
	alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // 8 of these: 40 bits
	maxWrong = 20                                 // after these wrong tries there is a new code
	tryPause = time.Second
	maxForm  = 1 << 30 // bytes
)

// New makes a safe mode with a new code.
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
	rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// Code returns the code for the display.
func (m *Mode) Code() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.code
}

// checkCode checks one try of the code, and limits wrong tries.
func (m *Mode) checkCode(code string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Before(m.nextTryAt) {
		return errs.NewCode("safe", errs.Busy, "too_fast", "one try a second")
	}
	m.nextTryAt = now.Add(tryPause)
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code[:min(len(code), 64)]))
	if subtle.ConstantTimeCompare([]byte(code), []byte(m.code)) == 1 {
		m.wrongTries = 0
		return nil
	}
	if m.wrongTries++; m.wrongTries >= maxWrong {
		m.code, m.wrongTries = newCode(), 0
	}
	return errs.NewCode("safe", errs.Denied, "wrong_code", "this is not the code that the box shows")
}

// Handler returns the routes of the page.
func (m *Mode) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { m.renderPage(w, r, http.StatusOK, "", nil) })
	mux.HandleFunc("GET /safe.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(styleSheet) // the client is gone
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "safe\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"ready":false,"safe":true}`, http.StatusServiceUnavailable)
	})
	for path, do := range map[string]func(http.ResponseWriter, *http.Request, io.Reader) (string, error){
		"/restart": m.handleRestart, "/export": m.handleExport, "/restore": m.handleRestore, "/repair": m.handleRepair, "/update": m.handleUpdate,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { m.handleForm(w, r, do) })
	}
	cross := http.NewCrossOriginProtection()
	return withSecurityHeaders(cross.Handler(mux))
}

func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// handleForm checks the code, the first field of a form, and passes the file to do as a stream.
func (m *Mode) handleForm(w http.ResponseWriter, r *http.Request, do func(http.ResponseWriter, *http.Request, io.Reader) (string, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	form, err := r.MultipartReader()
	if err != nil {
		m.renderPage(w, r, http.StatusBadRequest, "", errs.NewCode("safe", errs.Invalid, "bad_form", "the form cannot be read"))
		return
	}
	code, err := form.NextPart()
	if err == nil && code.FormName() == "code" {
		text, _ := io.ReadAll(io.LimitReader(code, 64)) // as far as it goes
		err = m.checkCode(string(text))
	} else if err == nil {
		err = errs.NewCode("safe", errs.Invalid, "bad_form", "the code comes first")
	}
	if err != nil {
		m.renderPage(w, r, errs.KindOf(err).HTTPStatus(), "", err)
		return
	}
	file := io.Reader(strings.NewReader(""))
	if part, err := form.NextPart(); err == nil {
		file = part
	}
	notice, err := do(w, r, file)
	switch {
	case err != nil:
		m.deps.Log.Error("the action failed in safe mode", "path", r.URL.Path, "err", err)
		m.renderPage(w, r, errs.KindOf(err).HTTPStatus(), "", err)
	case notice != "":
		m.renderPage(w, r, http.StatusOK, notice, nil)
	}
}

func (m *Mode) handleRestart(_ http.ResponseWriter, r *http.Request, _ io.Reader) (string, error) {
	return "restarting", m.deps.Restart(r.Context())
}

func (m *Mode) handleRepair(_ http.ResponseWriter, r *http.Request, _ io.Reader) (string, error) {
	return "repairing", m.deps.Repair(r.Context())
}

func (m *Mode) handleRestore(_ http.ResponseWriter, r *http.Request, file io.Reader) (string, error) {
	if err := m.deps.Restore(file); err != nil {
		return "", err
	}
	return "restored", m.deps.Restart(context.WithoutCancel(r.Context()))
}

func (m *Mode) handleUpdate(_ http.ResponseWriter, r *http.Request, file io.Reader) (string, error) {
	if m.deps.Update == nil {
		return "", errs.NewCode("safe", errs.Missing, "no_slots", "this machine cannot be updated")
	}
	return "updating", m.deps.Update(context.WithoutCancel(r.Context()), file)
}

// handleExport sends every file of the data folder, and the key of its databases, in a tar archive. It skips unreadable files,
// because the readable rest is still worth saving.
func (m *Mode) handleExport(w http.ResponseWriter, _ *http.Request, _ io.Reader) (string, error) {
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="livelearn-data.tar"`)
	t := tar.NewWriter(w)
	err := filepath.WalkDir(m.deps.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			//lint:ignore nilerr what cannot be read is not in the archive
			return nil
		}
		name, err := filepath.Rel(m.deps.Data, path)
		if err != nil {
			return err
		}
		return addFile(t, name, path)
	})
	for _, path := range m.deps.Keys {
		err = errors.Join(err, addFile(t, "keys/"+filepath.Base(path), path))
	}
	if err = errors.Join(err, t.Close()); err != nil {
		panic(http.ErrAbortHandler) // aborts the download, so that a partial archive is noticed
	}
	return "", nil
}

func addFile(t *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // skipped
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil // skipped
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	n, err := io.CopyN(t, f, info.Size())
	if errors.Is(err, io.EOF) { // the file became shorter during the read
		_, err = io.CopyN(t, zeroReader{}, info.Size()-n)
	}
	return err
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// view is the data of the page template.
type view struct {
	Lang, Dir string
	T         map[string]string
	Version   string
	Notice    string // a text of T
	Err       string
	Reasons   []initctl.Failure
	Log       []string
	CanUpdate bool
	Damaged   string // the data cannot be written
}

var langMatcher = language.NewMatcher([]language.Tag{language.English, language.French, language.Spanish, language.Arabic})

// renderPage renders the page in the language of the reader.
func (m *Mode) renderPage(w http.ResponseWriter, r *http.Request, status int, notice string, err error) {
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")) // none: English
	_, i, _ := langMatcher.Match(tags...)
	v := view{Lang: []string{"en", "fr", "es", "ar"}[i], Dir: "ltr", Version: m.deps.Version, CanUpdate: m.deps.Update != nil}
	if v.Lang == "ar" {
		v.Dir = "rtl"
	}
	v.T = m.words[v.Lang]
	v.Notice = v.T[notice]
	if err != nil {
		if v.Err = v.T["err."+errs.BodyOf(err).Code]; v.Err == "" {
			v.Err = err.Error()
		}
	}
	if b, err := m.deps.Boot(r.Context()); err == nil {
		v.Reasons = b.Failures[max(0, len(b.Failures)-5):]
		v.Damaged = b.Damaged
		v.Log = b.Log[max(0, len(b.Log)-40):]
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = m.page.Execute(w, v) // the client is gone
}
