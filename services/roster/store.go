package roster

import (
	"iter"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
)

// Layout of the file, of values as services/checkedkv keeps them.
//
//	meta     "box"              -> storedBox
//	meta     "settings"         -> storedSettings; none: the defaults
//	meta     "list-columns"     -> list of storedColumns, the latest first
//	staff    "t_.."             -> storedStaff
//	classes  "c_.."             -> Class, its pupils included
//	lessons  "l_.."             -> storedLesson, ended ones too
//	open     class id           -> id of its open lesson
//	seats    lesson id/pupil id -> SHA-256 of the token of the device that has the name
//	tokens   SHA-256 of a token -> storedToken
//	cards    class id/pupil id  -> the key on the pupil's card
//	cards    a card's key       -> storedCard
//	passes   SHA-256 of a token -> Pass
//	waiting  lesson id/pupil id/request id -> storedWaiting, a device in the lobby that asks for the name
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
	bucketWaiting = "waiting"

	keyBox      = "box"
	keySettings = "settings"
	keyCursor   = "cursor"

	keyListColumns = "list-columns"
)

var buckets = []string{bucketMeta, bucketStaff, bucketClasses, bucketLessons, bucketOpen, bucketSeats, bucketTokens}

// laterBuckets are missing in a file of an earlier version. Open creates them.
var laterBuckets = []string{bucketCards, bucketPasses, bucketDown, bucketWaiting}

func allBuckets() []string { return append(slices.Clone(buckets), laterBuckets...) }

func deleteKey(tx *checkedkv.Tx, bucket, key string) error {
	return tx.Bucket([]byte(bucket)).Delete([]byte(key))
}

// allValues iterates over the values of a bucket with a key prefix, in the order of keys. It
// leaves damaged ones out and logs them. The bucket must not change during the iteration: see
// collectValues.
func allValues[T any](r *Roster, tx *checkedkv.Tx, bucket, prefix string) iter.Seq2[string, T] {
	return checkedkv.ReadAll[T](tx, bucket, prefix, func(err error) {
		r.log.Error("the roster holds a damaged value", "kind", bucket, "err", err)
	})
}

// collectValues returns the result of allValues as slices, for callers that change the bucket.
func collectValues[T any](r *Roster, tx *checkedkv.Tx, bucket, prefix string) (keys []string, values []T) {
	for k, v := range allValues[T](r, tx, bucket, prefix) {
		keys, values = append(keys, k), append(values, v)
	}
	return keys, values
}

// countKeys returns the number of values in a bucket.
func countKeys(tx *checkedkv.Tx, bucket string) int { return tx.Bucket([]byte(bucket)).Stats().KeyN }
