package checkedkv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// checkBucket checks the tree of a bucket. The top bucket's leaves hold the buckets of the
// file and are always read.
func (v *verifier) checkBucket(root uint64, name string, top bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("buckets nest deeper than %d", maxDepth)
	}
	leaves := 0 // branches above a leaf, 0: read them all
	if !v.readLeaves && !top {
		var err error
		if leaves, err = v.treeHeight(root); err != nil {
			return err
		}
	}
	t := bucketTree{v: v, leaves: leaves, depth: depth, name: name}
	return t.checkPage(root, nil, nil, 0)
}

// treeHeight counts the branches above the first leaf. The tree is balanced, so all leaves have
// the same depth.
func (v *verifier) treeHeight(root uint64) (int, error) {
	for h := range maxDepth {
		if root < 2 || root >= v.meta.pages {
			return 0, fmt.Errorf("page %d is out of bounds", root)
		}
		b := make([]byte, pageHead+elemSize)
		if _, err := v.file.ReadAt(b, int64(root)*v.pageSize); err != nil {
			return 0, err
		}
		if binary.NativeEndian.Uint16(b[8:]) != flagBranch {
			return h, nil
		}
		root = binary.NativeEndian.Uint64(b[pageHead+8:])
	}
	return 0, fmt.Errorf("a tree is deeper than %d", maxDepth)
}

// bucketTree walks one bucket.
type bucketTree struct {
	v      *verifier
	leaves int    // depth at which leaves are not read, 0 means never
	depth  int    // of buckets
	name   string // of the bucket, empty in the tree of buckets
}

// checkPage checks a page and everything below it. Its first key is low, as in its branch. When
// bbolt writes, it finds a page in its branch by that key, and damages the file when the two
// differ. Its keys are less than high. For a root both are nil.
func (t bucketTree) checkPage(id uint64, low, high []byte, level int) error {
	if level > maxDepth {
		return fmt.Errorf("a tree is deeper than %d", maxDepth)
	}
	if t.leaves > 0 && level == t.leaves {
		if id < 2 || id >= t.v.meta.pages {
			return fmt.Errorf("page %d is out of bounds", id)
		}
		return t.v.claimPages(id, 1)
	}
	p, err := t.v.readPage(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagBranch:
		return t.checkBranch(p, low, high, level)
	case flagLeaf:
		return t.checkLeaf(p, low, high)
	}
	return fmt.Errorf("page %d has the type %#x", id, p.flags)
}

func (t bucketTree) checkBranch(p page, low, high []byte, level int) error {
	if p.count == 0 {
		return fmt.Errorf("branch %d is empty", p.id)
	}
	keys := make([][]byte, p.count+1)
	children := make([]uint64, p.count)
	for i := range p.count {
		e, err := p.elementHead(i)
		if err != nil {
			return err
		}
		u32 := binary.NativeEndian.Uint32
		if keys[i], err = p.elementPart(i, u32(e), 0, u32(e[4:])); err != nil {
			return err
		}
		children[i] = binary.NativeEndian.Uint64(e[8:])
	}
	keys[p.count] = high
	for i, child := range children {
		if i > 0 && !isOrdered(keys[i-1], keys[i]) || i == 0 && low != nil && !bytes.Equal(keys[0], low) {
			return fmt.Errorf("branch %d: key %d is out of order", p.id, i)
		}
		if err := t.checkPage(child, keys[i], keys[i+1], level+1); err != nil {
			return err
		}
	}
	return nil
}

func (t bucketTree) checkLeaf(p page, low, high []byte) error {
	var last []byte
	if p.count == 0 && low != nil {
		return fmt.Errorf("leaf %d is empty", p.id)
	}
	for i := range p.count {
		e, err := p.elementHead(i)
		if err != nil {
			return err
		}
		u32 := binary.NativeEndian.Uint32
		flags, pos, ksize, vsize := u32(e), u32(e[4:]), u32(e[8:]), u32(e[12:])
		key, err := p.elementPart(i, pos, 0, ksize)
		if err != nil {
			return err
		}
		value, err := p.elementPart(i, pos, ksize, vsize)
		if err != nil {
			return err
		}
		if !isOrdered(last, key) || i == 0 && low != nil && !bytes.Equal(key, low) || high != nil && !isOrdered(key, high) {
			return fmt.Errorf("leaf %d: key %d is out of order", p.id, i)
		}
		last = key
		switch flags {
		case 0:
			err = t.checkValue(p.id, key, value)
		case 1:
			err = t.checkChild(p.id, string(key), value)
		default:
			err = fmt.Errorf("leaf %d: element %d has the flags %#x", p.id, i, flags)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkChild checks a bucket inside a bucket: in its own pages, or in the value itself.
func (t bucketTree) checkChild(id uint64, name string, value []byte) error {
	if len(value) < bucketHead {
		return fmt.Errorf("leaf %d: a bucket of %d bytes", id, len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		if len(value) != bucketHead {
			return fmt.Errorf("leaf %d: a bucket with a root has %d bytes", id, len(value))
		}
		return t.v.checkBucket(root, name, false, t.depth+1)
	}
	b := value[bucketHead:]
	if len(b) < pageHead || binary.NativeEndian.Uint16(b[8:]) != flagLeaf {
		return fmt.Errorf("leaf %d: a bucket inside has no leaf", id)
	}
	p := page{id: id, flags: flagLeaf, count: int(binary.NativeEndian.Uint16(b[10:])), data: b}
	inner := t
	inner.name = name
	if inner.depth++; inner.depth > maxDepth {
		return fmt.Errorf("buckets nest deeper than %d", maxDepth)
	}
	return inner.checkLeaf(p, nil, nil)
}

// checkValue checks the checksum of a value, if its bucket is known.
func (t bucketTree) checkValue(id uint64, key, value []byte) error {
	if v := t.v.values; v != nil && slices.Contains(v.Buckets, t.name) && !v.check(t.name, key, value) {
		return fmt.Errorf("leaf %d: a value in %s has a wrong checksum", id, t.name)
	}
	return nil
}

// elementHead returns the i-th element's head.
func (p page) elementHead(i int) ([]byte, error) {
	at := pageHead + i*elemSize
	if at+elemSize > len(p.data) {
		return nil, fmt.Errorf("page %d: element %d is out of bounds", p.id, i)
	}
	return p.data[at : at+elemSize], nil
}

// elementPart returns size bytes. They lie skip after pos, counted from the i-th element.
func (p page) elementPart(i int, pos, skip, size uint32) ([]byte, error) {
	from := int64(pageHead+i*elemSize) + int64(pos) + int64(skip)
	to := from + int64(size)
	// bbolt writes the first part right after the last element, so a count that is too small shows.
	start := int64(pageHead + p.count*elemSize)
	if from < start || i == 0 && skip == 0 && from != start || to > int64(len(p.data)) || skip == 0 && size == 0 {
		return nil, fmt.Errorf("page %d: element %d points out of the page", p.id, i)
	}
	return p.data[from:to], nil
}
