package hal

import "errors"

// FourCC names a pixel format or a codec by its four characters, as the kernel does: "H264",
// "YU12".
type FourCC string

// The formats that the box uses.
const (
	H264 FourCC = "H264"
	I420 FourCC = "YU12" // planes Y, U, V; U and V have half the width and height
)

// Codec is one device that encodes or decodes pictures instead of the processor.
type Codec struct {
	Path    string   // "/dev/video11"
	Name    string   // "bcm2835-codec-encode"
	Driver  string   // "bcm2835-codec"
	Encodes []FourCC // output formats
	Decodes []FourCC // input formats
}

// EncoderConfig describes one stream of pictures: I420 in, H.264 out.
type EncoderConfig struct {
	Width, Height int    // even
	Rate          int    // frames a second, 0 means 30
	Bitrate       int    // bits/s, 0 means the default of the device
	KeyEvery      int    // frames between key frames, 0 means the default of the device
	Format        FourCC // of the packets, empty means H264
}

// Encoder turns frames into packets. Only one goroutine uses it.
type Encoder interface {
	// Encode takes one tightly packed frame and returns the packets that are ready. The caller owns
	// them. H.264 packets are in the byte stream format of Annex B. The list may be empty, or hold
	// packets of an earlier frame. key reports whether one of them begins a key frame.
	Encode(frame []byte) (packets [][]byte, key bool, err error)
	// SetBitrate changes the target bitrate in bits/s from the next frame on.
	SetBitrate(bits int) error
	// KeyFrame makes the next frame a key frame.
	KeyFrame() error
	Close() error
}

// Codecs are the picture devices of a board.
type Codecs interface {
	// List asks the devices for their formats. It leaves out a device that does not answer.
	List() []Codec
	// Encoder opens the first device that encodes to the format. It returns ErrNoCodec if no device
	// does.
	Encoder(EncoderConfig) (Encoder, error)
}

// ErrNoCodec means that no device handles the format. The caller does the work without one. It is
// errors.ErrUnsupported.
var ErrNoCodec error = noCodec{}

type noCodec struct{}

func (noCodec) Error() string        { return "codec: no such device" }
func (noCodec) Is(target error) bool { return target == errors.ErrUnsupported }
