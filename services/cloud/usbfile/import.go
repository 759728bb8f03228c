package usbfile

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
	maxTries = 5   // for a batch, while the box's own uplink may move the watermark too
)

// Report is the result of an import.
type Report struct {
	Box     string `json:"box"`
	Name    string `json:"name"`
	Batches int    `json:"batches"`
	Facts   int    `json:"facts"`
	Stored  int    `json:"stored"` // facts that were new to the cloud
	Known   int    `json:"known"`
	Dead    int    `json:"dead"`          // facts that the cloud could not store
	Gap     *Gap   `json:"gap,omitempty"` // nil if the cloud has all facts up to Pos
	Pos     uint64 `json:"pos"`           // the watermark now
	Cut     bool   `json:"cut,omitempty"` // the file ended too early

	Unsigned bool `json:"unsigned,omitempty"` // an earlier program wrote the file, so nothing proves whose it is
}

// Gap is the first run of positions that is missing before the facts of the file.
type Gap struct {
	From uint64 `json:"from"` // the watermark
	To   uint64 `json:"to"`   // the From of the next batch
}

// ImportFile stores the batches of a file. to is the Sink of the file's box. If the file is cut,
// ImportFile stores the whole batches and returns the error with a report of them.
func ImportFile(ctx context.Context, r *Reader, to cloud.Sink) (Report, error) {
	rep := Report{Box: r.Self.Box, Name: r.Self.Name, Unsigned: r.Key == nil}
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
		if err := rep.putBatch(ctx, r.Self, b, to); err != nil {
			return rep, err
		}
	}
}

// putBatch stores a batch. If the watermark is within the batch, putBatch drops the facts before
// it. If the watermark is before the batch, it stores the facts without moving the watermark.
func (rep *Report) putBatch(ctx context.Context, self cloud.Self, b *batch.Batch, to cloud.Sink) error {
	for try := 1; ; try++ {
		fit, ok := rep.fitBatch(*b)
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
		if errs.KindOf(err) != errs.Stale || try == maxTries {
			return err
		}
		state, err := to.State(ctx, self)
		if err != nil {
			return err
		}
		rep.Pos = state.Pos
	}
}

// fitBatch returns the batch as it fits the watermark. False means that it holds nothing new.
func (rep *Report) fitBatch(b batch.Batch) (*batch.Batch, bool) {
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

// BuildReply returns the reply for the box: the cloud's state and all items for it.
func BuildReply(ctx context.Context, self cloud.Self, to cloud.Sink) (cloud.Reply, error) {
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
