package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// crash is a report as the admin page shows it.
type crash struct {
	supervise.Report
	Error string `json:"error"`
	Stack string `json:"stack,omitempty"`
}

type idPath struct {
	ID string `path:"id" maxLength:"64"`
}

func (g *Gateway) adminAPI(api huma.API) {
	add(g, api, http.MethodGet, "/api/admin/health", "health", "How each part is doing", staff,
		func(context.Context, *struct{}) (*body[[]health.Check], error) {
			return &body[[]health.Check]{g.Health.List()}, nil
		})
	add(g, api, http.MethodGet, "/api/admin/tree", "tree", "Everything that runs", admin,
		func(context.Context, *struct{}) (*body[any], error) { return &body[any]{g.Tree()}, nil })
	add(g, api, http.MethodGet, "/api/admin/crashes", "crashes", "The last crashes, newest first", admin, g.listCrashes)
	add(g, api, http.MethodGet, "/api/admin/letters", "letters", "Messages that were set aside", admin,
		func(context.Context, *struct{}) (*body[[]jobs.Letter], error) {
			return &body[[]jobs.Letter]{g.Jobs.List()}, nil
		})
	add(g, api, http.MethodPost, "/api/admin/letters/{id}/retry", "retryLetter", "Try a message again", admin, g.retryLetter)
	add(g, api, http.MethodPost, "/api/admin/letters/{id}/drop", "dropLetter", "Forget a message", admin,
		func(ctx context.Context, in *idPath) (*struct{}, error) { return nil, g.Jobs.Drop(ctx, in.ID) })
	add(g, api, http.MethodGet, "/api/admin/log", "log", "The last lines of the log", admin,
		func(context.Context, *struct{}) (*body[[]string], error) { return &body[[]string]{g.LogTail()}, nil })
	add(g, api, http.MethodGet, "/api/admin/backup", "backup", "The whole box as one file", admin, g.backup)
}

func (g *Gateway) listCrashes(context.Context, *struct{}) (*body[[]crash], error) {
	out := []crash{}
	for _, r := range g.Reports.List() {
		c := crash{Report: r, Stack: string(r.Stack)}
		if r.Err != nil {
			c.Error = r.Err.Error()
		}
		c.Report.Stack = nil
		out = append(out, c)
	}
	return &body[[]crash]{out}, nil
}

// retryLetter gives the room the message once more, as from its author.
func (g *Gateway) retryLetter(ctx context.Context, in *idPath) (*struct{}, error) {
	l, err := g.Jobs.Get(in.ID)
	if err != nil {
		return nil, err
	}
	if l.Job != "" {
		_, err := g.Jobs.RetryJob(ctx, in.ID)
		return nil, err
	}
	if l.Seq != 0 {
		return nil, errs.Code("gateway.letters", errs.Invalid, "not_retryable", "a fact is not tried again: it is in the log and is folded at the next start")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = g.Rooms.Call(ctx, l.Room, room.Message{Name: l.Kind, ID: l.Cmd, By: event.Viewer{User: l.By, Role: l.Role}, Data: l.Data})
	if err != nil {
		return nil, err
	}
	return nil, g.Jobs.Retried(ctx, in.ID)
}

// backup streams: it may be large, and nothing of it is kept in memory.
func (g *Gateway) backup(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, out := humago.Unwrap(ctx)
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(time.Hour)) // a recorder of a test has none
		ctx.SetHeader("Content-Type", "application/octet-stream")
		ctx.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="livelearn-%s.llb"`, time.Now().UTC().Format("20060102-150405")))
		w := bufio.NewWriterSize(ctx.BodyWriter(), 64<<10)
		err := g.Backup(w)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			g.Log.Warn("backup broken off", "err", err)
			panic(http.ErrAbortHandler) // the client must not take half a file for a whole one
		}
	}}, nil
}
