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

// DeadFacts returns the facts that the cloud could not store and that wait for a decision of an
// admin, oldest first.
func (c *Cloud) DeadFacts() []Dead { return c.store.listDead() }

// RetryDead sends the fact of a dead letter again. With repaired, it replaces characters that
// no database takes (U+0000, halves of surrogate pairs) with the replacement character. The
// fact in the box's journal stays unchanged.
func (c *Cloud) RetryDead(ctx context.Context, incarnation, pos uint64, repaired bool) error {
	const op = "cloud.RetryDead"
	list := c.store.listDead()
	i := slices.IndexFunc(list, func(d Dead) bool { return d.Incarnation == incarnation && d.Pos == pos })
	l := c.currentLink()
	switch {
	case i < 0:
		return errs.NewCode(op, errs.Missing, "no_letter", "no such letter")
	case l.Way == "":
		return errs.NewCode(op, errs.Down, "not_linked", "the box is not linked to a cloud")
	}
	self, err := c.describeSelf()
	if err != nil {
		return err
	}
	b, err := c.retryBatch(self, list[i], repaired)
	if err != nil {
		return err
	}
	sink, done, err := c.Transport.Open(ctx, l)
	if err != nil {
		return err
	}
	defer done()
	got, err := c.putBatch(ctx, sink, b)
	if err != nil {
		return err
	}
	if len(got.Dead) > 0 {
		d := got.Dead[0]
		if err := c.store.addDead(bucketDead, d); err != nil {
			return err
		}
		return errs.NewCode(op, errs.Invalid, "refused_again", "the cloud refused it again: %s: %s", d.Code, d.Text)
	}
	return c.store.dropDead(incarnation, pos)
}

// retryBatch returns a batch with the fact of a dead letter.
func (c *Cloud) retryBatch(self Self, d Dead, repaired bool) (*batch.Batch, error) {
	var e event.Event
	found := false
	for f, err := range c.Journal.Scan(d.Pos-1, d.Pos) {
		if err != nil {
			return nil, err
		}
		e, found = f, true
	}
	if !found || globalStream(self.Box, e.Stream) != d.Stream || e.Epoch != d.Epoch || e.Seq != d.Seq {
		return nil, errs.NewCode("cloud.RetryDead", errs.Missing, "no_fact", "the box no longer has this fact")
	}
	s := loadValue[rememberedState](c.store, bucketLink, keySeen)
	f, ok := c.exportFact(self.Box, e, s.Policy)
	if !ok {
		return nil, errs.NewCode("cloud.RetryDead", errs.Missing, "no_fact", "the fact was emptied, or may no longer leave the box")
	}
	if repaired {
		f.Data = repairText(f.Data)
	}
	return &batch.Batch{Box: self.Box, Incarnation: d.Incarnation, From: d.Pos - 1, To: d.Pos, Again: true, Facts: []batch.Fact{f}}, nil
}

// escapePattern matches one escape sequence of JSON text. It takes a surrogate pair as one.
var escapePattern = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)`)

// badEscape matches an escape sequence of U+0000 or of one half of a surrogate pair.
var badEscape = regexp.MustCompile(`^\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})$`)

// repairText replaces the characters that JSON may hold and a text of Postgres may not.
func repairText(data json.RawMessage) json.RawMessage {
	return escapePattern.ReplaceAllFunc(bytes.ToValidUTF8(data, []byte("\ufffd")), func(e []byte) []byte {
		if badEscape.Match(e) {
			return []byte(`\ufffd`)
		}
		return e
	})
}
