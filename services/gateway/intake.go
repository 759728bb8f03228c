package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/intake"
	"github.com/livelearn/box/services/roster"
)

const intakePath = "/api/intake"

type intakeIn struct {
	Name  string `query:"name" maxLength:"480" doc:"What the file is called. The body is the file itself: CSV, XLSX, a OneRoster zip or names, one a line; at most 8 MB."`
	Class string `query:"class" maxLength:"64" doc:"The class that the file is of; empty: the file says it."`
	Dry   bool   `query:"dry" doc:"Only tell what would come of it."`
}

func (g *Gateway) intakeAPI(api huma.API) {
	add(g, api, http.MethodPost, intakePath, "intake", "Bring a class list in; never deletes", staff, g.takeIn)
}

// takeIn has the file read elsewhere, by one reader at a time, and compares what it says
// with the classes of the box.
func (g *Gateway) takeIn(ctx context.Context, in *intakeIn) (*body[roster.Imported], error) {
	const op = "gateway.intake"
	data, err := upload(op, requestOf(ctx), intake.MaxFile)
	if err != nil {
		return nil, err
	}
	select {
	case g.reading <- struct{}{}:
		defer func() { <-g.reading }()
	case <-ctx.Done():
		return nil, errs.New(op, errs.Busy, context.Cause(ctx))
	}
	table, err := g.Intake(ctx, in.Name, data)
	if err != nil {
		return nil, err
	}
	return answer(g.Roster.Import(table, in.Class, in.Dry))
}

// upload is the whole body of a request, which is at most limit bytes.
func upload(op string, r *http.Request, limit int64) ([]byte, error) {
	large := errs.Field(op, "file", "too_large", limit, "more than %d MB", limit>>20)
	if r.ContentLength > limit {
		return nil, large
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, large
	}
	if err != nil {
		return nil, errs.Code(op, errs.Invalid, "broken_off", "the upload broke off")
	}
	return data, nil
}
