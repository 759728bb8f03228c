package checkedkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
)

// deepLimit is the size of a file up to which Open checks each leaf. In larger files it checks
// the meta pages, the freelist and the branches. There a damaged leaf shows when it is read.
// When it stops the commits, the next Open checks all pages.
const deepLimit = 64 << 20

// verifyFile checks the structure of a bbolt file without mapping it and without bbolt. On
// pages without meaning the code of bbolt panics, recurses or allocates without limit,
// sometimes in a goroutine of its own. A file that passes is safe to open: every page is in
// bounds, used once or free, of the right type, with its keys in order. A page that is neither
// used nor free is no damage: bbolt itself loses some when buckets are deleted. In a log none
// are, see findLostPages.
//
// The format is that of bbolt's internal/common: page.go, meta.go, bucket.go.
//
// The note describes damage that is no reason to refuse the file.
func verifyFile(f *os.File, limit int64) (note string, err error) {
	return verifyDB(f, limit, DBOptions{})
}

// verifyDB is verifyFile with the checksums of the values. A file that lost its last commit is
// damaged too, if the commit may be in the file or in a copy.
func verifyDB(f *os.File, limit int64, opts DBOptions) (note string, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	v := &verifier{file: f, size: info.Size(), values: opts.Values}
	if err := v.readMeta(); err != nil {
		return "", err
	}
	v.readLeaves = int64(v.meta.pages)*v.pageSize <= limit
	v.used = make([]bool, v.meta.pages)
	v.used[0], v.used[1] = true, true
	if err := v.checkFreelist(); err != nil {
		return "", err
	}
	if err := v.checkBucket(v.meta.root, "", true, 0); err != nil {
		return "", err
	}
	if opts.Values != nil && opts.Values.Log != "" {
		if err := v.findLostPages(); err != nil {
			return "", err
		}
	}
	if v.note != "" && v.commitMayBeSaved(opts) {
		return "", errors.New(v.note)
	}
	return v.note, nil
}

func (v *verifier) commitMayBeSaved(opts DBOptions) bool {
	if opts.Values != nil && opts.Values.Log != "" {
		return true
	}
	for _, name := range opts.Copies {
		if at, err := copyTxID(name); err == nil && at > v.meta.txid {
			return true
		}
	}
	return false
}

const (
	pageHead   = 16
	elemSize   = 16
	metaSize   = 64 // with its checksum
	bucketHead = 16

	flagBranch   = 1
	flagLeaf     = 2
	flagMeta     = 4
	flagFreelist = 16

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	noFreelist  = math.MaxUint64
	maxDepth    = 32 // of branches, and of buckets
)

type verifier struct {
	file       io.ReaderAt
	size       int64
	pageSize   int64
	readLeaves bool
	note       string
	values     *Values
	meta       meta
	used       []bool // by page: reachable or free
}

type meta struct{ root, freelist, pages, txid uint64 }

// readMeta finds the meta page that bbolt will choose: the valid one with the higher txid.
func (v *verifier) readMeta() error {
	first, size, err := v.metaAt(0)
	if err == nil {
		v.meta, v.pageSize = first, size
	}
	for try := int64(1024); try <= 16<<20 && v.pageSize == 0; try <<= 1 {
		if _, size, e := v.metaAt(try); e == nil && size == try {
			v.pageSize = size
		}
	}
	if v.pageSize == 0 {
		return fmt.Errorf("no meta page is valid: %w", err)
	}
	second, size, e := v.metaAt(v.pageSize)
	if e == nil && (err != nil || second.txid > first.txid) {
		v.meta, v.pageSize = second, size
	}
	if err != nil || e != nil {
		v.note = "one of the two meta pages is damaged: the last commit may be lost"
	}
	pages := uint64(v.size / v.pageSize)
	switch m := v.meta; {
	case m.pages < 4 || m.pages > pages:
		return fmt.Errorf("the file was cut: %d pages are there, %d should be", pages, m.pages)
	case m.root < 2 || m.root >= m.pages:
		return fmt.Errorf("the root page %d is out of bounds", m.root)
	case m.freelist != noFreelist && (m.freelist < 2 || m.freelist >= m.pages):
		return fmt.Errorf("the freelist page %d is out of bounds", m.freelist)
	}
	return nil
}

func (v *verifier) metaAt(offset int64) (meta, int64, error) {
	b := make([]byte, pageHead+metaSize)
	if _, err := v.file.ReadAt(b, offset); err != nil {
		return meta{}, 0, err
	}
	m := b[pageHead:]
	u32, u64 := binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	sum := fnv.New64a()
	sum.Write(m[:56])
	size := int64(u32(m[8:]))
	switch {
	case u32(m) != metaMagic || u32(m[4:]) != metaVersion:
		return meta{}, 0, fmt.Errorf("offset %d is not a bbolt meta page", offset)
	case sum.Sum64() != u64(m[56:]):
		return meta{}, 0, fmt.Errorf("the meta page at %d has a wrong checksum", offset)
	case size < 1024 || size > 16<<20 || size&(size-1) != 0:
		return meta{}, 0, fmt.Errorf("a page size of %d", size)
	}
	return meta{root: u64(m[16:]), freelist: u64(m[32:]), pages: u64(m[40:]), txid: u64(m[48:])}, size, nil
}

// page is a page with its overflow pages.
type page struct {
	id    uint64
	flags uint16
	count int
	data  []byte // header included
}

// claimPages marks pages as used. A page used twice is damage.
func (v *verifier) claimPages(from, n uint64) error {
	for id := from; id < from+n; id++ {
		if v.used[id] {
			return fmt.Errorf("page %d is used twice", id)
		}
		v.used[id] = true
	}
	return nil
}

// readPage reads a page with its overflow pages and claims them.
func (v *verifier) readPage(id uint64) (page, error) {
	if id < 2 || id >= v.meta.pages {
		return page{}, fmt.Errorf("page %d is out of bounds", id)
	}
	b := make([]byte, v.pageSize)
	if _, err := v.file.ReadAt(b, int64(id)*v.pageSize); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	p := page{
		id: id, flags: binary.NativeEndian.Uint16(b[8:]), count: int(binary.NativeEndian.Uint16(b[10:])), data: b,
	}
	overflow := uint64(binary.NativeEndian.Uint32(b[12:]))
	if own := binary.NativeEndian.Uint64(b); own != id {
		return page{}, fmt.Errorf("page %d calls itself %d", id, own)
	}
	if overflow >= v.meta.pages-id {
		return page{}, fmt.Errorf("page %d overflows the file", id)
	}
	if overflow > 0 {
		rest := make([]byte, int64(overflow)*v.pageSize)
		if _, err := v.file.ReadAt(rest, int64(id+1)*v.pageSize); err != nil {
			return page{}, fmt.Errorf("page %d: %w", id, err)
		}
		p.data = append(p.data, rest...)
	}
	return p, v.claimPages(id, overflow+1)
}

// checkFreelist marks the free pages as used, so that a tree cannot contain them.
func (v *verifier) checkFreelist() error {
	if v.meta.freelist == noFreelist {
		return nil
	}
	p, err := v.readPage(v.meta.freelist)
	if err != nil {
		return err
	}
	ids, count := p.data[pageHead:], uint64(p.count)
	if count == 0xFFFF {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if p.flags != flagFreelist || count > uint64(len(ids)/8) {
		return fmt.Errorf("page %d is not a freelist", p.id)
	}
	for i := range count {
		id := binary.NativeEndian.Uint64(ids[i*8:])
		if id < 2 || id >= v.meta.pages {
			return fmt.Errorf("the freelist names page %d, which is out of bounds", id)
		}
		if err := v.claimPages(id, 1); err != nil {
			return err
		}
	}
	return nil
}

func isOrdered(last, key []byte) bool { return last == nil || bytes.Compare(last, key) < 0 }

// findLostPages finds pages of a log that are neither used nor free. A damaged root that names a
// page further down in its own tree leaves them. Where leaves are not read, the pages after a
// page may be its overflow.
func (v *verifier) findLostPages() error {
	if v.meta.freelist == noFreelist {
		return nil
	}
	for id := uint64(2); id < v.meta.pages; id++ {
		if v.used[id] {
			continue
		}
		overflow := uint64(0)
		if !v.readLeaves {
			b := make([]byte, pageHead)
			if _, err := v.file.ReadAt(b, int64(id-1)*v.pageSize); err != nil {
				return fmt.Errorf("page %d: %w", id-1, err)
			}
			overflow = uint64(binary.NativeEndian.Uint32(b[12:]))
		}
		if overflow == 0 {
			return fmt.Errorf("page %d is neither used nor free", id)
		}
		id += overflow - 1
	}
	return nil
}
