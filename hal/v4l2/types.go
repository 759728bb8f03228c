package v4l2

import "fmt"

// The structures of linux/videodev2.h for 64-bit kernels. layout_test.go compares them with the
// header.

type bufType uint32

const (
	capture bufType = 9  // V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
	output  bufType = 10 // V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE
)

const (
	capM2MMplane  = 0x4000
	capStreaming  = 0x4000000
	capDeviceCaps = 0x80000000

	flagCompressed = 0x1 // of a format

	memoryMmap   = 1
	fieldNone    = 1
	colorRec709  = 3
	bufKeyFrame  = 0x8
	bufError     = 0x40
	bufLast      = 0x100000
	cmdStart     = 0 // of encoders and decoders alike
	cmdStop      = 1
	targetCrop   = 0
	ctrlBitrate  = 0x9909cf // V4L2_CID_MPEG_VIDEO_BITRATE
	ctrlGOP      = 0x9909cb // V4L2_CID_MPEG_VIDEO_GOP_SIZE
	ctrlForceKey = 0x9909e5 // V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME
	ctrlProfile  = 0x990a6b // V4L2_CID_MPEG_VIDEO_H264_PROFILE
	baseline     = 1        // constrained: what every browser decodes (RFC 7742 section 6.2)
	ctrlHeaders  = 0x9909e2 // V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER
)

type capability struct {
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	version      uint32
	capabilities uint32
	deviceCaps   uint32
	_            [3]uint32
}

type fmtDesc struct {
	index       uint32
	typ         bufType
	flags       uint32
	description [32]byte
	pixelFormat uint32
	mbusCode    uint32
	_           [3]uint32
}

type planeFormat struct {
	sizeImage    uint32
	bytesPerLine uint32
	_            [6]uint16
}

type pixFormat struct {
	width, height uint32
	pixelFormat   uint32
	field         uint32
	colorspace    uint32
	planes        [8]planeFormat
	numPlanes     uint8
	flags         uint8
	ycbcr         uint8
	quantization  uint8
	transfer      uint8
	_             [7]byte
}

type format struct {
	typ bufType
	_   uint32 // the union begins at 8 bytes
	pix pixFormat
	_   [8]byte // it has 200 bytes
}

type requestBuffers struct {
	count        uint32
	typ          bufType
	memory       uint32
	capabilities uint32
	flags        uint8
	_            [3]byte
}

type plane struct {
	bytesUsed  uint32
	length     uint32
	offset     uint32 // for mmap
	_          uint32 // of the union
	dataOffset uint32
	_          [11]uint32
}

type buffer struct {
	index     uint32
	typ       bufType
	bytesUsed uint32
	flags     uint32
	field     uint32
	_         uint32
	seconds   int64
	micros    int64
	timecode  [16]byte
	sequence  uint32
	memory    uint32
	planes    *plane
	length    uint32 // of planes
	_         uint32
	requestFD int32
	_         uint32
}

type control struct {
	id    uint32
	value int32
}

type encoderCmd struct {
	cmd   uint32
	flags uint32
	_     [8]uint32
}

type decoderCmd struct {
	cmd   uint32
	flags uint32
	_     [16]uint32
}

type selection struct {
	typ           bufType
	target        uint32
	flags         uint32
	left, top     int32
	width, height uint32
	_             [9]uint32
}

type streamParm struct {
	typ          bufType
	capability   uint32
	mode         uint32
	numerator    uint32 // of a frame's time
	denominator  uint32
	extendedMode uint32
	buffers      uint32
	_            [176]byte // the union has 200 bytes
}

// request is the number of an ioctl.
type request uintptr

const (
	queryCap  request = 0x80685600
	enumFmt   request = 0xc0405602
	setFmt    request = 0xc0d05605
	reqBufs   request = 0xc0145608
	queryBuf  request = 0xc0585609
	qBuf      request = 0xc058560f
	dqBuf     request = 0xc0585611
	streamOn  request = 0x40045612
	streamOff request = 0x40045613
	setParm   request = 0xc0cc5616
	setCtrl   request = 0xc008561c
	encCmd    request = 0xc028564d
	decCmd    request = 0xc0485660
	setSelect request = 0xc040565f
)

var requests = map[request]string{
	queryCap: "QUERYCAP", enumFmt: "ENUM_FMT", setFmt: "S_FMT", reqBufs: "REQBUFS",
	queryBuf: "QUERYBUF", qBuf: "QBUF", dqBuf: "DQBUF", streamOn: "STREAMON",
	streamOff: "STREAMOFF", setParm: "S_PARM", setCtrl: "S_CTRL", encCmd: "ENCODER_CMD",
	decCmd: "DECODER_CMD", setSelect: "S_SELECTION",
}

// String returns the name without its VIDIOC_.
func (r request) String() string {
	if s, ok := requests[r]; ok {
		return s
	}
	return fmt.Sprintf("ioctl %#x", uintptr(r))
}
