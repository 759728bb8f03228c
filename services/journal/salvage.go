package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/seal"
)

// savedValues says which values of a damaged journal are kept. The index is made again from the
// facts.
func savedValues() *checkedkv.Values {
	return &checkedkv.Values{
		Buckets: []string{bucketFacts, bucketStreams, bucketSnapshots, bucketBounds, bucketBox},
		Check: func(bucket string, key, value []byte) bool {
			_, err := verifyChecksum(bucket, key, value)
			return err == nil && (bucket != bucketFacts || len(key) == 8)
		},
		Prefer: isNewer,
		Recode: recode,
		Log:    bucketFacts,
		Finish: func(tx *checkedkv.Tx) error { return tx.Bucket([]byte(bucketBox)).Delete([]byte(keyCheckpoint)) },
	}
}

// isNewer compares two whole values of one key, which lie on pages whose order is lost. A fact
// that was erased is shorter.
func isNewer(bucket string, first, second []byte) bool {
	if bucket == bucketFacts {
		return plainLen(second) < plainLen(first)
	}
	return readAge(second) > readAge(first)
}

// readAge is the epoch of a stream's record, and of a snapshot, and the number of changes of
// bounds. They begin with it.
func readAge(value []byte) uint64 {
	d := decoder{rest: string(value)}
	d.readByte()
	return d.readUvarint()
}

// copiesOf lists the copies of the sealed part of a journal, oldest first.
func copiesOf(path string) []string {
	list, _ := filepath.Glob(filepath.Join(path+suffixCopies, "*.facts")) // a bad pattern finds nothing
	slices.Sort(list)
	return list
}

const (
	suffixCopies = ".copies" // the folder of the copies
	copyLen      = 1024      // facts of one copy
)

func copyName(n uint64) string { return fmt.Sprintf("%012d.facts", n) }

// CopySealed writes copies of the facts to a folder next to the database, 1,024 facts in a file,
// for the next Open that finds damage. A file that is there and whole is not written again. Facts
// after the last full file are in no copy.
func (j *Journal) CopySealed() error {
	dir := j.cfg.Path + suffixCopies
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errs.New("journal.CopySealed", errs.Down, err)
	}
	for n := uint64(0); (n+1)*copyLen <= j.Position(); n++ {
		name := filepath.Join(dir, copyName(n))
		if checkedkv.IsWholeCopy(name) && j.isSealedAlike(name, n*copyLen+1) {
			continue
		}
		if room, err := checkedkv.DiskFree(name); err != nil || room < 2*j.cfg.Ballast {
			return errs.NewCode("journal.CopySealed", errs.Down, "disk_full", "the disk has no room for copies of the journal")
		}
		err := checkedkv.CopyRange(j.db, name, []string{bucketFacts}, factKey(n*copyLen+1), factKey((n+1)*copyLen+1))
		if err != nil {
			return err
		}
	}
	return nil
}

// isSealedAlike reports whether the first fact of a copy is sealed if that fact is in the database. It
// is not in the copies from before the journal was sealed.
func (j *Journal) isSealedAlike(name string, first uint64) bool {
	alike := false
	err := j.readTx(func(tx *checkedkv.Tx) error {
		alike = checkedkv.FirstOfCopy(name, seal.IsSealed) == seal.IsSealed(tx.Bucket([]byte(bucketFacts)).Get(factKey(first)))
		return nil
	})
	return err == nil && alike
}

// dropCopiesOf deletes the copies that hold facts. CopySealed makes them again.
func (j *Journal) dropCopiesOf(facts []event.Event) error {
	for _, e := range facts {
		name := filepath.Join(j.cfg.Path+suffixCopies, copyName((e.Pos-1)/copyLen))
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errs.New("journal.Rewrite", errs.Down, err)
		}
	}
	return nil
}

// ZeroFree overwrites the free pages of the file: nothing that was rewritten is in it afterwards.
func (j *Journal) ZeroFree() error { return checkedkv.ZeroFree(j.db) }

// describeMissing says which facts a saved journal lacks, in words for an admin.
func (j *Journal) describeMissing() string {
	var gaps []string
	var count, from, last uint64
	var before, after int64
	for f := range j.scanFacts(0, j.position) {
		switch {
		case f.err == nil && from > 0:
			after = f.event.Stamp.Wall
			gaps = append(gaps, describeGap(from, last, before, after))
			from, before = 0, f.event.Stamp.Wall
		case f.err == nil:
			before = f.event.Stamp.Wall
		default:
			count++
			if last = f.event.Pos; from == 0 {
				from = last
			}
		}
	}
	if from > 0 {
		gaps = append(gaps, describeGap(from, last, before, 0))
	}
	if count == 0 {
		return ""
	}
	const shown = 5
	text := fmt.Sprintf("%d of %d facts: %s", count, j.position, strings.Join(gaps[:min(shown, len(gaps))], "; "))
	if len(gaps) > shown {
		text += fmt.Sprintf("; and %d more gaps", len(gaps)-shown)
	}
	return text
}

func describeGap(from, to uint64, before, after int64) string {
	text := fmt.Sprintf("%d to %d", from, to)
	if before > 0 {
		text += ", after " + describeTime(before)
	}
	if after > 0 {
		text += ", before " + describeTime(after)
	}
	return text
}

func describeTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04 UTC") }
