package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

var sampleHeader = header{From: "a", Boot: math.MaxUint64}

// samples has a message of each kind with all fields set.
func samples() []message {
	e := event.Event{
		Epoch: 1, Seq: 2, Kind: "chat.said", By: "p1", ID: "c1", Data: json.RawMessage(`{"text":"hi"}`),
		Stamp: event.Stamp{Boot: 3, Mono: -4, Wall: math.MinInt64, Trusted: true},
	}
	p := place{"a1", 7}
	return []message{
		&beat{},
		&join{Room: "a1", User: "p1", Name: "Ada", JoinRef: "1", Ref: "2", Seat: 3, Role: 1, Since: 4, Epoch: 5, Grant: []byte("g"), Code: []byte("c")},
		&leave{"a1", 3, []byte("c")},
		&post{Room: "a1", Name: "chat.say", ID: "c1", Seat: 3, Call: 4, Data: []byte(`{}`), Code: []byte("c")},
		&seats{"a1", []uint64{1, 2, math.MaxUint64}},
		&refresh{"a1"},
		&fact{p, e},
		&cast{p, true, []uint64{1, 2}, []byte("frame")},
		&single{p, 3, stageWelcome, 4, 5, []byte("frame")},
		&closed{p, 3},
		&page{p, true, true, []byte("frame")},
		&unknown{"a1", 3, []byte(`{"reason":"denied"}`)},
		&kick{p, 3, "signed out"},
		&reply{"a1", 4, 5, []byte(`{"reason":"busy"}`)},
		&stands{[]standing{{p, 1, 2}, {p, 3, 4}}},
		&logQuestion{"a1", 1, 2, true, 3, []byte("c")},
		&logAnswer{true, []event.Event{e, e}},
	}
}

func TestEachMessageIsReadAsItWasWritten(t *testing.T) {
	for _, m := range samples() {
		h, got, err := decode(encode(sampleHeader, m))
		if err != nil {
			t.Errorf("%T: %v", m, err)
			continue
		}
		if d := cmp.Diff(m, got, cmp.Exporter(func(reflect.Type) bool { return true })); h != sampleHeader || d != "" {
			t.Errorf("%T: header %v, message\n%s", m, h, d)
		}
	}
}

// A message that is cut off anywhere, or goes on, is refused.
func TestMessageCutOffIsRefused(t *testing.T) {
	for _, m := range samples() {
		whole := encode(sampleHeader, m)
		for n := range whole {
			if _, _, err := decode(whole[:n]); errs.KindOf(err) != errs.Invalid || err == nil {
				t.Errorf("%T: %d of %d bytes: %v", m, n, len(whole), err)
			}
		}
		if _, _, err := decode(append(whole, 0)); err == nil {
			t.Errorf("%T: a byte too many was taken", m)
		}
	}
}

// Each refusal names the field and the limit.
func TestRefusalOfAMessageNamesFieldAndLimit(t *testing.T) {
	long := strings.Repeat("x", maxWord+1)
	for _, c := range []struct {
		data  []byte
		field string
		limit int64
	}{
		{nil, "version", version},
		{[]byte{version + 1, 'B'}, "version", version},
		{[]byte{version, 0}, "kind", 0},
		{encode(header{}, &beat{}), "from", 1},
		{encode(header{From: long}, &beat{}), "from", maxWord},
		{encode(sampleHeader, &leave{Room: long}), "room", maxWord},
		{encode(sampleHeader, &join{Room: "a1", Role: uint64(event.Operator)}), "role", int64(event.Teacher)},
		{encode(sampleHeader, &post{Data: make([]byte, maxPayload+1)}), "data", maxPayload},
		{encode(sampleHeader, &seats{List: make([]uint64, maxGuests+1)}), "seats", maxGuests},
		{encode(sampleHeader, &single{Frame: make([]byte, maxFrame+1)}), "frame", maxFrame},
		{encode(sampleHeader, &single{Stage: stageSeated + 1}), "stage", stageSeated},
		{encode(sampleHeader, &fact{Fact: event.Event{Data: make([]byte, maxFact+1)}}), "data", maxFact},
		{encode(sampleHeader, &stands{make([]standing, maxRooms+1)}), "rooms", maxRooms},
		{encode(sampleHeader, &logAnswer{Facts: make([]event.Event, maxFacts+1)}), "facts", maxFacts},
	} {
		_, _, err := decode(c.data)
		e, ok := errors.AsType[*errs.Error](err)
		if !ok || e.Field != c.field || e.Limit != c.limit {
			t.Errorf("want a refusal of %s with the limit %d, got %v", c.field, c.limit, err)
		}
	}
}

// FuzzDecode: whatever comes, decode returns; and what it takes is written again as it came, but for
// numbers in a longer form than need be.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(encode(sampleHeader, m))
	}
	f.Add([]byte{version, 'S', 1, 'a', 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, m, err := decode(data)
		if err != nil {
			if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Field == "" {
				t.Fatalf("a refusal without a field: %v", err)
			}
			return
		}
		again := encode(h, m)
		h2, m2, err := decode(again)
		if err != nil || h2 != h || !bytes.Equal(encode(h2, m2), again) {
			t.Fatalf("read again: %v", err)
		}
	})
}
