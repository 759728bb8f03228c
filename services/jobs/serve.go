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

// Serve reads the letters from the journal and then writes letters and decisions, until ctx
// ends. While the journal takes nothing it waits and tries again.
func (j *Jobs) Serve(ctx context.Context) error {
	for {
		err := j.writeStream(ctx)
		if ctx.Err() != nil {
			//lint:ignore nilerr the end of the context is no fault
			return nil
		}
		if k := errs.KindOf(err); k != errs.Down && k != errs.Stale {
			return err
		}
		j.log.Warn("dead letters cannot be written yet", "err", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// writeStream owns one epoch of the stream. It returns when the journal refuses.
func (j *Jobs) writeStream(ctx context.Context) error {
	at, err := j.journal.Raise(ctx, Stream)
	if err != nil {
		return err
	}
	if err := j.loadStream(); err != nil {
		return err
	}
	for {
		a, ok := j.nextCommand(ctx)
		if !ok {
			return nil
		}
		if !j.decisionApplies(a) {
			continue
		}
		if err := j.appendCommand(ctx, &at, a); err != nil {
			return err
		}
	}
}

// nextCommand is the next command. Unsaved ones come first.
func (j *Jobs) nextCommand(ctx context.Context) (command, bool) {
	j.mu.Lock()
	if len(j.unsaved) > 0 {
		a := j.unsaved[0]
		j.unsaved = j.unsaved[1:]
		j.mu.Unlock()
		return a, true
	}
	j.mu.Unlock()
	select {
	case a := <-j.commands:
		return a, true
	case <-ctx.Done():
		return command{}, false
	}
}

// decisionApplies answers a decision about a letter that is gone already.
func (j *Jobs) decisionApplies(a command) bool {
	if a.kind == Buried || a.data != nil {
		return true
	}
	_, err := j.GetDeadLetter(a.letter.ID)
	if err != nil {
		a.done <- err
	}
	return err == nil
}

// appendCommand writes one command and folds it when it is on disk.
func (j *Jobs) appendCommand(ctx context.Context, at *journal.Cursor, a command) error {
	e := event.Event{
		Stream: Stream, Epoch: at.Epoch, Seq: at.Seq + 1, Kind: a.kind, Stamp: j.clock.Now(), Data: commandPayload(a),
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
		j.foldFact(e)
	} else if a.kind == Buried {
		j.keepUnsaved(a)
	}
	if a.done != nil {
		a.done <- err
	}
	return err
}

// storedLetter is a letter as a fact. The role is a number there, because facts are read back.
type storedLetter struct {
	DeadLetter
	Role uint8 `json:"role"`
}

func commandPayload(a command) json.RawMessage {
	if a.data != nil {
		return a.data
	}
	var v any = storedLetter{a.letter, uint8(a.letter.Role)}
	if a.kind != Buried {
		v = struct {
			ID string `json:"id"`
		}{a.letter.ID}
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // prepareLetter checked the one field that could fail
	}
	return data
}

// loadStream folds the whole stream again. Unwritten letters stay on the list.
func (j *Jobs) loadStream() error {
	j.mu.Lock()
	j.deadLetters = nil
	running := j.jobs
	j.loaded = false
	j.jobs = map[string]*entry{}
	for _, a := range j.unsaved {
		j.deadLetters = append(j.deadLetters, a.letter)
	}
	j.mu.Unlock()
	for e, err := range j.journal.Replay(Stream, 0) {
		switch {
		case err == nil && string(e.Data) == "null": // retention emptied it, or its author was erased
		case err == nil:
			j.foldFact(e)
		case errs.KindOf(err) == errs.Corrupt:
			j.log.Error("a fact about dead letters is damaged", "seq", e.Seq, "err", err)
		default:
			return err
		}
	}
	j.requeueInterrupted(running)
	return nil
}

// requeueInterrupted puts jobs that ran when the program ended back into the queue. Jobs that
// still run in this program, while only the journal was away, continue.
func (j *Jobs) requeueInterrupted(running map[string]*entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, e := range j.jobs {
		if old, ok := running[id]; ok && old.cancel != nil {
			old.Job = e.Job
			j.jobs[id] = old
			continue
		}
		if e.State == Running {
			e.State, e.notBefore = Waiting, time.Now().Add(backoffAfter(e.Tries))
		}
	}
	j.loaded = true
	j.wakeWorkers()
}

// keepUnsaved holds a letter that could not be written.
func (j *Jobs) keepUnsaved(a command) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.unsaved) < maxQueued {
		j.unsaved = append(j.unsaved, a)
		j.addLetter(a.letter)
	}
}

// foldFact applies one fact to the list.
func (j *Jobs) foldFact(e event.Event) {
	switch e.Kind {
	case Queued, Started, Failed, Done, Cancelled:
		j.mu.Lock()
		defer j.mu.Unlock()
		j.foldJob(e)
		j.metrics.waiting.Set(float64(len(j.deadLetters)))
		return
	}
	var s storedLetter
	if err := json.Unmarshal(e.Data, &s); err != nil {
		j.log.Error("a fact about dead letters cannot be read", "seq", e.Seq, "err", err)
		return
	}
	s.DeadLetter.Role = event.Role(s.Role)
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Kind == Buried {
		j.addLetter(s.DeadLetter)
	} else {
		j.deadLetters = slices.DeleteFunc(j.deadLetters, func(l DeadLetter) bool { return l.ID == s.ID })
	}
	j.metrics.waiting.Set(float64(len(j.deadLetters)))
}

// addLetter adds a letter once. The caller holds mu.
func (j *Jobs) addLetter(l DeadLetter) {
	if slices.ContainsFunc(j.deadLetters, func(o DeadLetter) bool { return o.ID == l.ID }) {
		return
	}
	j.deadLetters = append(j.deadLetters, l)
	if len(j.deadLetters) > maxLetters {
		j.deadLetters = slices.Delete(j.deadLetters, 0, len(j.deadLetters)-maxLetters)
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
