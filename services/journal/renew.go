package journal

import (
	"context"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Renew makes a running journal a new incarnation, as a restore does. A box calls it when it
// learns that another box was made from a copy of its card, because both have given the same
// positions and identities to different facts. From then on neither gives positions or
// identities that the other may give, whether that one is renewed too or not.
//
// It waits until everything appended before it is on disk or refused. All earlier epochs have
// ended then: Append refuses them with errs.Stale until Raise, and rooms rebuild themselves as
// after a refused commit. Facts keep their positions. The new incarnation is on disk when Renew
// returns. When ctx ends first it may still happen.
func (j *Journal) Renew(ctx context.Context) error {
	done := make(chan error, 1)
	j.enqueueOp(&op{kind: opRenew, done: func(o *op) { done <- o.err }})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New("journal.Renew", errs.Down, context.Cause(ctx))
	}
}

// setIncarnation makes a new incarnation known, once it is on disk.
func (j *Journal) setIncarnation(box boxRecord) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.box != box {
		j.log.Warn("the journal continues as a new incarnation")
	}
	j.box = box
}

// reloadIncarnation reads the incarnation from disk: a commit that failed may be there all the
// same.
func (j *Journal) reloadIncarnation() error {
	var box boxRecord
	err := j.readTx(func(tx *checkedkv.Tx) (err error) {
		box, err = getBox(tx)
		return err
	})
	if err == nil {
		j.setIncarnation(box)
	}
	return err
}
