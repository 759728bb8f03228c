package record

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/forward"
)

func isNear(a, b, by float64) bool { return math.Abs(a-b) <= by }

var pictures = map[forward.Codec]string{forward.VP8: "vp8", forward.VP9: "vp9", forward.AV1: "av1", forward.H264: "h264"}

func extensionOf(c forward.Codec) string {
	if c == forward.H264 {
		return ".mp4"
	}
	return ".webm"
}

func beginWriter(t testing.TB, cfg Config) *Writer {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = filepath.Join(t.TempDir(), "f")
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// mergedPackets are a picture's and a sound's packets, from tracks 0 and 1. They wrap on the
// way.
func mergedPackets(clips map[forward.Codec]clip, codec forward.Codec, start time.Duration) []timedPacket {
	return mergePackets(
		stream{clip: clips[codec], ssrc: 1, seq: 65500, ts: 1<<32 - 90000, start: start}.packets(),
		stream{clip: clips[forward.Opus], track: 1, ssrc: 2, seq: 65500, ts: 1<<32 - 48000, start: start}.packets(),
	)
}

func tracksOf(codec forward.Codec) []Track { return []Track{{Codec: codec}, {Codec: forward.Opus}} }

func TestEveryFrameOfEveryCodecDecodes(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for codec, name := range pictures {
		t.Run(name, func(t *testing.T) {
			w := beginWriter(t, Config{Tracks: tracksOf(codec), User: "ada", Source: "camera"})
			writePackets(t, w, mergedPackets(clips, codec, 90*time.Second))
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := w.cfg.Name + extensionOf(codec)
			got := probeFile(t, path)
			if got.Complex != "" || got.Width != 320 || !slices.Equal(got.Codecs, []string{name, "opus"}) {
				t.Errorf("got %+v", got)
			}
			if want := []int{clipS * fps, len(clips[forward.Opus].frames)}; !slices.Equal(got.Frames, want) {
				t.Errorf("frames: got %v, want %v", got.Frames, want)
			}
			if !isNear(got.Plays, clipS, 0.1) {
				t.Errorf("plays %v s, want %v", got.Plays, clipS)
			}
			sidecarOf(t, w, path)
			checkSeek(t, path)
		})
	}
}

// sidecarOf compares a file's sidecar with the writer and the folder, and returns its scanned
// duration.
func sidecarOf(t *testing.T, w *Writer, path string) {
	t.Helper()
	list, err := ListParts(filepath.Dir(path))
	if err != nil || len(list) != 1 || !slices.Equal(list, w.Parts()) {
		t.Fatalf("parts: got %+v, %v, want %+v", list, err, w.Parts())
	}
	p := list[0]
	if p.User != "ada" || p.StartMS != 90000 || !isNear(float64(p.DurationMS), clipS*1000, 40) || p.Width != 320 || p.Height != 240 {
		t.Errorf("part: got %+v", p)
	}
	d, err := ReadDuration(path)
	if err != nil || !isNear(d.Seconds(), clipS, 0.1) {
		t.Errorf("scanned: got %v, %v", d, err)
	}
}

// checkSeek goes to the middle of a file, which has an index.
func checkSeek(t *testing.T, path string) {
	t.Helper()
	if at := packetTimes(t, path, 0, 4.5); len(at) == 0 || !isNear(at[0], 4, 0.01) {
		t.Errorf("seeking to 4.5 s: got %.5v, want the key frame at 4 s", at)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".mp4") {
		f, err := mp4.DecodeFile(bytes.NewReader(b))
		if err != nil || f.Mfra == nil || len(f.Mfra.Tfra.Entries) != 3 {
			t.Fatalf("index: got %+v, %v", f.Mfra, err)
		}
		for i, e := range f.Mfra.Tfra.Entries {
			if !isNear(float64(e.Time), float64(i*2*90000), 2) || !bytes.Equal(b[e.MoofOffset+4:e.MoofOffset+8], []byte("moof")) {
				t.Errorf("index: entry %d is %+v", i, e)
			}
		}
		return
	}
	var f struct {
		Header  webm.EBMLHeader `ebml:"EBML"`
		Segment webm.Segment    `ebml:"Segment,size=unknown"`
	}
	if err := ebml.Unmarshal(bytes.NewReader(b), &f, ebml.WithIgnoreUnknown(true)); err != nil {
		t.Fatal(err)
	}
	if f.Segment.Cues == nil || f.Segment.SeekHead == nil || len(f.Segment.Cues.CuePoint) != 3 {
		t.Errorf("index: got %+v, %+v", f.Segment.SeekHead, f.Segment.Cues)
	}
	keys := 0
	for _, c := range f.Segment.Cluster {
		for _, block := range c.SimpleBlock {
			if block.TrackNumber == 1 && block.Keyframe {
				keys++
			}
		}
	}
	if keys != 3 {
		t.Errorf("%d pictures are marked as key frames, want 3", keys)
	}
}

func TestSoundAloneIsAFile(t *testing.T) {
	clips := encodeClips(t, "320x240")
	w := beginWriter(t, Config{Tracks: []Track{{Codec: forward.Opus, Clock: 48000}}})
	writePackets(t, w, stream{clip: clips[forward.Opus], ssrc: 2}.packets())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := probeFile(t, w.cfg.Name+".webm")
	if got.Complex != "" || !isNear(got.Plays, clipS, 0.05) || got.Frames[0] != len(clips[forward.Opus].frames) {
		t.Errorf("got %+v", got)
	}
	if p := w.Parts()[0]; p.Type != `audio/webm; codecs="opus"` {
		t.Errorf("type: got %q", p.Type)
	}
}

func TestPictureThatComesLaterBeginsAnotherPart(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for _, codec := range []forward.Codec{forward.VP8, forward.H264} {
		w := beginWriter(t, Config{Tracks: tracksOf(codec)})
		sound := stream{clip: clips[forward.Opus], track: 1, ssrc: 2}.packets()
		writePackets(t, w, mergePackets(sound, stream{clip: clips[codec], ssrc: 1, start: 3 * time.Second}.packets()))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		parts := w.Parts()
		if len(parts) != 2 || parts[0].StartMS != 0 || !isNear(float64(parts[1].StartMS), 3000, 20) {
			t.Fatalf("got %+v", parts)
		}
		first, second := probeFile(t, w.cfg.Name+extensionOf(codec)), probeFile(t, w.cfg.Name+"-2"+extensionOf(codec))
		if len(first.Frames) != 1 || len(second.Frames) != 2 || first.Complex+second.Complex != "" {
			t.Errorf("got %+v and %+v", first, second)
		}
		if second.Frames[0] != clipS*fps || first.Frames[0]+second.Frames[1] != len(sound) {
			t.Errorf("frames: got %v and %v", first.Frames, second.Frames)
		}
	}
}

func TestOtherSizeGoesOnInWebMAndBeginsAnotherMP4(t *testing.T) {
	small, large := encodeClips(t, "320x240"), encodeClips(t, "640x480")
	for codec, name := range pictures {
		w := beginWriter(t, Config{Tracks: tracksOf(codec)[:1]})
		writePackets(t, w, stream{clip: small[codec], ssrc: 1, seq: 7}.packets())
		writePackets(t, w, stream{clip: large[codec], ssrc: 2, seq: 9000, ts: 77, start: clipS * time.Second}.packets())
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if codec != forward.H264 {
			got := probeFile(t, w.cfg.Name+".webm")
			if len(w.Parts()) != 1 || got.Frames[0] != 2*clipS*fps || got.Complex != "" || !isNear(got.Plays, 2*clipS, 0.2) {
				t.Errorf("%s: got %+v in %d parts", name, got, len(w.Parts()))
			}
			continue
		}
		a, b := probeFile(t, w.cfg.Name+".mp4"), probeFile(t, w.cfg.Name+"-2.mp4")
		if a.Frames[0] != clipS*fps || b.Frames[0] != clipS*fps || a.Width != 320 || b.Width != 640 || a.Complex+b.Complex != "" {
			t.Errorf("got %+v and %+v", a, b)
		}
	}
}

func TestEarlierFilesAreNotOverwritten(t *testing.T) {
	clips := encodeClips(t, "320x240")
	name := filepath.Join(t.TempDir(), "f")
	for range 2 {
		w := beginWriter(t, Config{Name: name, Tracks: tracksOf(forward.VP8)})
		writePackets(t, w, mergedPackets(clips, forward.VP8, 0))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []string{".webm", "-2.webm"} {
		if _, err := os.Stat(name + end); err != nil {
			t.Error(err)
		}
	}
}

func TestShortRecordingIsAFile(t *testing.T) {
	clips := encodeClips(t, "320x240")
	w := beginWriter(t, Config{Tracks: tracksOf(forward.VP8)}) // nothing is heard
	list := stream{clip: clips[forward.VP8], ssrc: 1}.packets()
	writePackets(t, w, list[:len(list)/20])
	if len(w.Parts()) != 0 {
		t.Error("it did not wait for the sound")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := probeFile(t, w.cfg.Name+".webm"); len(got.Frames) != 1 || got.Frames[0] < 3 || got.Complex != "" {
		t.Errorf("got %+v", got)
	}
	if err := w.Write(0, list[0].data, 0); err != nil || w.Close() != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestEachTrackHasItsGoroutine(t *testing.T) {
	clips := encodeClips(t, "320x240")
	w := beginWriter(t, Config{Tracks: tracksOf(forward.VP8)})
	var group sync.WaitGroup
	for _, s := range []stream{{clip: clips[forward.VP8], ssrc: 1}, {clip: clips[forward.Opus], track: 1, ssrc: 2}} {
		group.Go(func() {
			for _, p := range s.packets() {
				if err := w.Write(p.track, p.data, p.at); err != nil {
					t.Error(err)
				}
				w.Parts()
				w.KeyWanted(0)
			}
		})
	}
	group.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sounds := 0
	for _, p := range w.Parts() {
		got := probeFile(t, filepath.Join(filepath.Dir(w.cfg.Name), p.File))
		for i, n := range got.Frames {
			if got.Codecs[i] == "opus" {
				sounds += n
			}
		}
		if got.Complex != "" {
			t.Errorf("got %+v", got)
		}
	}
	if want := len(clips[forward.Opus].frames); sounds != want {
		t.Errorf("got %d packets of sound, want %d", sounds, want)
	}
}

// A microphone that is switched on later needs another file, which begins with a key frame. The
// writer asks for one, and until it comes the first file continues.
func TestSoundThatComesLaterCostsNoPicture(t *testing.T) {
	clips := encodeClips(t, "320x240")
	for codec, name := range pictures {
		w := beginWriter(t, Config{Tracks: tracksOf(codec)})
		picture := stream{clip: clips[codec], ssrc: 1}.packets()
		sound := stream{clip: clips[forward.Opus], track: 1, ssrc: 2, start: 3200 * time.Millisecond}.packets()
		for _, p := range mergePackets(picture, sound) {
			writePackets(t, w, []timedPacket{p})
			during := p.at > 3250*time.Millisecond && p.at < 3950*time.Millisecond
			outside := p.at > time.Second && p.at < 3150*time.Millisecond || p.at > 4050*time.Millisecond
			if wanted := w.KeyWanted(0); during && !wanted || outside && wanted {
				t.Fatalf("%s: at %v a key frame is wanted: %v", name, p.at, wanted)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		a, b := probeFile(t, w.cfg.Name+extensionOf(codec)), probeFile(t, w.cfg.Name+"-2"+extensionOf(codec))
		if a.Frames[0] != 4*fps || b.Frames[0] != (clipS-4)*fps || b.Frames[1] != len(sound) || a.Complex+b.Complex != "" {
			t.Errorf("%s: got %+v and %+v", name, a, b)
		}
		if at := w.Parts()[1].StartMS; at != 3200 {
			t.Errorf("%s: the second begins at %d ms", name, at)
		}
	}
}

func TestWithoutAKeyFrameTheNextFileComesAllTheSame(t *testing.T) {
	clips := encodeClips(t, "320x240")
	w := beginWriter(t, Config{Tracks: tracksOf(forward.VP8)})
	picture := stream{clip: clips[forward.VP8], ssrc: 1}.packets()
	sound := stream{clip: clips[forward.Opus], track: 1, ssrc: 2, start: 2200 * time.Millisecond}.packets()
	writePackets(t, w, mergePackets(picture, sound))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a, b := probeFile(t, w.cfg.Name+".webm"), probeFile(t, w.cfg.Name+"-2.webm")
	if !isNear(float64(a.Frames[0]), 3.2*fps, 2) || b.Frames[0] != 2*fps || b.Frames[1] != len(sound) || a.Complex+b.Complex != "" {
		t.Errorf("got %+v and %+v", a, b)
	}
}

func TestTracksThatNoFileHoldsAreRefused(t *testing.T) {
	for _, list := range [][]Track{
		nil, {{Codec: 99}}, {{Codec: forward.VP8}, {Codec: forward.H264}}, make([]Track, 3),
	} {
		if _, err := New(Config{Name: filepath.Join(t.TempDir(), "f"), Tracks: list}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%v: got %v", list, err)
		}
	}
	w := beginWriter(t, Config{Tracks: tracksOf(forward.VP8)})
	if err := w.Write(2, nil, 0); errs.KindOf(err) != errs.Invalid {
		t.Errorf("got %v", err)
	}
}
