package journal

import (
	"errors"

	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/livelearn/box/services/checkedkv"
)

// readTx runs one short read transaction.
func (j *Journal) readTx(fn func(*checkedkv.Tx) error) error {
	return translateClosed(checkedkv.RecoverPageFaults(func() error { return j.db.View(fn) }))
}

// writeTx runs one write transaction. Only the committer and Open use it.
func (j *Journal) writeTx(fn func(*checkedkv.Tx) error) error {
	return translateClosed(checkedkv.RecoverPageFaults(func() error { return j.db.Update(fn) }))
}

func translateClosed(err error) error {
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return errStopped()
	}
	return err
}
