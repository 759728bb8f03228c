package library

import (
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/deck"
)

// Layout of the file, of values as services/checkedkv keeps them.
//
//	decks    of package deck
//	quizzes  "q_.." -> storedQuiz
//	down     "cursor" -> number of the last item of the cloud that was applied
const (
	bucketQuizzes = "quizzes"
	bucketDown    = "down"

	keyCursor = "cursor"
)

var buckets = []string{deck.Bucket, bucketQuizzes}

// laterBuckets are missing in a file of an earlier version. Open creates them.
var laterBuckets = []string{bucketDown}

func allBuckets() []string { return append(slices.Clone(buckets), laterBuckets...) }

func createBuckets(tx *checkedkv.Tx) error { return checkedkv.CreateBuckets(tx, buckets...) }

func createLaterBuckets(tx *checkedkv.Tx) error { return checkedkv.CreateBuckets(tx, laterBuckets...) }

// checkBuckets returns errs.Corrupt if an open database is not a library.
func checkBuckets(tx *checkedkv.Tx) error { return checkedkv.CheckBuckets(tx, buckets...) }

// allValues returns the values of a bucket. It leaves damaged ones out and logs them.
func allValues[T any](l *Library, tx *checkedkv.Tx, bucket string) []T {
	list := []T{}
	for _, v := range checkedkv.ReadAll[T](tx, bucket, "", func(err error) {
		l.log.Error("the library holds a damaged value", "kind", bucket, "err", err)
	}) {
		list = append(list, v)
	}
	return list
}
