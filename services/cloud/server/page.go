package server

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

var pageTemplate = template.Must(template.New("page").Parse(pageText))

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(styleText)
}

// pageData is the data of the page.
type pageData struct {
	School  string // empty means all
	Now     time.Time
	Boxes   []boxView
	Waiting uint64
	Letters int
}

type boxView struct {
	pg.BoxState
	Short string // short form of the id
	State string // class in the style sheet
	Word  string // shown text
	Ago   string
}

const (
	longAbsence = 7 * 24 * time.Hour // a box without contact for this long is highlighted
	recently    = time.Hour
)

func (s *Server) servePage(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := s.school(r, g)
	if err != nil {
		return err
	}
	list, err := s.store.Boxes(r.Context(), of)
	if err != nil {
		return err
	}
	v := pageData{School: of, Now: s.now()}
	for _, b := range list {
		v.Boxes = append(v.Boxes, viewBox(b, v.Now))
		v.Waiting += b.Behind
		v.Letters += b.Dead
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		return errs.New(op, errs.Internal, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes())
	return nil
}

// viewBox returns the page's view of a box.
func viewBox(b pg.BoxState, now time.Time) boxView {
	v := boxView{BoxState: b, Short: b.Box, Ago: "never"}
	if r := []rune(b.Box); len(r) > 8 {
		v.Short = string(r[:8])
	}
	v.State, v.Word = "new", "never heard of"
	if b.Seen == nil {
		if b.Revoked != nil {
			v.State, v.Word = "revoked", "revoked"
		}
		return v
	}
	since := now.Sub(*b.Seen)
	v.Ago = formatAgo(since)
	switch {
	case b.Revoked != nil:
		v.State, v.Word = "revoked", "revoked"
	case b.Dead > 0:
		v.State, v.Word = "letters", "facts were refused"
	case since > longAbsence:
		v.State, v.Word = "late", "away for long"
	case b.Behind > 0 && since < recently:
		v.State, v.Word = "sending", "sending"
	case b.Behind > 0:
		v.State, v.Word = "away", "away"
	default:
		v.State, v.Word = "good", "all is here"
	}
	return v
}

// formatAgo formats a duration in the largest unit that it fills.
func formatAgo(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := int(d / u.unit); {
		case n == 1:
			return "1 " + u.name + " ago"
		case n > 1:
			return strconv.Itoa(n) + " " + u.name + "s ago"
		}
	}
	return "just now"
}
