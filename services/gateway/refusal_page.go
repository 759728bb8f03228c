package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
)

// refusalRetry is the time in seconds after which a refused browser tries again.
const refusalRetry = 10

// refusalTexts holds title and text of the refusal page by language.
var refusalTexts = map[string][2]string{
	"en": {"The box is busy", "There are too many connections from your network at the moment. This page tries again by itself in a few seconds."},
	"fr": {"La box est très sollicitée", "Trop de connexions arrivent de votre réseau en ce moment. Cette page réessaie toute seule dans quelques secondes."},
	"es": {"La caja está ocupada", "En este momento hay demasiadas conexiones desde tu red. Esta página lo intenta de nuevo sola en unos segundos."},
	"ar": {"الجهاز مشغول", "هناك اتصالات كثيرة جدًا من شبكتك الآن. ستحاول هذه الصفحة مرة أخرى من تلقاء نفسها بعد ثوانٍ قليلة."},
}

// refusalPage is the page for a caller beyond the connection limit. It loads nothing else,
// because a second request would be refused too.
const (
	refusalStyle = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto 0;padding:0 1.5rem}:root{color-scheme:light dark}"
	refusalPage  = `<!doctype html>
<html lang="%s" dir="%s"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="%d"><title>%s</title><style>` + refusalStyle + `</style>
<h1>%[4]s</h1><p>%s</p></html>
`
)

// refuseExcess refuses requests on connections beyond the limits, except those of people whom
// the box knows.
func (g *Gateway) refuseExcess(next http.Handler) http.Handler {
	sum := sha256.Sum256([]byte(refusalStyle))
	style := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "' "
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !connlimit.IsExcess(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Connection", "close")
		if c := g.callers.Identify(r); c.CheckLevel(httpapi.Member) == nil || g.signIn.TrustsAny(r) {
			next.ServeHTTP(w, r)
			return
		}
		g.noteRefusal(connlimit.HostOf(r.RemoteAddr))
		h.Set("Retry-After", strconv.Itoa(refusalRetry))
		h.Set("Cache-Control", "no-store")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			httpapi.WriteError(w, http.StatusServiceUnavailable, errs.NewCode("gateway", errs.Busy, "too_many_connections",
				"at most %d connections from one address at once: try again in %d seconds", g.cfg.PerIP, refusalRetry))
			return
		}
		lang := g.langOf(r)
		dir := "ltr"
		if lang == "ar" {
			dir = "rtl"
		}
		h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "style-src ", style, 1))
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, refusalPage, lang, dir, refusalRetry, refusalTexts[lang][0], refusalTexts[lang][1]) // fails only when the client is gone
	})
}

// langOf returns the language of the caller's browser if the box has it, or else the language
// of the box.
func (g *Gateway) langOf(r *http.Request) string {
	lang, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	list := []string{lang}
	if b, err := g.Roster.Box(); err == nil {
		list = append(list, b.Lang)
	}
	for _, lang := range list {
		lang, _, _ = strings.Cut(lang, "-")
		if _, ok := refusalTexts[lang]; ok {
			return lang
		}
	}
	return "en"
}

// warning is a warning of health that stays until its cause is over for a minute.
type warning struct {
	last    time.Time // time of the last cause. Zero: health has no warning
	lastLog time.Time
}

// note notes a cause, and reports whether it is time for a line in the log: once a minute.
func (w *warning) note(now time.Time) bool {
	w.last = now
	if now.Sub(w.lastLog) < time.Minute {
		return false
	}
	w.lastLog = now
	return true
}

// isOver reports, once, that the last cause is a minute old.
func (w *warning) isOver(now time.Time) bool {
	if w.last.IsZero() || now.Sub(w.last) < time.Minute {
		return false
	}
	w.last = time.Time{}
	return true
}

// noteRefusal records that a connection was refused. It logs at most once a minute, and it
// sets a health warning.
func (g *Gateway) noteRefusal(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusals.note(time.Now()) {
		g.Log.Warn("connections refused: too many at once", "addr", addr, "limit", g.cfg.PerIP)
		g.Health.SetCheck("connections", health.Warn, "too_many_connections", "the last address was "+addr)
	}
}

// noteExhaustion is noteRefusal for a program that has no descriptor left for a connection.
func (g *Gateway) noteExhaustion() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.exhaustion.note(time.Now()) {
		g.Log.Error("no connection can be taken: the program has as many files open as it may")
		g.Health.SetCheck("descriptors", health.Warn, "no_descriptors", "raise the limit of open files (ulimit -n, LimitNOFILE) and start the box again")
	}
}

// clearWarnings clears the warnings whose cause is over.
func (g *Gateway) clearWarnings() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.refusals.isOver(now) {
		g.Health.ClearCheck("connections")
	}
	if g.exhaustion.isOver(now) {
		g.Health.ClearCheck("descriptors")
	}
	if last, times := g.signIn.GuessedCodes(); now.Sub(last) < 2*time.Minute { // watch looks once a minute
		g.Health.SetCheck("codes", health.Warn, "codes_guessed", fmt.Sprintf("%d wrong codes of lessons in a few minutes", times))
	} else {
		g.Health.ClearCheck("codes")
	}
}

// watch ends the sessions of passes that are no longer valid (too old, or of a deleted
// teacher) and sets and clears warnings. It runs once a minute.
func (g *Gateway) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.peers.EndPasses(ctx)
			g.clearWarnings()
			g.checkSchoolCertificate()
		case <-ctx.Done():
			return nil
		}
	}
}
