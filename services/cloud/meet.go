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

// meet asks the cloud where it stands and puts the two in order: the clock, the policy, the
// dead letters, who is who. errAnew: the box is another incarnation now.
func (c *Cloud) meet(ctx context.Context, sink Sink, self Self) (State, error) {
	asked := time.Now()
	state, err := sink.State(ctx, self)
	if err != nil {
		return state, err
	}
	c.tellTime(state.Time, time.Since(asked))
	if state.Format != 0 && state.Format < batch.Format {
		return state, errs.Code("cloud", errs.Down, CodeCloudOlder, "the cloud takes format %d, this box writes %d: the cloud must be updated", state.Format, batch.Format)
	}
	if state.Known {
		if err := c.same(ctx, state); err != nil {
			return state, err
		}
	}
	if err := c.store.setDead(state.Dead); err != nil {
		return state, err
	}
	if err := c.know(self, state); err != nil {
		return state, err
	}
	changed := false
	c.set(func(s *Status) {
		changed = s.Policy != state.Policy
		s.School, s.Policy, s.Last = state.School, state.Policy, c.now()
	})
	if changed {
		token(c.news) // lists are told with names, or without
	}
	return state, nil
}

// tellTime sets a clock that nobody has set: half of the time that the answer took has
// passed since the cloud said what time it is.
func (c *Cloud) tellTime(wall int64, took time.Duration) {
	if wall == 0 || c.Clock.Now().Trusted {
		return
	}
	if err := c.Clock.Set(wall + took.Milliseconds()/2); err != nil && !errors.Is(err, event.ErrTrusted) {
		c.Log.Warn("the cloud's time is not taken", "err", err)
	}
}

// same makes sure that what this incarnation sent is what this journal holds. Where it is
// not, another copy of the box's card wrote there, or an old copy of the file was put back
// by hand: the journal goes on as a new incarnation, and its facts are sent anew. Those
// that the cloud has already, it knows by their identity.
func (c *Cloud) same(ctx context.Context, state State) error {
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
	c.Log.Warn("another copy of this box has been to the cloud: it goes on as a new incarnation", "seq", state.Pos)
	if err := c.Journal.Renew(ctx); err != nil {
		return err
	}
	if err := c.note(Note{Code: CodeForked, N: int(min(state.Pos, last))}); err != nil {
		return err
	}
	return errAnew
}

// know keeps what the cloud said, and tells an admin what is new about who is who.
func (c *Cloud) know(self Self, state State) error {
	s := load[seen](c.store, bucketLink, keySeen)
	var notes []Note
	if !slices.Contains(s.Mine, self.Incarnation) {
		s.Mine = append(s.Mine, self.Incarnation)
		if f := c.Journal.Found(); f.Restored {
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
	s.Incarnation, s.Pos, s.Policy, s.School, s.Last = self.Incarnation, state.Pos, state.Policy, state.School, c.now()
	if err := c.store.put(bucketLink, keySeen, s); err != nil {
		return err
	}
	for _, n := range notes {
		if err := c.note(n); err != nil {
			return err
		}
	}
	return nil
}

// note tells an admin something.
func (c *Cloud) note(n Note) error {
	n.At = c.now()
	return c.store.note(n)
}
