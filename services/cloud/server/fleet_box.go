package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

const boxDeeds = 20 // entries of the audit log on the page of a box

type boxData struct {
	basePage
	Box    boxView
	Checks []checkView
	Deeds  []pg.Deed
}

// checkView is a check of a box's health that is not good.
type checkView struct{ Name, Level, Word, Text string }

// findBox returns the box that a request names, if the operator may see it. For another one it
// returns errs.Missing, which does not tell whether a school has it.
func (s *Server) findBox(ctx context.Context, g pg.Grant, id string) (pg.BoxState, error) {
	list, err := s.store.Boxes(ctx, g.School)
	if err != nil {
		return pg.BoxState{}, err
	}
	i := slices.IndexFunc(list, func(b pg.BoxState) bool { return b.Box == id })
	if i < 0 {
		return pg.BoxState{}, errs.NewCode(op, errs.Missing, "no_box", "there is no box %q", loggableID(id))
	}
	return list[i], nil
}

func (s *Server) showBox(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	v, err := s.loadBox(r, g)
	if err != nil {
		return err
	}
	for d, err := range s.store.Deeds(r.Context(), pg.DeedQuery{School: g.School, Box: v.Box.Box, Limit: boxDeeds}) {
		if err != nil {
			return err
		}
		v.Deeds = append(v.Deeds, d)
	}
	s.showPage(w, http.StatusOK, "box.html", v)
	return nil
}

func (s *Server) loadBox(r *http.Request, g pg.Grant) (boxData, error) {
	b, err := s.findBox(r.Context(), g, r.Form.Get("id"))
	if err != nil {
		return boxData{}, err
	}
	v := boxData{basePage: s.newBasePage(r, g, "boxes", b.Name), Box: viewBox(b, s.now())}
	v.Checks = readChecks(b.Checks)
	return v, nil
}

// readChecks returns the checks of a report that are not good. A box may report anything.
func readChecks(data json.RawMessage) (list []checkView) {
	var all []struct{ Name, Level, Code, Text string }
	_ = json.Unmarshal(data, &all) // what cannot be read is not shown
	for _, c := range all {
		if c.Level == "warn" || c.Level == "fail" {
			list = append(list, checkView{c.Name, c.Level, healthWords[c.Level], c.Text})
		}
	}
	return list
}

func (s *Server) renameBox(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	b, err := s.findBox(r.Context(), g, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	if err := s.store.RenameBox(r.Context(), b.Box, strings.TrimSpace(r.PostFormValue("name"))); err != nil {
		return err
	}
	redirect(w, r, "box", url.Values{"id": {b.Box}, "did": {"renamed"}})
	return nil
}

// confirmDeed shows what was found before a deed that cannot be undone from the pages.
func (s *Server) confirmDeed(deed string) handler {
	return func(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
		v, err := s.loadBox(r, g)
		if err != nil {
			return err
		}
		s.showPage(w, http.StatusOK, deed+".html", v)
		return nil
	}
}

func (s *Server) revokeBox(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	b, err := s.findBox(r.Context(), g, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	if err := s.store.RevokeBox(r.Context(), b.Box); err != nil {
		return err
	}
	redirect(w, r, "box", url.Values{"id": {b.Box}, "did": {"revoked"}})
	return nil
}

func (s *Server) removeBox(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	b, err := s.findBox(r.Context(), g, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	if err := s.store.RemoveBox(r.Context(), b.Box); err != nil {
		return err
	}
	redirect(w, r, "", url.Values{"did": {"removed"}})
	return nil
}

type schoolsData struct {
	basePage
	Schools []schoolView
	Pushes  []pushView
}

type pushView struct {
	pg.Push
	What  string
	State string // class in the style sheet
	Word  string
}

var pushWords = map[string]string{pg.PushXAPI: "xAPI statements", pg.PushOneRoster: "OneRoster file"}

func viewPush(p pg.Push) pushView {
	v := pushView{p, pushWords[p.Kind], "good", "works"}
	switch {
	case p.Problem != "":
		v.State, v.Word = "letters", "fails"
	case p.Succeeded == nil:
		v.State, v.Word = "new", "not begun"
	}
	return v
}

type schoolView struct {
	pg.School
	Silent int
}

// showSchools shows when each school's boxes count as silent.
func (s *Server) showSchools(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	list, err := s.store.Schools(r.Context())
	if err != nil {
		return err
	}
	boxes, err := s.store.Boxes(r.Context(), g.School)
	if err != nil {
		return err
	}
	silent := countSilent(boxes, s.now())
	v := schoolsData{basePage: s.newBasePage(r, g, "schools", "Schools")}
	for _, school := range list {
		if g.School == "" || g.School == school.Name {
			v.Schools = append(v.Schools, schoolView{school, silent[school.Name]})
		}
	}
	pushes, err := s.store.Pushes(r.Context(), g.School)
	if err != nil {
		return err
	}
	for _, p := range pushes {
		v.Pushes = append(v.Pushes, viewPush(p))
	}
	s.showPage(w, http.StatusOK, "schools.html", v)
	return nil
}

func countSilent(boxes []pg.BoxState, now time.Time) map[string]int {
	n := map[string]int{}
	for _, b := range boxes {
		if b.IsSilent(now) {
			n[b.School]++
		}
	}
	return n
}

func (s *Server) setSilentHours(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := s.scope(r.Context(), g, r.PostFormValue("school"))
	if err != nil {
		return err
	}
	hours, err := strconv.Atoi(r.PostFormValue("hours"))
	if err != nil {
		return errs.NewField(op, "hours", "bad_number", 0, "must be a number of hours")
	}
	if err := s.store.SetSilentHours(r.Context(), of, hours); err != nil {
		return err
	}
	redirect(w, r, "schools", url.Values{"did": {"alert"}})
	return nil
}
