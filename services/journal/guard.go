package journal

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/livelearn/box/services/errs"
)

// guarded runs fn so that a damaged page is an errs.Corrupt error: bbolt panics on
// pages that make no sense, and reading a mapped page that the card cannot deliver
// faults. Both would end the program.
func guarded(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = errs.New("journal", errs.Corrupt, fmt.Errorf("a page is damaged: %v", p))
		}
	}()
	return fn()
}

// view runs one short read transaction.
func (j *Journal) view(fn func(*bbolt.Tx) error) error {
	return translate(guarded(func() error { return j.db.View(fn) }))
}

// update runs one write transaction. The committer and Open use it, nobody else.
func (j *Journal) update(fn func(*bbolt.Tx) error) error {
	return translate(guarded(func() error { return j.db.Update(fn) }))
}

func translate(err error) error {
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return errStopped()
	}
	return err
}
