package journal

import (
	"bytes"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

const (
	maxStream = 255     // bytes of a stream's name
	maxFact   = 1 << 20 // bytes of a fact, encoded
)

// commitStage is one update in the making: the heads after its commit.
type commitStage struct {
	j         *Journal
	vitalOnly bool
	heads     map[string]*streamHead
	box       boxRecord
	position  uint64
	facts     int
	bytes     int
	flushed   bool
	mustFlush bool // a cut leaves the whole index on disk
	cipher    factCipher
}

func (j *Journal) newStage(vitalOnly bool) *commitStage {
	return &commitStage{
		j: j, vitalOnly: vitalOnly, heads: make(map[string]*streamHead), box: j.box, position: j.Position(),
		cipher: factCipher{sealer: j.cfg.Sealer},
	}
}

// headOf returns the working copy of a stream's head.
func (st *commitStage) headOf(tx *checkedkv.Tx, stream string) (*streamHead, error) {
	if h := st.heads[stream]; h != nil {
		return h, nil
	}
	h, err := st.j.headOf(tx, stream)
	if err != nil {
		return nil, err
	}
	staged := *h
	st.heads[stream] = &staged
	return &staged, nil
}

// applyOp applies one op. A refusal is the op's own error. The returned error ends the update.
func (st *commitStage) applyOp(tx *checkedkv.Tx, o *op) error {
	if o.kind == opRenew {
		st.box.newIncarnation(highestEpoch(tx))
		return putBox(tx, st.box)
	}
	if s := o.batch.Stream; s == "" || len(s) > maxStream || bytes.IndexByte([]byte(s), 0) >= 0 {
		o.err = errs.Newf("journal", errs.Invalid, "stream %q: the name is empty, too long or has a zero byte", s)
		return nil
	}
	h, err := st.headOf(tx, o.batch.Stream)
	if err != nil {
		return err
	}
	switch o.kind {
	case opRaise:
		h.raiseEpoch(st.box.base)
		o.cursor = Cursor{h.epoch, h.seq}
		return putHead(tx, o.batch.Stream, h)
	case opTake:
		h.raiseEpoch(leapEpoch(max(h.highestEpoch(), st.box.base)))
		o.cursor = Cursor{h.epoch, h.seq}
		return putHead(tx, o.batch.Stream, h)
	case opCopy:
		return st.applyCopies(tx, h, o)
	case opCut:
		return st.applyCut(tx, h, o)
	case opSnapshot:
		return st.applySnapshot(tx, h, o)
	case opRewrite:
		return st.applyRewrite(tx, h, o)
	default:
		return st.appendBatch(tx, h, o)
	}
}

func (st *commitStage) appendBatch(tx *checkedkv.Tx, h *streamHead, o *op) error {
	values, err := st.checkBatch(h, o)
	if err != nil {
		st.refuseOp(o, err)
		return nil
	}
	facts := tx.Bucket([]byte(bucketFacts))
	facts.FillPercent = 1 // positions only grow: full pages, half the bytes
	for i, value := range values {
		if err := st.putFact(facts, h, o.batch.Facts[i].Seq, value); err != nil {
			return err
		}
	}
	return nil
}

// putFact writes an encoded fact at the next position.
func (st *commitStage) putFact(facts *bbolt.Bucket, h *streamHead, seq uint64, value []byte) error {
	st.position++
	key := factKey(st.position)
	value = st.cipher.seal(key, value)
	if err := facts.Put(key, value); err != nil {
		return err
	}
	h.addFact(seq, st.position)
	st.facts++
	st.bytes += len(value)
	return nil
}

// checkBatch checks whether a batch may follow, and encodes it.
func (st *commitStage) checkBatch(h *streamHead, o *op) ([][]byte, error) {
	b := &o.batch
	switch {
	case b.Epoch != h.epoch || b.Epoch == 0:
		return nil, errs.Newf("journal", errs.Stale, "epoch %d is not the stream's, which is %d", b.Epoch, h.epoch)
	case b.Epoch <= st.box.base:
		return nil, errs.Newf("journal", errs.Stale, "epoch %d is of the journal that this one was before", b.Epoch)
	case h.hasEnded():
		return nil, errs.Newf("journal", errs.Stale, "epoch %d ended at seq %d", b.Epoch, h.seq)
	case h.fenced:
		return nil, errs.Newf("journal", errs.Stale, "epoch %d takes no more: a batch of it was refused, or it is another box's", b.Epoch)
	}
	values := make([][]byte, len(b.Facts))
	for i, f := range b.Facts {
		if want := h.seq + 1 + uint64(i); f.Seq != want {
			return nil, errs.Newf("journal", errs.Stale, "seq %d does not follow: %d would", f.Seq, want)
		}
		f.Stream, f.Epoch = b.Stream, b.Epoch
		v, err := st.cipher.encode(f)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (st *commitStage) applySnapshot(tx *checkedkv.Tx, h *streamHead, o *op) error {
	if o.batch.Epoch != h.epoch || o.batch.Epoch == 0 || h.hasEnded() || h.fenced || h.barred || o.seq > h.seq {
		o.err = errs.Newf("journal", errs.Stale, "a snapshot of epoch %d, seq %d: the stream is at epoch %d, seq %d",
			o.batch.Epoch, o.seq, h.epoch, h.seq)
		return nil
	}
	return putSnapshot(tx, o.batch.Stream, h.epoch, o.seq, o.data)
}

// refuseOp refuses an op. Refused facts fence their epoch, because later ones come from a
// memory that is ahead of the disk.
func (st *commitStage) refuseOp(o *op, err error) {
	o.err = err
	if o.kind != opAppend {
		return
	}
	if h, err := st.headOf(nil, o.batch.Stream); err == nil && o.batch.Epoch == h.epoch {
		h.fenced = true
	}
}
