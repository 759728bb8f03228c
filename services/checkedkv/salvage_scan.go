package checkedkv

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
)

func readSum(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// keyRange is a part of a bucket: from low up to high, which is not in it. Nil is the end.
type keyRange struct{ low, high []byte }

// lostKeys are the parts of the buckets that could not be read.
type lostKeys struct {
	all    bool
	ranges map[string][]keyRange
}

func (l *lostKeys) addAll() { l.all = true }

func (l *lostKeys) add(bucket string, low, high []byte) {
	if l.ranges == nil {
		l.ranges = map[string][]keyRange{}
	}
	l.ranges[bucket] = append(l.ranges[bucket], keyRange{bytes.Clone(low), bytes.Clone(high)})
}

func (l *lostKeys) contains(bucket string, key []byte) bool {
	return l.all || slices.ContainsFunc(l.ranges[bucket], func(r keyRange) bool {
		return bytes.Compare(r.low, key) <= 0 && (r.high == nil || bytes.Compare(key, r.high) < 0)
	})
}

// scanner reads a damaged file without trust in any page. It walks the tree as far as pages are
// readable. Then it reads each leaf that is neither in the tree nor free: it belongs below a
// branch, or a bucket's root, that was damaged. A value counts if its checksum is right.
type scanner struct {
	file *os.File
	to   *builder
	lost *lostKeys

	pageSize  int64
	pages     uint64 // in the file, the last one may be cut
	meta      meta
	found     bool // a meta page is readable
	metaLost  bool // one of them is not: the last commit may be behind it
	freeKnown bool
	free      map[uint64]bool
	reached   map[treePage]bool
	read      map[uint64]bool   // every value of these pages is saved, or they hold none
	moved     map[uint64]uint64 // where a page lies that is not in its place
	badPages  int
	badValues int
}

// treePage is a page in the tree of a bucket. A damaged number may name a page of another bucket,
// which must find it all the same.
type treePage struct {
	bucket string
	id     uint64
}

// newestTx is the number of the last commit that the file may hold.
func (s *scanner) newestTx() uint64 {
	if s.metaLost {
		return s.meta.txid + 1
	}
	return s.meta.txid
}

func (s *scanner) readAll() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	s.free, s.reached = map[uint64]bool{}, map[treePage]bool{}
	s.read, s.moved = map[uint64]bool{}, map[uint64]uint64{}
	v := &verifier{file: s.file, size: info.Size()}
	s.findMeta(v)
	s.pages = uint64((info.Size() + s.pageSize - 1) / s.pageSize)
	s.findMoved()
	s.readFreelist()
	if err := s.walkRoot(); err != nil {
		return err
	}
	return s.readOrphans()
}

// findMeta reads the meta page that bbolt would choose. A file that was cut still has one.
func (s *scanner) findMeta(v *verifier) {
	err := v.readMeta()
	s.pageSize, s.meta = v.pageSize, v.meta
	s.found = s.meta.txid > 0 && s.meta.root > 1
	s.metaLost = v.note != "" || err != nil && !s.found
	if s.pageSize == 0 {
		s.pageSize = int64(os.Getpagesize())
	}
	if s.metaLost {
		s.badPages++
	}
}

// findMoved finds pages that lie in the place of another page.
func (s *scanner) findMoved() {
	for id := uint64(2); id < s.pages; id++ {
		if own, flags := s.headAt(id); own != id && own > 1 && own < s.pages && isTreeFlag(flags) {
			if there, _ := s.headAt(own); there != own {
				s.moved[own] = id
			}
		}
	}
}

func isTreeFlag(flags uint16) bool {
	return flags == flagLeaf || flags == flagBranch || flags == flagFreelist
}

func (s *scanner) headAt(place uint64) (id uint64, flags uint16) {
	b := make([]byte, pageHead)
	if _, err := s.file.ReadAt(b, int64(place)*s.pageSize); err != nil {
		return 0, 0
	}
	return binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint16(b[8:])
}

// pageAt reads the page of a number, wherever it lies, as far as the file goes.
func (s *scanner) pageAt(id uint64) (page, bool) {
	if id < 2 || id >= s.pages {
		return page{}, false
	}
	place := id
	if own, _ := s.headAt(id); own != id {
		at, ok := s.moved[id]
		if !ok {
			return page{}, false
		}
		place = at
	}
	p, ok := s.readPlace(place)
	p.id = id
	return p, ok
}

func (s *scanner) readPlace(place uint64) (page, bool) {
	b := make([]byte, s.pageSize)
	if n, err := s.file.ReadAt(b, int64(place)*s.pageSize); err != nil && n < pageHead {
		return page{}, false
	}
	p := page{id: place, flags: binary.NativeEndian.Uint16(b[8:]), count: int(binary.NativeEndian.Uint16(b[10:])), data: b}
	overflow := uint64(binary.NativeEndian.Uint32(b[12:]))
	if overflow > 0 && overflow < s.pages-place {
		rest := make([]byte, int64(overflow)*s.pageSize)
		n, _ := s.file.ReadAt(rest, int64(place+1)*s.pageSize) // a missing rest fails its checksum
		p.data = append(p.data, rest[:n]...)
	}
	return p, isTreeFlag(p.flags)
}

// markRead notes that a page and its overflow pages hold nothing more to save.
func (s *scanner) markRead(p page) {
	for i := range uint64(max(1, (int64(len(p.data))+s.pageSize-1)/s.pageSize)) {
		s.read[p.id+i] = true
	}
}

// readFreelist reads which pages hold no data any more. Their old values must not come back.
func (s *scanner) readFreelist() {
	if !s.found {
		return
	}
	p, ok := s.pageAt(s.meta.freelist)
	if !ok || p.flags != flagFreelist {
		s.badPages++
		return
	}
	s.markRead(p)
	ids, count := p.data[pageHead:], uint64(p.count)
	if count == 0xFFFF && len(ids) >= 8 {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	for i := range min(count, uint64(len(ids)/8)) {
		s.free[binary.NativeEndian.Uint64(ids[i*8:])] = true
	}
	s.freeKnown = count <= uint64(len(ids)/8)
}

// walkRoot reads the buckets of the file, and each bucket's tree.
func (s *scanner) walkRoot() error {
	seen := map[string]bool{}
	err := s.walk(s.meta.root, "", nil, nil, 0, func(name string) { seen[name] = true })
	for _, name := range s.to.values.Buckets {
		if !seen[name] {
			s.lost.add(name, nil, nil)
		}
	}
	if log := s.to.values.Log; s.metaLost && log != "" {
		if last, _ := s.to.tx.Bucket([]byte(log)).Cursor().Last(); last != nil {
			s.lost.add(log, append(bytes.Clone(last), 0), nil)
		}
	}
	return err
}

// walk reads a tree. Bucket is empty for the tree of buckets.
func (s *scanner) walk(id uint64, bucket string, low, high []byte, depth int, seen func(string)) error {
	p, ok := s.pageAt(id)
	at := treePage{bucket, id}
	if !ok || s.free[id] && !p.beginsWith(low) || depth > maxDepth || p.flags == flagFreelist || s.reached[at] {
		if s.found {
			s.badPages++
		}
		s.loseRange(bucket, low, high)
		return nil
	}
	if s.free[id] && low == nil && s.isLog() { // the root may be an older one
		s.loseRange(bucket, nil, nil)
	}
	if !p.beginsWith(low) { // the branch names another page than it should
		s.badPages++
		s.loseRange(bucket, low, high)
	}
	s.reached[at] = true
	if p.flags == flagLeaf {
		return s.readLeaf(p, bucket, low, high, seen)
	}
	return s.walkBranch(p, bucket, low, high, depth, seen)
}

func (s *scanner) walkBranch(p page, bucket string, low, high []byte, depth int, seen func(string)) error {
	type child struct {
		key []byte
		id  uint64
	}
	var list []child
	whole := p.count > 0
	for i := range p.count {
		e, err := p.elementHead(i)
		if err != nil {
			whole = false
			break
		}
		u32 := binary.NativeEndian.Uint32
		key, err := p.elementPart(i, u32(e), 0, u32(e[4:]))
		if err != nil || len(list) > 0 && !isOrdered(list[len(list)-1].key, key) {
			whole = false
			continue
		}
		list = append(list, child{key, binary.NativeEndian.Uint64(e[8:])})
	}
	if !whole {
		s.badPages++
		s.loseRange(bucket, low, high)
	}
	for i, c := range list {
		next := high
		if i+1 < len(list) {
			next = list[i+1].key
		}
		if err := s.walk(c.id, bucket, c.key, next, depth+1, seen); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) loseRange(bucket string, low, high []byte) {
	if bucket != "" {
		s.lost.add(bucket, low, high)
	}
}

// readLeaf saves the whole values of a leaf. In the tree of buckets the values are buckets.
func (s *scanner) readLeaf(p page, bucket string, low, high []byte, seen func(string)) error {
	bad, values := 0, 0
	for i := range p.count {
		flags, key, value, ok := p.leafElement(i)
		switch {
		case !ok:
			bad++
			continue
		case bucket == "" && flags == 1:
			if err := s.walkBucket(p, string(key), value, seen); err != nil {
				return err
			}
			continue
		case flags != 0 || bucket == "" || !s.to.values.check(bucket, key, value):
			bad++
			values++
			continue
		}
		s.to.saved.Saved++
		if err := s.to.put(bucket, key, value); err != nil {
			return err
		}
	}
	if bad == 0 {
		s.markRead(p)
	}
	if bad > 0 {
		s.loseRange(bucket, low, high)
		s.badValues += values
		if values < bad {
			s.badPages++
		}
	}
	return nil
}

// beginsWith reports whether the first key of a page is the one that its branch names. A page of
// which that is true is in the tree, even if a damaged freelist names it.
func (p page) beginsWith(low []byte) bool {
	if low == nil {
		return true
	}
	e, err := p.elementHead(0)
	if err != nil {
		return false
	}
	at, size := e, e[4:]
	if p.flags == flagLeaf {
		at, size = e[4:], e[8:]
	}
	key, err := p.elementPart(0, binary.NativeEndian.Uint32(at), 0, binary.NativeEndian.Uint32(size))
	return err == nil && bytes.Equal(key, low)
}

// walkBucket reads a bucket in its own pages, or in the value itself. Only in the second case
// something follows the head, whatever the number of the root says.
func (s *scanner) walkBucket(p page, name string, value []byte, seen func(string)) error {
	if !slices.Contains(s.to.values.Buckets, name) || len(value) < bucketHead {
		return nil
	}
	seen(name)
	if len(value) == bucketHead {
		root := binary.NativeEndian.Uint64(value)
		return s.walk(root, name, nil, nil, 0, seen)
	}
	b := value[bucketHead:]
	if len(b) < pageHead || binary.NativeEndian.Uint16(b[8:]) != flagLeaf {
		s.loseRange(name, nil, nil)
		return nil
	}
	in := page{id: p.id, flags: flagLeaf, count: int(binary.NativeEndian.Uint16(b[10:])), data: b}
	return s.readLeaf(in, name, nil, nil, seen)
}

// leafElement returns the i-th element of a leaf.
func (p page) leafElement(i int) (flags uint32, key, value []byte, ok bool) {
	e, err := p.elementHead(i)
	if err != nil {
		return 0, nil, nil, false
	}
	u32 := binary.NativeEndian.Uint32
	flags, pos, ksize, vsize := u32(e), u32(e[4:]), u32(e[8:]), u32(e[12:])
	if key, err = p.elementPart(i, pos, 0, ksize); err != nil || ksize == 0 {
		return 0, nil, nil, false
	}
	if value, err = p.elementPart(i, pos, ksize, vsize); err != nil {
		return 0, nil, nil, false
	}
	return flags, key, value, true
}

// readOrphans reads the leaves that no readable branch names. If the freelist is lost too, such a
// leaf may be an old version of another one: then only keys without a newer value count. Of a log
// nothing is deleted, so each of its keys belongs to it, also when no range is known to be lost.
func (s *scanner) readOrphans() error {
	if len(s.lost.ranges) == 0 && !s.isLog() {
		return nil
	}
	for place := uint64(2); place < s.pages; place++ {
		own, flags := s.headAt(place)
		free := s.free[place] || own != place && s.free[own]
		if flags != flagLeaf || s.read[place] || free && !s.mayHoldLastCommit() {
			continue
		}
		p, ok := s.readPlace(place)
		if !ok {
			continue
		}
		if err := s.readOrphan(p, free); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) isLog() bool { return s.to.values.Log != "" }

// mayHoldLastCommit reports that free pages may hold the end of the log.
func (s *scanner) mayHoldLastCommit() bool { return s.metaLost && s.isLog() }

func (s *scanner) readOrphan(p page, free bool) error {
	for i := range p.count {
		flags, key, value, ok := p.leafElement(i)
		if !ok || flags != 0 {
			continue
		}
		bucket := s.to.values.bucketOf(key, value)
		if bucket == "" || free && bucket != s.to.values.Log || !s.isLog() && !s.lost.contains(bucket, key) {
			continue
		}
		added, err := s.to.add(bucket, key, value, s.freeKnown && !free)
		if err != nil {
			return err
		}
		if added {
			s.to.saved.Saved++
		}
	}
	return nil
}
