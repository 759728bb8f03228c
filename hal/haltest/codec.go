package haltest

import (
	"errors"
	"testing"

	"github.com/livelearn/box/hal"
)

func testThermal(t *testing.T, th hal.Thermal) {
	heat := th.Heat()
	for _, z := range heat.Zones {
		if z.Temp < -50_000 || z.Temp > 150_000 {
			t.Errorf("%s is at %v", z.Name, z.Temp)
		}
	}
	if hot, ok := heat.Hottest(); ok != (len(heat.Zones) > 0) || ok && hot.Temp < heat.Zones[0].Temp {
		t.Errorf("the hottest of %+v is %+v", heat.Zones, hot)
	}
}

// testCodecs opens an encoder for a format from the list, and one for a format that no device has.
func testCodecs(t *testing.T, c hal.Codecs) {
	encodes := false
	for _, d := range c.List() {
		if d.Path == "" || d.Name == "" && d.Driver == "" {
			t.Errorf("a device without a name: %+v", d)
		}
		for _, f := range d.Encodes {
			encodes = encodes || f == hal.H264
		}
	}
	const w, h = 320, 192
	switch e, err := c.Encoder(hal.EncoderConfig{Width: w, Height: h, Bitrate: 150_000}); {
	case err == nil:
		TestEncoder(t, e, w, h)
	case encodes:
		t.Errorf("the list has an encoder of H.264, and it does not open: %v", err)
	case !errors.Is(err, errors.ErrUnsupported):
		t.Errorf("no encoder: got %v, want unsupported", err)
	}
	if _, err := c.Encoder(hal.EncoderConfig{Width: w, Height: h, Format: "????"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an encoder of no format: got %v, want unsupported", err)
	}
}

// TestEncoder checks an encoder for pictures of w by h, and closes it.
func TestEncoder(t *testing.T, e hal.Encoder, w, h int) {
	t.Helper()
	defer func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	if _, _, err := e.Encode(make([]byte, 7)); err == nil {
		t.Error("a frame of another size was taken")
	}
	if err := e.SetBitrate(200_000); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetBitrate: %v", err)
	}
	frame := make([]byte, w*h*3/2)
	packets, keys, forced := 0, 0, false
	for i := range 30 {
		if i == 15 {
			err := e.KeyFrame()
			if forced = err == nil; err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("KeyFrame: %v", err)
			}
		}
		for j := range w * h {
			frame[j] = byte(i*4 + j)
		}
		list, key, err := e.Encode(frame)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if key {
			keys++
		}
		packets += len(list)
	}
	if packets < 25 || packets > 30 {
		t.Errorf("%d packets of 30 frames", packets)
	}
	if keys < 1 || forced && keys < 2 {
		t.Errorf("%d key frames, one was asked for: %v", keys, forced)
	}
}
