package record

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/forward"
)

func ignoreProgress(string, int64, int64) {}

// recordPart records a clip as one file.
func recordPart(t *testing.T, dir, name, size string, codec forward.Codec) string {
	t.Helper()
	w := beginWriter(t, Config{Name: filepath.Join(dir, name), Tracks: tracksOf(codec), User: "ada", Source: "camera"})
	writePackets(t, w, mergedPackets(encodeClips(t, size), codec, 0))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.cfg.Name + extensionOf(codec)
}

// frameHashes are hashes of the decoded pictures of a file, all of one size.
func frameHashes(t *testing.T, path string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-vf", "scale=160:120", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var bad bytes.Buffer
	cmd.Stderr = &bad
	out, err := cmd.Output()
	if err != nil || bad.Len() > 0 {
		t.Fatalf("%s: %v: %s", path, err, bad.String())
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), ","); len(f) == 6 && !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSpace(f[5]))
		}
	}
	return list
}

// makeFilm joins the parts, each with picture and sound.
func makeFilm(t *testing.T, parts ...FilmPart) Film {
	t.Helper()
	f, err := MakeFilm(t.Context(), FilmSpec{Out: filepath.Join(t.TempDir(), "film"), Picture: parts, Sound: parts}, ignoreProgress)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Size() != f.Bytes {
		t.Errorf("the film is %d bytes long: %v, %v", f.Bytes, info, err)
	}
	return f
}

// Two parts with 10 s between them become one film: every picture of both is in it, decodes to
// the same, and is as far from its sound as before.
func TestAFilmHasEveryPictureOfItsPartsInStepWithTheSound(t *testing.T) {
	for codec, name := range pictures {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			sizes := []string{"320x240", "640x480"} // H.264 has other parameter sets then
			var parts []FilmPart
			var want []string
			for i, size := range sizes {
				path := recordPart(t, dir, size, size, codec)
				parts = append(parts, FilmPart{Path: path, Start: time.Duration(i) * (clipS + 10) * time.Second})
				want = append(want, frameHashes(t, path)...)
			}
			f := makeFilm(t, parts...)
			if ext := filepath.Ext(f.Path); ext != extensionOf(codec) {
				t.Errorf("a file %q", ext)
			}
			got := probeFile(t, f.Path)
			if got.Complex != "" || !slices.Equal(got.Codecs, []string{name, "opus"}) {
				t.Errorf("got %+v", got)
			}
			if diff := slices.Compare(frameHashes(t, f.Path), want); diff != 0 || got.Frames[0] != 2*clipS*fps {
				t.Errorf("pictures: %d, want %d, the same ones: %v", got.Frames[0], 2*clipS*fps, diff == 0)
			}
			if !isNear(got.Plays, 2*clipS, 0.2) || !isNear(f.Plays.Seconds(), got.Plays, 0.1) {
				t.Errorf("plays %v s and says %v, want %v", got.Plays, f.Plays, 2*clipS)
			}
			picture, sound := packetTimes(t, f.Path, 0, 0), packetTimes(t, f.Path, 1, 0)
			// the second part's first picture and its sound begin together
			second := picture[clipS*fps]
			if !isNear(second, clipS, 0.08) {
				t.Errorf("the second part begins at %v", second)
			}
			if i := slices.IndexFunc(sound, func(at float64) bool { return at > second-0.04 }); i < 0 || sound[len(sound)-1]-second < clipS-0.1 {
				t.Errorf("the sound ends at %v", sound[len(sound)-1])
			}
			for i := 1; i < len(sound); i++ {
				if !isNear(sound[i]-sound[i-1], 0.02, 0.0011) {
					t.Fatalf("a hole of %v in the sound at %v", sound[i]-sound[i-1], sound[i])
				}
			}
			if got := frameHashes(t, cutFilm(t, f.Path, second)); len(got) == 0 || got[0] != want[clipS*fps] {
				t.Errorf("seeking to the second part shows another picture")
			}
			if codec == forward.H264 {
				checkPlainMP4(t, f.Path)
			}
		})
	}
}

// cutFilm copies a film from a place on, as a player seeks.
func cutFilm(t *testing.T, path string, from float64) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "cut.mkv")
	args := []string{"-v", "error", "-ss", time.Duration(from*float64(time.Second) + 5e6).String(), "-i", path, "-c", "copy", out}
	args[3] = strings.TrimSuffix(args[3], "s")
	if b, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

// checkPlainMP4 wants the index first and no fragments.
func checkPlainMP4(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range f.Children {
		names = append(names, c.Type())
	}
	if !slices.Equal(names, []string{"ftyp", "moov", "mdat"}) || f.Moov.Mvex != nil {
		t.Errorf("boxes %v, fragmented: %v", names, f.Moov.Mvex != nil)
	}
	if n := len(f.Moov.Trak.Mdia.Minf.Stbl.Stsd.Children); n != 2 {
		t.Errorf("%d formats, want 2", n)
	}
}

func TestAFilmFillsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	video := recordPart(t, dir, "a", "320x240", forward.H264)
	only := beginWriter(t, Config{Name: filepath.Join(dir, "b"), Tracks: []Track{{Codec: forward.Opus}}})
	clip := encodeClips(t, "320x240")[forward.Opus]
	writePackets(t, only, stream{clip: clip, ssrc: 3, start: 0}.packets())
	if err := only.Close(); err != nil {
		t.Fatal(err)
	}
	sound := filepath.Join(dir, "b.webm")
	make := func(picture, sound []FilmPart) (Film, probeResult) {
		f, err := MakeFilm(t.Context(), FilmSpec{Out: filepath.Join(t.TempDir(), "film"), Picture: picture, Sound: sound}, ignoreProgress)
		if err != nil {
			t.Fatal(err)
		}
		return f, probeFile(t, f.Path)
	}
	t.Run("sound ten seconds before the picture", func(t *testing.T) {
		f, got := make([]FilmPart{{video, 5 * time.Second}}, []FilmPart{{sound, 0}})
		if at := packetTimes(t, f.Path, 0, 0); !isNear(at[0], 0, 0.001) || !isNear(at[1], 5, 0.1) {
			t.Errorf("pictures at %v, want one at the beginning that stays", at[:2])
		}
		if !isNear(got.Plays, 5+clipS, 0.1) {
			t.Errorf("plays %v", got.Plays)
		}
	})
	t.Run("sound with a hole", func(t *testing.T) {
		// the picture lasts 6 s: the sound of 6 s begins at 4 s, so 4 s of silence come before it
		f, got := make([]FilmPart{{video, 0}}, []FilmPart{{sound, 4 * time.Second}})
		want := len(clip.frames) + 4*50
		if got.Frames[1] < want-3 || got.Frames[1] > want+3 || !isNear(f.Plays.Seconds(), 10, 0.1) {
			t.Errorf("%d packets of sound, want %d; plays %v", got.Frames[1], want, f.Plays)
		}
	})
	t.Run("sound alone", func(t *testing.T) {
		f, got := make(nil, []FilmPart{{sound, 0}})
		if filepath.Ext(f.Path) != ".mp4" || !strings.HasPrefix(f.Type, "audio/mp4") || !isNear(got.Plays, clipS, 0.1) {
			t.Errorf("%+v %+v", f, got)
		}
	})
	t.Run("pictures in two codecs", func(t *testing.T) {
		vp8 := recordPart(t, dir, "c", "320x240", forward.VP8)
		f, got := make([]FilmPart{{video, 0}, {video, 10 * time.Second}, {vp8, 20 * time.Second}}, nil)
		if got.Frames[0] != 2*clipS*fps || !isNear(f.OtherCodec.Seconds(), clipS, 0.1) {
			t.Errorf("%+v %+v", f, got)
		}
	})
	t.Run("a clock that is faster than the box's", func(t *testing.T) {
		film := &film{}
		for i := range 10_000 {
			film.sound = append(film.sound, filmFrame{at: time.Duration(i) * 19_990 * time.Microsecond, plays: 20 * time.Millisecond})
		}
		film.fillSilence()
		last := film.sound[len(film.sound)-1]
		if want := 9999 * 19_990 * time.Microsecond; (last.at - want).Abs() > 60*time.Millisecond {
			t.Errorf("the last packet is at %v, want %v", last.at, want)
		}
	})
}

// A file that its writer did not finish gives the film all but its last frame.
func TestAFilmOfAFileThatWasCutOffPlays(t *testing.T) {
	for _, codec := range []forward.Codec{forward.H264, forward.VP8} {
		path := recordPart(t, t.TempDir(), "a", "320x240", codec)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []int64{9, 5, 2} {
			if err := os.Truncate(path, info.Size()*part/10); err != nil {
				t.Fatal(err)
			}
			got := probeFile(t, makeFilm(t, FilmPart{Path: path}).Path)
			if got.Complex != "" || got.Frames[0] == 0 || got.Frames[0] >= clipS*fps {
				t.Errorf("%s at %d/10: %+v", pictures[codec], part, got)
			}
		}
	}
}

func TestAFilmThatCannotBeMadeLeavesNothing(t *testing.T) {
	path := recordPart(t, t.TempDir(), "a", "320x240", forward.H264)
	broken := filepath.Join(t.TempDir(), "broken.mp4")
	if err := os.WriteFile(broken, bytes.Repeat([]byte{0xFF, 0x00, 0x12}, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		path string
		spec FilmSpec
		kind errs.Kind
		code string
	}{
		"no part":        {t.Context(), "", FilmSpec{}, errs.Missing, "nothing_recorded"},
		"a deleted part": {t.Context(), path + ".gone.mp4", FilmSpec{}, errs.Missing, "nothing_recorded"},
		"a full disk":    {t.Context(), path, FilmSpec{Reserve: 1 << 60}, errs.Down, "disk_full"},
		"cancelled":      {gone, path, FilmSpec{}, errs.Internal, ""},
		"a broken part":  {t.Context(), broken, FilmSpec{}, errs.Invalid, "recording_damaged"},
	} {
		dir := t.TempDir()
		c.spec.Out = filepath.Join(dir, "film")
		if c.path != "" {
			c.spec.Picture = []FilmPart{{Path: c.path}}
		}
		_, err := MakeFilm(c.ctx, c.spec, ignoreProgress)
		if err == nil || errs.KindOf(err) != c.kind || errs.BodyOf(err).Code != c.code {
			t.Errorf("%s: %v, want %v %q", name, err, c.kind, c.code)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

// FuzzReadFrames reads broken files.
func FuzzReadFrames(f *testing.F) {
	dir := encodeDir(f, "320x240")
	clips := loadClips(f, dir)
	for codec := range pictures {
		w := beginWriter(f, Config{Name: filepath.Join(f.TempDir(), "a"), Tracks: tracksOf(codec)})
		writePackets(f, w, mergedPackets(clips, codec, 0)[:400])
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(w.cfg.Name + extensionOf(codec))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 30_000)], codec == forward.H264)
	}
	f.Fuzz(func(t *testing.T, b []byte, isMP4 bool) {
		s := &frameScan{file: bytes.NewReader(b), size: int64(len(b)), head: func([]format) error { return nil }, each: func(x storedFrame) error {
			if x.offset+int64(x.size) > int64(len(b)) {
				t.Errorf("a frame outside of the file: %+v", x)
			}
			return nil
		}}
		read := s.readWebM
		if isMP4 {
			read = s.readMP4
		}
		if err := read(); err == io.EOF {
			t.Error("the end of the file is no error")
		}
	})
}
