package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queue is one of the two queues of a device: mapped buffers with one plane. A buffer belongs to us
// (free) or to the device.
type queue struct {
	d    *Device
	typ  bufType
	bufs [][]byte
	free []uint32
}

// newQueue asks for n buffers and maps them. The device may choose another number.
func newQueue(d *Device, t bufType, n int) (*queue, error) {
	q := &queue{d: d, typ: t}
	r := requestBuffers{count: uint32(n), typ: t, memory: memoryMmap}
	if err := d.callIoctl(reqBufs, unsafe.Pointer(&r)); err != nil {
		return nil, err
	}
	for i := range r.count {
		if err := q.mapBuffer(i); err != nil {
			return nil, errors.Join(err, q.freeBuffers())
		}
	}
	if len(q.bufs) == 0 {
		return nil, fmt.Errorf("%v: %w", reqBufs, unix.ENOMEM)
	}
	return q, nil
}

func (q *queue) mapBuffer(i uint32) error {
	var p plane
	b := q.newBuffer(i, &p)
	if err := q.d.callIoctl(queryBuf, unsafe.Pointer(&b)); err != nil {
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

func (q *queue) newBuffer(i uint32, p *plane) buffer {
	return buffer{index: i, typ: q.typ, memory: memoryMmap, field: fieldNone, planes: p, length: 1}
}

// push gives a free buffer with n bytes to the device. The device copies at to the packet of this
// frame.
func (q *queue) push(n int, at int64) error {
	i := q.free[0]
	p := plane{bytesUsed: uint32(n), length: uint32(len(q.bufs[i]))}
	b := q.newBuffer(i, &p)
	b.seconds, b.micros = at/1e6, at%1e6
	if err := q.d.callIoctl(qBuf, unsafe.Pointer(&b)); err != nil {
		return err
	}
	q.free = q.free[1:]
	return nil
}

// doneBuffer is a buffer that the device has finished.
type doneBuffer struct {
	data  []byte // in the mapping, valid until the next push of this buffer
	flags uint32
}

// pop takes back a buffer. ok is false if none is finished.
func (q *queue) pop() (f doneBuffer, ok bool, err error) {
	var p plane
	b := q.newBuffer(0, &p)
	switch err := q.d.callIoctl(dqBuf, unsafe.Pointer(&b)); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPIPE): // EPIPE: drained
		return doneBuffer{}, false, nil
	case err != nil:
		return doneBuffer{}, false, err
	}
	if int(b.index) >= len(q.bufs) || int(p.bytesUsed) > len(q.bufs[b.index]) || p.dataOffset > p.bytesUsed {
		return doneBuffer{}, false, fmt.Errorf("%v: %w: buffer %d, %d bytes from %d", dqBuf, unix.EPROTO, b.index, p.bytesUsed, p.dataOffset)
	}
	q.free = append(q.free, b.index)
	return doneBuffer{data: q.bufs[b.index][p.dataOffset:p.bytesUsed], flags: b.flags}, true, nil
}

// setStreaming starts or stops the queue. After a stop we own all buffers.
func (q *queue) setStreaming(r request) error {
	t := q.typ
	if err := q.d.callIoctl(r, unsafe.Pointer(&t)); err != nil {
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

// freeBuffers releases the buffers.
func (q *queue) freeBuffers() error {
	var all []error
	for _, b := range q.bufs {
		all = append(all, q.d.k.munmap(b))
	}
	q.bufs, q.free = nil, nil
	r := requestBuffers{typ: q.typ, memory: memoryMmap}
	return errors.Join(append(all, q.d.callIoctl(reqBufs, unsafe.Pointer(&r)))...)
}
