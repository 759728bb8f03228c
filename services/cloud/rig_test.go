package cloud_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/livelearn/box/services/cloud/cloudtest.(*pgServer).run.func1")) // Postgres ends with the process
}

// memorySink is a simple model of the cloud, and the real sinks are compared with it. It holds
// each fact by its identity, and the watermark moves with the rows.
type memorySink struct {
	mu      sync.Mutex
	facts   map[string]batch.Fact
	arrived int
	marks   map[uint64]cloud.State // by incarnation: Pos and Mark
	dead    []cloud.Dead
	state   cloud.State // part of every State
	puts    []int       // number of facts of each Put

	// before and after may fail an exchange: before it takes effect, or afterwards.
	before, after func(what string) error
	poison        func(batch.Fact) bool
	items         []cloud.Item
}

func newMemorySink() *memorySink {
	nothing := func(string) error { return nil }
	return &memorySink{
		facts: map[string]batch.Fact{}, marks: map[uint64]cloud.State{}, before: nothing, after: nothing,
		poison: func(batch.Fact) bool { return false }, state: cloud.State{Format: batch.Format, School: "Hill School"},
	}
}

func factIdentity(f batch.Fact) string {
	return fmt.Sprintf("%s/%d/%d/%d", f.Stream, f.Epoch, f.Seq, f.Wall)
}

func (r *memorySink) State(_ context.Context, self cloud.Self) (cloud.State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.before("state"); err != nil {
		return cloud.State{}, err
	}
	s := r.state
	mark, known := r.marks[self.Incarnation]
	s.Known, s.Pos, s.Mark = known, mark.Pos, mark.Mark
	s.Dead = slices.Clone(r.dead)
	for n, m := range r.marks {
		if n != self.Incarnation {
			s.Others = append(s.Others, cloud.Past{Incarnation: n, Pos: m.Pos})
		}
	}
	return s, r.after("state")
}

func (r *memorySink) Put(_ context.Context, b *batch.Batch) (cloud.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.before("put"); err != nil {
		return cloud.Receipt{}, err
	}
	mark := r.marks[b.Incarnation]
	if mark.Pos != b.From && !b.Again {
		return cloud.Receipt{}, errs.NewCode("rows", errs.Stale, cloud.CodeMoved, "the watermark is at %d", mark.Pos)
	}
	got := cloud.Receipt{Pos: b.To}
	for _, f := range b.Facts {
		r.arrived++
		switch _, ok := r.facts[factIdentity(f)]; {
		case r.poison(f):
			d := cloud.Dead{Incarnation: b.Incarnation, Pos: f.Pos, Stream: f.Stream, Epoch: f.Epoch, Seq: f.Seq, Kind: f.Kind, Code: "22P05", Text: "unsupported"}
			if !slices.ContainsFunc(r.dead, func(o cloud.Dead) bool { return o.Pos == d.Pos && o.Incarnation == d.Incarnation }) {
				r.dead = append(r.dead, d)
			}
			got.Dead = append(got.Dead, d)
		case ok:
			got.Known++
		default:
			r.facts[factIdentity(f)] = f
			got.Stored++
			r.dead = slices.DeleteFunc(r.dead, func(o cloud.Dead) bool { return o.Pos == f.Pos && o.Incarnation == b.Incarnation })
		}
	}
	r.puts = append(r.puts, len(b.Facts))
	if !b.Again {
		r.marks[b.Incarnation] = cloud.State{Pos: b.To, Mark: b.Mark}
	}
	return got, r.after("put")
}

func (r *memorySink) Pull(_ context.Context, since uint64, most int) (cloud.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := cloud.Page{Next: since}
	for _, it := range r.items {
		switch {
		case it.N <= since:
		case len(p.Items) < most:
			p.Items, p.Next = append(p.Items, it), it.N
		default:
			p.More = true
		}
	}
	return p, r.before("pull")
}

// fakeTransport connects to a sink.
type fakeTransport struct {
	sink   cloud.Sink
	signed *[]ed25519.PrivateKey // keys of the files, in order; may be nil
}

func (w fakeTransport) Join(_ context.Context, link string, self cloud.Self) (cloud.Link, error) {
	return cloud.Link{Way: "https", Where: link, Box: self.Box}, nil
}

func (w fakeTransport) Open(context.Context, cloud.Link) (cloud.Sink, func(), error) {
	return w.sink, func() {}, nil
}

// fakePacker writes to memory.
type fakePacker struct{ *memorySink }

func (p fakePacker) Add(b *batch.Batch) error {
	_, err := p.Put(context.Background(), b)
	return err
}
func (fakePacker) Close() error { return nil }

func (w fakeTransport) Pack(_ io.Writer, _ cloud.Self, key ed25519.PrivateKey) (cloud.Packer, error) {
	if w.signed != nil {
		*w.signed = append(*w.signed, key)
	}
	return fakePacker{w.sink.(*memorySink)}, nil
}

// cloudBox is a box with a journal, a ledger and a link.
type cloudBox struct {
	*cloud.Cloud
	t       testing.TB
	journal *journal.Journal
	ledger  *cloud.Ledger
	clock   *event.Clock
	health  *health.Health
	lists   []cloud.Listing
	ends    []func()
	at      map[string]journal.Cursor
}

// factDefs holds some facts of a lesson.
var factDefs = map[event.Kind]event.Def{
	"quiz.answered": {Kind: "quiz.answered", Cloud: true},
	"chat.said":     {Kind: "chat.said", Cloud: true, FreeText: true, Keep: event.KeepChat},
	"letter.buried": {Kind: "letter.buried", Cloud: true},
	"board.drawn":   {Kind: "board.drawn"},
}

func startBox(t testing.TB, dir string, sink cloud.Sink) *cloudBox {
	t.Helper()
	return startBoxWith(t, dir, cloud.Config{}, fakeTransport{sink: sink})
}

func startBoxWith(t testing.TB, dir string, cfg cloud.Config, way cloud.Transport) *cloudBox {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true, Pace: -1}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &cloudBox{t: t, journal: j, clock: event.NewClock(uint64(time.Now().UnixNano())), health: health.New(nil), at: map[string]journal.Cursor{}}
	for _, d := range cloud.Events() {
		factDefs[d.Kind] = d
	}
	b.ledger = cloud.NewLedger(j, b.clock, log)
	cfg.Path = filepath.Join(dir, "cloud.db")
	b.Cloud, err = cloud.New(cfg, cloud.Deps{
		Journal: j, Ledger: b.ledger, Clock: b.clock, Health: b.health, Transport: way, Down: newEmptyDownlink(),
		Def:     func(k event.Kind) (event.Def, bool) { d, ok := factDefs[k]; return d, ok },
		Box:     func() (string, string, error) { return "b_1", "Room 7", nil },
		Lists:   func() ([]cloud.Listing, error) { return b.lists, nil },
		Report:  func() cloud.Report { return cloud.Report{Version: "1"} },
		Version: "1", Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.startService(j.Serve)
	b.startService(b.ledger.Serve)
	b.startService(b.Serve)
	return b
}

// startService runs a service until the box stops. The last one started stops first.
func (b *cloudBox) startService(serve func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	b.ends = append(b.ends, func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

func (b *cloudBox) stop() {
	b.t.Helper()
	for _, end := range slices.Backward(b.ends) {
		end()
	}
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
	if err := b.journal.Close(); err != nil {
		b.t.Error(err)
	}
}

// writeFacts writes n facts of a kind to a stream.
func (b *cloudBox) writeFacts(stream string, kind event.Kind, n int, data string) {
	b.t.Helper()
	b.writeEach(stream, kind, n, func(int) string { return data })
}

func (b *cloudBox) writeEach(stream string, kind event.Kind, n int, data func(i int) string) {
	b.t.Helper()
	for n > 0 {
		at := b.at[stream]
		if at.Epoch == 0 {
			var err error
			if at, err = b.journal.Raise(context.Background(), stream); err != nil {
				b.t.Fatal(err)
			}
		}
		some := make([]event.Event, 0, 500)
		for i := range min(n, 500) {
			at.Seq++
			some = append(some, event.Event{
				Stream: stream, Epoch: at.Epoch, Seq: at.Seq, Kind: kind, By: fmt.Sprintf("p_%013d", i%30), Stamp: b.clock.Now(), Data: json.RawMessage(data(i)),
			})
		}
		done := make(chan error, 1)
		b.journal.Append(journal.Batch{Stream: stream, Epoch: at.Epoch, Facts: some}, func(err error) { done <- err })
		switch err := <-done; {
		case errs.KindOf(err) == errs.Stale && err != nil:
			at = journal.Cursor{} // a new incarnation, as a room sees it
		case err != nil:
			b.t.Fatal(err)
		default:
			n -= len(some)
		}
		b.at[stream] = at
	}
}

// withLock runs change under the sink's lock.
func (r *memorySink) withLock(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// countFacts returns the number of facts of a kind in the cloud.
func (r *memorySink) countFacts(kind string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.facts {
		if f.Kind == kind {
			n++
		}
	}
	return n
}
