package roster

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// Layout of the file: each value is JSON and then a CRC-32C over bucket, key and JSON.
//
//	meta     "box"              -> storedBox
//	meta     "settings"         -> storedSettings; none: the defaults
//	staff    "t_.."             -> storedStaff
//	classes  "c_.."             -> Class, its pupils included
//	lessons  "l_.."             -> storedLesson, ended ones too
//	open     class id           -> id of its open lesson
//	seats    lesson id/pupil id -> SHA-256 of the token of the device that has the name
//	tokens   SHA-256 of a token -> storedToken
//	cards    class id/pupil id  -> the key on the pupil's card
//	cards    a card's key       -> storedCard
const (
	bucketMeta    = "meta"
	bucketStaff   = "staff"
	bucketClasses = "classes"
	bucketLessons = "lessons"
	bucketOpen    = "open"
	bucketSeats   = "seats"
	bucketTokens  = "tokens"
	bucketCards   = "cards"

	keyBox      = "box"
	keySettings = "settings"
)

var buckets = []string{bucketMeta, bucketStaff, bucketClasses, bucketLessons, bucketOpen, bucketSeats, bucketTokens}

// later buckets are missing in a file of an earlier version, and Open makes them.
var later = []string{bucketCards}

const sumLen = 4

func checksum(bucket, key string, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // shared by all callers
	sum := crc32.Checksum([]byte(bucket+"\x00"+key+"\x00"), table)
	return crc32.Update(sum, table, data)
}

// get reads one value. errs.Missing: there is none; errs.Corrupt: it is damaged.
func get[T any](tx *bbolt.Tx, bucket, key string) (T, error) {
	var v T
	raw := tx.Bucket([]byte(bucket)).Get([]byte(key))
	if raw == nil {
		return v, errs.Code("roster", errs.Missing, "missing", "no such entry in %s", bucket)
	}
	return v, decode(bucket, key, raw, &v)
}

func decode(bucket, key string, raw []byte, v any) error {
	n := len(raw) - sumLen
	if n < 0 || binary.BigEndian.Uint32(raw[n:]) != checksum(bucket, key, raw[:n]) {
		return errs.Newf("roster", errs.Corrupt, "a value in %s has a wrong checksum", bucket)
	}
	if err := json.Unmarshal(raw[:n], v); err != nil {
		return errs.Newf("roster", errs.Corrupt, "a value in %s: %w", bucket, err)
	}
	return nil
}

func put(tx *bbolt.Tx, bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return errs.New("roster", errs.Internal, err)
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), binary.BigEndian.AppendUint32(data, checksum(bucket, key, data)))
}

func remove(tx *bbolt.Tx, bucket, key string) error {
	return tx.Bucket([]byte(bucket)).Delete([]byte(key))
}

// all gives every value of a bucket whose key begins with prefix, by key. Damaged ones
// are left out and logged. The bucket must not change meanwhile: see keysOf.
func all[T any](r *Roster, tx *bbolt.Tx, bucket, prefix string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, raw := c.Seek([]byte(prefix)); k != nil && len(k) >= len(prefix) && string(k[:len(prefix)]) == prefix; k, raw = c.Next() {
			var v T
			if err := decode(bucket, string(k), raw, &v); err != nil {
				r.log.Error("the roster holds a damaged value", "kind", bucket, "err", err)
				continue
			}
			if !yield(string(k), v) {
				return
			}
		}
	}
}

// collect is all as a slice, for callers that change the bucket.
func collect[T any](r *Roster, tx *bbolt.Tx, bucket, prefix string) (keys []string, values []T) {
	for k, v := range all[T](r, tx, bucket, prefix) {
		keys, values = append(keys, k), append(values, v)
	}
	return keys, values
}

// count is how many values a bucket has.
func count(tx *bbolt.Tx, bucket string) int { return tx.Bucket([]byte(bucket)).Stats().KeyN }
