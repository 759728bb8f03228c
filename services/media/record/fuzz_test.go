package record

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/livelearn/box/services/media/forward"
)

// voidFile is a file that discards everything.
type voidFile struct{ io.Writer }

func (voidFile) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (voidFile) Truncate(int64) error                   { return nil }
func (voidFile) Sync() error                            { return nil }
func (voidFile) Close() error                           { return nil }

func createVoid(string) (file, error) { return voidFile{io.Discard}, nil }

// seedPackets are the packets of some key frames.
func seedPackets(f *testing.F) (list [][]byte) {
	for _, p := range [][]byte{
		{0x10, 0x10, 0, 0, 0x9D, 1, 0x2A, 64, 1, 240, 0, 1, 2},
		{0x90, 0x80, 0x81, 1, 0x10, 0, 0, 0x9D, 1, 0x2A, 64, 1, 240, 0, 1, 2},
		{0x0C, 0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xF0, 0x0E, 0xF6},
		{0x18, 10, 11, 0, 0, 0, 36, 207, 127, 13, 191, 255, 64, 8, 50, 1, 0x10},
		{24, 0, 10, 0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xE8, 0x40, 0, 0, 4, 0x68, 0xCE, 0x0F, 0xC8, 0, 2, 0x65, 0x88},
		{0x7C, 0x85, 1, 2},
		{0xFC, 0xFF, 0xFE},
	} {
		b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SSRC: 1}, Payload: p}).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// Whatever packets a publisher sends, a writer neither fails nor keeps much memory.
func FuzzWrite(f *testing.F) {
	for _, b := range seedPackets(f) {
		for codec := range byte(forward.Codecs) {
			f.Add(codec, b, b, uint16(10))
		}
	}
	f.Fuzz(func(t *testing.T, codec byte, a, b []byte, step uint16) {
		list := []Track{{Codec: forward.Codec(codec)%(forward.Codecs-1) + 1}}
		if codec&0x80 != 0 {
			list = append(list, Track{Codec: forward.Opus, Clock: uint32(step)})
		}
		w, err := New(Config{Name: filepath.Join(t.TempDir(), "f"), Tracks: list, create: createVoid})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			p := a
			if i%2 == 1 {
				p = b
			}
			p = append([]byte(nil), p...)
			if len(p) > 3 {
				p[3] += byte(i) // so that some follow one another
			}
			if err := w.Write(i/2%len(list), p, time.Duration(i)*time.Duration(step)*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDuration(f *testing.F) {
	f.Add([]byte("\x1A\x45\xDF\xA3\x80\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x1F\x43\xB6\x75\x8B\xE7\x81\x05\xA3\x84\x81\x00\x07\x80"), false)
	f.Add([]byte("\x00\x00\x00\x08ftyp\x00\x00\x00\x08moov\x00\x00\x00\x08moof\x00\x00\x00\x08mdat"), true)
	f.Fuzz(func(t *testing.T, b []byte, box bool) {
		path := filepath.Join(t.TempDir(), "f.webm")
		if box {
			path = path[:len(path)-4] + "mp4"
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := ReadDuration(path); err == nil && d < 0 {
			t.Errorf("plays %v", d)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	clips := encodeClips(b, "640x480")
	for codec, name := range pictures {
		b.Run(name, func(b *testing.B) {
			list := mergedPackets(clips, codec, 0)
			w, err := New(Config{Name: filepath.Join(b.TempDir(), "f"), Tracks: tracksOf(codec)})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			b.ReportAllocs()
			i, round := 0, uint32(0)
			var p rtp.Packet
			for b.Loop() {
				if i == len(list) {
					i, round = 0, round+1
				}
				if err := p.Unmarshal(list[i].data); err != nil {
					b.Fatal(err)
				}
				// each round is another stream, as after a change of layer
				p.SSRC += 10 * round
				n, err := p.MarshalTo(buffer[:])
				if err != nil {
					b.Fatal(err)
				}
				if err := w.Write(list[i].track, buffer[:n], time.Duration(round)*clipS*time.Second+list[i].at); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/packet")
		})
	}
}

var buffer [2000]byte
