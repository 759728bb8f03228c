package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// bucket checks the tree of a bucket. The top bucket's leaves hold the buckets of the
// file and are always read.
func (v *verifier) bucket(root uint64, top bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("buckets nest deeper than %d", maxDepth)
	}
	leaves := 0 // branches above a leaf; 0: read them all
	if !v.deep && !top {
		var err error
		if leaves, err = v.height(root); err != nil {
			return err
		}
	}
	t := tree{v: v, leaves: leaves, depth: depth}
	return t.walk(root, nil, nil, 0)
}

// height counts the branches above the first leaf; the tree is balanced, so all
// leaves are as deep.
func (v *verifier) height(root uint64) (int, error) {
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

// tree walks one bucket.
type tree struct {
	v      *verifier
	leaves int // depth at which leaves are not read; 0 is never
	depth  int // of buckets
}

// walk checks a page and what is below it. Its first key is low, as its branch says:
// bbolt finds a page in its branch by that key when it writes, and does harm when the
// two differ. Its keys are less than high. For a root both are nil.
func (t tree) walk(id uint64, low, high []byte, level int) error {
	if level > maxDepth {
		return fmt.Errorf("a tree is deeper than %d", maxDepth)
	}
	if t.leaves > 0 && level == t.leaves {
		if id < 2 || id >= t.v.meta.pages {
			return fmt.Errorf("page %d is out of bounds", id)
		}
		return t.v.claim(id, 1)
	}
	p, err := t.v.read(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagBranch:
		return t.branch(p, low, high, level)
	case flagLeaf:
		return t.leaf(p, low, high)
	}
	return fmt.Errorf("page %d has the type %#x", id, p.flags)
}

func (t tree) branch(p page, low, high []byte, level int) error {
	if p.count == 0 {
		return fmt.Errorf("branch %d is empty", p.id)
	}
	keys := make([][]byte, p.count+1)
	children := make([]uint64, p.count)
	for i := range p.count {
		e, err := p.element(i)
		if err != nil {
			return err
		}
		u32 := binary.NativeEndian.Uint32
		if keys[i], err = p.part(i, u32(e), 0, u32(e[4:])); err != nil {
			return err
		}
		children[i] = binary.NativeEndian.Uint64(e[8:])
	}
	keys[p.count] = high
	for i, child := range children {
		if i > 0 && !ordered(keys[i-1], keys[i]) || i == 0 && low != nil && !bytes.Equal(keys[0], low) {
			return fmt.Errorf("branch %d: key %d is out of order", p.id, i)
		}
		if err := t.walk(child, keys[i], keys[i+1], level+1); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) leaf(p page, low, high []byte) error {
	var last []byte
	if p.count == 0 && low != nil {
		return fmt.Errorf("leaf %d is empty", p.id)
	}
	for i := range p.count {
		e, err := p.element(i)
		if err != nil {
			return err
		}
		u32 := binary.NativeEndian.Uint32
		flags, pos, ksize, vsize := u32(e), u32(e[4:]), u32(e[8:]), u32(e[12:])
		key, err := p.part(i, pos, 0, ksize)
		if err != nil {
			return err
		}
		value, err := p.part(i, pos, ksize, vsize)
		if err != nil {
			return err
		}
		if !ordered(last, key) || i == 0 && low != nil && !bytes.Equal(key, low) || high != nil && !ordered(key, high) {
			return fmt.Errorf("leaf %d: key %d is out of order", p.id, i)
		}
		last = key
		switch flags {
		case 0:
		case 1:
			err = t.child(p.id, value)
		default:
			err = fmt.Errorf("leaf %d: element %d has the flags %#x", p.id, i, flags)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// child checks a bucket inside a bucket: in its own pages, or in the value itself.
func (t tree) child(id uint64, value []byte) error {
	if len(value) < bucketHead {
		return fmt.Errorf("leaf %d: a bucket of %d bytes", id, len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return t.v.bucket(root, false, t.depth+1)
	}
	b := value[bucketHead:]
	if len(b) < pageHead || binary.NativeEndian.Uint16(b[8:]) != flagLeaf {
		return fmt.Errorf("leaf %d: a bucket inside has no leaf", id)
	}
	p := page{id: id, flags: flagLeaf, count: int(binary.NativeEndian.Uint16(b[10:])), data: b}
	inner := t
	if inner.depth++; inner.depth > maxDepth {
		return fmt.Errorf("buckets nest deeper than %d", maxDepth)
	}
	return inner.leaf(p, nil, nil)
}

// element gives the i-th element's head.
func (p page) element(i int) ([]byte, error) {
	at := pageHead + i*elemSize
	if at+elemSize > len(p.data) {
		return nil, fmt.Errorf("page %d: element %d is out of bounds", p.id, i)
	}
	return p.data[at : at+elemSize], nil
}

// part gives size bytes that lie skip after pos, counted from the i-th element.
func (p page) part(i int, pos, skip, size uint32) ([]byte, error) {
	from := int64(pageHead+i*elemSize) + int64(pos) + int64(skip)
	to := from + int64(size)
	if from < int64(pageHead+p.count*elemSize) || to > int64(len(p.data)) || skip == 0 && size == 0 {
		return nil, fmt.Errorf("page %d: element %d points out of the page", p.id, i)
	}
	return p.data[from:to], nil
}
