package hal

import "errors"

// FourCC is a pixel format or a codec by its four characters, as the kernel tells it:
// "H264", "YU12".
type FourCC string

// The formats that we use.
const (
	H264 FourCC = "H264"
	I420 FourCC = "YU12" // planes Y, U, V, the latter of half the width and height
)

// Codec is one device that encodes or decodes pictures beside the processor.
type Codec struct {
	Path    string   // "/dev/video11"
	Name    string   // "bcm2835-codec-encode"
	Driver  string   // "bcm2835-codec"
	Encodes []FourCC // to these
	Decodes []FourCC // these
}

// EncoderConfig describes one stream of pictures, I420 in, H.264 out.
type EncoderConfig struct {
	Width, Height int    // even
	Rate          int    // frames a second; 0: 30
	Bitrate       int    // bits/s; 0: the device's own
	KeyEvery      int    // frames between key frames; 0: the device's own
	Format        FourCC // of the packets; empty: H264
}

// Encoder makes packets of frames. One goroutine uses it.
type Encoder interface {
	// Encode takes one frame, tightly packed, and gives the packets that are ready, which are
	// the caller's: for H.264 in the byte stream format of its Annex B. There may be none, or
	// those of an earlier frame. key tells that one of them begins a key frame.
	Encode(frame []byte) (packets [][]byte, key bool, err error)
	// SetBitrate changes the target in bits/s from the next frame on.
	SetBitrate(bits int) error
	// KeyFrame makes the next frame a key frame.
	KeyFrame() error
	Close() error
}

// Codecs are a board's devices for pictures.
type Codecs interface {
	// List asks the devices what they do. One that does not answer is left out.
	List() []Codec
	// Encoder opens the first device that encodes to the format. ErrNoCodec: there is none.
	Encoder(EncoderConfig) (Encoder, error)
}

// ErrNoCodec tells that no device does what was asked; the caller does without. It is
// errors.ErrUnsupported.
var ErrNoCodec error = noCodec{}

type noCodec struct{}

func (noCodec) Error() string        { return "codec: no such device" }
func (noCodec) Is(target error) bool { return target == errors.ErrUnsupported }
