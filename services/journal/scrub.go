package journal

import (
	"context"
	"fmt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Scrubbed is the result of Scrub.
type Scrubbed struct {
	Values  int      // values read
	Damaged []string // bucket and key of missing values and of those with a wrong checksum, at most 1,000
}

const maxDamaged = 1000

// Scrub reads every value of the journal and checks it, in short transactions, so that damage
// is found while a backup still has the fact. It is for a quiet hour.
func (j *Journal) Scrub(ctx context.Context) (Scrubbed, error) {
	var s Scrubbed
	for f := range j.scanFacts(0, j.Position()) {
		if err := ctx.Err(); err != nil {
			return s, errs.New("journal.Scrub", errs.Down, err)
		}
		if endsReading(f.err) {
			return s, f.err
		}
		s.Values++
		if f.err != nil {
			s.addDamaged(fmt.Sprintf("facts %d", f.event.Pos))
		}
	}
	for _, bucket := range []string{bucketBox, bucketIndex, bucketStreams, bucketSnapshots, bucketBounds} {
		if err := j.scrubBucket(ctx, bucket, &s); err != nil {
			return s, err
		}
	}
	if len(s.Damaged) > 0 {
		j.log.Error("the journal has damaged values", "count", len(s.Damaged), "first", s.Damaged[0])
	}
	return s, nil
}

func (s *Scrubbed) addDamaged(what string) {
	if len(s.Damaged) < maxDamaged {
		s.Damaged = append(s.Damaged, what)
	}
}

// scrubBucket checks the values of a bucket. A page that makes the transaction fail ends the
// bucket: everything behind it counts as one damage.
func (j *Journal) scrubBucket(ctx context.Context, bucket string, s *Scrubbed) error {
	next := []byte{}
	for next != nil {
		if err := ctx.Err(); err != nil {
			return errs.New("journal.Scrub", errs.Down, err)
		}
		from := next
		err := j.readTx(func(tx *checkedkv.Tx) error {
			next = nil
			b := tx.Bucket([]byte(bucket))
			if b == nil {
				return nil // of a later version: see createMissing
			}
			c := b.Cursor()
			n := 0
			for k, v := c.Seek(from); k != nil; k, v = c.Next() {
				if n++; n > pageLen {
					next = append(next, k...)
					return nil
				}
				s.Values++
				if _, err := verifyChecksum(bucket, k, v); err != nil {
					s.addDamaged(fmt.Sprintf("%s %q", bucket, k))
				}
			}
			return nil
		})
		if endsReading(err) {
			return err
		}
		if err != nil {
			s.addDamaged(fmt.Sprintf("%s, the pages after %q", bucket, from))
			next = nil
		}
	}
	return nil
}
