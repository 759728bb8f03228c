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
	queueBuffers = 4                      // of each queue: one filled, one coded, one read, one spare
	frameTimeout = 500 * time.Millisecond // for one frame: a slower device is stuck
)

// Encoder implements hal.Encoder.
type Encoder struct {
	d         *Device
	w, h      int
	stride    int           // bytes of a row of Y in the device's buffer
	lines     int           // rows of Y in the device's buffer
	frame     time.Duration // duration of a frame
	timestamp int64         // time of the next frame, in microseconds
	in, out   *queue
}

// NewEncoder sets d up for cfg. The encoder owns d. Its Close closes d, and a failure here does so
// too. The error is errors.ErrUnsupported if d cannot do what cfg asks for.
func NewEncoder(d *Device, cfg hal.EncoderConfig) (*Encoder, error) {
	e := &Encoder{d: d, w: cfg.Width, h: cfg.Height}
	if err := e.setUp(cfg); err != nil {
		return nil, fmt.Errorf("%s: encoder: %w", d.path, errors.Join(err, e.Close()))
	}
	return e, nil
}

// refillPackets gives the device all packet buffers that we own.
func (e *Encoder) refillPackets() error {
	for len(e.out.free) > 0 {
		if err := e.out.push(0, 0); err != nil {
			return err
		}
	}
	return nil
}

// Encode implements hal.Encoder. It waits for a packet for the duration of a frame. It waits half a
// second for a device that is busy with earlier frames, then it fails with ETIMEDOUT.
func (e *Encoder) Encode(frame []byte) (packets [][]byte, key bool, err error) {
	if len(frame) != e.w*e.h*3/2 {
		return nil, false, fmt.Errorf("%s: frame of %d bytes for %d x %d: %w", e.d.path, len(frame), e.w, e.h, unix.EINVAL)
	}
	var got batch
	if err := e.awaitFreeBuffer(&got); err != nil {
		return nil, false, err
	}
	e.copyFrame(e.in.bufs[e.in.free[0]], frame)
	if err := e.in.push(e.stride*e.lines*3/2, e.timestamp); err != nil {
		return nil, false, err
	}
	e.timestamp += e.frame.Microseconds()
	for until := time.Now().Add(e.frame); ; {
		if err := e.exchangeBuffers(&got); err != nil {
			return nil, false, err
		}
		if len(got.packets) > 0 {
			return got.packets, got.key, nil
		}
		switch err := e.awaitDevice(until); {
		case errors.Is(err, unix.ETIMEDOUT):
			return nil, false, nil // the packet comes with a later frame
		case err != nil:
			return nil, false, err
		}
	}
}

// awaitFreeBuffer waits for a free frame buffer. It takes packets meanwhile, because a device
// without room for packets stops.
func (e *Encoder) awaitFreeBuffer(got *batch) error {
	for until := time.Now().Add(frameTimeout); ; {
		if err := e.exchangeBuffers(got); err != nil || len(e.in.free) > 0 {
			return err
		}
		if err := e.awaitDevice(until); err != nil {
			return err
		}
	}
}

// exchangeBuffers takes all finished buffers of both queues. A buffer that stays would end the next
// wait at once.
func (e *Encoder) exchangeBuffers(got *batch) error {
	return errors.Join(e.reclaimFrames(), e.takePackets(got))
}

// reclaimFrames takes back the buffers of encoded frames.
func (e *Encoder) reclaimFrames() error {
	for {
		if _, ok, err := e.in.pop(); !ok || err != nil {
			return err
		}
	}
}

// batch is a list of packets from the device.
type batch struct {
	packets [][]byte
	key     bool
	last    bool // the device has no more until it starts again
}

// takePackets copies the packets that are ready.
func (e *Encoder) takePackets(got *batch) error {
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
		if err := e.refillPackets(); err != nil {
			return err
		}
	}
}

// Drain returns the packets of all frames that are still in the device. The encoder can continue
// afterwards.
func (e *Encoder) Drain() (packets [][]byte, err error) {
	if err := e.d.StopCodec(); err != nil {
		return nil, err
	}
	var got batch
	for until := time.Now().Add(frameTimeout); ; {
		if err := e.exchangeBuffers(&got); err != nil {
			return got.packets, err
		}
		if got.last {
			return got.packets, e.d.StartCodec()
		}
		if err := e.awaitDevice(until); err != nil {
			return got.packets, err
		}
	}
}

// awaitDevice waits for the device, or fails with ETIMEDOUT after until.
func (e *Encoder) awaitDevice(until time.Time) error {
	left := time.Until(until)
	if left <= 0 {
		return fmt.Errorf("%s: %w", e.d.path, unix.ETIMEDOUT)
	}
	_, _, err := e.d.k.wait(left)
	return err
}

// copyFrame copies a tightly packed frame to the device's rows.
func (e *Encoder) copyFrame(to, frame []byte) {
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
func (e *Encoder) SetBitrate(bits int) error { return e.d.setControl(ctrlBitrate, bits) }

// KeyFrame implements hal.Encoder.
func (e *Encoder) KeyFrame() error { return e.d.setControl(ctrlForceKey, 1) }

// Close closes the device and releases its buffers.
func (e *Encoder) Close() error {
	var all []error
	for _, q := range []*queue{e.in, e.out} {
		if q != nil {
			all = append(all, q.setStreaming(streamOff), q.freeBuffers())
		}
	}
	return errors.Join(append(all, e.d.Close())...)
}
