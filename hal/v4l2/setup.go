package v4l2

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

func (e *Encoder) setUp(cfg hal.EncoderConfig) error {
	if e.w <= 0 || e.h <= 0 || e.w > 1<<13 || e.h > 1<<13 || e.w%2 != 0 || e.h%2 != 0 {
		return fmt.Errorf("%d x %d: %w", e.w, e.h, unix.EINVAL)
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 30
	}
	e.frame = time.Second / time.Duration(cfg.Rate)
	if err := e.setFormats(cfg); err != nil {
		return err
	}
	if err := e.setControls(cfg); err != nil {
		return err
	}
	return e.startQueues()
}

// setFormats sets the format of the packets first, because the format of the frames depends on it.
func (e *Encoder) setFormats(cfg hal.EncoderConfig) error {
	if cfg.Format == "" {
		cfg.Format = hal.H264
	}
	if _, err := e.setFormat(capture, cfg.Format); err != nil {
		return err
	}
	pix, err := e.setFormat(output, hal.I420)
	if err != nil {
		return err
	}
	p := pix.planes[0]
	e.stride, e.lines = int(p.bytesPerLine), int(pix.height)
	if e.stride < e.w || e.lines < e.h || int(p.sizeImage) < e.stride*e.lines*3/2 {
		return fmt.Errorf("%v: %d x %d does not hold the picture: %w", setFmt, e.stride, e.lines, errors.ErrUnsupported)
	}
	if int(pix.width) == e.w && e.lines == e.h {
		return nil
	}
	s := selection{typ: output, target: targetCrop, width: uint32(e.w), height: uint32(e.h)}
	return e.tryIoctl(setSelect, unsafe.Pointer(&s)) // the device pads the picture
}

// setFormat returns the driver's answer. The driver replaces an unknown format by one of its own.
func (e *Encoder) setFormat(t bufType, want hal.FourCC) (pixFormat, error) {
	f := format{typ: t, pix: pixFormat{
		width: uint32(e.w), height: uint32(e.h), pixelFormat: encodeFourCC(want),
		field: fieldNone, colorspace: colorRec709, numPlanes: 1,
	}}
	if err := e.d.callIoctl(setFmt, unsafe.Pointer(&f)); err != nil {
		return pixFormat{}, err
	}
	if f.pix.pixelFormat != encodeFourCC(want) || f.pix.numPlanes != 1 {
		return pixFormat{}, fmt.Errorf("%v: %s is not done: %w", setFmt, want, errors.ErrUnsupported)
	}
	return f.pix, nil
}

func (e *Encoder) setControls(cfg hal.EncoderConfig) error {
	rate := streamParm{typ: output, numerator: 1, denominator: uint32(time.Second / e.frame)}
	err := e.tryIoctl(setParm, unsafe.Pointer(&rate))
	for _, c := range []control{
		{ctrlProfile, baseline}, // without meaning for other codecs
		{ctrlHeaders, 1},
		{ctrlBitrate, int32(cfg.Bitrate)},
		{ctrlGOP, int32(cfg.KeyEvery)},
	} {
		if c.value > 0 {
			err = errors.Join(err, e.tryIoctl(setCtrl, unsafe.Pointer(&c)))
		}
	}
	return err
}

// tryIoctl runs an ioctl that a device may lack.
func (e *Encoder) tryIoctl(r request, arg unsafe.Pointer) error {
	err := e.d.callIoctl(r, arg)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ERANGE) {
		return nil
	}
	return err
}

func (e *Encoder) startQueues() (err error) {
	if e.in, err = newQueue(e.d, output, queueBuffers); err != nil {
		return err
	}
	if e.out, err = newQueue(e.d, capture, queueBuffers); err != nil {
		return err
	}
	if len(e.in.bufs[0]) < e.stride*e.lines*3/2 {
		return fmt.Errorf("%v: buffers of %d bytes: %w", queryBuf, len(e.in.bufs[0]), unix.EPROTO)
	}
	if err := e.in.setStreaming(streamOn); err != nil {
		return err
	}
	if err := e.out.setStreaming(streamOn); err != nil {
		return err
	}
	return e.refillPackets()
}
