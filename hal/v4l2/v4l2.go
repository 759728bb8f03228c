// Package v4l2 speaks to the kernel's memory-to-memory codecs: encoders and decoders of
// pictures that a board has beside its processor.
//
// It uses the multi-planar interface with buffers of the driver's that are mapped into this
// process, as the kernel describes under "Memory-to-Memory Stateful Video Encoder Interface":
//
//	frames  --QBUF--> OUTPUT queue --> device --> CAPTURE queue --DQBUF--> packets
//
// The names OUTPUT and CAPTURE are as seen by the program: what goes out to the device and
// what comes back.
package v4l2

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// Device is an open /dev/video*. One goroutine uses it.
type Device struct {
	k    kernel
	path string
	info hal.Codec
}

// Open opens a device. Its error is errors.ErrUnsupported if there is none, or if it is no
// multi-planar memory-to-memory device.
func Open(path string) (*Device, error) {
	k, err := openFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("%s: %w", path, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return open(k, path)
}

func open(k kernel, path string) (*Device, error) {
	d := &Device{k: k, path: path}
	if err := d.ask(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return d, nil
}

// ask reads what the device is and does.
func (d *Device) ask() error {
	var c capability
	if err := d.ioctl(queryCap, unsafe.Pointer(&c)); err != nil {
		return fmt.Errorf("%s: %w", d.path, errors.Join(err, errors.ErrUnsupported))
	}
	can := c.capabilities
	if can&capDeviceCaps != 0 {
		can = c.deviceCaps // of this file; the others are of all files of the device
	}
	if can&capM2MMplane == 0 || can&capStreaming == 0 {
		return fmt.Errorf("%s: no multi-planar memory-to-memory device: %w", d.path, errors.ErrUnsupported)
	}
	d.info = hal.Codec{Path: d.path, Name: text(c.card[:]), Driver: text(c.driver[:])}
	in, err := d.formats(output)
	if err != nil {
		return err
	}
	out, err := d.formats(capture)
	if err != nil {
		return err
	}
	d.info.Decodes, d.info.Encodes = compressed(in), compressed(out)
	return nil
}

// Info tells what the device is and does.
func (d *Device) Info() hal.Codec { return d.info }

// Close gives the device back.
func (d *Device) Close() error { return d.k.close() }

// ioctl names the call in its error.
func (d *Device) ioctl(r request, arg unsafe.Pointer) error {
	if err := d.k.ioctl(r, arg); err != nil {
		return fmt.Errorf("%v: %w", r, err)
	}
	return nil
}

// mostFormats is more than any device has; a broken driver could go on for ever.
const mostFormats = 256

// formats are those that a queue takes or gives.
func (d *Device) formats(t bufType) (list []fmtDesc, err error) {
	for i := range uint32(mostFormats) {
		f := fmtDesc{index: i, typ: t}
		switch err := d.ioctl(enumFmt, unsafe.Pointer(&f)); {
		case errors.Is(err, unix.EINVAL):
			return list, nil // the end
		case err != nil:
			return nil, fmt.Errorf("%s: %w", d.path, err)
		}
		list = append(list, f)
	}
	return list, nil
}

func compressed(list []fmtDesc) (codes []hal.FourCC) {
	for _, f := range list {
		if f.flags&flagCompressed != 0 {
			codes = append(codes, fourCC(f.pixelFormat))
		}
	}
	return codes
}

// fourCC is a code's characters, the first in the lowest byte.
func fourCC(code uint32) hal.FourCC {
	b := [4]byte{byte(code), byte(code >> 8), byte(code >> 16), byte(code >> 24)}
	return hal.FourCC(hal.Word(string(b[:])))
}

func code(f hal.FourCC) (c uint32) {
	for i := range min(len(f), 4) {
		c |= uint32(f[i]) << (8 * i)
	}
	return c
}

// text is a name that a driver gives itself.
func text(b []byte) string { return hal.Word(unix.ByteSliceToString(b)) }

// control sets a number. A device without it is errors.ErrUnsupported.
func (d *Device) control(id uint32, value int) error {
	c := control{id, int32(min(max(value, 0), 1<<31-1))}
	err := d.ioctl(setCtrl, unsafe.Pointer(&c))
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) {
		return fmt.Errorf("%s: %w", d.path, errors.Join(err, errors.ErrUnsupported))
	}
	return err
}

// Stop tells an encoder or decoder to finish what it has and to mark the last buffer.
func (d *Device) Stop() error { return d.command(cmdStop) }

// Start lets it go on after Stop.
func (d *Device) Start() error { return d.command(cmdStart) }

func (d *Device) command(cmd uint32) error {
	if len(d.info.Encodes) == 0 {
		return d.ioctl(decCmd, unsafe.Pointer(&decoderCmd{cmd: cmd}))
	}
	return d.ioctl(encCmd, unsafe.Pointer(&encoderCmd{cmd: cmd}))
}
