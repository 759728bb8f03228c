package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queue is one of a device's two: buffers of one plane, mapped. Each is either ours (free)
// or the device's.
type queue struct {
	d    *Device
	typ  bufType
	bufs [][]byte
	free []uint32
}

// newQueue asks for n buffers and maps them. The device may give another number.
func newQueue(d *Device, t bufType, n int) (*queue, error) {
	q := &queue{d: d, typ: t}
	r := requestBuffers{count: uint32(n), typ: t, memory: memoryMmap}
	if err := d.ioctl(reqBufs, unsafe.Pointer(&r)); err != nil {
		return nil, err
	}
	for i := range r.count {
		if err := q.mapBuffer(i); err != nil {
			return nil, errors.Join(err, q.close())
		}
	}
	if len(q.bufs) == 0 {
		return nil, fmt.Errorf("%v: %w", reqBufs, unix.ENOMEM)
	}
	return q, nil
}

func (q *queue) mapBuffer(i uint32) error {
	var p plane
	b := q.buffer(i, &p)
	if err := q.d.ioctl(queryBuf, unsafe.Pointer(&b)); err != nil {
		return err
	}
	m, err := q.d.k.mmap(int64(p.offset), int(p.length))
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	q.bufs = append(q.bufs, m)
	q.free = append(q.free, i)
	return nil
}

func (q *queue) buffer(i uint32, p *plane) buffer {
	return buffer{index: i, typ: q.typ, memory: memoryMmap, field: fieldNone, planes: p, length: 1}
}

// push gives a free buffer with n bytes to the device. at is handed through to the packet
// that is made of it.
func (q *queue) push(n int, at int64) error {
	i := q.free[0]
	p := plane{bytesUsed: uint32(n), length: uint32(len(q.bufs[i]))}
	b := q.buffer(i, &p)
	b.seconds, b.micros = at/1e6, at%1e6
	if err := q.d.ioctl(qBuf, unsafe.Pointer(&b)); err != nil {
		return err
	}
	q.free = q.free[1:]
	return nil
}

// done is a buffer that the device has finished with.
type done struct {
	data  []byte // in the mapping: until the buffer is pushed again
	flags uint32
}

// pop takes back a buffer; ok is false if none is finished.
func (q *queue) pop() (f done, ok bool, err error) {
	var p plane
	b := q.buffer(0, &p)
	switch err := q.d.ioctl(dqBuf, unsafe.Pointer(&b)); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPIPE): // EPIPE: drained
		return done{}, false, nil
	case err != nil:
		return done{}, false, err
	}
	if int(b.index) >= len(q.bufs) || int(p.bytesUsed) > len(q.bufs[b.index]) || p.dataOffset > p.bytesUsed {
		return done{}, false, fmt.Errorf("%v: %w: buffer %d, %d bytes from %d", dqBuf, unix.EPROTO, b.index, p.bytesUsed, p.dataOffset)
	}
	q.free = append(q.free, b.index)
	return done{data: q.bufs[b.index][p.dataOffset:p.bytesUsed], flags: b.flags}, true, nil
}

// stream starts or stops the queue. Stopping makes all buffers ours.
func (q *queue) stream(r request) error {
	t := q.typ
	if err := q.d.ioctl(r, unsafe.Pointer(&t)); err != nil {
		return err
	}
	if r == streamOff {
		q.free = q.free[:0]
		for i := range q.bufs {
			q.free = append(q.free, uint32(i))
		}
	}
	return nil
}

// close gives the buffers back.
func (q *queue) close() error {
	var all []error
	for _, b := range q.bufs {
		all = append(all, q.d.k.munmap(b))
	}
	q.bufs, q.free = nil, nil
	r := requestBuffers{typ: q.typ, memory: memoryMmap}
	return errors.Join(append(all, q.d.ioctl(reqBufs, unsafe.Pointer(&r)))...)
}
