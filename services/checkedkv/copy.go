package checkedkv

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

// A copy is a second file with the values of a database. OpenDB reads it where the database is
// damaged or missing.
//
//	magic    8 bytes "LLCOPY1\n"
//	commit   8 bytes, little endian: the last commit of the database that is in it
//	time     8 bytes, little endian: milliseconds since 1970
//	values   bucket, key, value, each with its length as a varint. An empty bucket ends them
//	sum      32 bytes: SHA-256 of all before
//
// A copy with a wrong sum still counts value by value, because each has its own checksum.
const (
	copyMagic   = "LLCOPY1\n"
	copyHead    = len(copyMagic) + 16
	maxCopyPart = 32 << 20
)

// CopyRange writes a copy of the values of a database to a file, in place of an older one. From
// and to bound the keys of a bucket: nil is the end, and to is not in it.
func CopyRange(db *DB, path string, buckets []string, from, to []byte) error {
	err := RecoverPageFaults(func() error {
		return atomicfile.Write(path, 0o600, func(w io.Writer) error {
			return db.View(func(tx *Tx) error { return writeCopy(w, tx, buckets, from, to) })
		})
	})
	return WrapError("checkedkv.Copy", refuseClosed(err))
}

// CopyIfChanged writes a copy of a whole database, unless the copy at path has its last commit.
// Before, it makes both meta pages name the same tree, so that either of them may be damaged.
func CopyIfChanged(db *DB, path string, buckets []string) error {
	var now uint64
	err := db.View(func(tx *Tx) error { now = uint64(tx.ID()); return nil })
	if err != nil {
		return WrapError("checkedkv.Copy", refuseClosed(err))
	}
	if at, err := copyTxID(path); err == nil && at == now {
		return nil
	}
	if err := RecoverPageFaults(func() error { return db.Update(func(*Tx) error { return nil }) }); err != nil {
		return WrapError("checkedkv.Copy", refuseClosed(err))
	}
	return CopyRange(db, path, buckets, nil, nil)
}

func writeCopy(w io.Writer, tx *Tx, buckets []string, from, to []byte) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	head := binary.LittleEndian.AppendUint64([]byte(copyMagic), uint64(tx.ID()))
	_, _ = out.Write(binary.LittleEndian.AppendUint64(head, uint64(time.Now().UnixMilli()))) // Flush returns the error
	put := func(part []byte) {
		_, _ = out.Write(binary.AppendUvarint(nil, uint64(len(part))))
		_, _ = out.Write(part)
	}
	for _, name := range buckets {
		b := tx.Bucket([]byte(name))
		if b == nil {
			continue
		}
		c := b.Cursor()
		for k, v := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
			put([]byte(name))
			put(k)
			put(v)
		}
	}
	put(nil)
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// copyTxID returns the last commit in a copy. The copy must be whole.
func copyTxID(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil || info.Size() < int64(copyHead+sha256.Size) {
		return 0, errNotWhole(io.ErrUnexpectedEOF)
	}
	sum := sha256.New()
	head := make([]byte, copyHead)
	if err := readSummed(f, sum, head); err != nil {
		return 0, err
	}
	if _, err := io.CopyN(sum, f, info.Size()-int64(copyHead+sha256.Size)); err != nil {
		return 0, errNotWhole(err)
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(f, want); err != nil {
		return 0, errNotWhole(err)
	}
	if !bytes.Equal(want, sum.Sum(nil)) || !bytes.HasPrefix(head, []byte(copyMagic)) {
		return 0, errs.Newf("checkedkv.Copy", errs.Corrupt, "the copy is damaged")
	}
	return binary.LittleEndian.Uint64(head[len(copyMagic):]), nil
}

// IsWholeCopy reports whether a file is a copy with a right sum.
func IsWholeCopy(path string) bool {
	_, err := copyTxID(path)
	return err == nil
}

// FirstOfCopy reports whether is holds for the first value of a copy. A copy without one: false.
func FirstOfCopy(path string, is func(value []byte) bool) (holds bool) {
	_ = readCopy(path, func(_ string, _, value []byte) error { // a copy that cannot be read has none
		holds = is(value)
		return io.EOF
	})
	return holds
}

// readCopy calls yield with each value of a copy, up to the first damage. A missing copy has none.
func readCopy(path string, yield func(bucket string, key, value []byte) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.New("checkedkv.Copy", errs.Down, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	in := bufio.NewReaderSize(f, 1<<16)
	if _, err := io.CopyN(io.Discard, in, int64(copyHead)); err != nil {
		return nil // too short: it has no values
	}
	for {
		bucket, key, value, ok := readCopied(in)
		if !ok {
			return nil
		}
		if err := yield(string(bucket), key, value); err != nil {
			return err
		}
	}
}

func readCopied(in *bufio.Reader) (bucket, key, value []byte, ok bool) {
	var parts [3][]byte
	for i := range parts {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > maxCopyPart || n == 0 && i == 0 {
			return nil, nil, nil, false
		}
		var part bytes.Buffer
		if _, err := io.CopyN(&part, in, int64(n)); err != nil {
			return nil, nil, nil, false
		}
		parts[i] = part.Bytes()
	}
	return parts[0], parts[1], parts[2], true
}
