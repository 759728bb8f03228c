package v4l2

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/hal"
)

// typeLayout returns the output of testdata/layout.c for the types of types.go.
func typeLayout() string {
	var b strings.Builder
	size := func(name string, n uintptr) { fmt.Fprintf(&b, "sizeof %s %d\n", name, n) }
	at := func(name string, n uintptr) { fmt.Fprintf(&b, "%s %d\n", name, n) }
	size("capability", unsafe.Sizeof(capability{}))
	at("capability.capabilities", unsafe.Offsetof(capability{}.capabilities))
	at("capability.device_caps", unsafe.Offsetof(capability{}.deviceCaps))
	size("fmtdesc", unsafe.Sizeof(fmtDesc{}))
	at("fmtdesc.description", unsafe.Offsetof(fmtDesc{}.description))
	at("fmtdesc.pixelformat", unsafe.Offsetof(fmtDesc{}.pixelFormat))
	size("plane_pix_format", unsafe.Sizeof(planeFormat{}))
	at("plane_pix_format.bytesperline", unsafe.Offsetof(planeFormat{}.bytesPerLine))
	size("pix_format_mplane", unsafe.Sizeof(pixFormat{}))
	at("pix_format_mplane.plane_fmt", unsafe.Offsetof(pixFormat{}.planes))
	at("pix_format_mplane.num_planes", unsafe.Offsetof(pixFormat{}.numPlanes))
	size("format", unsafe.Sizeof(format{}))
	at("format.fmt", unsafe.Offsetof(format{}.pix))
	size("requestbuffers", unsafe.Sizeof(requestBuffers{}))
	at("requestbuffers.memory", unsafe.Offsetof(requestBuffers{}.memory))
	size("plane", unsafe.Sizeof(plane{}))
	at("plane.m", unsafe.Offsetof(plane{}.offset))
	at("plane.data_offset", unsafe.Offsetof(plane{}.dataOffset))
	size("buffer", unsafe.Sizeof(buffer{}))
	at("buffer.timestamp", unsafe.Offsetof(buffer{}.seconds))
	at("buffer.sequence", unsafe.Offsetof(buffer{}.sequence))
	at("buffer.memory", unsafe.Offsetof(buffer{}.memory))
	at("buffer.m", unsafe.Offsetof(buffer{}.planes))
	at("buffer.length", unsafe.Offsetof(buffer{}.length))
	at("buffer.request_fd", unsafe.Offsetof(buffer{}.requestFD))
	size("control", unsafe.Sizeof(control{}))
	size("encoder_cmd", unsafe.Sizeof(encoderCmd{}))
	size("decoder_cmd", unsafe.Sizeof(decoderCmd{}))
	size("selection", unsafe.Sizeof(selection{}))
	at("selection.r", unsafe.Offsetof(selection{}.left))
	size("streamparm", unsafe.Sizeof(streamParm{}))
	at("streamparm.parm.output.timeperframe", unsafe.Offsetof(streamParm{}.numerator))
	at("streamparm.parm.output.writebuffers", unsafe.Offsetof(streamParm{}.buffers))
	return b.String() + ioctlNumbers()
}

func ioctlNumbers() string {
	var b strings.Builder
	num := func(name string, n uint64) {
		fmt.Fprintf(&b, "%s %s\n", name, strings.Replace(fmt.Sprintf("%#x", n), "0x0", "0", 1))
	}
	for _, r := range []request{queryCap, enumFmt, setFmt, reqBufs, queryBuf, qBuf, dqBuf, streamOn, streamOff, setParm, setCtrl, encCmd, decCmd, setSelect} {
		num("VIDIOC_"+r.String(), uint64(r))
	}
	num("V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE", uint64(capture))
	num("V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE", uint64(output))
	num("V4L2_CAP_VIDEO_M2M_MPLANE", capM2MMplane)
	num("V4L2_CAP_STREAMING", capStreaming)
	num("V4L2_CAP_DEVICE_CAPS", capDeviceCaps)
	num("V4L2_FMT_FLAG_COMPRESSED", flagCompressed)
	num("V4L2_MEMORY_MMAP", memoryMmap)
	num("V4L2_FIELD_NONE", fieldNone)
	num("V4L2_COLORSPACE_REC709", colorRec709)
	num("V4L2_BUF_FLAG_KEYFRAME", bufKeyFrame)
	num("V4L2_BUF_FLAG_ERROR", bufError)
	num("V4L2_BUF_FLAG_LAST", bufLast)
	for _, of := range []string{"ENC", "DEC"} {
		num("V4L2_"+of+"_CMD_START", cmdStart)
		num("V4L2_"+of+"_CMD_STOP", cmdStop)
	}
	num("V4L2_SEL_TGT_CROP", targetCrop)
	num("V4L2_CID_MPEG_VIDEO_BITRATE", ctrlBitrate)
	num("V4L2_CID_MPEG_VIDEO_GOP_SIZE", ctrlGOP)
	num("V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME", ctrlForceKey)
	num("V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER", ctrlHeaders)
	num("V4L2_CID_MPEG_VIDEO_H264_PROFILE", ctrlProfile)
	num("V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE", baseline)
	num("V4L2_PIX_FMT_H264", uint64(encodeFourCC(hal.H264)))
	num("V4L2_PIX_FMT_YUV420", uint64(encodeFourCC(hal.I420)))
	return b.String()
}

func TestStructuresAreThoseOfTheKernel(t *testing.T) {
	want, err := os.ReadFile("testdata/layout.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), typeLayout()); diff != "" {
		t.Errorf("types.go (+) is not as linux/videodev2.h (-):\n%s", diff)
	}
}

// The golden file holds the values that a compiler makes of the header.
func TestGoldenLayoutIsThatOfTheHeader(t *testing.T) {
	program := filepath.Join(t.TempDir(), "layout")
	if out, err := exec.CommandContext(t.Context(), "gcc", "-o", program, "testdata/layout.c").CombinedOutput(); err != nil {
		t.Skipf("apt install gcc linux-libc-dev: %v: %s", err, out)
	}
	got, err := exec.CommandContext(t.Context(), program).Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/layout.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the header of this machine (+) is not as testdata/layout.golden (-):\n%s", diff)
	}
}
