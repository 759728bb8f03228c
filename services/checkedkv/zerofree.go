package checkedkv

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"github.com/livelearn/box/services/errs"
)

// ZeroFree overwrites the free pages of an open database, so that nothing that was deleted or
// replaced is in the file any more. It waits for readers that may still use such pages.
// errs.Busy: they did not end.
func ZeroFree(db *DB) error {
	const op, tries = "checkedkv.ZeroFree", 100
	for range tries {
		done, err := zeroFreeOnce(db)
		if err != nil {
			return WrapError(op, refuseClosed(err))
		}
		if done {
			return nil
		}
		time.Sleep(50 * time.Millisecond) // a reader ends its transaction
	}
	return errs.NewCode(op, errs.Busy, "in_use", "the database is read all the time: what was erased is still in free pages")
}

// zeroFreeOnce makes both meta pages name the same tree, and overwrites the pages that are in
// neither freelist nor tree of it. The write transaction keeps others from using them meanwhile.
func zeroFreeOnce(db *DB) (done bool, err error) {
	for range 2 {
		if err := db.Update(func(*Tx) error { return nil }); err != nil {
			return false, err
		}
	}
	tx, err := db.Begin(true)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	if db.Stats().OpenTxN > 0 {
		return false, nil
	}
	f, err := os.OpenFile(db.Path(), os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return true, zeroPages(f)
}

func zeroPages(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	v := &verifier{file: f, size: info.Size()}
	if err := v.readMeta(); err != nil {
		return err
	}
	v.used = make([]bool, v.meta.pages)
	p, err := v.readPage(v.meta.freelist)
	if err != nil {
		return err
	}
	keep := v.olderFreelist()
	ids, count := p.data[pageHead:], uint64(p.count)
	if count == 0xFFFF {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	zeros := make([]byte, v.pageSize)
	for i := range count {
		id := binary.NativeEndian.Uint64(ids[i*8:])
		if keep[id] {
			continue
		}
		if _, err := f.WriteAt(zeros, int64(id)*v.pageSize); err != nil {
			return err
		}
	}
	return f.Sync()
}

// olderFreelist returns the pages of the freelist of the commit before, which bbolt needs when
// the newest meta page is damaged. It holds no values.
func (v *verifier) olderFreelist() map[uint64]bool {
	keep := map[uint64]bool{}
	for _, at := range []int64{0, v.pageSize} {
		m, _, err := v.metaAt(at)
		if err != nil || m.freelist == noFreelist || m.freelist >= v.meta.pages {
			continue
		}
		head := make([]byte, pageHead)
		if _, err := v.file.ReadAt(head, int64(m.freelist)*v.pageSize); err == nil {
			for i := range uint64(binary.NativeEndian.Uint32(head[12:])) + 1 {
				keep[m.freelist+i] = true
			}
		}
	}
	return keep
}
