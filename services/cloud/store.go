package cloud

import (
	"cmp"
	"log/slog"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/records"
)

// Link is where a box brings its facts, and what lets it in.
type Link struct {
	Way    string // "https", "postgres" or "stick"
	Box    string // id of this box
	Where  string // host, for people
	URL    string // for postgres with its password: never shown
	Pin    string // base64url of the SHA-256 of the cloud's public key; empty: the machine's roots decide
	Key    []byte // the box's own key, an Ed25519 seed (RFC 8032); empty for the other ways
	School string
}

// Layout of cloud.db, of values as services/records keeps them. It is in no backup: a box
// that is made of one gets a key of its own.
//
//	link "link"                 -> Link
//	link "seen"                 -> seen
//	dead incarnation/position   -> Dead of the cloud's
//	own  incarnation/position   -> Dead that never reached it
//	note number                 -> Note
//	told class id               -> what Listing was told last, as a sum
const (
	bucketLink = "link"
	bucketDead = "dead"
	bucketOwn  = "own"
	bucketNote = "note"
	bucketTold = "told"

	keyLink = "link"
	keySeen = "seen"

	maxNotes = 50
)

// seen is what the cloud said last. It is a cache for the page and for days without a link.
type seen struct {
	Incarnation uint64
	Pos         uint64
	Policy      Policy
	School      string
	Last        int64    // milliseconds since 1970
	Mine        []uint64 // incarnations that this box had
	Copies      []uint64 // those of others that bear its id
	Twins       int      // boxes of the school with the same name
}

type store struct {
	db  *bbolt.DB
	log *slog.Logger
}

func openStore(path string, log *slog.Logger) (*store, error) {
	opts := journal.DBOptions{InitialMmap: 4 << 20, Init: buckets, Ready: func(tx *bbolt.Tx) error { return nil }}
	db, found, err := journal.OpenDB(path, opts, log)
	if err != nil {
		return nil, err
	}
	if found.SetAside != "" {
		log.Error("the link to the cloud was damaged and is forgotten: link the box again", "err", found.Reason)
	}
	s := &store{db, log}
	return s, s.update("cloud.Open", buckets)
}

func buckets(tx *bbolt.Tx) error {
	for _, name := range []string{bucketLink, bucketDead, bucketOwn, bucketNote, bucketTold} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) view(op string, fn func(*bbolt.Tx) error) error {
	return records.Fault(op, s.db.View(fn))
}

func (s *store) update(op string, fn func(*bbolt.Tx) error) error {
	return records.Fault(op, s.db.Update(fn))
}

// load reads a value; what is missing or damaged is the zero value.
func load[T any](s *store, bucket, key string) (v T) {
	err := s.view("cloud", func(tx *bbolt.Tx) (err error) {
		v, err = records.Get[T](tx, bucket, key)
		return err
	})
	if err != nil {
		var zero T
		return zero
	}
	return v
}

func (s *store) put(bucket, key string, v any) error {
	return s.update("cloud", func(tx *bbolt.Tx) error { return records.Put(tx, bucket, key, v) })
}

// forget empties what belongs to a link.
func (s *store) forget() error {
	return s.update("cloud.Leave", func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketLink, bucketDead, bucketOwn, bucketTold} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return buckets(tx)
	})
}

// deadKey sorts by incarnation and position.
func deadKey(incarnation, pos uint64) string {
	const digits = "00000000000000000000"
	n := strconv.FormatUint(pos, 10)
	return strconv.FormatUint(incarnation, 16) + "/" + digits[len(n):] + n
}

// dead are the dead letters that wait, oldest first: those of the cloud, and the box's own.
func (s *store) dead() []Dead {
	list := []Dead{}
	_ = s.view("cloud", func(tx *bbolt.Tx) error { // what cannot be read was logged
		for _, bucket := range []string{bucketDead, bucketOwn} {
			for _, d := range records.All[Dead](tx, bucket, "", s.damaged) {
				list = append(list, d)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Dead) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Pos, b.Pos)) })
	return list
}

func (s *store) damaged(err error) { s.log.Error("cloud.db holds a damaged value", "err", err) }

// setDead takes the cloud's list in place of the one that is there.
func (s *store) setDead(list []Dead) error {
	return s.update("cloud", func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte(bucketDead)); err != nil {
			return err
		}
		if err := buckets(tx); err != nil {
			return err
		}
		return putDead(tx, bucketDead, list)
	})
}

func (s *store) addDead(bucket string, list ...Dead) error {
	if len(list) == 0 {
		return nil
	}
	return s.update("cloud", func(tx *bbolt.Tx) error { return putDead(tx, bucket, list) })
}

func putDead(tx *bbolt.Tx, bucket string, list []Dead) error {
	for _, d := range list {
		if err := records.Put(tx, bucket, deadKey(d.Incarnation, d.Pos), d); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) dropDead(incarnation, pos uint64) error {
	return s.update("cloud", func(tx *bbolt.Tx) error {
		key := []byte(deadKey(incarnation, pos))
		if err := tx.Bucket([]byte(bucketDead)).Delete(key); err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketOwn)).Delete(key)
	})
}

// note keeps a note; the oldest go.
func (s *store) note(n Note) error {
	return s.update("cloud", func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketNote))
		last := 0
		if k, _ := b.Cursor().Last(); k != nil {
			last, _ = strconv.Atoi(string(k)) // 0 of a damaged key: it is written over
		}
		if err := records.Put(tx, bucketNote, strconv.Itoa(1_000_000_000+last%1_000_000_000+1), n); err != nil {
			return err
		}
		for b.Stats().KeyN > maxNotes {
			k, _ := b.Cursor().First()
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// notes are the notes, newest first.
func (s *store) notes() []Note {
	list := []Note{}
	_ = s.view("cloud", func(tx *bbolt.Tx) error { // what cannot be read was logged
		for _, n := range records.All[Note](tx, bucketNote, "", s.damaged) {
			list = append(list, n)
		}
		return nil
	})
	slices.Reverse(list)
	return list
}
