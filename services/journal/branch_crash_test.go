package journal

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
)

const copiedBase = 10 // the copies of a child begin after this seq

func isCopied(stream string) bool { return strings.HasPrefix(stream, "copy:") }

// copier is a child's standby of one stream: it takes copies, is cut where another box went on, and
// takes over.
type copier struct {
	journal *Journal
	stream  string
	at      Cursor
	own     bool   // the epoch is of this box
	top     uint64 // the highest epoch
	steps   int
}

func newCopier(j *Journal, n int) (*copier, error) {
	c := &copier{journal: j, stream: fmt.Sprintf("copy:%d", n), steps: rand.IntN(12)}
	s, err := j.StreamState(c.stream)
	c.at, c.top = s.At, s.At.Epoch
	for _, e := range s.Ends {
		c.top = max(c.top, e.Epoch)
	}
	if c.at.Epoch == 0 {
		c.at.Seq = copiedBase
	}
	c.next()
	return c, err
}

// next is a new epoch of another box.
func (c *copier) next() {
	c.top += 1 + rand.Uint64N(9)
	c.at.Epoch, c.own = c.top, false
}

// step does one thing and prints what was acknowledged. A cut is announced: from then on the facts
// behind it may be gone.
func (c *copier) step() (err error) {
	ctx := context.Background()
	switch c.steps++; {
	case c.steps%6 == 5 && c.at.Seq > copiedBase+4:
		seq := c.at.Seq - rand.Uint64N(5)
		printLine("cutting %s %d", c.stream, seq)
		if err = c.journal.CutStream(ctx, c.stream, seq); err != nil {
			return err
		}
		printLine("cut %s %d", c.stream, seq)
		c.at.Seq = seq
		c.next()
	case c.steps%12 == 9 && c.at.Seq > copiedBase:
		if c.at, err = c.journal.TakeOver(ctx, c.stream); err != nil {
			return err
		}
		printLine("taken %s %d", c.stream, c.at.Epoch)
		c.top, c.own = c.at.Epoch, true
	case c.own && c.steps%12 == 0:
		c.next()
	default:
		return c.write(uint64(1 + c.steps%4))
	}
	return nil
}

// write appends n facts, or takes copies of them.
func (c *copier) write(n uint64) error {
	var facts []event.Event
	for seq := c.at.Seq + 1; seq <= c.at.Seq+n; seq++ {
		facts = append(facts, testFact(c.stream, c.at.Epoch, seq))
	}
	hand := c.journal.AppendCopies
	if c.own {
		hand = c.journal.Append
	}
	results := make(chan error, 1)
	hand(Batch{Stream: c.stream, Epoch: c.at.Epoch, Facts: facts}, func(err error) { results <- err })
	if err := <-results; err != nil {
		return fmt.Errorf("%s: facts after %+v: %w", c.stream, c.at, err)
	}
	printLine("copied %s %d %d %d", c.stream, c.at.Epoch, c.at.Seq+1, c.at.Seq+n)
	c.at.Seq += n
	return nil
}

// acked is what a child reported as acknowledged.
type acked struct {
	facts  ackedFacts
	copies map[string]*ackedCopies
}

func newAcked() acked { return acked{make(ackedFacts), make(map[string]*ackedCopies)} }

func (a acked) read(line string) error {
	if strings.HasPrefix(line, "ack ") {
		return a.facts.read(line)
	}
	var what, stream string
	if _, err := fmt.Sscan(line, &what, &stream); err != nil {
		return err
	}
	if a.copies[stream] == nil {
		a.copies[stream] = &ackedCopies{seqs: make(map[uint64]uint64), cut: make(map[uint64]uint64)}
	}
	return a.copies[stream].read(what, line)
}

// countCuts counts the cuts that were acknowledged, and the streams that this box took over.
func (a acked) countCuts() (cuts, taken int) {
	for _, c := range a.copies {
		if cuts += c.cuts; c.taken > 0 {
			taken++
		}
	}
	return cuts, taken
}

func (a acked) check(j *Journal) error {
	if err := a.facts.check(j); err != nil {
		return err
	}
	for stream, c := range a.copies {
		if err := c.check(j, stream); err != nil {
			return fmt.Errorf("%s: %w", stream, err)
		}
	}
	return nil
}

// ackedCopies is what a child reported about a copied stream.
type ackedCopies struct {
	seqs  map[uint64]uint64 // seq, epoch: must be there
	doubt map[uint64]uint64 // behind a cut that was announced: may be there
	cut   map[uint64]uint64 // epoch, seq: nothing behind it may be there
	taken uint64            // the highest epoch of a takeover
	cuts  int               // that were acknowledged
}

func (a *ackedCopies) read(what, line string) error {
	var stream string
	var first, second, third uint64
	switch what {
	case "copied":
		if _, err := fmt.Sscanf(line, "copied %s %d %d %d", &stream, &first, &second, &third); err != nil {
			return err
		}
		for seq := second; seq <= third; seq++ {
			if before, twice := a.seqs[seq]; twice {
				return fmt.Errorf("%s %d was acknowledged in epoch %d and %d", stream, seq, before, first)
			}
			a.seqs[seq] = first
		}
	case "cutting":
		if _, err := fmt.Sscanf(line, "cutting %s %d", &stream, &first); err != nil {
			return err
		}
		a.doubt = make(map[uint64]uint64)
		maps.DeleteFunc(a.seqs, func(seq, epoch uint64) bool {
			if seq > first {
				a.doubt[seq] = epoch
			}
			return seq > first
		})
	case "cut":
		if _, err := fmt.Sscanf(line, "cut %s %d", &stream, &first); err != nil {
			return err
		}
		a.cuts++
		for _, epoch := range a.doubt {
			a.cut[epoch] = first
		}
	case "taken":
		if _, err := fmt.Sscanf(line, "taken %s %d", &stream, &first); err != nil {
			return err
		}
		if first <= a.taken {
			return fmt.Errorf("%s: took over with epoch %d after %d", stream, first, a.taken)
		}
		a.taken = first
	default:
		return fmt.Errorf("the child said %q", line)
	}
	return nil
}

// check compares a copied stream with what was acknowledged: each fact is there, unaltered and in
// its place, none of those that were cut off is, and every way to read agrees.
func (a *ackedCopies) check(j *Journal, stream string) error {
	s, err := j.StreamState(stream)
	if err != nil {
		return err
	}
	if s.At.Epoch == 0 && len(a.seqs) == 0 {
		return nil
	}
	facts, err := j.Since(stream, 0, 0)
	if err != nil || s.Base != copiedBase || uint64(len(facts)) != s.At.Seq-s.Base {
		return fmt.Errorf("%d facts, stands at %+v: %w", len(facts), s, err)
	}
	for i, e := range facts {
		want := testFact(stream, e.Epoch, s.Base+uint64(i)+1)
		if want.Pos = e.Pos; !sameFact(want, e) {
			return fmt.Errorf("altered: %s", cmp.Diff(want, e))
		}
		if epoch, ok := a.seqs[e.Seq]; ok && epoch != e.Epoch {
			return fmt.Errorf("seq %d was acknowledged in epoch %d and is of epoch %d", e.Seq, epoch, e.Epoch)
		}
		if end, ok := a.cut[e.Epoch]; ok && e.Seq > end {
			return fmt.Errorf("seq %d of epoch %d was cut off at %d and is there", e.Seq, e.Epoch, end)
		}
	}
	if seqs := slices.Sorted(maps.Keys(a.seqs)); len(seqs) > 0 && seqs[len(seqs)-1] > s.At.Seq {
		return fmt.Errorf("seq %d was acknowledged, the last on disk is %d", seqs[len(seqs)-1], s.At.Seq)
	}
	h, err := j.headOf(nil, stream)
	if err != nil {
		return err
	}
	refs, err := j.searchFacts(stream, 0, h)
	if err != nil || !slices.EqualFunc(refs, facts, func(r factRef, e event.Event) bool { return r.seq == e.Seq && r.pos == e.Pos }) {
		return fmt.Errorf("%d facts by search, %d by the index: %w", len(refs), len(facts), err)
	}
	return nil
}
