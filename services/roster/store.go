package roster

import (
	"iter"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/records"
)

// Layout of the file, of values as services/records keeps them.
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
//	passes   SHA-256 of a token -> Pass
//	down     "cursor"           -> number of the last item of the cloud that was applied
//	down     "class/" cloud id  -> id of the class that it is here
const (
	bucketMeta    = "meta"
	bucketStaff   = "staff"
	bucketClasses = "classes"
	bucketLessons = "lessons"
	bucketOpen    = "open"
	bucketSeats   = "seats"
	bucketTokens  = "tokens"
	bucketCards   = "cards"
	bucketPasses  = "passes"
	bucketDown    = "down"

	keyBox      = "box"
	keySettings = "settings"
	keyCursor   = "cursor"
)

var buckets = []string{bucketMeta, bucketStaff, bucketClasses, bucketLessons, bucketOpen, bucketSeats, bucketTokens}

// later buckets are missing in a file of an earlier version, and Open makes them.
var later = []string{bucketCards, bucketPasses, bucketDown}

func remove(tx *bbolt.Tx, bucket, key string) error {
	return tx.Bucket([]byte(bucket)).Delete([]byte(key))
}

// all gives every value of a bucket whose key begins with prefix, by key. Damaged ones
// are left out and logged. The bucket must not change meanwhile: see keysOf.
func all[T any](r *Roster, tx *bbolt.Tx, bucket, prefix string) iter.Seq2[string, T] {
	return records.All[T](tx, bucket, prefix, func(err error) {
		r.log.Error("the roster holds a damaged value", "kind", bucket, "err", err)
	})
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
