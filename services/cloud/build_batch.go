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
	maxPayload  = 4 << 20         // bytes of payload in a batch
	maxScan     = 64 * 1024       // positions scanned for one batch
	scanTimeout = 2 * time.Second // time of the scan for one batch: a box with a slow card still reports its progress
)

// outgoingBatch is a batch with the results of building it.
type outgoingBatch struct {
	batch      *batch.Batch
	unsendable []Dead // facts that no batch can carry
	more       bool   // more facts follow
}

// isEmpty reports whether there is nothing to send.
func (p outgoingBatch) isEmpty() bool { return len(p.batch.Facts) == 0 && len(p.unsendable) == 0 }

// buildBatch makes a batch that starts at position from and has at most most facts after
// position after. It does not wait for facts. It skips facts that stay on the box, and the
// batch's To counts them as done.
func (c *Cloud) buildBatch(ctx context.Context, self Self, from, after uint64, most int, policy Policy) (outgoingBatch, error) {
	p := outgoingBatch{batch: &batch.Batch{Box: self.Box, Incarnation: self.Incarnation, From: from, To: after}}
	last := c.Journal.Position()
	size, start := 0, time.Now()
	for e, err := range c.Journal.Scan(after, min(last, after+maxScan)) {
		switch {
		case ctx.Err() != nil:
			return p, errs.New("cloud.buildBatch", errs.Down, context.Cause(ctx))
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return p, err
		case err != nil:
			p.unsendable = append(p.unsendable, Dead{
				Incarnation: self.Incarnation, Pos: e.Pos, Stream: e.Stream, Seq: e.Seq, Code: "damaged", Text: err.Error(), At: c.nowMillis(),
			})
			p.batch.To, p.batch.Mark = e.Pos, 0
			continue
		}
		if f, ok := c.exportFact(self.Box, e, policy); ok {
			if len(p.batch.Facts) > 0 && size+len(f.Data) > maxPayload {
				break
			}
			p.batch.Facts, size = append(p.batch.Facts, f), size+len(f.Data)
		}
		p.batch.To, p.batch.Mark = e.Pos, batch.MarkOf(e)
		if len(p.batch.Facts) == most || time.Since(start) > scanTimeout {
			break
		}
	}
	p.more = p.batch.To < last
	return p, nil
}

// exportFact returns a fact as it leaves the box, and whether it may leave.
func (c *Cloud) exportFact(box string, e event.Event, policy Policy) (batch.Fact, bool) {
	d, ok := c.Def(e.Kind)
	if !ok || !d.Cloud || d.FreeText && !policy.Chat || isEmptyPayload(e.Data) {
		return batch.Fact{}, false
	}
	return batch.Fact{
		Pos: e.Pos, Stream: globalStream(box, e.Stream), Epoch: e.Epoch, Seq: e.Seq, Kind: string(e.Kind), Version: 1, By: e.By, ID: e.ID,
		Boot: e.Stamp.Boot, Mono: e.Stamp.Mono, Wall: e.Stamp.Wall, Trusted: e.Stamp.Trusted, Data: redactPayload(e, policy),
	}, true
}

// isEmptyPayload reports whether a payload was removed by retention or by an erasure.
func isEmptyPayload(data json.RawMessage) bool { return len(data) == 0 || string(data) == "null" }

// globalStream returns a stream name that is unique among many boxes. Room streams have random
// names. Other streams have the same name on each box and get the box's id.
func globalStream(box, stream string) string {
	if strings.HasPrefix(stream, "room:") {
		return stream
	}
	return stream + "@" + box
}

// redactPayload removes the fields that the school keeps on its boxes: names, and the text of a
// chat message that crashed its room.
func redactPayload(e event.Event, policy Policy) json.RawMessage {
	switch {
	case strings.HasPrefix(string(e.Kind), "letter.") && !policy.Chat:
		return withoutFields(e.Data, "data", "stack")
	case e.Kind == Listed && !policy.Names:
		return withoutNames(e.Data)
	}
	return e.Data
}

// withoutFields removes fields from a JSON object. It withholds data that is not an object.
func withoutFields(data json.RawMessage, fields ...string) json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		return json.RawMessage(`{}`)
	}
	for _, f := range fields {
		delete(all, f)
	}
	return mustMarshal(all)
}

func withoutNames(data json.RawMessage) json.RawMessage {
	var l Listing
	if json.Unmarshal(data, &l) != nil {
		return json.RawMessage(`{}`)
	}
	for i := range l.Pupils {
		l.Pupils[i].Name = ""
	}
	return mustMarshal(l)
}

func mustMarshal(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return data
}
