package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// record is the payload of a fact.
type record struct {
	Action  string `json:"action"`
	Name    string `json:"name,omitempty"`
	From    string `json:"from,omitempty"`
	Target  string `json:"target,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Refused bool   `json:"refused,omitempty"`
	Times   int    `json:"times,omitempty"`
	Prev    string `json:"prev,omitempty"` // hash of the entry before; empty: none can be read
}

func recordOf(e Entry, prev string) record {
	return record{Action: e.Action, Name: e.Name, From: e.From, Target: e.Target, Detail: e.Detail, Refused: e.Refused, Times: e.Times, Prev: prev}
}

// hash returns the SHA-256 of an entry with its place, time and author, in hex.
func (r record) hash(e Entry) string {
	data, err := json.Marshal(struct {
		Seq uint64
		At  int64
		By  string
		record
	}{e.Seq, e.At, e.By, r})
	if err != nil {
		panic(err) // our own type
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// readEntry decodes a fact. False: its payload was removed, or is none of this package.
func readEntry(e event.Event) (Entry, record, bool) {
	var r record
	if e.Kind != Recorded || json.Unmarshal(e.Data, &r) != nil || r.Action == "" {
		return Entry{}, r, false
	}
	return Entry{
		Seq: e.Seq, At: e.Stamp.Wall, By: e.By, Name: r.Name, From: r.From, Action: r.Action, Target: r.Target, Detail: r.Detail, Refused: r.Refused, Times: r.Times,
	}, r, true
}

// The reasons of a Break.
const (
	BreakDamaged  = "damaged"  // the entry cannot be read
	BreakEmptied  = "emptied"  // its content was removed before its year was over
	BreakNoEntry  = "no_entry" // something else is in its place
	BreakMismatch = "mismatch" // it does not follow the entry before: one of the two was changed
)

// Verified is the result of Verify.
type Verified struct {
	Entries int    `json:"entries"`          // that can be read
	Removed int    `json:"removed"`          // whose year is over
	Breaks  int    `json:"breaks"`           // links that do not hold
	Broken  *Break `json:"broken,omitempty"` // the first of them
	Head    string `json:"head,omitempty"`   // hash of the last entry
}

// Break is a link of the chain that does not hold.
type Break struct {
	Seq    uint64 `json:"seq"`
	At     int64  `json:"at,omitempty"`
	Reason string `json:"reason" enum:"damaged,emptied,no_entry,mismatch"`
}

// add counts a break.
func (v *Verified) add(b Break) {
	if v.Breaks++; v.Broken == nil {
		v.Broken = &b
	}
}

// Verify reads the whole log and checks each link of the chain. It cannot tell that a person
// with the whole disk wrote all of the chain anew. The copy in the cloud can.
func (l *Log) Verify(ctx context.Context) (v Verified, err error) {
	if l == nil {
		return v, nil
	}
	old := time.UnixMilli(l.clock.Now().Wall).AddDate(-1, 0, 0).UnixMilli()
	next, known := uint64(1), true // known: the hash of the entry before is known, or there is none
	for e, err := range l.journal.Replay(Stream, 0) {
		switch {
		case ctx.Err() != nil:
			return v, errs.New("audit.Verify", errs.Down, context.Cause(ctx))
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return v, err
		case err != nil || e.Seq != next: // a salvaged journal may lack facts
			v.add(Break{Seq: next, Reason: BreakDamaged})
			known = false
		}
		if err == nil {
			known = v.check(e, known, old)
		}
		next = max(next, e.Seq) + 1
	}
	return v, nil
}

// check checks one fact, and returns whether the next one can be compared with it.
func (v *Verified) check(e event.Event, known bool, old int64) bool {
	entry, r, ok := readEntry(e)
	switch {
	case !ok && string(e.Data) == "null" && e.Stamp.Wall < old:
		v.Removed++
		return false
	case !ok && string(e.Data) == "null":
		v.add(Break{e.Seq, e.Stamp.Wall, BreakEmptied})
		return false
	case !ok:
		v.add(Break{e.Seq, e.Stamp.Wall, BreakNoEntry})
		return false
	case known && r.Prev != v.Head:
		v.add(Break{e.Seq, e.Stamp.Wall, BreakMismatch})
	}
	v.Entries++
	v.Head = r.hash(entry)
	return true
}

// cutText shortens a text to at most n bytes, at the end of a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
