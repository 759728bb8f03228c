package server

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

const (
	fleetPage = 100 // boxes of a page
	recently  = time.Hour
)

// basePage is what each page for an operator shows.
type basePage struct {
	Title    string
	Operator pg.Grant
	Here     string // page in the menu
	Now      time.Time
	Did      string // what the operator just did
}

func (s *Server) newBasePage(r *http.Request, g pg.Grant, here, title string) basePage {
	return basePage{Title: title, Operator: g, Here: here, Now: s.now(), Did: didTexts[r.Form.Get("did")]}
}

// didTexts are the confirmations of a page, by the value of did in its address.
var didTexts = map[string]string{
	"setup":   "Your account is ready. Sign in with the next code of your app.",
	"renamed": "The box has its new name.",
	"revoked": "The box is revoked. It is refused from its next request on.",
	"removed": "The box is removed. What it brought stays.",
	"alert":   "The alert is set.",
	"started": "The update has begun. The boxes of the first stage get it when they are in touch.",

	"update-stop":  "The update is stopped.",
	"update-next":  "The next stage has begun.",
	"update-go":    "The update goes on.",
	"update-again": "The failed boxes try again, and the update goes on.",
	"update-end":   "The update is ended.",
}

type fleetData struct {
	basePage
	Query   fleetQuery
	School  string // of the operator or of the query, empty means all
	Schools []pg.School
	States  []choice
	Boxes   []boxView
	Count   fleetCount
	First   int // place of the first box of the page, from 1
	Last    int
	Earlier string // address of the page before
	Later   string
}

type choice struct{ Value, Text string }

// fleetQuery is what the operator looks for.
type fleetQuery struct{ Text, State, School string }

// fleetCount counts the boxes of the operator, also those that the query leaves out.
type fleetCount struct {
	All, Found, Silent, Refused, Failing int
	Waiting                              uint64
	Versions                             []versionCount
}

type versionCount struct {
	Version string
	Boxes   int
}

type boxView struct {
	pg.BoxState
	Silent bool
	State  string // class in the style sheet
	Word   string // shown text
	Health string
	Ago    string
}

var fleetStates = []choice{
	{"", "All boxes"}, {"attention", "Need attention"}, {"silent", "Silent"}, {"refused", "Facts refused"}, {"failing", "Health fails"}, {"waiting", "Facts wait"}, {"revoked", "Revoked"},
}

func (s *Server) showFleet(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	q := fleetQuery{strings.TrimSpace(r.Form.Get("q")), r.Form.Get("state"), r.Form.Get("school")}
	of, err := s.scope(r.Context(), g, q.School)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(fleetStates, func(c choice) bool { return c.Value == q.State }) {
		return errs.NewField(op, "state", "unknown", 0, "there is no state %q", q.State)
	}
	list, err := s.store.Boxes(r.Context(), of)
	if err != nil {
		return err
	}
	v := fleetData{basePage: s.newBasePage(r, g, "boxes", "Boxes"), Query: q, School: of, States: fleetStates}
	if g.School == "" {
		if v.Schools, err = s.store.Schools(r.Context()); err != nil {
			return err
		}
	}
	var found []boxView
	versions := map[string]int{}
	for _, b := range list {
		view := viewBox(b, v.Now)
		v.Count.add(view)
		versions[b.Version]++
		if q.matches(view) {
			found = append(found, view)
		}
	}
	v.Count.Found = len(found)
	for _, version := range slices.SortedFunc(maps.Keys(versions), func(a, b string) int { return cmp.Or(versions[b]-versions[a], cmp.Compare(a, b)) }) {
		v.Count.Versions = append(v.Count.Versions, versionCount{version, versions[version]})
	}
	v.cut(found, r.Form)
	s.showPage(w, http.StatusOK, "fleet.html", v)
	return nil
}

// cut keeps the boxes of the page that the query asks for, and makes the addresses of its neighbours.
func (v *fleetData) cut(found []boxView, form url.Values) {
	n, _ := strconv.Atoi(form.Get("page")) // nonsense is the first page
	n = min(max(n, 1), max((len(found)+fleetPage-1)/fleetPage, 1))
	from := (n - 1) * fleetPage
	v.Boxes = found[from:min(from+fleetPage, len(found))]
	v.First, v.Last = from+1, from+len(v.Boxes)
	address := func(page int) string {
		return "?" + url.Values{"q": {v.Query.Text}, "state": {v.Query.State}, "school": {v.Query.School}, "page": {strconv.Itoa(page)}}.Encode()
	}
	if n > 1 {
		v.Earlier = address(n - 1)
	}
	if v.Last < len(found) {
		v.Later = address(n + 1)
	}
}

func (c *fleetCount) add(b boxView) {
	c.All++
	c.Waiting += b.Behind
	if b.Silent {
		c.Silent++
	}
	if b.Dead > 0 {
		c.Refused++
	}
	if b.isFailing() {
		c.Failing++
	}
}

func (b boxView) isFailing() bool { return b.BoxState.Health == "fail" && b.Revoked == nil }

// matches reports whether a box has the state and each word of the query.
func (q fleetQuery) matches(b boxView) bool {
	ok := true
	switch q.State {
	case "attention":
		ok = b.Silent || b.Dead > 0 || b.isFailing()
	case "silent":
		ok = b.Silent
	case "refused":
		ok = b.Dead > 0
	case "failing":
		ok = b.isFailing()
	case "waiting":
		ok = b.Behind > 0
	case "revoked":
		ok = b.Revoked != nil
	}
	text := strings.ToLower(strings.Join([]string{b.Name, b.OwnName, b.Box, b.School, b.Version}, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		ok = ok && strings.Contains(text, word)
	}
	return ok
}

// viewBox returns the page's view of a box.
func viewBox(b pg.BoxState, now time.Time) boxView {
	v := boxView{BoxState: b, Ago: "never", Silent: b.IsSilent(now), Health: healthWords[b.Health]}
	since := time.Duration(0)
	if b.Seen != nil {
		since = now.Sub(*b.Seen)
		v.Ago = formatAgo(since)
	}
	switch {
	case b.Revoked != nil:
		v.State, v.Word = "revoked", "revoked"
	case b.Dead > 0:
		v.State, v.Word = "letters", "facts were refused"
	case v.Silent:
		v.State, v.Word = "late", "silent"
	case b.Seen == nil:
		v.State, v.Word = "new", "never heard of"
	case b.Behind > 0 && since < recently:
		v.State, v.Word = "sending", "sending"
	case b.Behind > 0:
		v.State, v.Word = "away", "away"
	default:
		v.State, v.Word = "good", "all is here"
	}
	return v
}

// healthWords are the levels of a box's health as the page shows them.
var healthWords = map[string]string{"": "not reported", "ok": "good", "warn": "warns", "fail": "fails"}

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
