package cloud

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

const (
	maxWait  = 4 << 20         // bytes of payload in a batch
	maxLook  = 64 * 1024       // positions looked at for one batch
	lookTime = 2 * time.Second // the same: a box whose cards are slow tells how far it is
)

// parcel is a batch and what was found while it was gathered.
type parcel struct {
	batch *batch.Batch
	own   []Dead // facts that cannot leave the box as they are
	more  bool   // there is more behind it now
}

// nothing tells that there is nothing to send.
func (p parcel) nothing() bool { return len(p.batch.Facts) == 0 && len(p.own) == 0 }

// gather makes a batch from position from of at most most facts behind position look. It
// waits for nothing. Facts that stay here are passed over, and the batch's To says how far.
func (c *Cloud) gather(ctx context.Context, self Self, from, look uint64, most int, policy Policy) (parcel, error) {
	p := parcel{batch: &batch.Batch{Box: self.Box, Incarnation: self.Incarnation, From: from, To: look}}
	last := c.Journal.Position()
	size, start := 0, time.Now()
	for e, err := range c.Journal.Scan(look, min(last, look+maxLook)) {
		switch {
		case ctx.Err() != nil:
			return p, errs.New("cloud.gather", errs.Down, context.Cause(ctx))
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return p, err
		case err != nil:
			p.own = append(p.own, Dead{
				Incarnation: self.Incarnation, Pos: e.Pos, Stream: e.Stream, Seq: e.Seq, Code: "damaged", Text: err.Error(), At: c.now(),
			})
			p.batch.To, p.batch.Mark = e.Pos, 0
			continue
		}
		if f, ok := c.leaves(self.Box, e, policy); ok {
			if len(p.batch.Facts) > 0 && size+len(f.Data) > maxWait {
				break
			}
			p.batch.Facts, size = append(p.batch.Facts, f), size+len(f.Data)
		}
		p.batch.To, p.batch.Mark = e.Pos, batch.MarkOf(e)
		if len(p.batch.Facts) == most || time.Since(start) > lookTime {
			break
		}
	}
	p.more = p.batch.To < last
	return p, nil
}

// leaves tells whether a fact may leave the box, and how it looks when it does.
func (c *Cloud) leaves(box string, e event.Event, policy Policy) (batch.Fact, bool) {
	d, ok := c.Def(e.Kind)
	if !ok || !d.Cloud || d.Words && !policy.Chat || empty(e.Data) {
		return batch.Fact{}, false
	}
	return batch.Fact{
		Pos: e.Pos, Stream: outside(box, e.Stream), Epoch: e.Epoch, Seq: e.Seq, Kind: string(e.Kind), Version: 1, By: e.By, ID: e.ID,
		Boot: e.Stamp.Boot, Mono: e.Stamp.Mono, Wall: e.Stamp.Wall, Trusted: e.Stamp.Trusted, Data: project(e, policy),
	}, true
}

// empty tells that a payload is gone: its time had come, or its author was erased.
func empty(data json.RawMessage) bool { return len(data) == 0 || string(data) == "null" }

// outside is a stream's name among those of many boxes. A room's is random; each box has
// streams of its own that are called the same.
func outside(box, stream string) string {
	if strings.HasPrefix(stream, "room:") {
		return stream
	}
	return stream + "@" + box
}

// project is a payload without what the school keeps on its boxes: what people wrote in a
// message that crashed its room, and names.
func project(e event.Event, policy Policy) json.RawMessage {
	switch {
	case strings.HasPrefix(string(e.Kind), "letter.") && !policy.Chat:
		return without(e.Data, "data", "stack")
	case e.Kind == Listed && !policy.Names:
		return nameless(e.Data)
	}
	return e.Data
}

// without takes fields out of an object; what is none is withheld whole.
func without(data json.RawMessage, fields ...string) json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		return json.RawMessage(`{}`)
	}
	for _, f := range fields {
		delete(all, f)
	}
	return marshal(all)
}

func nameless(data json.RawMessage) json.RawMessage {
	var l Listing
	if json.Unmarshal(data, &l) != nil {
		return json.RawMessage(`{}`)
	}
	for i := range l.Pupils {
		l.Pupils[i].Name = ""
	}
	return marshal(l)
}

func marshal(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return data
}
