package pg

import (
	"context"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
)

// State tells a box where its facts stand here, and notes what it says of itself. box is
// who is authenticated.
func (s *Store) State(ctx context.Context, box string, self cloud.Self) (cloud.State, error) {
	return cloud.State{}, errWritten
}

// Ingest stores a batch and moves the watermark, both or neither. box is who is
// authenticated.
func (s *Store) Ingest(ctx context.Context, box string, b *batch.Batch) (cloud.Receipt, error) {
	return cloud.Receipt{}, errWritten
}

// Pull gives what was decided for box's school after item since, at most most items.
func (s *Store) Pull(ctx context.Context, box string, since uint64, most int) (cloud.Page, error) {
	return cloud.Page{}, errWritten
}

// Direct is a way out for a box that has a login of its own; the Store was opened with it.
func (s *Store) Direct(box string) cloud.Sink { return direct{s, box} }

type direct struct {
	store *Store
	box   string
}

func (d direct) State(ctx context.Context, self cloud.Self) (cloud.State, error) {
	return d.store.State(ctx, d.box, self)
}

func (d direct) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	return d.store.Ingest(ctx, d.box, b)
}

func (d direct) Pull(ctx context.Context, since uint64, most int) (cloud.Page, error) {
	return d.store.Pull(ctx, d.box, since, most)
}
