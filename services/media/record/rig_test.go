package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"github.com/livelearn/box/services/media/forward"
)

const (
	fps   = 30
	clipS = 6 // seconds, a key frame every two
)

// timedPacket is an RTP packet and its time of arrival.
type timedPacket struct {
	at    time.Duration
	track int
	data  []byte
}

// clip is encoded media.
type clip struct {
	codec  forward.Codec
	frames [][]byte
	each   time.Duration
}

// encodeClips makes the clips, once for all tests, in a folder of the first test.
func encodeClips(t testing.TB, size string) map[forward.Codec]clip {
	t.Helper()
	dir := encodeDir(t, size)
	return loadClips(t, dir)
}

var encodedDirs = map[string]string{}

// encodeDir is a folder with a clip of each codec.
func encodeDir(t testing.TB, size string) string {
	t.Helper()
	if dir := encodedDirs[size]; dir != "" {
		return dir
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg: apt-get install ffmpeg")
	}
	dir, err := os.MkdirTemp("", "record-media-")
	if err != nil {
		t.Fatal(err)
	}
	picture := []string{"-f", "lavfi", "-i", "testsrc=size=" + size + ":rate=30", "-t", strconv.Itoa(clipS), "-pix_fmt", "yuv420p", "-g", "60", "-keyint_min", "60"}
	for name, args := range map[string][]string{
		"vp8.ivf":  append(picture[:len(picture):len(picture)], "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-b:v", "400k"),
		"vp9.ivf":  append(picture[:len(picture):len(picture)], "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "400k"),
		"av1.ivf":  append(picture[:len(picture):len(picture)], "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-b:v", "400k", "-lag-in-frames", "0"),
		"x.h264":   append(picture[:len(picture):len(picture)], "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-x264-params", "scenecut=0:aud=1", "-b:v", "400k"),
		"opus.ogg": {"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", strconv.Itoa(clipS), "-c:a", "libopus", "-b:a", "32k", "-page_duration", "20000"},
	} {
		cmd := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-v", "error", "-y"}, args...), filepath.Join(dir, name))...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	encodedDirs[size] = dir
	return dir
}

type fataler interface {
	Fatal(...any)
	Helper()
}

func loadClips(t fataler, dir string) map[forward.Codec]clip {
	t.Helper()
	clips := map[forward.Codec]clip{}
	for codec, name := range map[forward.Codec]string{forward.VP8: "vp8.ivf", forward.VP9: "vp9.ivf", forward.AV1: "av1.ivf", forward.H264: "x.h264", forward.Opus: "opus.ogg"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		c := clip{codec: codec, each: time.Second / fps}
		switch codec {
		case forward.H264:
			c.frames, err = accessUnits(b)
		case forward.Opus:
			c.each = 20 * time.Millisecond
			c.frames, err = oggPackets(b)
		default:
			c.frames, err = ivfFrames(b)
		}
		if err != nil || len(c.frames) == 0 {
			t.Fatal(name, len(c.frames), err)
		}
		clips[codec] = c
	}
	return clips
}

func ivfFrames(b []byte) (frames [][]byte, err error) {
	r, _, err := ivfreader.NewWith(bytes.NewReader(b))
	for err == nil {
		var f []byte
		if f, _, err = r.ParseNextFrame(); err == nil {
			frames = append(frames, f)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return frames, err
}

// oggPackets reads a file of one packet a page.
func oggPackets(b []byte) (packets [][]byte, err error) {
	r, err := oggreader.NewWithOptions(bytes.NewReader(b), oggreader.WithDoChecksum(true))
	for err == nil {
		var page []byte
		page, _, err = r.ParseNextPage()
		if err == nil && !bytes.HasPrefix(page, []byte("OpusTags")) && !bytes.HasPrefix(page, []byte("OpusHead")) {
			packets = append(packets, page)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return packets, err
}

// accessUnits are pictures in Annex B form, split at their delimiters.
func accessUnits(b []byte) (units [][]byte, err error) {
	r, err := h264reader.NewReader(bytes.NewReader(b))
	for err == nil {
		var n *h264reader.NAL
		if n, err = r.NextNAL(); err != nil {
			break
		}
		if n.UnitType == h264reader.NalUnitTypeAUD || len(units) == 0 {
			units = append(units, nil)
		}
		last := &units[len(units)-1]
		*last = append(append(*last, 0, 0, 0, 1), n.Data...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return units, err
}

func newPayloader(codec forward.Codec) rtp.Payloader {
	switch codec {
	case forward.VP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case forward.VP9:
		return &codecs.VP9Payloader{}
	case forward.AV1:
		return &codecs.AV1Payloader{}
	case forward.H264:
		return &codecs.H264Payloader{}
	}
	return &codecs.OpusPayloader{}
}

func clockRate(codec forward.Codec) uint32 {
	if codec == forward.Opus {
		return 48000
	}
	return 90000
}

// stream sends a clip.
type stream struct {
	clip
	track int
	start time.Duration
	ssrc  uint32
	seq   uint16
	ts    uint32
}

func (s stream) packets() (list []timedPacket) {
	p, seq := newPayloader(s.codec), s.seq
	for i, f := range s.frames {
		at := time.Duration(i) * s.each
		pieces := p.Payload(1188, f)
		for k, piece := range pieces {
			pkt := rtp.Packet{Header: rtp.Header{
				Version: 2, PayloadType: 96, SSRC: s.ssrc, SequenceNumber: seq, Marker: k == len(pieces)-1,
				Timestamp: s.ts + uint32(int64(at)*int64(clockRate(s.codec))/int64(time.Second)),
			}, Payload: piece}
			seq++
			b, err := pkt.Marshal()
			if err != nil {
				panic(err)
			}
			list = append(list, timedPacket{s.start + at, s.track, b})
		}
	}
	return list
}

// mergePackets is several streams' packets as they come.
func mergePackets(lists ...[]timedPacket) (all []timedPacket) {
	for {
		best := -1
		for i, l := range lists {
			if len(l) > 0 && (best < 0 || l[0].at < lists[best][0].at) {
				best = i
			}
		}
		if best < 0 {
			return all
		}
		all, lists[best] = append(all, lists[best][0]), lists[best][1:]
	}
}

func writePackets(t testing.TB, w *Writer, list []timedPacket) {
	t.Helper()
	for _, p := range list {
		if err := w.Write(p.track, p.data, p.at); err != nil {
			t.Fatal(err)
		}
	}
}

// probeResult is ffprobe's report on a file. Every frame was decoded.
type probeResult struct {
	Frames  []int // by stream
	Codecs  []string
	Width   int
	Plays   float64 // seconds
	Complex string  // the faults
}

func probeFile(t testing.TB, path string) probeResult {
	t.Helper()
	var out, bad bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", path)
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", path, err, bad.String())
	}
	var v struct {
		Streams []struct {
			Codec  string `json:"codec_name"`
			Frames string `json:"nb_read_frames"`
			Width  int    `json:"width"`
		} `json:"streams"`
		Format struct {
			Duration string `json:"duration"`
		} `json:"format"`
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	p := probeResult{Complex: strings.TrimSpace(bad.String())}
	p.Plays, _ = strconv.ParseFloat(v.Format.Duration, 64)
	for _, s := range v.Streams {
		n, _ := strconv.Atoi(s.Frames)
		p.Frames, p.Codecs, p.Width = append(p.Frames, n), append(p.Codecs, s.Codec), max(p.Width, s.Width)
	}
	return p
}

// packetTimes are the times of a file's packets, in seconds, of its n-th stream, and from a
// place on that a player seeks to when that is not 0.
func packetTimes(t testing.TB, path string, n int, seek float64) (list []float64) {
	t.Helper()
	args := []string{"-v", "error", "-select_streams", strconv.Itoa(n), "-show_entries", "packet=pts_time", "-of", "csv=p=0"}
	if seek > 0 {
		args = append(args, "-read_intervals", fmt.Sprintf("%v%%", seek))
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", append(args, path)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.Trim(line, ",\n ")
		if line == "" {
			continue // the side data of a packet
		}
		v, err := strconv.ParseFloat(line, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}
