package staff

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/roster"
)

// ClassListPath is the path of the operation that imports a class list.
const ClassListPath = "/api/intake"

type intakeIn struct {
	Name  string `query:"name" maxLength:"480" doc:"What the file is called. The body is the file itself: CSV, XLSX, ODS, a zip of OneRoster, School Data Sync or Clever, or names, one a line; at most 8 MB."`
	Class string `query:"class" maxLength:"64" doc:"The class that the file is of; empty: the file says it."`
	Dry   bool   `query:"dry" doc:"Only tell what would come of it."`

	Columns  []string `query:"columns" maxItems:"100" doc:"The meaning of each column, if the list is to be read so: full, given, family, middle, preferred, class, year, section, id, email, role or other. Empty: as the school said for these headings, or as the headings say."`
	Headless bool     `query:"headless" doc:"With columns: the first line is a pupil and no heading."`
}

func (a *classAPI) registerClassList(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, ClassListPath, "intake", "Bring a class list in; never deletes", httpapi.Staff, a.importClassList, httpapi.WithUpload("application/octet-stream"))
}

// importClassList reads the file in another process, one file at a time, and merges the result
// into the classes of the box.
func (a *classAPI) importClassList(ctx context.Context, in *intakeIn) (*httpapi.Body[roster.Imported], error) {
	const op = "gateway.intake"
	data, err := readUpload(op, httpapi.RequestOf(ctx), listimport.MaxFile)
	if err != nil {
		return nil, err
	}
	select {
	case a.importSlot <- struct{}{}:
		defer func() { <-a.importSlot }()
	case <-ctx.Done():
		return nil, errs.New(op, errs.Busy, context.Cause(ctx))
	}
	choice := listimport.Choice{Meanings: in.Columns, Headless: in.Headless}
	table, err := a.readChosen(ctx, in.Name, data, choice)
	if err != nil {
		return nil, err
	}
	if c := table.Columns; c != nil && c.Code != "" && !in.Dry {
		return nil, errs.NewField(op, c.Field, c.Code, 0, "%s", c.Message)
	}
	out, err := a.roster.Import(table, in.Class, in.Dry, httpapi.CallerOf(ctx).Person)
	if err == nil && !in.Dry && len(choice.Meanings) > 0 && !choice.Headless && table.Columns != nil {
		err = a.roster.SaveListColumns(table.Columns.Key, choice.Meanings)
	}
	return httpapi.ToResponse(out, err)
}

// readChosen reads a list by the given choice, or by the one that the school made for a list with
// the same headings.
func (a *classAPI) readChosen(ctx context.Context, name string, data []byte, choice listimport.Choice) (listimport.Table, error) {
	table, err := a.readClassList(ctx, name, data, choice)
	if err != nil || table.Columns == nil || len(choice.Meanings) > 0 {
		return table, err
	}
	meanings, err := a.roster.ListColumns(table.Columns.Key)
	if err != nil || meanings == nil {
		return table, err
	}
	if table, err = a.readClassList(ctx, name, data, listimport.Choice{Meanings: meanings}); err == nil && table.Columns != nil {
		table.Columns.Remembered = true
	}
	return table, err
}

// readUpload returns the whole body of a request. A body of more than limit bytes is an error.
func readUpload(op string, r *http.Request, limit int64) ([]byte, error) {
	large := errs.NewField(op, "file", "too_large", limit, "more than %d MB", limit>>20)
	if r.ContentLength > limit {
		return nil, large
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, large
	}
	if err != nil {
		return nil, errs.NewCode(op, errs.Invalid, "broken_off", "the upload broke off")
	}
	return data, nil
}
