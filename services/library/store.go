package library

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// Layout of the file: each value is JSON and then a CRC-32C over bucket, key and JSON.
//
//	decks    "d_.." -> Deck
//	quizzes  "q_.." -> item.Quiz
const (
	bucketDecks   = "decks"
	bucketQuizzes = "quizzes"
)

var buckets = []string{bucketDecks, bucketQuizzes}

const sumLen = 4

func initialise(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// usable tells whether a database that opened is a library.
func usable(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if tx.Bucket([]byte(name)) == nil {
			return errs.Newf("library", errs.Corrupt, "bucket %s is missing", name)
		}
	}
	return nil
}

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
		return v, errs.Code("library", errs.Missing, "missing", "no such entry in %s", bucket)
	}
	return v, decode(bucket, key, raw, &v)
}

func decode(bucket, key string, raw []byte, v any) error {
	n := len(raw) - sumLen
	if n < 0 || binary.BigEndian.Uint32(raw[n:]) != checksum(bucket, key, raw[:n]) {
		return errs.Newf("library", errs.Corrupt, "a value in %s has a wrong checksum", bucket)
	}
	if err := json.Unmarshal(raw[:n], v); err != nil {
		return errs.Newf("library", errs.Corrupt, "a value in %s: %w", bucket, err)
	}
	return nil
}

func put(tx *bbolt.Tx, bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return errs.New("library", errs.Internal, err)
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), binary.BigEndian.AppendUint32(data, checksum(bucket, key, data)))
}

// add is put under a new key, unless the bucket holds limit values.
func add(tx *bbolt.Tx, bucket, key string, limit int64, v any) error {
	if int64(tx.Bucket([]byte(bucket)).Stats().KeyN) >= limit {
		return errs.Field("library", bucket, "too_many", limit, "there are %d already; delete some", limit)
	}
	return put(tx, bucket, key, v)
}

func remove(tx *bbolt.Tx, bucket, key string) error {
	b := tx.Bucket([]byte(bucket))
	if b.Get([]byte(key)) == nil {
		return errs.Code("library", errs.Missing, "missing", "no such entry in %s", bucket)
	}
	return b.Delete([]byte(key))
}

// all gives every value of a bucket. Damaged ones are left out and logged.
func all[T any](l *Library, tx *bbolt.Tx, bucket string) []T {
	list := []T{}
	c := tx.Bucket([]byte(bucket)).Cursor()
	for k, raw := c.First(); k != nil; k, raw = c.Next() {
		var v T
		if err := decode(bucket, string(k), raw, &v); err != nil {
			l.log.Error("the library holds a damaged value", "kind", bucket, "err", err)
			continue
		}
		list = append(list, v)
	}
	return list
}
