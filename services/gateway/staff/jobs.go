package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/jobs"
)

func (a *reviewAPI) registerJobs(ops httpapi.Operations) {
	const one = "/api/jobs/{id}"
	httpapi.Add(ops, http.MethodGet, "/api/jobs", "jobs", "Background jobs, newest first; an admin sees all", httpapi.Staff, a.listJobs)
	httpapi.Add(ops, http.MethodGet, one, "job", "One background job", httpapi.Staff, a.getJob)
	httpapi.Add(ops, http.MethodPost, one+"/cancel", "cancelJob", "Cancel a background job", httpapi.Staff,
		func(ctx context.Context, in *httpapi.IDPath) (*httpapi.Body[jobs.Job], error) {
			if _, err := a.getJob(ctx, in); err != nil {
				return nil, err
			}
			if err := a.jobs.CancelJob(ctx, in.ID); err != nil {
				return nil, err
			}
			return httpapi.ToResponse(a.jobs.GetJob(in.ID))
		})
}

func (a *reviewAPI) listJobs(ctx context.Context, _ *struct{}) (*httpapi.Body[[]jobs.Job], error) {
	list := []jobs.Job{}
	for _, j := range a.jobs.ListJobs() {
		if canSeeJob(ctx, j) {
			list = append(list, j)
		}
	}
	return &httpapi.Body[[]jobs.Job]{Body: list}, nil
}

func (a *reviewAPI) getJob(ctx context.Context, in *httpapi.IDPath) (*httpapi.Body[jobs.Job], error) {
	j, err := a.jobs.GetJob(in.ID)
	if err == nil && !canSeeJob(ctx, j) {
		err = errs.NewCode("gateway.job", errs.Missing, "no_job", "no such job")
	}
	return httpapi.ToResponse(j, err)
}

// canSeeJob reports whether the caller may see a job. An admin may see all jobs, a teacher
// only their own.
func canSeeJob(ctx context.Context, j jobs.Job) bool {
	c := httpapi.CallerOf(ctx)
	return c.Admin || j.By == c.User
}
