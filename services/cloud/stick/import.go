package stick

import (
	"context"
	"errors"
	"io"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const (
	pageSize = 200 // items asked for at once
	tries    = 5   // for a batch while the box's own uplink moves the watermark too
)

// Report is what became of a file.
type Report struct {
	Box     string `json:"box"`
	Name    string `json:"name"`
	Batches int    `json:"batches"`
	Facts   int    `json:"facts"`
	Stored  int    `json:"stored"` // that are new to the cloud
	Known   int    `json:"known"`
	Dead    int    `json:"dead"`          // that it could not store
	Gap     *Gap   `json:"gap,omitempty"` // nil: all up to Pos is here
	Pos     uint64 `json:"pos"`           // the watermark now
	Cut     bool   `json:"cut,omitempty"` // the file ended too early
}

// Gap is the first positions that are missing before what the file holds.
type Gap struct {
	From uint64 `json:"from"` // the watermark
	To   uint64 `json:"to"`   // the first batch behind it begins after this
}

// Import takes a file in. to is the cloud as the box of the file has it. A file that was cut
// gives its error and the report of what was whole.
func Import(ctx context.Context, r *Reader, to cloud.Sink) (Report, error) {
	rep := Report{Box: r.Self.Box, Name: r.Self.Name}
	state, err := to.State(ctx, r.Self)
	if err != nil {
		return rep, err
	}
	for rep.Pos = state.Pos; ; {
		b, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return rep, nil
		case err != nil:
			rep.Cut = errs.BodyOf(err).Code == "cut"
			return rep, err
		}
		rep.Batches++
		rep.Facts += len(b.Facts)
		if err := rep.put(ctx, r.Self, b, to); err != nil {
			return rep, err
		}
	}
}

// put stores a batch. Where the watermark is elsewhere than the batch begins, it is cut to
// fit, or its facts are given without moving it.
func (rep *Report) put(ctx context.Context, self cloud.Self, b *batch.Batch, to cloud.Sink) error {
	for try := 1; ; try++ {
		fit, ok := rep.fit(*b)
		if !ok {
			rep.Known += len(b.Facts)
			return nil
		}
		receipt, err := to.Put(ctx, fit)
		if err == nil {
			rep.Stored += receipt.Stored
			rep.Known += receipt.Known + len(b.Facts) - len(fit.Facts)
			rep.Dead += len(receipt.Dead)
			if !fit.Again {
				rep.Pos = receipt.Pos
			}
			return nil
		}
		if errs.KindOf(err) != errs.Stale || try == tries {
			return err
		}
		state, err := to.State(ctx, self)
		if err != nil {
			return err
		}
		rep.Pos = state.Pos
	}
}

// fit is the batch as it follows the watermark. False: there is nothing new in it.
func (rep *Report) fit(b batch.Batch) (*batch.Batch, bool) {
	switch {
	case b.Again:
	case b.From > rep.Pos:
		if rep.Gap == nil {
			rep.Gap = &Gap{From: rep.Pos, To: b.From}
		}
		b.Again = true
	case b.To <= rep.Pos && rep.Pos > 0:
		return nil, false
	case b.From < rep.Pos:
		b.From = rep.Pos
		for len(b.Facts) > 0 && b.Facts[0].Pos <= rep.Pos {
			b.Facts = b.Facts[1:]
		}
	}
	return &b, true
}

// Answer is what the box of self is told in return: where the cloud stands, and everything
// that was decided for it.
func Answer(ctx context.Context, self cloud.Self, to cloud.Sink) (cloud.Reply, error) {
	state, err := to.State(ctx, self)
	if err != nil {
		return cloud.Reply{}, err
	}
	reply := cloud.Reply{Box: self.Box, Incarnation: self.Incarnation, State: state}
	for more := true; more; {
		page, err := to.Pull(ctx, reply.Page.Next, pageSize)
		if err != nil {
			return cloud.Reply{}, err
		}
		reply.Page.Items = append(reply.Page.Items, page.Items...)
		reply.Page.Next, more = page.Next, page.More
	}
	return reply, nil
}
