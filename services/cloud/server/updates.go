package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// rolloutPeriod is how often a node looks whether a stage is through or fails.
const rolloutPeriod = 5 * time.Second

// runRollouts begins the next stages of rollouts, and stops those that have a failing box.
func (s *Server) runRollouts(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := s.store.AdvanceRollouts(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.Warn("the stages of updates were not looked at", "err", err)
			supervise.Sleep(ctx, retryMax)
		case n > 0:
			s.log.Info("stages of updates changed", "n", n)
		}
		supervise.Sleep(ctx, rolloutPeriod)
	}
	return nil
}

type updatesData struct {
	basePage
	Rollouts []rolloutView
	Releases []pg.Release
	Schools  []pg.School
}

type rolloutView struct {
	pg.Rollout
	Word, Class string // of the state, and its class in the style sheet
	Now         string // the present stage
}

type rolloutData struct {
	basePage
	Rollout rolloutView
	Boxes   []rolloutBoxView
}

type rolloutBoxView struct {
	pg.RolloutBox
	Word, Class string
}

func viewRollout(o pg.Rollout) rolloutView {
	v := rolloutView{Rollout: o, Now: o.Stages[min(max(o.Stage, 1), len(o.Stages))-1]}
	switch o.State {
	case pg.RolloutRunning:
		v.Word, v.Class = "runs", "sending"
	case pg.RolloutStopped:
		v.Word, v.Class = "stopped", "letters"
	default:
		v.Word, v.Class = "done", "good"
	}
	return v
}

// rolloutWords are the states of a box in a rollout: shown text and class in the style sheet.
var rolloutWords = map[string][2]string{
	"fetching": {"fetches it", "sending"}, "scheduled": {"waits for its time", "sending"}, "restarting": {"restarts", "sending"}, "trying": {"tries it", "sending"},
	"installed": {"has it", "good"}, "failed": {"failed", "letters"},
}

func viewRolloutBox(o pg.Rollout, b pg.RolloutBox) rolloutBoxView {
	v := rolloutBoxView{RolloutBox: b}
	if w, ok := rolloutWords[b.State]; ok {
		v.Word, v.Class = w[0], w[1]
	} else if b.Offered != nil {
		v.Word, v.Class = "not heard of since the offer", "new"
	} else if b.Stage <= o.Stage && o.State != pg.RolloutRunning {
		v.Word, v.Class = "may not install it any more", "away"
	} else {
		v.Word, v.Class = "its stage has not begun", "away"
	}
	if b.Code == "health" {
		v.Word, v.Class = "has it, and its health fails", "letters"
	}
	if b.Excused {
		v.Word += ", left out"
	}
	return v
}

func (s *Server) showUpdates(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	v := updatesData{basePage: s.newBasePage(r, g, "updates", "Updates")}
	list, err := s.store.Rollouts(r.Context(), g.School)
	if err != nil {
		return err
	}
	for _, o := range list {
		v.Rollouts = append(v.Rollouts, viewRollout(o))
	}
	if v.Releases, err = s.store.Releases(r.Context()); err != nil {
		return err
	}
	if g.School == "" {
		if v.Schools, err = s.store.Schools(r.Context()); err != nil {
			return err
		}
	}
	s.showPage(w, http.StatusOK, "updates.html", v)
	return nil
}

func (s *Server) startUpdate(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := s.scope(r.Context(), g, r.PostFormValue("school"))
	if err != nil {
		return err
	}
	release, err := strconv.ParseInt(r.PostFormValue("release"), 10, 64)
	if err != nil {
		return errs.NewField(op, "release", "bad_number", 0, "choose a release")
	}
	stages, err := pg.ParseStages(r.PostFormValue("stages"))
	if err != nil {
		return err
	}
	when := r.PostFormValue("when")
	if when != "night" && when != "now" {
		return errs.NewField(op, "when", "unknown", 0, "must be night or now")
	}
	id, err := s.store.StartRollout(r.Context(), pg.RolloutPlan{Release: release, School: of, Stages: stages, Night: when == "night"})
	if err != nil {
		return err
	}
	redirect(w, r, "update", url.Values{"id": {strconv.FormatInt(id, 10)}, "did": {"started"}})
	return nil
}

// findRollout returns the rollout that a request names, if the operator may see it.
func (s *Server) findRollout(r *http.Request, g pg.Grant) (pg.Rollout, []pg.RolloutBox, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(r.Form.Get("id")), 10, 64)
	if err != nil {
		return pg.Rollout{}, nil, errs.NewField(op, "id", "bad_number", 0, "must be the number of a rollout")
	}
	return s.store.FindRollout(r.Context(), g.School, id)
}

func (s *Server) showUpdate(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	o, boxes, err := s.findRollout(r, g)
	if err != nil {
		return err
	}
	v := rolloutData{basePage: s.newBasePage(r, g, "updates", "Update to "+o.Version), Rollout: viewRollout(o)}
	for _, b := range boxes {
		v.Boxes = append(v.Boxes, viewRolloutBox(o, b))
	}
	s.showPage(w, http.StatusOK, "update.html", v)
	return nil
}

// changeUpdate does the deed of a button on the page of a rollout.
func (s *Server) changeUpdate(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	o, _, err := s.findRollout(r, g)
	if err != nil {
		return err
	}
	deed := r.PostFormValue("deed")
	switch deed {
	case "stop":
		err = s.store.StopRollout(r.Context(), o.ID)
	case "next":
		err = s.store.SkipStage(r.Context(), o.ID)
	case "go":
		err = s.store.ResumeRollout(r.Context(), o.ID, false)
	case "again":
		err = s.store.ResumeRollout(r.Context(), o.ID, true)
	case "end":
		err = s.store.EndRollout(r.Context(), o.ID)
	default:
		err = errs.NewField(op, "deed", "unknown", 0, "must be stop, next, go, again or end")
	}
	if err != nil {
		return err
	}
	redirect(w, r, "update", url.Values{"id": {strconv.FormatInt(o.ID, 10)}, "did": {"update-" + deed}})
	return nil
}
