package journal

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// Renew makes a running journal a new incarnation, as a restore does: for a box that
// learns that another one was made from a copy of its card, so that both have given the
// same positions and identities to different facts. From then on neither gives what the
// other may give, whether that one is renewed too or not.
//
// It waits until everything appended before it is on disk or refused. Every epoch that was
// given before has ended then: Append refuses it with errs.Stale until Raise, and rooms
// rebuild themselves as after a refused commit. Facts keep their positions. It is on disk
// when Renew returns; when ctx ends first it may still happen.
func (j *Journal) Renew(ctx context.Context) error {
	done := make(chan error, 1)
	j.hand(&op{kind: opRenew, done: func(o *op) { done <- o.err }})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("journal.Renew", errs.Down, context.Cause(ctx))
	}
}

// become makes a new incarnation known, once it is on disk.
func (j *Journal) become(box boxRecord) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.box != box {
		j.log.Warn("the journal goes on as a new incarnation")
	}
	j.box = box
}

// recall reads from disk who the journal is: a commit that failed may be there all the same.
func (j *Journal) recall() error {
	var box boxRecord
	err := j.view(func(tx *bbolt.Tx) (err error) {
		box, err = getBox(tx)
		return err
	})
	if err == nil {
		j.become(box)
	}
	return err
}
