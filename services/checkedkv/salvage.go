package checkedkv

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// Values says how OpenDB recognises the values of a damaged file. Without it a damaged file is
// only set aside.
type Values struct {
	Buckets []string // a value belongs to the first of them for which Check is true

	// Check reports whether a value is whole. It is nil for the format of this package.
	Check func(bucket string, key, value []byte) bool
	// Prefer reports whether the second of two whole values of a key is the newer one. Nil means never.
	Prefer func(bucket string, first, second []byte) bool
	// Log is a bucket to which keys are only added at the end, or empty.
	Log string
	// Finish changes a database that was saved, before it gets its name, may be nil.
	Finish func(*Tx) error
	// Recode seals a value or opens it. One that is so already, or damaged, comes back as it is. It is
	// nil for the format of this package.
	Recode func(s *seal.Sealer, bucket string, key, value []byte, sealed bool) []byte
}

func (v Values) check(bucket string, key, value []byte) bool {
	if v.Check != nil {
		return v.Check(bucket, key, value)
	}
	_, ok := splitChecksum(bucket, key, value)
	return ok
}

// bucketOf names the bucket of a value that lies on a page whose place in the file is unknown.
func (v Values) bucketOf(key, value []byte) string {
	for _, name := range v.Buckets {
		if v.check(name, key, value) {
			return name
		}
	}
	return ""
}

// Salvage is the result of reading a damaged file.
type Salvage struct {
	Saved    int  // values from the damaged file
	FromCopy int  // values from the copies
	Pages    int  // pages that could not be read
	Values   int  // values with a wrong checksum
	Whole    bool // the copy holds all that the file held: nothing is missing
}

// salvageFile makes a new database at path from what the damaged file there and the copies hold.
// The damaged file keeps all its bytes under the name that it returns. A power cut leaves the
// damaged file at path, or the new one.
func salvageFile(path string, opts DBOptions, cause error, log *slog.Logger) (aside string, saved Salvage, err error) {
	temp := path + suffixNew
	defer func() { _ = os.Remove(temp) }() // it has its name by then, or is of no use
	if err := hasRoomFor(path); err != nil {
		return "", saved, err
	}
	if saved, err = buildFrom(path, temp, opts); err != nil {
		return "", saved, err
	}
	if aside, err = linkAside(path, opts.Now); err != nil {
		return "", saved, err
	}
	if err := moveSynced(temp, path); err != nil {
		return "", saved, errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	log.Error("a damaged database was set aside and what it held was saved", "path", aside, "err", cause,
		"saved", saved.Saved, "from_copy", saved.FromCopy, "pages", saved.Pages, "values", saved.Values)
	return aside, saved, nil
}

// hasRoomFor checks that the disk has room for another file as large as the one at path.
func hasRoomFor(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	if room, err := DiskFree(path); err == nil && room < info.Size()+info.Size()/8 {
		return errFull()
	}
	return nil
}

// buildFrom fills a new database at temp. A damaged file at path may be missing.
func buildFrom(path, temp string, opts DBOptions) (Salvage, error) {
	var b *builder
	err := RecoverPageFaults(func() error {
		build := opts
		build.InitialMmap = 0 // with a large mapping bbolt grows files by 16 MiB
		db, err := bbolt.Open(temp, 0o600, bboltOptions(nil, build))
		if err != nil {
			return err
		}
		db.NoSync = true // moveSynced syncs the whole file
		b = &builder{db: db, sealer: opts.Sealer, values: *opts.Values}
		err = errors.Join(b.fill(path, opts), b.commit())
		return errors.Join(err, db.Close())
	})
	if err != nil {
		_ = os.Remove(temp)
		return Salvage{}, errs.New("checkedkv.OpenDB", errs.Corrupt, fmt.Errorf("nothing could be saved: %w", err))
	}
	return b.saved, nil
}

// builder writes a new database in transactions of a bounded size.
type builder struct {
	db     *bbolt.DB
	sealer *seal.Sealer
	values Values
	tx     *bbolt.Tx
	puts   int
	fresh  map[string]bool // bucket and key of what Init made and nothing replaced
	saved  Salvage
}

const putsOfTx = 4096

// fill writes first what Init makes, then the values of the damaged file, then those of the
// copies that were lost.
func (b *builder) fill(path string, opts DBOptions) error {
	if err := b.begin(); err != nil {
		return err
	}
	if err := b.initialise(opts); err != nil {
		return err
	}
	var lost lostKeys
	copies := opts.Copies
	f, err := os.Open(path)
	if err != nil {
		lost.addAll()
	} else {
		defer func() { _ = f.Close() }() // it was only read
		s := &scanner{file: f, to: b, lost: &lost}
		if err := s.readAll(); err != nil {
			return err
		}
		b.saved.Pages, b.saved.Values = s.badPages, s.badValues
		if name := s.betterCopy(copies); name != "" {
			b.saved.Saved, b.saved.Whole = 0, s.found
			lost.addAll()
			copies = []string{name}
			if err := b.initialise(opts); err != nil {
				return err
			}
		}
	}
	if err := b.fillLost(&lost, copies); err != nil {
		return err
	}
	if b.values.Finish != nil {
		return b.values.Finish(&Tx{b.tx, b.sealer})
	}
	return nil
}

// betterCopy names a copy that has all that the file has, or the only state that is sure.
func (s *scanner) betterCopy(copies []string) string {
	if s.to.values.Log != "" {
		return ""
	}
	for _, name := range copies {
		if at, err := copyTxID(name); err == nil && (!s.found || at >= s.newestTx()) {
			return name
		}
	}
	return ""
}

// initialise makes the database what Init makes of an empty one.
func (b *builder) initialise(opts DBOptions) error {
	b.fresh = map[string]bool{}
	for _, name := range b.values.Buckets {
		if err := b.tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, bbolterrors.ErrBucketNotFound) {
			return err
		}
	}
	if opts.Init != nil {
		if err := opts.Init(&Tx{b.tx, b.sealer}); err != nil {
			return err
		}
	}
	if err := CreateBuckets(&Tx{b.tx, b.sealer}, b.values.Buckets...); err != nil {
		return err
	}
	for _, name := range b.values.Buckets {
		c := b.tx.Bucket([]byte(name)).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			b.fresh[name+"\x00"+string(k)] = true
		}
	}
	return nil
}

// fillLost puts values of the copies where the damaged file lost some.
func (b *builder) fillLost(lost *lostKeys, copies []string) error {
	for _, name := range copies {
		before := b.saved.FromCopy
		err := readCopy(name, func(bucket string, key, value []byte) error {
			if !slices.Contains(b.values.Buckets, bucket) || !b.values.check(bucket, key, value) || !lost.contains(bucket, key) {
				return nil
			}
			added, err := b.add(bucket, key, value, false)
			if added {
				b.saved.FromCopy++
			}
			return err
		})
		if err != nil {
			return err
		}
		if b.values.Log == "" && b.saved.FromCopy > before {
			return nil // an older copy may hold what was deleted since
		}
	}
	return nil
}

func (b *builder) begin() (err error) {
	b.tx, err = b.db.Begin(true)
	return err
}

func (b *builder) commit() error {
	if b.tx == nil {
		return nil
	}
	tx := b.tx
	b.tx, b.puts = nil, 0
	return tx.Commit()
}

// put writes a value that the file holds for sure.
func (b *builder) put(bucket string, key, value []byte) error {
	if b.puts++; b.puts > putsOfTx {
		if err := errors.Join(b.commit(), b.begin()); err != nil {
			return err
		}
	}
	delete(b.fresh, bucket+"\x00"+string(key))
	return b.tx.Bucket([]byte(bucket)).Put(key, value)
}

// add writes a value, unless the database has one of the key that is as new. A sure value takes
// the place of what Init made. It reports whether it wrote the value.
func (b *builder) add(bucket string, key, value []byte, sure bool) (bool, error) {
	was := b.tx.Bucket([]byte(bucket)).Get(key)
	switch {
	case was == nil:
	case sure && b.fresh[bucket+"\x00"+string(key)]:
	case b.values.Prefer != nil && b.values.Prefer(bucket, was, value):
		return false, b.put(bucket, key, value)
	default:
		return false, nil
	}
	return true, b.put(bucket, key, value)
}
