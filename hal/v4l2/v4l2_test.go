package v4l2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/haltest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDeviceTellsWhatItIs(t *testing.T) {
	d, err := openDevice(newDouble(), "/dev/video11")
	if err != nil {
		t.Fatal(err)
	}
	want := hal.Codec{Path: "/dev/video11", Name: "double-encode", Driver: "double", Encodes: []hal.FourCC{"H264"}}
	if diff := cmp.Diff(want, d.Info()); diff != "" {
		t.Error(diff)
	}
	decoder := newDouble()
	decoder.in, decoder.out = []hal.FourCC{"H264", "MJPG"}, nil
	decoder.missing = map[request]error{decCmd: nil}
	if d, err = openDevice(decoder, ""); err != nil {
		t.Fatal(err)
	}
	if d.Info().Encodes != nil {
		t.Errorf("a device without coded packets encodes %v", d.Info().Encodes)
	}
}

func TestOtherDevicesAreUnsupported(t *testing.T) {
	for name, change := range map[string]func(*fakeDevice){
		"a camera":             func(d *fakeDevice) { d.caps.deviceCaps = 0x1 | capStreaming },
		"reads and writes":     func(d *fakeDevice) { d.caps.deviceCaps = capM2MMplane },
		"caps of another file": func(d *fakeDevice) { d.caps.capabilities |= capM2MMplane; d.caps.deviceCaps = capStreaming },
		"no video device":      func(d *fakeDevice) { d.missing = map[request]error{queryCap: unix.ENOTTY} },
	} {
		d := newDouble()
		change(d)
		if _, err := openDevice(d, "x"); !errors.Is(err, errors.ErrUnsupported) || !d.closed {
			t.Errorf("%s: got %v, closed %v", name, err, d.closed)
		}
	}
	for _, path := range []string{"/dev/null", filepath.Join(t.TempDir(), "none")} {
		if _, err := Open(path); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: got %v, want unsupported", path, err)
		}
	}
}

var testConfig = hal.EncoderConfig{Width: 16, Height: 8, Rate: 30, Bitrate: 100_000, KeyEvery: 60}

func testFrame(n byte) []byte { return bytes.Repeat([]byte{n}, 16*8*3/2) }

func newTestEncoder(t *testing.T, d *fakeDevice, cfg hal.EncoderConfig) *Encoder {
	t.Helper()
	device, err := openDevice(d, "double")
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder(device, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkClosed checks that nothing of the device is left open.
func checkClosed(t *testing.T, d *fakeDevice, e *Encoder) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if !d.closed || d.maps != 0 || len(d.queues[output].bufs)+len(d.queues[capture].bufs) != 0 {
		t.Errorf("after Close: closed %v, %d mappings, %d and %d buffers", d.closed, d.maps, len(d.queues[output].bufs), len(d.queues[capture].bufs))
	}
}

// sum and number are the fields of a packet of the double.
func decodePacket(p []byte) (kind byte, sum uint64, number uint32) {
	return p[0], binary.BigEndian.Uint64(p[1:]), binary.BigEndian.Uint32(p[9:])
}

func TestEncoderGivesAPacketForEachFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDouble()
		e := newTestEncoder(t, d, testConfig)
		for i := range 20 {
			if i == 7 {
				if err := errors.Join(e.KeyFrame(), e.SetBitrate(50_000)); err != nil {
					t.Fatal(err)
				}
			}
			packets, key, err := e.Encode(testFrame(byte(i)))
			if err != nil || len(packets) != 1 {
				t.Fatalf("frame %d: %d packets, %v", i, len(packets), err)
			}
			kind, sum, number := decodePacket(packets[0])
			if want := i == 0 || i == 7; key != want || (kind == 'k') != want {
				t.Errorf("frame %d: key %v, kind %c", i, key, kind)
			}
			if int(number) != i || sum != uint64(i*16*8*3/2) {
				t.Errorf("frame %d: got number %d, sum %d", i, number, sum)
			}
		}
		if d.bitrate != 50_000 {
			t.Errorf("bit rate %d, want 50000", d.bitrate)
		}
		checkClosed(t, d, e)
	})
}

func TestEncoderSpeaksInTheKernelsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDouble()
		e := newTestEncoder(t, d, testConfig)
		if _, _, err := e.Encode(testFrame(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Drain(); err != nil {
			t.Fatal(err)
		}
		checkClosed(t, d, e)
		checkGolden(t, "testdata/encode.golden", strings.Join(d.log, "\n")+"\n")
	})
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

func TestEncoderKeepsFramesOfASlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDouble()
		d.delay = 2
		e := newTestEncoder(t, d, testConfig)
		all := 0
		for i := range 10 {
			packets, _, err := e.Encode(testFrame(byte(i)))
			if err != nil {
				t.Fatal(err)
			}
			all += len(packets)
		}
		if all != 8 {
			t.Errorf("%d packets of 10 frames with 2 kept, want 8", all)
		}
		packets, err := e.Drain()
		if err != nil || len(packets) != 2 {
			t.Errorf("drain: %d packets, %v, want 2", len(packets), err)
		}
		if packets, _, err = e.Encode(testFrame(1)); err != nil || len(packets) != 0 {
			t.Errorf("after drain: %d packets, %v, want none yet", len(packets), err)
		}
		checkClosed(t, d, e)
	})
}

func TestEncoderWritesTheDevicesRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDouble()
		d.align = 32 // 32 x 32 for 16 x 8
		e := newTestEncoder(t, d, testConfig)
		f := testFrame(0)
		for i := range f {
			f[i] = byte(i)
		}
		if _, _, err := e.Encode(f); err != nil {
			t.Fatal(err)
		}
		buf := d.queues[output].bufs[0]
		for y := range 8 {
			if !bytes.Equal(buf[y*32:y*32+16], f[y*16:y*16+16]) {
				t.Errorf("row %d of Y is wrong", y)
			}
		}
		for y := range 4 {
			u, v := 32*32+y*16, 32*32*5/4+y*16
			if !bytes.Equal(buf[u:u+8], f[128+y*8:128+y*8+8]) || !bytes.Equal(buf[v:v+8], f[160+y*8:160+y*8+8]) {
				t.Errorf("row %d of U or V is wrong", y)
			}
		}
		if !strings.Contains(strings.Join(d.log, "\n"), "S_SELECTION") {
			t.Error("the device does not know the visible part of its picture")
		}
		checkClosed(t, d, e)
	})
}

func TestStuckDeviceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDouble()
		e := newTestEncoder(t, d, testConfig)
		d.stuck = true
		var err error
		for range 10 {
			if _, _, err = e.Encode(testFrame(0)); err != nil {
				break
			}
		}
		if !errors.Is(err, unix.ETIMEDOUT) {
			t.Errorf("got %v, want ETIMEDOUT", err)
		}
		if _, err = e.Drain(); !errors.Is(err, unix.ETIMEDOUT) {
			t.Errorf("drain: got %v, want ETIMEDOUT", err)
		}
		checkClosed(t, d, e)
	})
}

func TestEncoderThatCannotBeSetUpGivesTheDeviceBack(t *testing.T) {
	fail := func(r request) func(*fakeDevice) {
		return func(d *fakeDevice) { d.missing = map[request]error{r: unix.EIO} }
	}
	for name, change := range map[string]func(*fakeDevice){
		"formats": fail(setFmt), "buffers": fail(reqBufs), "query": fail(queryBuf), "start": fail(streamOn),
		"push": fail(qBuf), "rate": fail(setParm), "control": fail(setCtrl),
		"no H.264": func(d *fakeDevice) { d.out = []hal.FourCC{"FWHT"} },
		"no I420":  func(d *fakeDevice) { d.in = []hal.FourCC{"NV12"} },
	} {
		d := newDouble()
		change(d)
		device, err := openDevice(d, "double")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := NewEncoder(device, testConfig); err == nil || !d.closed || d.maps != 0 {
			t.Errorf("%s: got %v, closed %v, %d mappings", name, err, d.closed, d.maps)
		}
	}
	for _, c := range []hal.EncoderConfig{{}, {Width: 15, Height: 8}, {Width: 16, Height: -8}, {Width: 1 << 14, Height: 8}} {
		d := newDouble()
		device, err := openDevice(d, "double")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewEncoder(device, c); !errors.Is(err, unix.EINVAL) || !d.closed {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestControlsThatADeviceLacksAreUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDouble()
		d.ctrls = map[uint32]bool{}
		e := newTestEncoder(t, d, testConfig)
		if err := e.SetBitrate(1); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("SetBitrate: got %v", err)
		}
		if err := e.KeyFrame(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("KeyFrame: got %v", err)
		}
		if _, _, err := e.Encode(make([]byte, 5)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a frame of another size: got %v", err)
		}
		checkClosed(t, d, e)
	})
}

func TestCodecsChooseADeviceThatEncodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		decoder, enc := newDouble(), newDouble()
		decoder.in, decoder.out = []hal.FourCC{"H264"}, []hal.FourCC{"FWHT"}
		devices := map[string]*fakeDevice{"/dev/video10": decoder, "/dev/video11": enc}
		c := New(fstest.MapFS{"dev/video10": {}, "dev/video11": {}, "dev/video2": {}}).(*codecs)
		c.open = func(path string) (*Device, error) {
			if d := devices[path]; d != nil {
				d.closed = false
				return openDevice(d, path)
			}
			return nil, errors.ErrUnsupported
		}
		if got := c.List(); len(got) != 2 || got[0].Path != "/dev/video10" {
			t.Errorf("List: got %+v", got)
		}
		e, err := c.Encoder(hal.EncoderConfig{Width: 16, Height: 8})
		if err != nil {
			t.Fatal(err)
		}
		haltest.TestEncoder(t, e, 16, 8)
		if !decoder.closed || !enc.closed {
			t.Error("a device was left open")
		}
		if _, err := c.Encoder(hal.EncoderConfig{Width: 16, Height: 8, Format: "VP80"}); !errors.Is(err, hal.ErrNoCodec) || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("VP8: got %v, want no codec", err)
		}
	})
	if c := New(fstest.MapFS{}); c != nil {
		t.Errorf("a machine without video devices has codecs: %v", c)
	}
}

// The real devices of this machine pass the same test as the double.
func TestRealDevices(t *testing.T) {
	c := New(os.DirFS("/"))
	if c == nil {
		t.Skip("no /dev/video*: run on a board with an encoder, or scripts/qemu, which has the kernel's virtual one")
	}
	for _, d := range c.List() {
		t.Logf("%+v", d)
		if len(d.Encodes) == 0 || d.Driver == "vicodec" { // vicodec does not mark its key frames
			continue
		}
		device, err := Open(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEncoder(device, hal.EncoderConfig{Width: 640, Height: 360, Format: d.Encodes[0]})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Logf("%s: %v", d.Path, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		haltest.TestEncoder(t, e, 640, 360)
	}
}

// FuzzNames checks that a log never holds the raw name that a driver reports.
func FuzzNames(f *testing.F) {
	f.Add([]byte("bcm2835-codec\x00\xff"), uint32(0x34363248))
	f.Fuzz(func(t *testing.T, name []byte, format uint32) {
		for _, s := range []string{driverText(name), string(fourCC(format))} {
			if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q", s)
			}
		}
	})
}
