// Package records keeps values in bbolt as JSON, each with a checksum: a bit that flips on
// a card is found where it is read, and one damaged value does not take the others with it.
package records

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"iter"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// A stored value is JSON and then a CRC-32C (RFC 3720, appendix B.4), big-endian, over
// bucket, 0, key, 0 and the JSON.
const sumLen = 4

func checksum(bucket, key string, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // shared by all callers
	sum := crc32.Checksum([]byte(bucket+"\x00"+key+"\x00"), table)
	return crc32.Update(sum, table, data)
}

// Get reads one value. errs.Missing: there is none; errs.Corrupt: it is damaged.
func Get[T any](tx *bbolt.Tx, bucket, key string) (T, error) {
	var v T
	raw := tx.Bucket([]byte(bucket)).Get([]byte(key))
	if raw == nil {
		return v, errs.Code("records", errs.Missing, "missing", "no such entry in %s", bucket)
	}
	return v, decode(bucket, key, raw, &v)
}

func decode(bucket, key string, raw []byte, v any) error {
	n := len(raw) - sumLen
	if n < 0 || binary.BigEndian.Uint32(raw[n:]) != checksum(bucket, key, raw[:n]) {
		return errs.Newf("records", errs.Corrupt, "a value in %s has a wrong checksum", bucket)
	}
	if err := json.Unmarshal(raw[:n], v); err != nil {
		return errs.Newf("records", errs.Corrupt, "a value in %s: %w", bucket, err)
	}
	return nil
}

// Put writes one value in place of any that is there.
func Put(tx *bbolt.Tx, bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return errs.New("records", errs.Internal, err)
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), binary.BigEndian.AppendUint32(data, checksum(bucket, key, data)))
}

// All gives every value of a bucket whose key begins with prefix, by key. Damaged ones
// are left out, and damaged is told of each. The bucket must not change meanwhile.
func All[T any](tx *bbolt.Tx, bucket, prefix string, damaged func(error)) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, raw := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, raw = c.Next() {
			var v T
			if err := decode(bucket, string(k), raw, &v); err != nil {
				damaged(err)
				continue
			}
			if !yield(string(k), v) {
				return
			}
		}
	}
}

// Fault is an error of a transaction as its caller's caller may see it: one that is not
// ours is of the disk.
func Fault(op string, err error) error {
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
