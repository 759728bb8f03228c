package library

import (
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Layout of the file, of values as services/records keeps them.
//
//	decks    "d_.." -> Deck
//	quizzes  "q_.." -> storedQuiz
//	down     "cursor" -> number of the last item of the cloud that was applied
const (
	bucketDecks   = "decks"
	bucketQuizzes = "quizzes"
	bucketDown    = "down"

	keyCursor = "cursor"
)

var buckets = []string{bucketDecks, bucketQuizzes}

// later buckets are missing in a file of an earlier version, and Open makes them.
var later = []string{bucketDown}

func complete(tx *bbolt.Tx) error {
	for _, name := range later {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

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

// add is put under a new key, unless the bucket holds limit values.
func add(tx *bbolt.Tx, bucket, key string, limit int64, v any) error {
	if int64(tx.Bucket([]byte(bucket)).Stats().KeyN) >= limit {
		return errs.Field("library", bucket, "too_many", limit, "there are %d already; delete some", limit)
	}
	return records.Put(tx, bucket, key, v)
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
	for _, v := range records.All[T](tx, bucket, "", func(err error) {
		l.log.Error("the library holds a damaged value", "kind", bucket, "err", err)
	}) {
		list = append(list, v)
	}
	return list
}
