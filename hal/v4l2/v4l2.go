// Package v4l2 drives the memory-to-memory codecs of the kernel: encoders and decoders of pictures
// outside the processor.
//
// It uses the multi-planar interface with mapped buffers of the driver. The kernel describes it
// under "Memory-to-Memory Stateful Video Encoder Interface":
//
//	frames  --QBUF--> OUTPUT queue --> device --> CAPTURE queue --DQBUF--> packets
//
// The names OUTPUT and CAPTURE are from the view of the program: OUTPUT goes to the device, and
// CAPTURE comes back.
package v4l2

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// Device is an open /dev/video*. Only one goroutine uses it.
type Device struct {
	k    kernel
	path string
	info hal.Codec
}

// Open opens a device. Its error is errors.ErrUnsupported if there is no device, or if it is no
// multi-planar memory-to-memory device.
func Open(path string) (*Device, error) {
	k, err := openFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("%s: %w", path, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return openDevice(k, path)
}

func openDevice(k kernel, path string) (*Device, error) {
	d := &Device{k: k, path: path}
	if err := d.queryDevice(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return d, nil
}

// queryDevice reads the name and the abilities of the device.
func (d *Device) queryDevice() error {
	var c capability
	if err := d.callIoctl(queryCap, unsafe.Pointer(&c)); err != nil {
		return fmt.Errorf("%s: %w", d.path, errors.Join(err, errors.ErrUnsupported))
	}
	can := c.capabilities
	if can&capDeviceCaps != 0 {
		can = c.deviceCaps // of this file; the others are of all files of the device
	}
	if can&capM2MMplane == 0 || can&capStreaming == 0 {
		return fmt.Errorf("%s: no multi-planar memory-to-memory device: %w", d.path, errors.ErrUnsupported)
	}
	d.info = hal.Codec{Path: d.path, Name: driverText(c.card[:]), Driver: driverText(c.driver[:])}
	in, err := d.listFormats(output)
	if err != nil {
		return err
	}
	out, err := d.listFormats(capture)
	if err != nil {
		return err
	}
	d.info.Decodes, d.info.Encodes = compressedFormats(in), compressedFormats(out)
	return nil
}

// Info returns the name and the abilities of the device.
func (d *Device) Info() hal.Codec { return d.info }

// Close closes the device.
func (d *Device) Close() error { return d.k.close() }

// callIoctl runs a call and names it in the error.
func (d *Device) callIoctl(r request, arg unsafe.Pointer) error {
	if err := d.k.ioctl(r, arg); err != nil {
		return fmt.Errorf("%v: %w", r, err)
	}
	return nil
}

// maxFormats is above the number of formats of any device. A broken driver could list formats
// forever.
const maxFormats = 256

// listFormats returns the formats of a queue.
func (d *Device) listFormats(t bufType) (list []fmtDesc, err error) {
	for i := range uint32(maxFormats) {
		f := fmtDesc{index: i, typ: t}
		switch err := d.callIoctl(enumFmt, unsafe.Pointer(&f)); {
		case errors.Is(err, unix.EINVAL):
			return list, nil // the end
		case err != nil:
			return nil, fmt.Errorf("%s: %w", d.path, err)
		}
		list = append(list, f)
	}
	return list, nil
}

func compressedFormats(list []fmtDesc) (codes []hal.FourCC) {
	for _, f := range list {
		if f.flags&flagCompressed != 0 {
			codes = append(codes, fourCC(f.pixelFormat))
		}
	}
	return codes
}

// fourCC returns the characters of a code, the first in the lowest byte.
func fourCC(code uint32) hal.FourCC {
	b := [4]byte{byte(code), byte(code >> 8), byte(code >> 16), byte(code >> 24)}
	return hal.FourCC(hal.CleanWord(string(b[:])))
}

func encodeFourCC(f hal.FourCC) (c uint32) {
	for i := range min(len(f), 4) {
		c |= uint32(f[i]) << (8 * i)
	}
	return c
}

// driverText returns a cleaned text of a driver.
func driverText(b []byte) string { return hal.CleanWord(unix.ByteSliceToString(b)) }

// setControl sets a control. The error is errors.ErrUnsupported if the device lacks it.
func (d *Device) setControl(id uint32, value int) error {
	c := control{id, int32(min(max(value, 0), 1<<31-1))}
	err := d.callIoctl(setCtrl, unsafe.Pointer(&c))
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) {
		return fmt.Errorf("%s: %w", d.path, errors.Join(err, errors.ErrUnsupported))
	}
	return err
}

// StopCodec makes an encoder or decoder finish its work and mark the last buffer.
func (d *Device) StopCodec() error { return d.sendCommand(cmdStop) }

// StartCodec makes it continue after StopCodec.
func (d *Device) StartCodec() error { return d.sendCommand(cmdStart) }

func (d *Device) sendCommand(cmd uint32) error {
	if len(d.info.Encodes) == 0 {
		return d.callIoctl(decCmd, unsafe.Pointer(&decoderCmd{cmd: cmd}))
	}
	return d.callIoctl(encCmd, unsafe.Pointer(&encoderCmd{cmd: cmd}))
}
