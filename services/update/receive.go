package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"path/filepath"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// saveEvery is how many chunks are written between two notes of the progress: 4 MB.
const saveEvery = 64

// Receive writes a bundle to the spare slot as it comes. offset is where r begins in the
// bundle: 0, or Status.Received to go on after a drop. errs.Invalid: refused, with the
// reason; errs.Stale (offset): go on at Status.Received; errs.Busy (receiving): another one
// is under way.
func (u *Updater) Receive(ctx context.Context, r io.Reader, offset int64, source string) error {
	end, err := u.begin(source)
	if err != nil {
		return err
	}
	defer end()
	if offset == 0 {
		head, err := u.open(r, source)
		if err != nil {
			return err
		}
		offset = head.DataAt
	}
	u.mu.Lock()
	head, done := u.head, u.state.Done
	at := int64(-1)
	if head != nil {
		at = u.state.at(head)
	}
	u.mu.Unlock()
	if at != offset {
		return refuse(errs.Stale, "offset", "go on at byte %d", max(at, 0))
	}
	return u.write(ctx, head, done, func(p bundle.Place) ([]byte, error) {
		packed := make([]byte, p.Packed)
		if _, err := io.ReadFull(r, packed); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = refuse(errs.Invalid, bundle.Truncated, "the file ends too early")
			}
			return nil, err
		}
		return bundle.Unpack(p.Chunk, packed)
	})
}

// begin takes the right to write. The function that it gives lets it go.
func (u *Updater) begin(source string) (func(), error) {
	if why := u.unsupported(); why != "" {
		return nil, refuse(errs.Missing, why, "this machine cannot be updated")
	}
	if !u.receiving.TryLock() {
		return nil, refuse(errs.Busy, "receiving", "another update is being received")
	}
	st, err := u.deps.Slots.State()
	if err == nil && st.Trying {
		err = refuse(errs.Stale, "trying", "the running system is on trial; wait until that is decided")
	}
	u.mu.Lock()
	busy := u.now == Restarting
	u.mu.Unlock()
	if err == nil && busy {
		err = refuse(errs.Stale, "restarting", "the box is about to restart")
	}
	if err != nil {
		u.receiving.Unlock()
		return nil, err
	}
	return u.receiving.Unlock, nil
}

// open reads a head, checks whether the box wants it, and keeps it. What a person sees as the
// last result is the refusal, if it is one.
func (u *Updater) open(r io.Reader, source string) (*bundle.Head, error) {
	head, err := bundle.ReadHead(r, u.deps.Root)
	if err == nil {
		err = u.wanted(head)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		if errs.KindOf(err) == errs.Invalid {
			u.noteRefusal(head, err)
			err = errors.Join(err, u.save())
		}
		return nil, err
	}
	if u.head != nil && bundle.Same(u.head, head) && u.now == Receiving {
		u.head = head // it goes on where it was
		return head, nil
	}
	if err := u.forget(); err != nil {
		return nil, err
	}
	if err := put(filepath.Join(u.deps.Dir, rootFile), head.Root); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	if err := put(filepath.Join(u.deps.Dir, headFile), head.Raw); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	u.deps.Root, u.head, u.now = head.Root, head, Receiving
	u.state.Source = source
	return head, u.save()
}

// noteRefusal makes a refusal the last result: a browser that is still sending when the box
// stops reading sees a lost connection, and asks here. Called with mu held.
func (u *Updater) noteRefusal(head *bundle.Head, err error) {
	u.metrics.ended(Refused)
	u.state.Last = &Result{From: u.deps.Version, At: u.deps.Now(), Result: Refused, Code: errs.BodyOf(err).Code, Reason: err.Error()}
	if head != nil {
		u.state.Last.Version = head.Version
	}
}

// spoilt forgets what was received when a chunk of it is not what was signed: to go on would
// meet the same chunk again.
func (u *Updater) spoilt(h *bundle.Head, err error) error {
	if errs.BodyOf(err).Code != bundle.Altered {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.noteRefusal(h, err)
	return errors.Join(err, u.forget())
}

// wanted checks what a bundle says of itself against this box.
func (u *Updater) wanted(h *bundle.Head) error {
	u.mu.Lock()
	newest := max(u.state.Newest, u.deps.Build)
	u.mu.Unlock()
	switch {
	case h.Board != u.deps.Board:
		return refuse(errs.Invalid, "wrong_board", "this update is for the board %q, this box is %q", h.Board, u.deps.Board)
	case h.Build < newest, h.Build == u.deps.Build:
		return refuse(errs.Invalid, "older", "this update is version %s, build %d; this box has had build %d", h.Version, h.Build, newest)
	case h.Data > u.deps.Data:
		return refuse(errs.Invalid, "data_format", "this update does not read this box's data, format %d, only from format %d on: install the one before it first", u.deps.Data, h.Data)
	}
	for _, want := range []string{hal.PartBoot, hal.PartRoot} {
		found := false
		for _, p := range h.Payloads {
			found = found || p.Part == want
		}
		if !found || len(h.Payloads) != 2 {
			return refuse(errs.Invalid, bundle.BadField, "payloads: must be boot and root")
		}
	}
	return nil
}

// spare is the spare slot, opened to be written.
type spare map[string]hal.SlotPart

func (s spare) close() (err error) {
	for _, p := range s {
		err = errors.Join(err, p.Close())
	}
	return err
}

func (u *Updater) openSpare(h *bundle.Head) (s spare, err error) {
	st, err := u.deps.Slots.State()
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	// From here on nobody goes back to what is there.
	u.mu.Lock()
	u.state.Other = ""
	err = u.save()
	u.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s = spare{}
	for _, p := range h.Payloads {
		part, err := u.deps.Slots.Open(st.Spare(), p.Part, true)
		if err != nil {
			return nil, errors.Join(errs.New(op, errs.Down, err), s.close())
		}
		s[p.Part] = part
		if part.Size() < p.Size {
			return nil, errors.Join(refuse(errs.Invalid, "too_large", "%s is %d bytes, the slot has %d", p.Part, p.Size, part.Size()), s.close())
		}
	}
	return s, nil
}

// write writes the chunks from number done on, each as get gives it, and reads all of it back
// at the end.
func (u *Updater) write(ctx context.Context, h *bundle.Head, done int, get func(bundle.Place) ([]byte, error)) (err error) {
	s, err := u.openSpare(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	u.set(Receiving)
	places := h.Places()
	for ; done < len(places); done++ {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, u.progress(s, done))
		}
		p := places[done]
		data, err := get(p)
		if err != nil {
			return u.spoilt(h, errors.Join(err, u.progress(s, done)))
		}
		if _, err := s[p.Part].WriteAt(data, p.Offset); err != nil {
			return errors.Join(errs.New(op, errs.Down, err), u.progress(s, done))
		}
		u.metrics.bytes.Add(float64(len(data)))
		u.at(done + 1)
		if (done+1)%saveEvery == 0 {
			if err := u.progress(s, done+1); err != nil {
				return err
			}
		}
	}
	if err := u.progress(s, done); err != nil {
		return err
	}
	return u.whole(s, h)
}

func (u *Updater) set(now string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now = now
}

// at shows the progress; progress keeps it, once what it counts is on the medium.
func (u *Updater) at(done int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Done = done
}

func (u *Updater) progress(s spare, done int) error {
	for _, p := range s {
		if err := p.Sync(); err != nil {
			return errs.New(op, errs.Down, err)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Done = done
	return u.save()
}

// whole reads back what was written: a card may take bytes and not keep them.
func (u *Updater) whole(s spare, h *bundle.Head) error {
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
		if !equal(sum, p.Sum) {
			u.mu.Lock()
			defer u.mu.Unlock()
			return errors.Join(refuse(errs.Down, "medium", "%s reads back as something else than was written: the disk or card is failing", p.Part), u.forget())
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now, u.state.Whole = Received, true
	u.deps.Log.Info("an update was received", "version", h.Version, "build", h.Build, "reused", u.state.Reused)
	return u.save()
}

func equal(h hash.Hash, want bundle.Sum) bool {
	var got bundle.Sum
	h.Sum(got[:0])
	return got == want
}
