package adminapi

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
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// crash is a report in the form that the admin page shows.
type crash struct {
	supervise.Report
	Error string `json:"error"`
	Stack string `json:"stack,omitempty"`
}

type checkPath struct {
	Check string `path:"check" maxLength:"64" doc:"The check's name, such as roster."`
}

type passphraseBody struct {
	Body struct {
		Passphrase string `json:"passphrase" minLength:"12" maxLength:"1000"`
	}
}

func (a *diagnosticsAPI) registerDiagnostics(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/admin/health/{check}/acknowledge", "acknowledge", "End the warning of a check that data was lost", httpapi.Admin,
		func(_ context.Context, in *checkPath) (*struct{}, error) { return nil, a.acknowledge(in.Check) },
		httpapi.Audited("loss.acknowledged", "check"))
	httpapi.Add(ops, http.MethodGet, "/api/admin/tree", "tree", "Everything that runs", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[supervise.Status], error) {
			return &httpapi.Body[supervise.Status]{Body: a.tree()}, nil
		})
	httpapi.Add(ops, http.MethodGet, "/api/admin/crashes", "crashes", "The last crashes, newest first", httpapi.Admin, a.listCrashes)
	httpapi.Add(ops, http.MethodGet, "/api/admin/letters", "letters", "Messages that were set aside", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[[]jobs.DeadLetter], error) {
			return &httpapi.Body[[]jobs.DeadLetter]{Body: a.jobs.ListDeadLetters()}, nil
		})
	httpapi.Add(ops, http.MethodPost, "/api/admin/letters/{id}/retry", "retryLetter", "Try a message again", httpapi.Admin, a.retryLetter)
	httpapi.Add(ops, http.MethodPost, "/api/admin/letters/{id}/drop", "dropLetter", "Forget a message", httpapi.Admin,
		func(ctx context.Context, in *httpapi.IDPath) (*struct{}, error) {
			return nil, a.jobs.DropDeadLetter(ctx, in.ID)
		})
	httpapi.Add(ops, http.MethodGet, "/api/admin/log", "log", "The last lines of the log", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[[]string], error) {
			return &httpapi.Body[[]string]{Body: a.logTail()}, nil
		})
	httpapi.Add(ops, http.MethodGet, "/api/admin/backup", "backup", "The whole box as one file", httpapi.Admin,
		func(context.Context, *struct{}) (*huma.StreamResponse, error) { return a.streamBackup("") }, httpapi.WithFile("application/octet-stream"),
		httpapi.Audited("backup.exported", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, "/api/admin/backup", "encryptedBackup", "The whole box as one file that only the passphrase opens", httpapi.Admin,
		func(ctx context.Context, in *passphraseBody) (*huma.StreamResponse, error) {
			httpapi.Describe(ctx, "", "encrypted")
			return a.streamBackup(in.Body.Passphrase)
		}, httpapi.WithFile("application/octet-stream"), httpapi.Audited("backup.exported", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodGet, "/api/admin/history", "history", "How the box was doing in the last hour", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[health.Samples], error) {
			return &httpapi.Body[health.Samples]{Body: a.history.LastHour()}, nil
		})
}

func (a *diagnosticsAPI) listCrashes(context.Context, *struct{}) (*httpapi.Body[[]crash], error) {
	out := []crash{}
	for _, r := range a.reports.List() {
		c := crash{Report: r, Stack: string(r.Stack)}
		if r.Err != nil {
			c.Error = r.Err.Error()
		}
		c.Report.Stack = nil
		out = append(out, c)
	}
	return &httpapi.Body[[]crash]{Body: out}, nil
}

// retryLetter sends the message to the room once more, on behalf of its author.
func (a *diagnosticsAPI) retryLetter(ctx context.Context, in *httpapi.IDPath) (*struct{}, error) {
	l, err := a.jobs.GetDeadLetter(in.ID)
	if err != nil {
		return nil, err
	}
	if l.Job != "" {
		_, err := a.jobs.RetryJob(ctx, in.ID)
		return nil, err
	}
	if l.Seq != 0 {
		return nil, errs.NewCode("gateway.letters", errs.Invalid, "not_retryable", "a fact is not tried again: it is in the log and is folded at the next start")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = a.rooms.Call(ctx, l.Room, room.Message{Name: l.Kind, ID: l.Cmd, By: event.Viewer{User: l.By, Role: l.Role}, Data: l.Data})
	if err != nil {
		return nil, err
	}
	return nil, a.jobs.MarkRetried(ctx, in.ID)
}

// streamBackup streams the backup, because it may not fit into memory.
func (a *diagnosticsAPI) streamBackup(passphrase string) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, out := humago.Unwrap(ctx)
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(time.Hour)) // fails only with the recorder of a test
		ctx.SetHeader("Content-Type", "application/octet-stream")
		ctx.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="livelearn-%s.llb"`, time.Now().UTC().Format("20060102-150405")))
		w := bufio.NewWriterSize(ctx.BodyWriter(), 64<<10)
		err := a.backup(w, passphrase)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			a.log.Warn("backup failed", "err", err)
			panic(http.ErrAbortHandler) // a client must not take half a file for a whole one
		}
	}}, nil
}
