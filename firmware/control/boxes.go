package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
)

const maxAnswer = 1 << 20

// JoinRequest is what POST /boxes/join takes.
type JoinRequest struct {
	Address string `json:"address"`
	Code    string `json:"code"`
}

// withBoxes refuses what a box without a mesh cannot do.
func (c *Server) withBoxes(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c.Boxes == nil {
			answer(w, nil, errs.NewCode("control.boxes", errs.Missing, "no_mesh", "this box runs without the part that connects to other boxes: the check named mesh may say why"))
			return
		}
		serve(w, r)
	}
}

func (c *Server) serveBoxes(w http.ResponseWriter, _ *http.Request) { answer(w, c.Boxes.Boxes(), nil) }

func (c *Server) serveCode(w http.ResponseWriter, _ *http.Request) {
	answer(w, c.Boxes.ShowCode(), nil)
}

// serveJoin continues when the command is stopped, because the code counts once.
func (c *Server) serveJoin(w http.ResponseWriter, r *http.Request) {
	var q JoinRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAnswer)).Decode(&q)
	if err == nil {
		err = c.Boxes.Join(context.WithoutCancel(r.Context()), q.Address, q.Code)
	}
	if err == nil {
		c.Record(context.WithoutCancel(r.Context()), audit.Entry{Action: "box.paired", Detail: q.Address})
	}
	answer(w, c.Boxes.Boxes(), err)
}

func (c *Server) serveRemove(w http.ResponseWriter, r *http.Request) {
	gone, err := c.Boxes.Remove(context.WithoutCancel(r.Context()), r.PathValue("id"))
	if err == nil {
		c.Record(context.WithoutCancel(r.Context()), audit.Entry{Action: "box.removed", Target: gone.ID, Detail: gone.Name})
	}
	answer(w, gone, err)
}

// answer writes v, or an error as the API has it.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(errs.KindOf(err).HTTPStatus())
		v = errs.BodyOf(err)
	}
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

// Call sends a request to the running box and decodes its answer into out. An error has the message
// that the box gives.
func Call(ctx context.Context, folder, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://box"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := NewClient(folder).Do(req)
	if err != nil {
		return errors.New("no box runs on " + folder + ": start it first")
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var fault errs.Body
		if json.Unmarshal(text, &fault) != nil || fault.Message == "" {
			return errors.New("the box answers " + resp.Status)
		}
		return errors.New(fault.Message)
	}
	return json.Unmarshal(text, out)
}
