package gateway

import (
	"net/http"

	"golang.org/x/text/language"
)

var (
	guideLanguages = []language.Tag{language.English, language.French, language.Spanish, language.Arabic}
	guideMatcher   = language.NewMatcher(guideLanguages)
)

// serveGuide serves the guide to the first hour, which is made from image/GUIDE.md. The language is
// that of the query, or else the best for the browser. Anybody may read it: it helps a person whose
// box has no owner yet.
func (p *pages) serveGuide(w http.ResponseWriter, r *http.Request) {
	_, best := language.MatchStrings(guideMatcher, r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Accept-Language")
	p.serveFile(w, r, "guide/"+guideLanguages[best].String()+".html", http.StatusOK)
}
