package jobs

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
)

// Serve reads the letters from the journal and then writes what is buried and decided,
// until ctx ends. While the journal takes nothing it waits and tries again.
func (j *Jobs) Serve(ctx context.Context) error {
	for {
		err := j.write(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if k := errs.KindOf(err); k != errs.Down && k != errs.Stale {
			return err
		}
		j.log.Warn("dead letters are not written for now", "err", err)
		select {
		case <-time.After(patient):
		case <-ctx.Done():
			return nil
		}
	}
}

// write owns one epoch of the stream. It returns when the journal refuses.
func (j *Jobs) write(ctx context.Context) error {
	at, err := j.journal.Raise(ctx, Stream)
	if err != nil {
		return err
	}
	if err := j.load(); err != nil {
		return err
	}
	for {
		a, ok := j.next(ctx)
		if !ok {
			return nil
		}
		if !j.sensible(a) {
			continue
		}
		if err := j.append(ctx, &at, a); err != nil {
			return err
		}
	}
}

// next is the next act: what is unsaved comes first.
func (j *Jobs) next(ctx context.Context) (act, bool) {
	j.mu.Lock()
	if len(j.unsaved) > 0 {
		a := j.unsaved[0]
		j.unsaved = j.unsaved[1:]
		j.mu.Unlock()
		return a, true
	}
	j.mu.Unlock()
	select {
	case a := <-j.acts:
		return a, true
	case <-ctx.Done():
		return act{}, false
	}
}

// sensible answers a decision about a letter that is gone already.
func (j *Jobs) sensible(a act) bool {
	if a.kind == Buried || a.data != nil {
		return true
	}
	_, err := j.Get(a.letter.ID)
	if err != nil {
		a.done <- err
	}
	return err == nil
}

// append writes one act and folds it when it is on disk.
func (j *Jobs) append(ctx context.Context, at *journal.Cursor, a act) error {
	e := event.Event{
		Stream: Stream, Epoch: at.Epoch, Seq: at.Seq + 1, Kind: a.kind, Stamp: j.clock.Now(), Data: payload(a),
	}
	committed := make(chan error, 1)
	j.journal.Append(journal.Batch{Stream: Stream, Epoch: at.Epoch, Facts: []event.Event{e}}, func(err error) { committed <- err })
	var err error
	select {
	case err = <-committed:
	case <-ctx.Done():
		err = errs.New("jobs", errs.Down, ctx.Err())
	}
	if err == nil {
		at.Seq++
		j.fold(e)
	} else if a.kind == Buried {
		j.keep(a)
	}
	if a.done != nil {
		a.done <- err
	}
	return err
}

// stored is a letter as a fact. The role is a number there: facts are read back.
type stored struct {
	Letter
	Role uint8 `json:"role"`
}

func payload(a act) json.RawMessage {
	if a.data != nil {
		return a.data
	}
	var v any = stored{a.letter, uint8(a.letter.Role)}
	if a.kind != Buried {
		v = struct {
			ID string `json:"id"`
		}{a.letter.ID}
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // Bury checked the one field that could fail
	}
	return data
}

// load folds the whole stream anew. What could not be written stays on the list.
func (j *Jobs) load() error {
	j.mu.Lock()
	j.letters = nil
	running := j.jobs
	j.loaded = false
	j.jobs = map[string]*entry{}
	for _, a := range j.unsaved {
		j.letters = append(j.letters, a.letter)
	}
	j.mu.Unlock()
	for e, err := range j.journal.Replay(Stream, 0) {
		switch {
		case err == nil && string(e.Data) == "null": // it was kept long enough, or its author erased
		case err == nil:
			j.fold(e)
		case errs.KindOf(err) == errs.Corrupt:
			j.log.Error("a fact about dead letters is damaged", "seq", e.Seq, "err", err)
		default:
			return err
		}
	}
	j.resume(running)
	return nil
}

// resume puts jobs that ran when the program ended back into the queue. Those that this
// program runs, while only the journal was away, stay its own.
func (j *Jobs) resume(running map[string]*entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, e := range j.jobs {
		if old, ok := running[id]; ok && old.cancel != nil {
			old.Job = e.Job
			j.jobs[id] = old
			continue
		}
		if e.State == Running {
			e.State, e.after = Waiting, time.Now().Add(backoff(e.Tries))
		}
	}
	j.loaded = true
	j.ring()
}

// keep holds a letter that could not be written.
func (j *Jobs) keep(a act) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.unsaved) < queued {
		j.unsaved = append(j.unsaved, a)
		j.put(a.letter)
	}
}

// fold applies one fact to the list.
func (j *Jobs) fold(e event.Event) {
	switch e.Kind {
	case Queued, Started, Failed, Done, Cancelled:
		j.mu.Lock()
		defer j.mu.Unlock()
		j.foldJob(e)
		j.metrics.waiting.Set(float64(len(j.letters)))
		return
	}
	var s stored
	if err := json.Unmarshal(e.Data, &s); err != nil {
		j.log.Error("a fact about dead letters cannot be read", "seq", e.Seq, "err", err)
		return
	}
	s.Letter.Role = event.Role(s.Role)
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Kind == Buried {
		j.put(s.Letter)
	} else {
		j.letters = slices.DeleteFunc(j.letters, func(l Letter) bool { return l.ID == s.ID })
	}
	j.metrics.waiting.Set(float64(len(j.letters)))
}

// put adds a letter once. Runs with mu held.
func (j *Jobs) put(l Letter) {
	if slices.ContainsFunc(j.letters, func(o Letter) bool { return o.ID == l.ID }) {
		return
	}
	j.letters = append(j.letters, l)
	if len(j.letters) > kept {
		j.letters = slices.Delete(j.letters, 0, len(j.letters)-kept)
	}
}

// Events describes the facts of this package.
func Events() []event.Def {
	return []event.Def{
		{Kind: Buried, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
		{Kind: Dropped, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
		{Kind: Retried, Effect: event.Committed, Keep: event.KeepChat, Cloud: true},
		{Kind: Queued, Effect: event.Committed, Keep: event.KeepChat},
		{Kind: Started, Effect: event.Committed, Keep: event.KeepChat},
		{Kind: Failed, Effect: event.Committed, Keep: event.KeepChat},
		{Kind: Done, Effect: event.Committed, Keep: event.KeepChat},
		{Kind: Cancelled, Effect: event.Committed, Keep: event.KeepChat},
	}
}
