package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Dead are the facts that the cloud could not store and nobody has decided about, oldest
// first.
func (c *Cloud) Dead() []Dead { return c.store.dead() }

// Retry sends a dead letter's fact once more, as it is; repaired, where its text has
// characters that no database takes (U+0000, halves of surrogate pairs), with a replacement
// character in place of each. What the box keeps is not changed.
func (c *Cloud) Retry(ctx context.Context, incarnation, pos uint64, repaired bool) error {
	const op = "cloud.Retry"
	list := c.store.dead()
	i := slices.IndexFunc(list, func(d Dead) bool { return d.Incarnation == incarnation && d.Pos == pos })
	l := c.linked()
	switch {
	case i < 0:
		return errs.Code(op, errs.Missing, "no_letter", "no such letter")
	case l.Way == "":
		return errs.Code(op, errs.Down, "not_linked", "the box is linked to no cloud")
	}
	self, err := c.self()
	if err != nil {
		return err
	}
	b, err := c.again(self, list[i], repaired)
	if err != nil {
		return err
	}
	sink, done, err := c.Way.Open(ctx, l)
	if err != nil {
		return err
	}
	defer done()
	got, err := c.put(ctx, sink, b)
	if err != nil {
		return err
	}
	if len(got.Dead) > 0 {
		d := got.Dead[0]
		if err := c.store.addDead(bucketDead, d); err != nil {
			return err
		}
		return errs.Code(op, errs.Invalid, "refused_again", "the cloud refuses it again: %s: %s", d.Code, d.Text)
	}
	return c.store.dropDead(incarnation, pos)
}

// again is a batch with the fact of a dead letter.
func (c *Cloud) again(self Self, d Dead, repaired bool) (*batch.Batch, error) {
	var e event.Event
	found := false
	for f, err := range c.Journal.Scan(d.Pos-1, d.Pos) {
		if err != nil {
			return nil, err
		}
		e, found = f, true
	}
	if !found || outside(self.Box, e.Stream) != d.Stream || e.Epoch != d.Epoch || e.Seq != d.Seq {
		return nil, errs.Code("cloud.Retry", errs.Missing, "no_fact", "the box does not hold this fact any more")
	}
	s := load[seen](c.store, bucketLink, keySeen)
	f, ok := c.leaves(self.Box, e, s.Policy)
	if !ok {
		return nil, errs.Code("cloud.Retry", errs.Missing, "no_fact", "the fact was emptied since, or may not leave the box any more")
	}
	if repaired {
		f.Data = repair(f.Data)
	}
	return &batch.Batch{Box: self.Box, Incarnation: d.Incarnation, From: d.Pos - 1, To: d.Pos, Again: true, Facts: []batch.Fact{f}}, nil
}

// escape is one escaped character of JSON text, a surrogate pair as one.
var escape = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)`)

// half is an escape that is no character: U+0000, or one half of a pair.
var half = regexp.MustCompile(`^\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})$`)

// repair replaces what legal JSON may hold and a database's text may not.
func repair(data json.RawMessage) json.RawMessage {
	return escape.ReplaceAllFunc(bytes.ToValidUTF8(data, []byte("\ufffd")), func(e []byte) []byte {
		if half.Match(e) {
			return []byte(`\ufffd`)
		}
		return e
	})
}
