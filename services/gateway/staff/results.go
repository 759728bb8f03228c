package staff

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/roster"
)

const workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" // XLSX

// file is a download.
type file struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}

func (a *reviewAPI) registerResults(ops httpapi.Operations) {
	const one = "/api/lessons/{id}/results"
	httpapi.Add(ops, http.MethodGet, "/api/past", "past", "The lessons that have ended, newest first", httpapi.Staff,
		func(ctx context.Context, _ *struct{}) (*httpapi.Body[[]roster.Past], error) {
			list, err := a.roster.PastLessons()
			return httpapi.ToResponse(slices.DeleteFunc(list, func(l roster.Past) bool {
				return a.roster.CheckTeachesLesson(httpapi.CallerOf(ctx).Person, l.ID) != nil
			}), err)
		})
	httpapi.Add(ops, http.MethodPost, one, "makeResults", "Work out what came of a lesson, by a job", httpapi.Staff, a.makeResults)
	httpapi.Add(ops, http.MethodGet, one, "results", "What came of a lesson; 404 (not_ready) before the job", httpapi.Staff, a.getResults, httpapi.WithAnswer[results.Results](ops),
		httpapi.Audited("results.opened", "id"))
	httpapi.Add(ops, http.MethodGet, one+".csv", "resultsCSV", "The same, for any spreadsheet", httpapi.Staff, a.downloadCSV, httpapi.WithFile("text/csv"),
		httpapi.Audited("results.exported", "id"))
	httpapi.Add(ops, http.MethodGet, one+".xlsx", "resultsXLSX", "The same, as a workbook", httpapi.Staff,
		a.downloadResults(results.FileXLSX, workbook), httpapi.WithFile(workbook), httpapi.Audited("results.exported", "id"))
}

func (a *reviewAPI) makeResults(ctx context.Context, in *httpapi.IDPath) (*httpapi.Body[jobs.Job], error) {
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	return httpapi.ToResponse(a.jobs.Enqueue(ctx, results.NewJob(l, httpapi.CallerOf(ctx).User)))
}

// getResults sends the file that the job wrote. It is JSON already and may be large.
func (a *reviewAPI) getResults(ctx context.Context, in *httpapi.IDPath) (*file, error) {
	_, data, err := a.resultsFile(ctx, in.ID, results.FileJSON)
	if err != nil {
		return nil, err
	}
	return &file{ContentType: "application/json", Cache: "no-store", Body: data}, nil
}

func (a *reviewAPI) downloadResults(name, kind string) func(context.Context, *httpapi.IDPath) (*file, error) {
	return func(ctx context.Context, in *httpapi.IDPath) (*file, error) {
		l, data, err := a.resultsFile(ctx, in.ID, name)
		if err != nil {
			return nil, err
		}
		return a.newDownload(l, filepath.Ext(name), kind, data), nil
	}
}

type csvIn struct {
	httpapi.IDPath

	Form      string `query:"form" maxLength:"16" doc:"Empty: all questions. classroom, moodle: marks as these programs have them."`
	Lang      string `query:"lang" maxLength:"16" doc:"Of headings and numbers; empty: the box's."`
	Separator string `query:"separator" maxLength:"16" doc:"comma, semicolon or tab; empty: as spreadsheets of the language split."`
}

// downloadCSV writes the results that the job computed as a spreadsheet of the caller's language or
// another program reads them.
func (a *reviewAPI) downloadCSV(ctx context.Context, in *csvIn) (*file, error) {
	l, data, err := a.resultsFile(ctx, in.ID, results.FileJSON)
	if err != nil {
		return nil, err
	}
	r, err := results.ReadJSON(data)
	if err != nil {
		return nil, err
	}
	o := results.CSVOptions{Form: in.Form, Lang: in.Lang, Separator: in.Separator, Zone: a.roster.Zone(), Sources: map[string]string{}}
	if s, err := a.roster.Settings(); err == nil && o.Lang == "" {
		o.Lang = s.Lang
	}
	if c, err := a.roster.Class(l.Class); err == nil { // a class that has been deleted leaves no ids
		for _, p := range c.Pupils {
			o.Sources[p.ID] = p.Source
		}
	}
	var b bytes.Buffer
	if err := results.WriteCSV(&b, r, o); err != nil {
		return nil, err
	}
	return a.newDownload(l, ".csv", "text/csv; charset=utf-8", b.Bytes()), nil
}

// newDownload returns a file that is called after the lesson and its day.
func (a *reviewAPI) newDownload(l roster.Lesson, ext, kind string, data []byte) *file {
	return &file{
		ContentType: kind, Cache: "no-store", Body: data,
		Disposition: mime.FormatMediaType("attachment", map[string]string{"filename": lessonFileName(l, a.roster.Zone()) + ext}),
	}
}

// lessonFileName is the name of a downloaded file about a lesson, with the day in the zone of the
// school and without ending.
func lessonFileName(l roster.Lesson, zone *time.Location) string {
	return httpapi.FileName(strings.Join([]string{l.ClassName, l.Title, results.FormatDay(l.Started, zone)}, " "))
}

// resultsFile reads a file of the results of a lesson. It logs the reader, because results are
// data about children.
func (a *reviewAPI) resultsFile(ctx context.Context, id, name string) (roster.Lesson, []byte, error) {
	l, err := a.roster.Lesson(id) // a known lesson makes the path below safe
	if err != nil {
		return l, nil, err
	}
	data, err := os.ReadFile(filepath.Join(a.results, l.ID, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil, errs.NewCode("gateway.results", errs.Missing, "not_ready", "the results have not been worked out yet")
	case err != nil:
		return l, nil, errs.New("gateway.results", errs.Down, err)
	}
	httpapi.Describe(ctx, "", l.ClassName)
	a.log.Info("results read", "user", httpapi.CallerOf(ctx).User, "lesson", l.ID, "kind", name)
	return l, data, nil
}
