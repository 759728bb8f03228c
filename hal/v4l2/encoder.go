package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

const (
	buffers = 4                      // of each queue: one filled, one coded, one read, one to spare
	slowest = 500 * time.Millisecond // for one frame: a device that takes longer is stuck
)

// Encoder implements hal.Encoder.
type Encoder struct {
	d       *Device
	w, h    int
	stride  int           // bytes of a row of Y in the device's buffer
	lines   int           // rows of Y in it
	frame   time.Duration // how long one lasts
	at      int64         // of the next, in microseconds
	in, out *queue
}

// NewEncoder sets d up for cfg. The encoder owns d: its Close closes it, and so does a
// failure here. One that cannot do what cfg asks is errors.ErrUnsupported.
func NewEncoder(d *Device, cfg hal.EncoderConfig) (*Encoder, error) {
	e := &Encoder{d: d, w: cfg.Width, h: cfg.Height}
	if err := e.setUp(cfg); err != nil {
		return nil, fmt.Errorf("%s: encoder: %w", d.path, errors.Join(err, e.Close()))
	}
	return e, nil
}

// refill gives the device all buffers for packets that are ours.
func (e *Encoder) refill() error {
	for len(e.out.free) > 0 {
		if err := e.out.push(0, 0); err != nil {
			return err
		}
	}
	return nil
}

// Encode implements hal.Encoder. It waits for a packet as long as a frame lasts, and half a
// second for a device that has not finished with the frames before; then it fails with
// ETIMEDOUT.
func (e *Encoder) Encode(frame []byte) (packets [][]byte, key bool, err error) {
	if len(frame) != e.w*e.h*3/2 {
		return nil, false, fmt.Errorf("%s: frame of %d bytes for %d x %d: %w", e.d.path, len(frame), e.w, e.h, unix.EINVAL)
	}
	var got batch
	if err := e.room(&got); err != nil {
		return nil, false, err
	}
	e.place(e.in.bufs[e.in.free[0]], frame)
	if err := e.in.push(e.stride*e.lines*3/2, e.at); err != nil {
		return nil, false, err
	}
	e.at += e.frame.Microseconds()
	for until := time.Now().Add(e.frame); ; {
		if err := e.exchange(&got); err != nil {
			return nil, false, err
		}
		if len(got.packets) > 0 {
			return got.packets, got.key, nil
		}
		switch err := e.await(until); {
		case errors.Is(err, unix.ETIMEDOUT):
			return nil, false, nil // it comes with a later frame
		case err != nil:
			return nil, false, err
		}
	}
}

// room waits until there is a free buffer for a frame. Packets are taken meanwhile: a device
// without room for those does not go on.
func (e *Encoder) room(got *batch) error {
	for until := time.Now().Add(slowest); ; {
		if err := e.exchange(got); err != nil || len(e.in.free) > 0 {
			return err
		}
		if err := e.await(until); err != nil {
			return err
		}
	}
}

// exchange takes all that the device has finished with, of both queues: either would wake
// the next wait at once.
func (e *Encoder) exchange(got *batch) error { return errors.Join(e.reclaim(), e.take(got)) }

// reclaim takes back the buffers of frames that are coded.
func (e *Encoder) reclaim() error {
	for {
		if _, ok, err := e.in.pop(); !ok || err != nil {
			return err
		}
	}
}

// batch is packets that were taken.
type batch struct {
	packets [][]byte
	key     bool
	last    bool // the device has no more until it is started again
}

// take copies the packets that are ready.
func (e *Encoder) take(got *batch) error {
	for {
		f, ok, err := e.out.pop()
		if !ok || err != nil {
			return err
		}
		if f.flags&bufError == 0 && len(f.data) > 0 {
			got.packets = append(got.packets, bytes.Clone(f.data))
			got.key = got.key || f.flags&bufKeyFrame != 0
		}
		got.last = got.last || f.flags&bufLast != 0
		if err := e.refill(); err != nil {
			return err
		}
	}
}

// Drain gives the packets of all frames that the device still has. It may go on afterwards.
func (e *Encoder) Drain() (packets [][]byte, err error) {
	if err := e.d.Stop(); err != nil {
		return nil, err
	}
	var got batch
	for until := time.Now().Add(slowest); ; {
		if err := e.exchange(&got); err != nil {
			return got.packets, err
		}
		if got.last {
			return got.packets, e.d.Start()
		}
		if err := e.await(until); err != nil {
			return got.packets, err
		}
	}
}

// await waits for the device, or fails with ETIMEDOUT after until.
func (e *Encoder) await(until time.Time) error {
	left := time.Until(until)
	if left <= 0 {
		return fmt.Errorf("%s: %w", e.d.path, unix.ETIMEDOUT)
	}
	_, _, err := e.d.k.wait(left)
	return err
}

// place copies a tightly packed frame to the device's rows.
func (e *Encoder) place(to, frame []byte) {
	from := frame
	rows := func(w, h, stride, lines int) {
		for y := range h {
			copy(to[y*stride:], from[:w])
			from = from[w:]
		}
		to = to[stride*lines:]
	}
	rows(e.w, e.h, e.stride, e.lines)
	for range 2 {
		rows(e.w/2, e.h/2, e.stride/2, e.lines/2)
	}
}

// SetBitrate implements hal.Encoder.
func (e *Encoder) SetBitrate(bits int) error { return e.d.control(ctrlBitrate, bits) }

// KeyFrame implements hal.Encoder.
func (e *Encoder) KeyFrame() error { return e.d.control(ctrlForceKey, 1) }

// Close gives the buffers and the device back.
func (e *Encoder) Close() error {
	var all []error
	for _, q := range []*queue{e.in, e.out} {
		if q != nil {
			all = append(all, q.stream(streamOff), q.close())
		}
	}
	return errors.Join(append(all, e.d.Close())...)
}
