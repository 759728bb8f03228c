package record

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/forward"
)

func TestWhatIsRecordedOfALossyLinkDecodes(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for codec, name := range pictures {
		r := rand.New(rand.NewPCG(1, uint64(codec)))
		w := beginWriter(t, Config{Tracks: tracksOf(codec)})
		wanted, lost := false, false
		for _, p := range mergedPackets(clips, codec, 0) {
			// At least one packet of the picture is lost after the first second. How many packets
			// there are depends on the speed of the encoder.
			sure := !lost && p.track == 0 && p.at > time.Second
			if lost = lost || sure; sure || r.IntN(100) < 2 {
				continue
			}
			if err := w.Write(p.track, p.data, p.at); err != nil {
				t.Fatal(err)
			}
			wanted = wanted || p.at > time.Second && w.KeyWanted(0)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !wanted {
			t.Errorf("%s: no key frame was asked for after a loss", name)
		}
		for _, p := range w.Parts() {
			got := probeFile(t, filepath.Join(filepath.Dir(w.cfg.Name), p.File))
			if got.Complex != "" || got.Frames[0] < 5 || got.Frames[1] < clipS*50*9/10 {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	}
}

func TestPaddingAndRepetitionAreNoLoss(t *testing.T) {
	clips := encodeClips(t, "320x240")
	w := beginWriter(t, Config{Tracks: tracksOf(forward.VP8)[:1]})
	shift := uint16(0)
	for i, p := range (stream{clip: clips[forward.VP8], ssrc: 1}).packets() {
		var pkt rtp.Packet
		if err := pkt.Unmarshal(p.data); err != nil {
			t.Fatal(err)
		}
		pkt.SequenceNumber += shift
		list := []rtp.Packet{pkt}
		if i%9 == 0 { // a packet of padding alone after it, and then the packet once more
			shift++
			empty := rtp.Packet{Header: pkt.Header}
			empty.SequenceNumber, empty.Marker = pkt.SequenceNumber+1, false
			list = append(list, empty, pkt)
		}
		for _, q := range list {
			b, err := q.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(0, b, p.at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := probeFile(t, w.cfg.Name+".webm"); got.Frames[0] != clipS*fps || got.Complex != "" {
		t.Errorf("got %+v", got)
	}
}

// limitedDisk is a disk with a limited number of free bytes.
type limitedDisk struct {
	*os.File
	left *int
}

func (l limitedDisk) Write(b []byte) (int, error) {
	if len(b) > *l.left {
		n, _ := l.File.Write(b[:*l.left])
		*l.left = 0
		return n, &os.PathError{Op: "write", Path: l.Name(), Err: syscall.ENOSPC}
	}
	*l.left -= len(b)
	return l.File.Write(b)
}

func TestFileOfAFullDiskPlays(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for codec, name := range pictures {
		left := 150_000
		w := beginWriter(t, Config{Tracks: tracksOf(codec), create: func(path string) (file, error) {
			f, err := os.Create(path)
			return limitedDisk{f, &left}, err
		}})
		var failed error
		for _, p := range mergedPackets(clips, codec, 0) {
			if failed = w.Write(p.track, p.data, p.at); failed != nil {
				break
			}
		}
		diskFull(t, failed)
		if err := w.Close(); !errors.Is(err, failed) {
			t.Errorf("Close: got %v, want %v", err, failed)
		}
		if got := probeFile(t, w.cfg.Name+extensionOf(codec)); got.Complex != "" || got.Frames[0] < fps {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func diskFull(t *testing.T, err error) {
	t.Helper()
	var e *errs.Error
	if !errors.As(err, &e) || e.Code != "disk_full" || e.Kind != errs.Down || !strings.Contains(err.Error(), "disk") {
		t.Errorf("got %v, want disk_full", err)
	}
}

// A real file system of 140 KB is full, sidecar included.
func TestRealFullDisk(t *testing.T) {
	clips := encodeClips(t, "320x240")
	dir := t.TempDir()
	if err := syscall.Mount("record", dir, "tmpfs", 0, "size=140k"); err != nil {
		t.Skipf("mount tmpfs: %v; run as root", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	w := beginWriter(t, Config{Name: filepath.Join(dir, "f"), Tracks: tracksOf(forward.H264)})
	var failed error
	for _, p := range mergedPackets(clips, forward.H264, 0) {
		if failed = w.Write(p.track, p.data, p.at); failed != nil {
			break
		}
	}
	diskFull(t, failed)
	_ = w.Close() // the same
	parts, err := ListParts(dir)
	if err != nil || len(parts) == 0 {
		t.Fatalf("got %v, %v", parts, err)
	}
	if got := probeFile(t, filepath.Join(dir, parts[0].File)); got.Complex != "" || got.Frames[0] < fps {
		t.Errorf("got %+v", got)
	}
	if _, err := New(Config{Name: filepath.Join(dir, "nowhere", "f"), Tracks: tracksOf(forward.VP8)}); err != nil {
		t.Errorf("New asks the disk: %v", err)
	}
}

func TestSpatialLayersOfVP9AreOneSuperframe(t *testing.T) {
	var got []byte
	a := newAssembler(forward.VP9, func(_ uint32, b []byte) { got = bytes.Clone(b) })
	for i, p := range [][]byte{{0x08, 'a', 'b'}, {0x04, 'c'}, {0x0C, 'd', 'e'}} { // begin, end, begin and end of a layer
		a.pushPacket(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Marker: i == 2}, Payload: p})
	}
	want := "abcde" + "\xD9" + "\x03\x00\x00\x00" + "\x02\x00\x00\x00" + "\xD9"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
