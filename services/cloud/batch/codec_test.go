package batch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// sampleBatch returns n facts as a lesson has them.
func sampleBatch(n int) *batch.Batch {
	b := &batch.Batch{Box: "b_1", Incarnation: 1<<63 | 7, From: 10, To: 10 + 2*uint64(n) + 1, Mark: -5}
	for i := range n {
		b.Facts = append(b.Facts, batch.Fact{
			Pos: 11 + 2*uint64(i), Stream: "room:c_abcdefghijklm", Epoch: 3, Seq: uint64(i) + 1, Kind: "quiz.answered", Version: 1,
			By: fmt.Sprintf("p_%013d", i%30), ID: fmt.Sprintf("%016x", i), Boot: 1<<64 - 1, Mono: int64(i) * 100, Wall: 1_790_000_000_000 + int64(i), Trusted: i%2 == 0,
			Data: json.RawMessage(fmt.Sprintf(`{"id":"%016x","round":%d,"item":"i_%d","response":{"options":["o2"]},"took":%d}`, i, i/30, i/30, 1000+i)),
		})
	}
	return b
}

func mustEncode(t testing.TB, b *batch.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := batch.Encode(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestABatchArrivesAsItWas(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3000} {
		want := sampleBatch(n)
		got, err := batch.Decode(bytes.NewReader(mustEncode(t, want)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%d facts (-want +got):\n%s", n, d)
		}
	}
}

func TestACutBatchIsRefusedAsAWhole(t *testing.T) {
	whole := mustEncode(t, sampleBatch(200))
	for n := range len(whole) {
		if _, err := batch.Decode(bytes.NewReader(whole[:n])); errs.KindOf(err) != errs.Invalid {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		}
	}
}

func TestAFlippedBitIsDetected(t *testing.T) {
	whole := mustEncode(t, sampleBatch(50))
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		bent := bytes.Clone(whole)
		bent[r.IntN(len(bent))] ^= 1 << r.IntN(8)
		got, err := batch.Decode(bytes.NewReader(bent))
		if err == nil && cmp.Diff(sampleBatch(50), got) != "" { // a flipped bit without meaning is allowed
			t.Fatal("altered facts were given out as good")
		}
	}
}

func TestAFailedConnectionIsNotAFaultOfTheBatch(t *testing.T) {
	whole := mustEncode(t, sampleBatch(50))
	fault := errors.New("reset by peer")
	_, err := batch.Decode(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), failingReader{fault}))
	if errs.KindOf(err) != errs.Down || !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestAnInvalidBatchNamesItsFault(t *testing.T) {
	for want, change := range map[string]func(b *batch.Batch){
		"box":              func(b *batch.Batch) { b.Box = strings.Repeat("b", 256) },
		"incarnation":      func(b *batch.Batch) { b.Incarnation = 0 },
		"to":               func(b *batch.Batch) { b.To = 9 },
		"facts[1].pos":     func(b *batch.Batch) { b.Facts[1].Pos = b.Facts[0].Pos },
		"facts[2].pos":     func(b *batch.Batch) { b.Facts[2].Pos = b.To + 1 },
		"facts[0].seq":     func(b *batch.Batch) { b.Facts[0].Seq = 0 },
		"facts[0].stream":  func(b *batch.Batch) { b.Facts[0].Stream = "" },
		"facts[1].stream":  func(b *batch.Batch) { b.Facts[1].By = strings.Repeat("x", 256) },
		"facts[0].wall":    func(b *batch.Batch) { b.Facts[0].Wall = 1 << 62 },
		"facts[0].data":    func(b *batch.Batch) { b.Facts[0].Data = json.RawMessage(`{"a":`) },
		"facts[1].version": func(b *batch.Batch) { b.Facts[1].Version = 1 << 20 },
	} {
		b := sampleBatch(3)
		change(b)
		_, err := batch.Decode(bytes.NewReader(mustEncode(t, b)))
		if got := errs.BodyOf(err); got.Field != want || got.Reason != "invalid" {
			t.Errorf("%s: got %q, %v", want, got.Field, err)
		}
	}
	b := sampleBatch(3)
	b.Facts[0].Data = json.RawMessage(`"` + strings.Repeat("a", batch.MaxData) + `"`)
	if got := errs.BodyOf(secondError(batch.Decode(bytes.NewReader(mustEncode(t, b))))); got.Limit != batch.MaxData {
		t.Errorf("a large payload: got %+v", got)
	}
}

func secondError(_ *batch.Batch, err error) error { return err }

func TestADecompressionBombIsRefused(t *testing.T) {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 200 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := batch.Decode(bytes.NewReader(out.Bytes())); errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
}

// A box three versions ahead may send more fields of a fact than this program knows.
func TestAnUnknownKeyIsSkipped(t *testing.T) {
	z, err := zstd.NewReader(bytes.NewReader(mustEncode(t, sampleBatch(1))))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(plain, []byte{0x02, 0x74}) - 3 // the fact's map: stream is a text of 20 bytes
	for plain[at] < 0xa0 || plain[at] > 0xb7 {
		at--
	}
	more := append(bytes.Clone(plain[:at]), plain[at]+1)
	more = append(append(more, plain[at+1:]...), 0x18, 99, 0x63, 'n', 'e', 'w') // 99: "new"
	enc, _ := zstd.NewWriter(nil)
	got, err := batch.Decode(bytes.NewReader(enc.EncodeAll(more, nil)))
	if err != nil || cmp.Diff(sampleBatch(1), got) != "" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheMarkDistinguishesCopiesOfABox(t *testing.T) {
	e := event.Event{Stream: "room:c", Epoch: 2, Seq: 9, Kind: "quiz.answered", By: "p", Data: json.RawMessage(`{}`), Stamp: event.Stamp{Boot: 1, Mono: 2, Wall: 3}}
	erased := e
	erased.By, erased.ID, erased.Data = "erased", "", json.RawMessage("null")
	if batch.MarkOf(e) != batch.MarkOf(erased) {
		t.Error("an erasure changes the mark")
	}
	for name, change := range map[string]func(*event.Event){
		"stream": func(e *event.Event) { e.Stream = "room:d" }, "epoch": func(e *event.Event) { e.Epoch++ }, "seq": func(e *event.Event) { e.Seq++ },
		"kind": func(e *event.Event) { e.Kind = "chat.said" }, "boot": func(e *event.Event) { e.Stamp.Boot++ }, "mono": func(e *event.Event) { e.Stamp.Mono++ }, "wall": func(e *event.Event) { e.Stamp.Wall++ },
	} {
		other := e
		if change(&other); batch.MarkOf(other) == batch.MarkOf(e) {
			t.Errorf("another %s has the same mark", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(mustEncode(f, sampleBatch(0)))
	f.Add(mustEncode(f, sampleBatch(3)))
	f.Add([]byte("(\xb5/\xfd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := batch.Decode(bytes.NewReader(data))
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := batch.Decode(bytes.NewReader(mustEncode(t, b)))
		if err != nil || cmp.Diff(b, again, cmpopts.EquateEmpty()) != "" {
			t.Fatalf("written and read again: %v", err)
		}
	})
}

// FuzzSequence is FuzzDecode without the compression, because random bytes seldom get through it.
func FuzzSequence(f *testing.F) {
	z, err := zstd.NewReader(nil)
	if err != nil {
		f.Fatal(err)
	}
	w, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []int{0, 1, 3} {
		plain, err := z.DecodeAll(mustEncode(f, sampleBatch(n)), nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := batch.Decode(bytes.NewReader(w.EncodeAll(data, nil))); err != nil && errs.KindOf(err) != errs.Invalid {
			t.Fatalf("%v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	in := sampleBatch(10_000)
	size := 0
	for b.Loop() {
		size = len(mustEncode(b, in))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/fact")
	b.ReportMetric(float64(size)/10_000, "B/fact")
}

func BenchmarkDecode(b *testing.B) {
	raw := mustEncode(b, sampleBatch(10_000))
	for b.Loop() {
		if _, err := batch.Decode(bytes.NewReader(raw)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/fact")
}
