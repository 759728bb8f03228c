// Package checkedkv opens bbolt databases with care and keeps checked values in them.
// The journal, the roster, the library and the link to the cloud share it.
//
// Promises
//   - OpenDB checks the pages of a file before bbolt maps it. A damaged file is renamed,
//     never deleted, and a new one is made, so the box starts.
//   - A power cut leaves the old file or the new one at each step: a new database, a
//     compaction, a restore and ReplaceFile become visible by one rename.
//   - Get and ReadAll never return a damaged value. Each value carries a checksum, and a
//     damaged one leaves the others readable.
//   - With a Sealer, each value is encrypted alone, below its checksum. Values from before stay
//     readable, and become sealed when they are written again or the file is copied (CompactNext).
//     Checks, salvage and copies need no key. A backup holds opened values.
//
// Files in the folder of a database at path: path.check (the next OpenDB checks every
// page), path.shrink (the next OpenDB copies the file), path.damaged-<UTC time> and
// path.replaced-<UTC time> (kept for people), and for a moment path.new, path.compact,
// path.restore and path.backup-<n>.
package checkedkv

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"hash/crc32"
	"iter"
	"strings"
	"syscall"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// NewID returns 64 random bits as text. The prefix says which kind of thing has the id.
func NewID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:13]) }

// A stored value is JSON, or JSON that is sealed (package seal), and then a CRC-32C (RFC 3720,
// appendix B.4), big-endian, over bucket, 0, key, 0 and the bytes before it.
const sumLen = 4

func computeChecksum(bucket, key string, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // shared by all callers
	sum := crc32.Checksum([]byte(bucket+"\x00"+key+"\x00"), table)
	return crc32.Update(sum, table, data)
}

// CreateBuckets creates the buckets that do not exist.
func CreateBuckets(tx *Tx, names ...string) error {
	for _, name := range names {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// CheckBuckets returns errs.Corrupt if a bucket does not exist.
func CheckBuckets(tx *Tx, names ...string) error {
	for _, name := range names {
		if tx.Bucket([]byte(name)) == nil {
			return errs.Newf("records", errs.Corrupt, "bucket %s is missing", name)
		}
	}
	return nil
}

// Get reads one value. errs.Missing: it does not exist. errs.Corrupt: it is damaged.
func Get[T any](tx *Tx, bucket, key string) (T, error) {
	var v T
	raw := tx.Bucket([]byte(bucket)).Get([]byte(key))
	if raw == nil {
		return v, errs.NewCode("records", errs.Missing, "missing", "no such entry in %s", bucket)
	}
	return v, Decode(tx.sealer, bucket, key, raw, &v)
}

// Decode reads a value that Encode made, or one that is not sealed. errs.Corrupt: it is damaged, or
// sealed with another key (code key_missing).
func Decode(s *seal.Sealer, bucket, key string, raw []byte, v any) error {
	data, ok := splitChecksum(bucket, []byte(key), raw)
	if !ok {
		return errs.Newf("records", errs.Corrupt, "a value in %s has a wrong checksum", bucket)
	}
	if seal.IsSealed(data) {
		var err error
		if data, err = s.Open(nil, data, seal.JoinPlace(nil, bucket, []byte(key))); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(data, v); err != nil {
		return errs.Newf("records", errs.Corrupt, "a value in %s: %w", bucket, err)
	}
	return nil
}

// Put writes one value in place of an existing one.
func Put(tx *Tx, bucket, key string, v any) error {
	raw, err := Encode(tx.sealer, bucket, key, v)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), raw)
}

// Add writes one value under a new key, unless the bucket holds limit values.
func Add(tx *Tx, bucket, key string, limit int64, v any) error {
	if int64(tx.Bucket([]byte(bucket)).Stats().KeyN) >= limit {
		return errs.NewField("records", bucket, "too_many", limit, "there are %d already; delete some", limit)
	}
	return Put(tx, bucket, key, v)
}

// Delete deletes one value. errs.Missing: it does not exist.
func Delete(tx *Tx, bucket, key string) error {
	b := tx.Bucket([]byte(bucket))
	if b.Get([]byte(key)) == nil {
		return errs.NewCode("records", errs.Missing, "missing", "no such entry in %s", bucket)
	}
	return b.Delete([]byte(key))
}

// Encode returns the bytes that are stored for v under a key: sealed, unless s is nil, and with their
// checksum.
func Encode(s *seal.Sealer, bucket, key string, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, errs.New("records", errs.Internal, err)
	}
	return appendSealed(s, bucket, []byte(key), data), nil
}

// ReadAll yields every value of a bucket with a key that begins with prefix, by key. Damaged
// ones are left out, and damaged is called for each. The bucket must not change meanwhile.
func ReadAll[T any](tx *Tx, bucket, prefix string, damaged func(error)) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, raw := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, raw = c.Next() {
			var v T
			if err := Decode(tx.sealer, bucket, string(k), raw, &v); err != nil {
				damaged(err)
				continue
			}
			if !yield(string(k), v) {
				return
			}
		}
	}
}

// WrapError prepares an error of a transaction for the caller of the caller: an error that is
// not an *errs.Error is a fault of the disk (errs.Down).
func WrapError(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	e := errs.New(op, errs.Down, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e.Code = "disk_full"
	}
	return e
}
