package v4l2

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// fakeDevice is an encoder that keeps the rules of the kernel (videobuf2, v4l2-mem2mem and the
// stateful encoder interface). Like them it refuses calls in the wrong order. Its packet holds the
// kind of the frame, the sum of its visible bytes and its number.
type fakeDevice struct {
	caps    capability
	out, in []hal.FourCC // that it encodes to, and of frames
	align   uint32       // of a row and of the rows
	delay   int          // kept until more frames come
	missing map[request]error
	ctrls   map[uint32]bool // known controls, nil means all
	stuck   bool

	log     []string
	queues  map[bufType]*fakeQueue
	frames  [][]byte // waiting in the device
	count   uint32
	key     bool
	bitrate int32
	stop    bool // draining
	drained bool
	maps    int
	closed  bool
}

type fakeQueue struct {
	pix    pixFormat
	bufs   [][]byte
	queued []uint32 // inside the device, in order
	used   map[uint32]uint32
	done   []buffer
	on     bool
	mapped map[uint32]bool
}

func newDouble() *fakeDevice {
	d := &fakeDevice{
		out: []hal.FourCC{"H264"}, in: []hal.FourCC{"YU12", "NV12"}, align: 1,
		queues: map[bufType]*fakeQueue{capture: newSide(), output: newSide()},
	}
	copy(d.caps.driver[:], "double")
	copy(d.caps.card[:], "double-encode\x00junk")
	d.caps.capabilities = capDeviceCaps | 0x1
	d.caps.deviceCaps = capM2MMplane | capStreaming
	return d
}

func newSide() *fakeQueue { return &fakeQueue{used: map[uint32]uint32{}, mapped: map[uint32]bool{}} }

func (d *fakeDevice) ioctl(r request, arg unsafe.Pointer) error {
	err := d.do(r, arg)
	d.log = append(d.log, fmt.Sprintf("%v%s", r, d.note(r, arg, err)))
	return err
}

func (d *fakeDevice) do(r request, arg unsafe.Pointer) error {
	if err := d.missing[r]; err != nil {
		return err
	}
	switch r {
	case queryCap:
		*(*capability)(arg) = d.caps
		return nil
	case enumFmt:
		return d.enum((*fmtDesc)(arg))
	case setFmt:
		return d.setFormat((*format)(arg))
	case setCtrl:
		return d.setControl((*control)(arg))
	case reqBufs:
		return d.request((*requestBuffers)(arg))
	case encCmd:
		return d.command((*encoderCmd)(arg).cmd)
	case setParm, setSelect:
		return nil
	case streamOn, streamOff:
		return d.stream(r == streamOn, *(*bufType)(arg))
	}
	return d.buffers(r, (*buffer)(arg))
}

func (d *fakeDevice) buffers(r request, b *buffer) error {
	q := d.queues[b.typ]
	if q == nil || b.planes == nil || b.length != 1 || b.memory != memoryMmap {
		return unix.EINVAL
	}
	if r == dqBuf {
		return d.dequeue(q, b)
	}
	if int(b.index) >= len(q.bufs) {
		return unix.EINVAL
	}
	if r == queryBuf {
		b.planes.length = uint32(len(q.bufs[b.index]))
		b.planes.offset = uint32(b.typ)<<24 | b.index<<16
		return nil
	}
	return d.enqueue(q, b)
}

func (d *fakeDevice) enum(f *fmtDesc) error {
	list, flags := d.out, uint32(flagCompressed)
	if f.typ == output {
		list, flags = d.in, 0
	}
	if int(f.index) >= len(list) {
		return unix.EINVAL
	}
	f.pixelFormat, f.flags = encodeFourCC(list[f.index]), flags
	return nil
}

// setFormat changes unsupported values, as drivers must. Setting the format of the packets resets
// the format of the frames.
func (d *fakeDevice) setFormat(f *format) error {
	q := d.queues[f.typ]
	if q == nil {
		return unix.EINVAL
	}
	if len(q.bufs) > 0 {
		return unix.EBUSY
	}
	list := d.out
	if f.typ == output {
		list = d.in
	}
	if !slices.Contains(list, fourCC(f.pix.pixelFormat)) {
		f.pix.pixelFormat = encodeFourCC(list[0])
	}
	up := func(n uint32) uint32 { return (n + d.align - 1) / d.align * d.align }
	f.pix.numPlanes = 1
	if p := &f.pix.planes[0]; f.typ == output {
		f.pix.width, f.pix.height = up(f.pix.width), up(f.pix.height)
		p.bytesPerLine = f.pix.width
		p.sizeImage = f.pix.width * f.pix.height * 3 / 2
	} else {
		p.sizeImage = 64 << 10
		d.queues[output].pix = pixFormat{}
	}
	q.pix = f.pix
	return nil
}

func (d *fakeDevice) setControl(c *control) error {
	if d.ctrls != nil && !d.ctrls[c.id] {
		return unix.EINVAL
	}
	switch c.id {
	case ctrlForceKey:
		d.key = true
	case ctrlBitrate:
		d.bitrate = c.value
	}
	return nil
}

func (d *fakeDevice) request(r *requestBuffers) error {
	q := d.queues[r.typ]
	switch {
	case q == nil || r.memory != memoryMmap:
		return unix.EINVAL
	case q.on || len(q.mapped) > 0:
		return unix.EBUSY // vb2: streaming, or still mapped
	}
	q.bufs, q.queued, q.done = nil, nil, nil
	r.count = min(r.count, 3)
	for range r.count {
		q.bufs = append(q.bufs, make([]byte, q.pix.planes[0].sizeImage))
	}
	return nil
}

func (d *fakeDevice) enqueue(q *fakeQueue, b *buffer) error {
	if !q.mapped[b.index] || slices.Contains(q.queued, b.index) || int(b.planes.bytesUsed) > len(q.bufs[b.index]) ||
		slices.ContainsFunc(q.done, func(o buffer) bool { return o.index == b.index }) {
		return unix.EINVAL
	}
	q.queued = append(q.queued, b.index)
	q.used[b.index] = b.planes.bytesUsed
	d.work()
	return nil
}

func (d *fakeDevice) dequeue(q *fakeQueue, b *buffer) error {
	switch {
	case !q.on:
		return unix.EINVAL
	case len(q.done) > 0:
		at := *b.planes
		p := b.planes
		*b, q.done = q.done[0], q.done[1:]
		at.bytesUsed = q.used[b.index]
		*p = at
		b.planes = p
		return nil
	case q == d.queues[capture] && d.drained:
		return unix.EPIPE
	}
	return unix.EAGAIN
}

func (d *fakeDevice) stream(on bool, t bufType) error {
	q := d.queues[t]
	if q == nil || on && len(q.bufs) == 0 {
		return unix.EINVAL
	}
	if q.on = on; !on {
		q.queued, q.done = nil, nil
	}
	d.work()
	return nil
}

func (d *fakeDevice) command(cmd uint32) error {
	if !d.queues[output].on || !d.queues[capture].on {
		return unix.EINVAL
	}
	if d.stop = cmd == cmdStop; !d.stop {
		d.drained = false
	}
	d.work()
	return nil
}

// work codes as many frames as both queues allow.
func (d *fakeDevice) work() {
	in, out := d.queues[output], d.queues[capture]
	if !in.on || !out.on || d.stuck || d.drained {
		return
	}
	for len(in.queued) > 0 {
		i := in.queued[0]
		in.queued = in.queued[1:]
		d.frames = append(d.frames, slices.Clone(in.bufs[i][:in.used[i]]))
		in.done = append(in.done, buffer{index: i, typ: output})
	}
	for len(out.queued) > 0 && (len(d.frames) > d.delay || d.stop && len(d.frames) > 0) {
		d.packet(out)
	}
	if d.stop && len(d.frames) == 0 && len(out.queued) > 0 {
		d.finish(out, 0, bufLast)
		d.drained = true
	}
}

func (d *fakeDevice) packet(out *fakeQueue) {
	var sum uint64
	for _, c := range d.frames[0] {
		sum += uint64(c)
	}
	d.frames = d.frames[1:]
	flags, kind := uint32(0), byte('p')
	if d.key || d.count == 0 {
		flags, kind, d.key = bufKeyFrame, 'k', false
	}
	b := binary.BigEndian.AppendUint64([]byte{kind}, sum)
	b = binary.BigEndian.AppendUint32(b, d.count)
	d.count++
	copy(out.bufs[out.queued[0]], b)
	d.finish(out, uint32(len(b)), flags)
}

func (d *fakeDevice) finish(out *fakeQueue, n, flags uint32) {
	i := out.queued[0]
	out.queued = out.queued[1:]
	out.used[i] = n
	out.done = append(out.done, buffer{index: i, typ: capture, flags: flags})
}

func (d *fakeDevice) mmap(offset int64, length int) ([]byte, error) {
	q := d.queues[bufType(offset>>24)]
	i := uint32(offset >> 16 & 0xff)
	if q == nil || int(i) >= len(q.bufs) || length != len(q.bufs[i]) {
		return nil, unix.EINVAL
	}
	q.mapped[i] = true
	d.maps++
	return q.bufs[i], nil
}

func (d *fakeDevice) munmap(b []byte) error {
	for _, q := range d.queues {
		for i := range q.mapped {
			if unsafe.SliceData(q.bufs[i]) == unsafe.SliceData(b) {
				delete(q.mapped, i)
				d.maps--
				return nil
			}
		}
	}
	return unix.EINVAL
}

// wait returns at once with the time passed if there is nothing.
func (d *fakeDevice) wait(t time.Duration) (readable, writable bool, err error) {
	readable, writable = len(d.queues[capture].done) > 0, len(d.queues[output].done) > 0
	if !readable && !writable {
		time.Sleep(t) // on the clock of the test
	}
	return readable, writable, nil
}

func (d *fakeDevice) close() error {
	if d.closed {
		return unix.EBADF
	}
	d.closed = true
	return nil
}

// note returns the details of a call for the transcript.
func (d *fakeDevice) note(r request, arg unsafe.Pointer, err error) (s string) {
	side := map[bufType]string{capture: " capture", output: " output"}
	switch r {
	case setFmt:
		f := (*format)(arg)
		s = fmt.Sprintf("%s %s %dx%d", side[f.typ], fourCC(f.pix.pixelFormat), f.pix.width, f.pix.height)
	case reqBufs:
		b := (*requestBuffers)(arg)
		s = fmt.Sprintf("%s %d", side[b.typ], b.count)
	case setCtrl:
		c := (*control)(arg)
		s = fmt.Sprintf(" %#x %d", c.id, c.value)
	case queryBuf, qBuf, dqBuf:
		b := (*buffer)(arg)
		if s = side[b.typ]; err == nil {
			s += fmt.Sprintf(" %d", b.index)
		}
	case streamOn, streamOff:
		s = side[*(*bufType)(arg)]
	case encCmd:
		s = fmt.Sprintf(" %d", (*encoderCmd)(arg).cmd)
	}
	if err != nil {
		s += ": " + err.Error()
	}
	return s
}
