package checkedkv

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// compactFrom is the size below which a half-empty file is not worth the work.
const compactFrom = 4 << 20

// CompactNext makes the next OpenDB of path copy the database into a fresh file, however little
// of it is free. The copy has no trace of rewritten or deleted values, and its values are sealed if
// there is a Sealer. A copy that fails for lack of space is tried again at the next OpenDB.
func CompactNext(path string) error {
	if err := os.WriteFile(path+suffixShrink, nil, 0o600); err != nil {
		return errs.New("checkedkv.CompactNext", errs.Down, err)
	}
	return nil
}

// compactIfHalfEmpty copies a database into a smaller file when more than half of it is free,
// or when CompactNext asked for it: a bbolt file never shrinks. The copy is on disk before it
// takes the name, so a power cut leaves the old file or the new one. A compaction that fails is
// only a warning.
func compactIfHalfEmpty(db *bbolt.DB, path string, opts DBOptions, log *slog.Logger) (*bbolt.DB, error) {
	var size int64
	if err := db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	free := int64(db.Stats().FreePageN) * int64(db.Info().PageSize)
	_, err := os.Lstat(path + suffixShrink)
	asked := err == nil
	if !asked && (size < compactFrom || free <= size/2) {
		return db, nil
	}
	if room, err := DiskFree(path); err != nil || room < 2*(size-free) {
		log.Warn("the disk is too full to copy the database into a smaller file", "path", path)
		//lint:ignore nilerr the log line says so
		return db, nil
	}
	start := time.Now()
	if err := RecoverPageFaults(func() error { return copyDB(db, path+suffixCompact, opts) }); err != nil {
		_ = os.Remove(path + suffixCompact)
		log.Warn("the database could not be made smaller", "path", path, "err", err)
		return db, nil
	}
	if err := db.Close(); err != nil {
		return nil, errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	if err := moveSynced(path+suffixCompact, path); err != nil {
		return nil, errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	log.Info("the database was made smaller", "path", path, "from", size, "free", free, "dur", time.Since(start))
	if asked {
		if err := os.Remove(path + suffixShrink); err != nil {
			log.Warn("the database will be copied once more", "path", path, "err", err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	return openFile(f, opts)
}

func copyDB(src *bbolt.DB, path string, opts DBOptions) error {
	opts.InitialMmap = 0 // with a large mapping bbolt grows files by 16 MiB
	dst, err := bbolt.Open(path, 0o600, bboltOptions(nil, opts))
	if err != nil {
		return err
	}
	if opts.Sealer == nil || opts.Values == nil {
		return errors.Join(bbolt.Compact(dst, src, 1<<20), dst.Close())
	}
	err = copyRecoded(dst, src, func(bucket string, key, value []byte) []byte {
		return opts.Values.recode(opts.Sealer, bucket, key, value, true)
	})
	return errors.Join(err, dst.Close())
}
