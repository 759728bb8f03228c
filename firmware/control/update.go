package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/livelearn/box/services/errs"
)

// ApplyUpdate gives a bundle to the box that runs on a data folder.
func ApplyUpdate(data string, bundle *os.File, when string) error {
	for _, step := range []struct {
		method, path string
		body         io.Reader
	}{{http.MethodPut, "/update", bundle}, {http.MethodPost, "/update?when=" + when, nil}} {
		req, err := http.NewRequestWithContext(context.Background(), step.method, "http://box"+step.path, step.body) // as long as it takes
		if err != nil {
			return err
		}
		resp, err := NewClient(data).Do(req)
		if err != nil {
			return fmt.Errorf("no box runs on %s: %w", data, err)
		}
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // of a refusal
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the box refuses: %s", text)
		}
	}
	return nil
}

// serveUpdate is the command line's way to the updater.
func (c *Server) serveUpdate(w http.ResponseWriter, r *http.Request) {
	err := error(errs.NewCode("update", errs.Missing, "no_slots", "this box runs as a program on a machine of yours: update it there"))
	switch {
	case c.Updater == nil:
	case r.Method == http.MethodPut:
		err = c.Updater.Receive(r.Context(), r.Body, 0, "command line")
	default:
		err = c.Updater.Install(r.Context(), r.URL.Query().Get("when"))
	}
	if err != nil {
		http.Error(w, err.Error(), errs.KindOf(err).HTTPStatus())
	}
}
