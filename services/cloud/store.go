package cloud

import (
	"cmp"
	"log/slog"
	"slices"
	"strconv"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/seal"
)

// Link holds the address of the cloud and the box's credentials.
type Link struct {
	Way    string // "https", "postgres" or "stick"
	Box    string // id of this box
	Where  string // host, for people
	URL    string // for postgres with its password, so never show it
	Pin    string // base64url of the SHA-256 of the cloud's public key, empty for public authorities
	Key    []byte // the box's own key, an Ed25519 seed (RFC 8032), empty for the other ways
	School string

	// Guarded says that the dialer looks at the address. A link from before did not have it.
	Guarded bool
}

// Layout of cloud.db. Values have the form of services/checkedkv. Backups leave the file out, so
// a box that was restored from a backup gets a new key.
//
//	link "link"                 -> Link
//	link "seen"                 -> rememberedState
//	dead incarnation/position   -> Dead of the cloud
//	own  incarnation/position   -> Dead that never reached the cloud
//	note number                 -> Note
//	told class id               -> checksum of the last Listing of the class
//	key  "stick"                -> seed of the key that signs files, for a box without a key of a link
const (
	bucketLink   = "link"
	bucketDead   = "dead"
	bucketOwn    = "own"
	bucketNote   = "note"
	bucketListed = "told"
	bucketKeys   = "key"

	keyLink = "link"
	keySeen = "seen"

	keyStick = "stick"

	maxNotes = 50
)

// rememberedState caches the cloud's last state, for the page and for days without a network.
type rememberedState struct {
	Incarnation uint64
	Pos         uint64
	Policy      Policy
	School      string
	Last        int64    // milliseconds since 1970
	Mine        []uint64 // incarnations of this box
	Copies      []uint64 // incarnations of other boxes with the same id
	Twins       int      // boxes of the school with the same name
}

type store struct {
	db    *checkedkv.DB
	log   *slog.Logger
	found checkedkv.OpenResult
}

var storeBuckets = []string{bucketLink, bucketDead, bucketOwn, bucketNote, bucketListed, bucketKeys}

func openStore(path string, sealer *seal.Sealer, log *slog.Logger) (*store, error) {
	opts := checkedkv.DBOptions{
		InitialMmap: 4 << 20, Init: createBuckets, Ready: func(tx *checkedkv.Tx) error { return nil },
		Values: &checkedkv.Values{Buckets: storeBuckets}, Copies: []string{path + ".copy"}, Sealer: sealer,
	}
	db, found, err := checkedkv.OpenDB(path, opts, log)
	if err != nil {
		return nil, err
	}
	s := &store{db, log, found}
	return s, s.writeTx("cloud.Open", createBuckets)
}

func createBuckets(tx *checkedkv.Tx) error {
	return checkedkv.CreateBuckets(tx, storeBuckets...)
}

func (s *store) readTx(op string, fn func(*checkedkv.Tx) error) error {
	return checkedkv.WrapError(op, s.db.View(fn))
}

func (s *store) writeTx(op string, fn func(*checkedkv.Tx) error) error {
	return checkedkv.WrapError(op, s.db.Update(fn))
}

// loadValue reads a value. It returns the zero value if the key is missing or damaged.
// ReadLink returns the link in a copy of cloud.db. The zero Link means that there is none.
func ReadLink(path string, sealer *seal.Sealer) (l Link, err error) {
	s, err := openStore(path, sealer, slog.New(slog.DiscardHandler))
	if err != nil {
		return l, err
	}
	l = loadValue[Link](s, bucketLink, keyLink)
	return l, s.db.Close()
}

func loadValue[T any](s *store, bucket, key string) (v T) {
	err := s.readTx("cloud", func(tx *checkedkv.Tx) (err error) {
		v, err = checkedkv.Get[T](tx, bucket, key)
		return err
	})
	if err != nil {
		var zero T
		return zero
	}
	return v
}

func (s *store) putValue(bucket, key string, v any) error {
	return s.writeTx("cloud", func(tx *checkedkv.Tx) error { return checkedkv.Put(tx, bucket, key, v) })
}

// clearLink deletes everything that belongs to a link.
func (s *store) clearLink() error {
	return s.writeTx("cloud.clearLink", func(tx *checkedkv.Tx) error {
		for _, name := range []string{bucketLink, bucketDead, bucketOwn, bucketListed} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return createBuckets(tx)
	})
}

// deadKey returns a key that sorts by incarnation and position.
func deadKey(incarnation, pos uint64) string {
	const digits = "00000000000000000000"
	n := strconv.FormatUint(pos, 10)
	return strconv.FormatUint(incarnation, 16) + "/" + digits[len(n):] + n
}

// listDead returns the dead letters of the cloud and of the box, oldest first.
func (s *store) listDead() []Dead {
	list := []Dead{}
	_ = s.readTx("cloud", func(tx *checkedkv.Tx) error { // the log has the reason of a failed read
		for _, bucket := range []string{bucketDead, bucketOwn} {
			for _, d := range checkedkv.ReadAll[Dead](tx, bucket, "", s.logDamaged) {
				list = append(list, d)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Dead) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Pos, b.Pos)) })
	return list
}

func (s *store) logDamaged(err error) { s.log.Error("cloud.db holds a damaged value", "err", err) }

// setDead replaces the list of the cloud's dead letters.
func (s *store) setDead(list []Dead) error {
	return s.writeTx("cloud", func(tx *checkedkv.Tx) error {
		if err := tx.DeleteBucket([]byte(bucketDead)); err != nil {
			return err
		}
		if err := createBuckets(tx); err != nil {
			return err
		}
		return putDead(tx, bucketDead, list)
	})
}

func (s *store) addDead(bucket string, list ...Dead) error {
	if len(list) == 0 {
		return nil
	}
	return s.writeTx("cloud", func(tx *checkedkv.Tx) error { return putDead(tx, bucket, list) })
}

func putDead(tx *checkedkv.Tx, bucket string, list []Dead) error {
	for _, d := range list {
		if err := checkedkv.Put(tx, bucket, deadKey(d.Incarnation, d.Pos), d); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) dropDead(incarnation, pos uint64) error {
	return s.writeTx("cloud", func(tx *checkedkv.Tx) error {
		key := []byte(deadKey(incarnation, pos))
		if err := tx.Bucket([]byte(bucketDead)).Delete(key); err != nil {
			return err
		}
		return tx.Bucket([]byte(bucketOwn)).Delete(key)
	})
}

// addNote stores a note and drops the oldest ones over maxNotes.
func (s *store) addNote(n Note) error {
	return s.writeTx("cloud", func(tx *checkedkv.Tx) error {
		b := tx.Bucket([]byte(bucketNote))
		last := 0
		if k, _ := b.Cursor().Last(); k != nil {
			last, _ = strconv.Atoi(string(k)) // 0 for a damaged key, which is overwritten
		}
		if err := checkedkv.Put(tx, bucketNote, strconv.Itoa(1_000_000_000+last%1_000_000_000+1), n); err != nil {
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

// listNotes returns the notes, newest first.
func (s *store) listNotes() []Note {
	list := []Note{}
	_ = s.readTx("cloud", func(tx *checkedkv.Tx) error { // the log has the reason of a failed read
		for _, n := range checkedkv.ReadAll[Note](tx, bucketNote, "", s.logDamaged) {
			list = append(list, n)
		}
		return nil
	})
	slices.Reverse(list)
	return list
}
