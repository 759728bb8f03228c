package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
)

func (g *Gateway) jobsAPI(api huma.API) {
	const one = "/api/jobs/{id}"
	add(g, api, http.MethodGet, "/api/jobs", "jobs", "Background jobs, newest first; an admin sees all", staff, g.listJobs)
	add(g, api, http.MethodGet, one, "job", "One background job", staff, g.job)
	add(g, api, http.MethodPost, one+"/cancel", "cancelJob", "Cancel a background job", staff,
		func(ctx context.Context, in *idPath) (*body[jobs.Job], error) {
			if _, err := g.job(ctx, in); err != nil {
				return nil, err
			}
			if err := g.Jobs.Cancel(ctx, in.ID); err != nil {
				return nil, err
			}
			return answer(g.Jobs.Job(in.ID))
		})
}

func (g *Gateway) listJobs(ctx context.Context, _ *struct{}) (*body[[]jobs.Job], error) {
	list := []jobs.Job{}
	for _, j := range g.Jobs.Jobs() {
		if mine(ctx, j) {
			list = append(list, j)
		}
	}
	return &body[[]jobs.Job]{list}, nil
}

func (g *Gateway) job(ctx context.Context, in *idPath) (*body[jobs.Job], error) {
	j, err := g.Jobs.Job(in.ID)
	if err == nil && !mine(ctx, j) {
		err = errs.Code("gateway.job", errs.Missing, "no_job", "no such job")
	}
	return answer(j, err)
}

// mine tells that the caller may see a job: their own, or any as an admin.
func mine(ctx context.Context, j jobs.Job) bool {
	c := callerOf(ctx)
	return c.Admin || j.By == c.User
}
