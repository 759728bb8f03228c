package cloud

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// handshake asks the cloud for its state and brings the box in line with it: the clock, the
// policy, the dead letters and the other incarnations. It returns errRestartSession if the box
// got a new incarnation.
func (c *Cloud) handshake(ctx context.Context, sink Sink, self Self) (State, error) {
	asked := time.Now()
	state, err := sink.State(ctx, self)
	if err != nil {
		return state, err
	}
	c.syncClock(state.Time, time.Since(asked))
	if state.Format != 0 && state.Format < batch.Format {
		return state, errs.NewCode("cloud", errs.Down, CodeCloudOlder, "the cloud takes format %d, this box writes %d: the cloud must be updated", state.Format, batch.Format)
	}
	if state.Known {
		if err := c.verifyHistory(ctx, state); err != nil {
			return state, err
		}
	}
	if err := c.store.setDead(state.Dead); err != nil {
		return state, err
	}
	if err := c.updatePeers(self, state); err != nil {
		return state, err
	}
	changed := false
	c.updateStatus(func(s *Status) {
		changed = s.Policy != state.Policy
		s.School, s.Policy, s.Last = state.School, state.Policy, c.nowMillis()
	})
	if changed {
		signal(c.reportDue) // lists are sent with names, or without
	}
	return state, nil
}

// syncClock sets a clock that has no trusted time yet. It adds half of the request's duration to
// the cloud's time.
func (c *Cloud) syncClock(wall int64, took time.Duration) {
	if wall == 0 || c.Clock.Now().Trusted {
		return
	}
	if err := c.Clock.SetTime(wall + took.Milliseconds()/2); err != nil && !errors.Is(err, event.ErrTrusted) {
		c.Log.Warn("the cloud's time was not used", "err", err)
	}
}

// verifyHistory checks that the journal holds the facts that this incarnation sent. If not,
// another copy of the box's card wrote there, or an admin put an old copy of the file back. Then
// the journal continues as a new incarnation and all facts are sent again. The cloud recognizes
// those that it has by their identity.
func (c *Cloud) verifyHistory(ctx context.Context, state State) error {
	last := c.Journal.Position()
	if state.Pos <= last && (state.Pos == 0 || state.Mark == 0) {
		return nil
	}
	if state.Pos <= last {
		for e, err := range c.Journal.Scan(state.Pos-1, state.Pos) {
			if err != nil && errs.KindOf(err) != errs.Corrupt {
				return err
			}
			if err != nil || batch.MarkOf(e) == state.Mark {
				return nil
			}
		}
	}
	c.Log.Warn("another copy of this box wrote to the cloud: the journal continues as a new incarnation", "seq", state.Pos)
	if err := c.Journal.Renew(ctx); err != nil {
		return err
	}
	if err := c.addNote(Note{Code: CodeForked, N: int(min(state.Pos, last))}); err != nil {
		return err
	}
	return errRestartSession
}

// updatePeers stores the cloud's state, and notes changes among the box's incarnations and
// namesakes.
func (c *Cloud) updatePeers(self Self, state State) error {
	s := loadValue[rememberedState](c.store, bucketLink, keySeen)
	var notes []Note
	if !slices.Contains(s.Mine, self.Incarnation) {
		s.Mine = append(s.Mine, self.Incarnation)
		if f := c.Journal.OpenResult(); f.Restored {
			notes = append(notes, Note{Code: "restored", N: len(state.Others)})
		} else if f.SetAside != "" || f.Reason != "" {
			notes = append(notes, Note{Code: "damaged", N: len(state.Others)})
		}
	}
	for _, o := range state.Others {
		if !slices.Contains(s.Mine, o.Incarnation) && !slices.Contains(s.Copies, o.Incarnation) {
			s.Copies = append(s.Copies, o.Incarnation)
			notes = append(notes, Note{Code: "copy", What: strconv.FormatUint(o.Incarnation, 16), N: int(min(o.Pos, 1<<53))})
		}
	}
	if state.Twins != s.Twins {
		if s.Twins = state.Twins; s.Twins > 0 {
			notes = append(notes, Note{Code: "same_name", What: self.Name, N: s.Twins})
		}
	}
	s.Incarnation, s.Pos, s.Policy, s.School, s.Last = self.Incarnation, state.Pos, state.Policy, state.School, c.nowMillis()
	if err := c.store.putValue(bucketLink, keySeen, s); err != nil {
		return err
	}
	for _, n := range notes {
		if err := c.addNote(n); err != nil {
			return err
		}
	}
	return nil
}

// addNote stores a note for an admin.
func (c *Cloud) addNote(n Note) error {
	n.At = c.nowMillis()
	return c.store.addNote(n)
}
