package gateway

import (
	"bytes"
	"context"
	"net/http"

	"github.com/livelearn/box/services/errs"
)

// answer keeps the answer of a handler that is called without a connection.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// CheckReady sends /readyz and the page to the handler, without a connection. It returns nil if the box
// could hold a lesson.
func (g *Gateway) CheckReady(ctx context.Context) error {
	for _, path := range []string{"/readyz", "/"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
		if err != nil {
			return err
		}
		r.RemoteAddr = "127.0.0.1:1"
		a := &answer{header: http.Header{}}
		g.handler.ServeHTTP(a, r)
		if a.status != http.StatusOK {
			return errs.NewCode("gateway.CheckReady", errs.Down, "not_ready", "%s answers %d: %.500s", path, a.status, a.body.String())
		}
	}
	return nil
}
