package checkedkv

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// DB is an open database with the Sealer of its values. Its transactions are those of bbolt.
type DB struct {
	*bbolt.DB
	sealer *seal.Sealer
	values *Values
}

// Tx is a transaction of a DB.
type Tx struct {
	*bbolt.Tx
	sealer *seal.Sealer
}

// View runs fn in a read transaction.
func (db *DB) View(fn func(*Tx) error) error { return db.DB.View(withSealer(db.sealer, fn)) }

// Update runs fn in a write transaction.
func (db *DB) Update(fn func(*Tx) error) error { return db.DB.Update(withSealer(db.sealer, fn)) }

// withSealer makes fn a function of a transaction of bbolt. A nil fn does nothing.
func withSealer(s *seal.Sealer, fn func(*Tx) error) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		if fn == nil {
			return nil
		}
		return fn(&Tx{tx, s})
	}
}

// Sealer returns the Sealer of the database. It is nil where values are not sealed.
func (tx *Tx) Sealer() *seal.Sealer { return tx.sealer }

// splitChecksum returns a value without its checksum, and whether that is right.
func splitChecksum(bucket string, key, value []byte) ([]byte, bool) {
	n := len(value) - sumLen
	if n < 0 || readSum(value[n:]) != computeChecksum(bucket, string(key), value[:n]) {
		return nil, false
	}
	return value[:n], true
}

// appendSealed returns the stored form of JSON.
func appendSealed(s *seal.Sealer, bucket string, key, data []byte) []byte {
	if s != nil {
		data = s.Seal(make([]byte, 0, len(data)+seal.Overhead+sumLen), data, seal.JoinPlace(nil, bucket, key))
	}
	return binary.BigEndian.AppendUint32(data, computeChecksum(bucket, string(key), data))
}

// recode seals a value, or opens it. A damaged value, and one that is so already, stays as it is.
func (v Values) recode(s *seal.Sealer, bucket string, key, value []byte, sealed bool) []byte {
	if v.Recode != nil {
		return v.Recode(s, bucket, key, value, sealed)
	}
	data, ok := splitChecksum(bucket, key, value)
	if !ok || seal.IsSealed(data) == sealed {
		return value
	}
	if sealed {
		return appendSealed(s, bucket, key, data)
	}
	plain, err := s.Open(nil, data, seal.JoinPlace(nil, bucket, key))
	if err != nil {
		return value
	}
	return appendSealed(nil, bucket, key, plain)
}

const copyTxBytes = 1 << 20 // of one transaction of copyRecoded

// copyRecoded copies all values of a database into an empty one, sealed or opened. The caller syncs
// the new file.
func copyRecoded(dst, src *bbolt.DB, change func(bucket string, key, value []byte) []byte) error {
	dst.NoSync = true
	return src.View(func(from *bbolt.Tx) error {
		return from.ForEach(func(name []byte, b *bbolt.Bucket) error { return copyBucket(dst, name, b, change) })
	})
}

func copyBucket(dst *bbolt.DB, name []byte, b *bbolt.Bucket, change func(bucket string, key, value []byte) []byte) error {
	c := b.Cursor()
	for k, v := c.First(); ; {
		err := dst.Update(func(tx *bbolt.Tx) error {
			to, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			to.FillPercent = 0.9 // as bbolt.Compact
			for n := 0; k != nil && n < copyTxBytes; k, v = c.Next() {
				if v == nil {
					return errs.Newf("checkedkv", errs.Internal, "bucket %s holds a bucket", name)
				}
				value := change(string(name), k, v)
				if err := to.Put(k, value); err != nil {
					return fmt.Errorf("bucket %s: %w", name, err)
				}
				n += len(k) + len(value)
			}
			return to.SetSequence(b.Sequence())
		})
		if err != nil || k == nil {
			return err
		}
	}
}
