package gateway

import (
	"context"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/roster"
)

// ResultsKind is the kind of job that works out what came of a lesson.
const ResultsKind = "results"

// ResultsInput is what such a job is given. Names are looked up when it runs: the log
// keeps ids only.
type ResultsInput struct {
	Lesson string `json:"lesson"`
}

// file is a download.
type file struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}

func (g *Gateway) resultsAPI(api huma.API) {
	const one = "/api/lessons/{id}/results"
	add(g, api, http.MethodGet, "/api/past", "past", "The lessons that have ended, newest first", staff,
		func(context.Context, *struct{}) (*body[[]roster.Past], error) { return answer(g.Roster.Past()) })
	add(g, api, http.MethodPost, one, "makeResults", "Work out what came of a lesson, by a job", staff, g.makeResults)
	add(g, api, http.MethodGet, one, "results", "What came of a lesson; 404 (not_ready) before the job", staff, g.results)
	add(g, api, http.MethodGet, one+".csv", "resultsCSV", "The same, for any spreadsheet", staff, g.download(results.FileCSV, "text/csv; charset=utf-8"))
	add(g, api, http.MethodGet, one+".xlsx", "resultsXLSX", "The same, as a workbook", staff,
		g.download(results.FileXLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))
}

func (g *Gateway) makeResults(ctx context.Context, in *idPath) (*body[jobs.Job], error) {
	l, err := g.Roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	return answer(g.Jobs.Add(ctx, ResultsJob(l, callerOf(ctx).User)))
}

// ResultsJob is the job that works out what came of a lesson. While one of a lesson waits
// or runs there is no second.
func ResultsJob(l roster.Lesson, by string) jobs.NewJob {
	return jobs.NewJob{
		Kind: ResultsKind, Title: l.Title, By: by, Lesson: l.ID, Input: ResultsInput{l.ID}, Key: ResultsKind + " " + l.ID,
	}
}

// results are read from the worker's file: they may be large and are JSON already.
func (g *Gateway) results(ctx context.Context, in *idPath) (*file, error) {
	_, data, err := g.resultsFile(ctx, in.ID, results.FileJSON)
	if err != nil {
		return nil, err
	}
	return &file{ContentType: "application/json", Cache: "no-store", Body: data}, nil
}

func (g *Gateway) download(name, kind string) func(context.Context, *idPath) (*file, error) {
	return func(ctx context.Context, in *idPath) (*file, error) {
		l, data, err := g.resultsFile(ctx, in.ID, name)
		if err != nil {
			return nil, err
		}
		saved := strings.Join([]string{l.ClassName, l.Title, time.UnixMilli(l.Started).Format(time.DateOnly)}, " ")
		return &file{
			ContentType: kind, Cache: "no-store", Body: data,
			Disposition: mime.FormatMediaType("attachment", map[string]string{"filename": fileName(saved) + filepath.Ext(name)}),
		}, nil
	}
}

// fileName is a text as the name of a file on any system.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, s)
	return strings.Trim(s, " .")
}

// resultsFile reads a file of a lesson's results. Who reads them is logged: they are about
// children.
func (g *Gateway) resultsFile(ctx context.Context, id, name string) (roster.Lesson, []byte, error) {
	l, err := g.Roster.Lesson(id) // so that the path below is ours
	if err != nil {
		return l, nil, err
	}
	data, err := os.ReadFile(filepath.Join(g.Results, l.ID, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil, errs.Code("gateway.results", errs.Missing, "not_ready", "the results have not been worked out yet")
	case err != nil:
		return l, nil, errs.New("gateway.results", errs.Down, err)
	}
	g.Log.Info("results read", "user", callerOf(ctx).User, "lesson", l.ID, "kind", name)
	return l, data, nil
}

// ended has the results of a lesson worked out. The lesson has ended whatever comes of it.
func (g *Gateway) ended(ctx context.Context, l roster.Lesson) {
	if _, err := g.Jobs.Add(ctx, ResultsJob(l, callerOf(ctx).User)); err != nil {
		g.Log.Warn("the results are not being worked out", "lesson", l.ID, "err", err)
	}
}
