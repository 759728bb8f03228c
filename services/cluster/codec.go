package cluster

import (
	"encoding/binary"

	"github.com/livelearn/box/services/errs"
)

// codec writes or reads the fields of a message, so that a message names its fields in one place. After
// the first fault of reading, err is set and the fields that follow stay as they are.
type codec struct {
	reading bool
	b       []byte // written so far, or left to read
	err     error
}

func (c *codec) fail(field, code string, limit int64, format string, args ...any) {
	if c.err == nil {
		c.err = errs.NewField("cluster.decode", field, code, limit, format, args...)
	}
	c.b = nil
}

// number is an unsigned number of up to limit.
func (c *codec) number(field string, v *uint64, limit uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	if c.err != nil {
		return
	}
	n, k := binary.Uvarint(c.b)
	switch {
	case k <= 0:
		c.fail(field, "cut_off", 0, "no whole number")
	case n > limit:
		c.fail(field, "too_large", int64(min(limit, 1<<62)), "%d, at most %d", n, limit)
	default:
		*v, c.b = n, c.b[k:]
	}
}

// signed is a number with a sign.
func (c *codec) signed(field string, v *int64) {
	u := uint64(*v)<<1 ^ uint64(*v>>63)
	c.number(field, &u, anyNumber)
	if c.reading && c.err == nil {
		*v = int64(u>>1) ^ -int64(u&1)
	}
}

func (c *codec) flag(field string, v *bool) {
	var n uint64
	if *v {
		n = 1
	}
	c.number(field, &n, 1)
	if c.reading && c.err == nil {
		*v = n == 1
	}
}

// data is bytes, at most limit of them. Bytes that were read are part of the message.
func (c *codec) data(field string, v *[]byte, limit int) {
	if !c.reading {
		c.b = append(binary.AppendUvarint(c.b, uint64(len(*v))), *v...)
		return
	}
	var n uint64
	c.number(field, &n, uint64(limit))
	if c.err != nil {
		return
	}
	if n > uint64(len(c.b)) {
		c.fail(field, "cut_off", 0, "%d of %d bytes", len(c.b), n)
		return
	}
	*v, c.b = c.b[:n:n], c.b[n:]
}

// text is a string of at most limit bytes.
func (c *codec) text(field string, v *string, limit int) {
	raw := []byte(*v)
	c.data(field, &raw, limit)
	if c.reading && c.err == nil {
		*v = string(raw)
	}
}

// repeat is a list of at most limit items. Each item has at least one byte, so that a short message
// cannot ask for much memory.
func repeat[T any](c *codec, field string, list *[]T, limit int, item func(*T)) {
	n := uint64(len(*list))
	c.number(field, &n, uint64(limit))
	if !c.reading {
		for i := range *list {
			item(&(*list)[i])
		}
		return
	}
	if n > uint64(len(c.b)) {
		c.fail(field, "cut_off", 0, "%d items in %d bytes", n, len(c.b))
	}
	if c.err != nil {
		return
	}
	*list = make([]T, 0, min(n, 64))
	for range n {
		var v T
		if item(&v); c.err != nil {
			return
		}
		*list = append(*list, v)
	}
}
