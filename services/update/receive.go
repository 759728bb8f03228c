package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"path/filepath"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// saveEvery is the number of chunks between two saves of the progress, about 4 MB.
const saveEvery = 64

// Receive writes a bundle to the spare slot while it arrives. offset is the position of r in the
// bundle: 0, or Status.Received to resume. Errors: errs.Invalid means refused, with the reason.
// errs.Stale (offset) means that r must start at Status.Received. errs.Busy (receiving) means
// that another bundle is being received.
func (u *Updater) Receive(ctx context.Context, r io.Reader, offset int64, source string) error {
	end, err := u.acquireReceive(source)
	if err != nil {
		return err
	}
	defer end()
	if offset == 0 {
		head, err := u.openBundle(r, source, 0)
		if err != nil {
			return err
		}
		offset = head.DataAt
	}
	u.mu.Lock()
	head, done := u.head, u.state.Done
	at := int64(-1)
	if head != nil {
		at = u.state.fileOffset(head)
	}
	u.mu.Unlock()
	if at != offset {
		return newRefusal(errs.Stale, "offset", "go on at byte %d", max(at, 0))
	}
	return u.writeChunks(ctx, head, done, func(p bundle.Place) ([]byte, error) {
		packed := make([]byte, p.Packed)
		if _, err := io.ReadFull(r, packed); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = newRefusal(errs.Invalid, bundle.Truncated, "the file ends too early")
			}
			return nil, err
		}
		return bundle.UnpackChunk(p.Chunk, packed)
	})
}

// acquireReceive locks the spare slot for writing. The returned function unlocks it.
func (u *Updater) acquireReceive(source string) (func(), error) {
	if why := u.unsupported(); why != "" {
		return nil, newRefusal(errs.Missing, why, "this machine cannot be updated")
	}
	if u.deps.FallsBack != nil {
		if err := u.deps.FallsBack(); err != nil {
			return nil, err
		}
	}
	if !u.receiving.TryLock() {
		return nil, newRefusal(errs.Busy, "receiving", "another update is being received")
	}
	st, err := u.deps.Slots.State()
	if err == nil && st.Trying {
		err = newRefusal(errs.Stale, "trying", "the running system is on trial; wait until that is decided")
	}
	u.mu.Lock()
	busy := u.phase == StateRestarting
	u.mu.Unlock()
	if err == nil && busy {
		err = newRefusal(errs.Stale, "restarting", "the box is about to restart")
	}
	if err != nil {
		u.receiving.Unlock()
		return nil, err
	}
	return u.receiving.Unlock, nil
}

// openBundle reads a head, checks that it fits this box, and saves it. A refusal becomes the last
// result that people see. build is the one that the cloud offered, or 0.
func (u *Updater) openBundle(r io.Reader, source string, build int) (*bundle.Head, error) {
	head, err := bundle.ReadHead(r, u.deps.Root)
	if err == nil {
		err = errors.Join(u.checkApplicable(head), checkOffered(head, build))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		if errs.KindOf(err) == errs.Invalid {
			u.noteRefusal(head, err)
			err = errors.Join(err, u.saveState())
		}
		return nil, err
	}
	if u.head != nil && bundle.SameBundle(u.head, head) && u.phase == StateReceiving {
		u.head = head // the same bundle resumes
		return head, nil
	}
	if err := u.forgetReceived(); err != nil {
		return nil, err
	}
	if err := atomicfile.Write(filepath.Join(u.deps.Dir, rootFile), 0o600, atomicfile.Bytes(head.Root)); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	if err := atomicfile.Write(filepath.Join(u.deps.Dir, headFile), 0o600, atomicfile.Bytes(head.Raw)); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	u.deps.Root, u.head, u.phase = head.Root, head, StateReceiving
	u.state.Source = source
	return head, u.saveState()
}

// noteRefusal stores a refusal as the last result. A browser that still sends when the box stops
// reading sees a lost connection, and reads the result here. The caller holds mu.
func (u *Updater) noteRefusal(head *bundle.Head, err error) {
	u.metrics.countResult(ResultRefused)
	u.state.Last = &Result{From: u.deps.Version, At: u.deps.Now(), Result: ResultRefused, Code: errs.BodyOf(err).Code, Reason: err.Error()}
	if head != nil {
		u.state.Last.Version = head.Version
	}
}

// discardIfAltered drops the received data if a chunk does not match its sum. A resumed transfer
// would get the same chunk again.
func (u *Updater) discardIfAltered(h *bundle.Head, err error) error {
	if errs.BodyOf(err).Code != bundle.Altered {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.noteRefusal(h, err)
	return errors.Join(err, u.forgetReceived())
}

// checkApplicable checks that a bundle fits this box: board, build, data format and parts.
func (u *Updater) checkApplicable(h *bundle.Head) error {
	u.mu.Lock()
	newest := max(u.state.Newest, u.deps.Build)
	u.mu.Unlock()
	switch {
	case h.Board != u.deps.Board:
		return newRefusal(errs.Invalid, "wrong_board", "this update is for the board %q, this box is %q", h.Board, u.deps.Board)
	case h.Build < newest, h.Build == u.deps.Build:
		return newRefusal(errs.Invalid, "older", "this update is version %s, build %d; this box has had build %d", h.Version, h.Build, newest)
	case h.Data > u.deps.Data:
		return newRefusal(errs.Invalid, "data_format", "this update does not read this box's data, format %d, only from format %d on: install the one before it first", u.deps.Data, h.Data)
	}
	for _, want := range []string{hal.PartBoot, hal.PartRoot} {
		found := false
		for _, p := range h.Payloads {
			found = found || p.Part == want
		}
		if !found || len(h.Payloads) != 2 {
			return newRefusal(errs.Invalid, bundle.BadField, "payloads: must be boot and root")
		}
	}
	return nil
}

// spareSlot has the parts of the spare slot, opened for writing.
type spareSlot map[string]hal.SlotPart

func (s spareSlot) closeParts() (err error) {
	for _, p := range s {
		err = errors.Join(err, p.Close())
	}
	return err
}

func (u *Updater) openSpare(h *bundle.Head) (s spareSlot, err error) {
	st, err := u.deps.Slots.State()
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	// The old content of the slot is overwritten from here on, so it is no rollback target.
	u.mu.Lock()
	u.state.Other = ""
	err = u.saveState()
	u.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s = spareSlot{}
	for _, p := range h.Payloads {
		part, err := u.deps.Slots.Open(st.SpareSlot(), p.Part, true)
		if err != nil {
			return nil, errors.Join(errs.New(op, errs.Down, err), s.closeParts())
		}
		s[p.Part] = part
		if part.Size() < p.Size {
			return nil, errors.Join(newRefusal(errs.Invalid, "too_large", "%s is %d bytes, the slot has %d", p.Part, p.Size, part.Size()), s.closeParts())
		}
	}
	return s, nil
}

// writeChunks writes the chunks from number done on. get returns the bytes of one chunk. At the
// end it reads everything back.
func (u *Updater) writeChunks(ctx context.Context, h *bundle.Head, done int, get func(bundle.Place) ([]byte, error)) (err error) {
	s, err := u.openSpare(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeParts()) }()
	u.setState(StateReceiving)
	places := h.ChunkPlaces()
	for ; done < len(places); done++ {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, u.saveProgress(s, done))
		}
		p := places[done]
		data, err := get(p)
		if err != nil {
			return u.discardIfAltered(h, errors.Join(err, u.saveProgress(s, done)))
		}
		if _, err := s[p.Part].WriteAt(data, p.Offset); err != nil {
			return errors.Join(errs.New(op, errs.Down, err), u.saveProgress(s, done))
		}
		u.metrics.bytes.Add(float64(len(data)))
		u.setDone(done + 1)
		if (done+1)%saveEvery == 0 {
			if err := u.saveProgress(s, done+1); err != nil {
				return err
			}
		}
	}
	if err := u.saveProgress(s, done); err != nil {
		return err
	}
	return u.verifyWritten(s, h)
}

func (u *Updater) setState(now string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.phase = now
}

// setDone shows the progress. saveProgress saves it after the chunks are on the medium.
func (u *Updater) setDone(done int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Done = done
}

func (u *Updater) saveProgress(s spareSlot, done int) error {
	for _, p := range s {
		if err := p.Sync(); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Done = done
	return u.saveState()
}

// verifyWritten reads the spare slot back, because a card may accept bytes without keeping them.
func (u *Updater) verifyWritten(s spareSlot, h *bundle.Head) error {
	for _, p := range h.Payloads {
		if cut, ok := s[p.Part].(interface{ Cut(int64) error }); ok {
			if err := cut.Cut(p.Size); err != nil {
				return errs.New(op, errs.Down, err)
			}
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(s[p.Part], 0, p.Size)); err != nil {
			return errs.New(op, errs.Down, err)
		}
		if !matchesSum(sum, p.Sum) {
			u.mu.Lock()
			defer u.mu.Unlock()
			return errors.Join(newRefusal(errs.Down, "medium", "%s reads back as something else than was written: the disk or card is failing", p.Part), u.forgetReceived())
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.phase, u.state.Whole = StateReceived, true
	u.deps.Log.Info("an update was received", "version", h.Version, "build", h.Build, "reused", u.state.Reused)
	return u.saveState()
}

func matchesSum(h hash.Hash, want bundle.Sum) bool {
	var got bundle.Sum
	h.Sum(got[:0])
	return got == want
}
