package record

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/forward"
)

// FilmName is the name of a film in the folder of its recording, without ending.
const FilmName = "film"

// FilmPart is a part of a recording that goes into a film.
type FilmPart struct {
	Path  string        `json:"path"`
	Start time.Duration `json:"start"` // on a clock that all parts share
}

// FilmSpec says what a film is made from. A part may be in both lists.
type FilmSpec struct {
	Out     string     `json:"out"`     // path without ending
	Picture []FilmPart `json:"picture"` // whose pictures are in it
	Sound   []FilmPart `json:"sound"`   // whose sound is in it
	Reserve int64      `json:"reserve"` // bytes that stay free on the file system
}

// Film is one file with the whole of a recording.
type Film struct {
	Path       string        `json:"path"`
	Type       string        `json:"type"` // MIME type with codecs
	Plays      time.Duration `json:"plays"`
	Bytes      int64         `json:"bytes"`
	Width      int           `json:"width,omitempty"`
	Height     int           `json:"height,omitempty"`
	OtherCodec time.Duration `json:"other_codec,omitempty"` // pictures that are left out, since one file has one codec
}

const (
	maxFilmFrames  = 1_500_000              // about five hours
	maxGap         = time.Second            // without picture and sound; a longer one is cut out
	maxSoundOffset = 40 * time.Millisecond  // between a packet's own time and its place in the film
	silenceLength  = 20 * time.Millisecond  // of silentPacket
	filmSpan       = time.Second            // of pictures before their sound in the file
	filmBuffer     = 1 << 20                // bytes of a write
	reportInterval = 200 * time.Millisecond // between two reports of progress
)

// silentPacket is 20 ms of silence (RFC 6716 3.1): it fills the time when nobody sent sound.
var silentPacket = []byte{0xF8, 0xFF, 0xFE}

// filmFrame is a frame with its place in the film.
type filmFrame struct {
	file   int // of the film's files, -1: silentPacket
	form   int // of the pictures' formats
	at     time.Duration
	plays  time.Duration // of sound
	key    bool
	turn   bool // the first of its form in a row
	offset int64
	size   int
}

// film is a film while it is made.
type film struct {
	paths   []string
	forms   []format // of the pictures
	picture []filmFrame
	sound   []filmFrame
	soundIn format
	plays   time.Duration
	left    time.Duration // pictures in another codec
}

// MakeFilm joins parts of a recording into one file, without transcoding: an MP4 file with its index
// first for H.264 or sound alone, else a WebM file. Where the parts have several codecs, the film has
// the pictures of the one that lasts longest. A time without picture and sound is cut out, a
// picture stays until the next one comes, and silence fills what sound lacks. It reads the parts
// twice and holds the places of their frames only. The file appears whole or not at all.
//
// errs.Invalid with the code "recording_damaged": a part cannot be read. errs.Missing with the code
// "nothing_recorded": the parts have no picture and no sound. errs.Down with the code "disk_full":
// there is no room for the film.
func MakeFilm(ctx context.Context, spec FilmSpec, progress func(phase string, done, total int64)) (Film, error) {
	const op = "record.MakeFilm"
	f, err := planFilm(ctx, spec, progress)
	if err != nil {
		return Film{}, err
	}
	if len(f.picture)+len(f.sound) == 0 {
		return Film{}, errs.NewCode(op, errs.Missing, "nothing_recorded", "nothing was recorded of the teacher")
	}
	mp4 := len(f.forms) == 0 || f.forms[0].codec == forward.H264
	out := spec.Out + ".webm"
	if mp4 {
		out = spec.Out + ".mp4"
	}
	if err := checkSpace(out, f.countBytes(), spec.Reserve); err != nil {
		return Film{}, err
	}
	file, err := os.OpenFile(out+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o640)
	if err != nil {
		return Film{}, wrapDiskFull(err)
	}
	w := &filmWriter{film: f, ctx: ctx, out: file, progress: progress, total: f.countBytes()}
	if mp4 {
		err = w.writeMP4()
	} else {
		err = w.writeWebM()
	}
	w.closeFiles()
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(out+".new", out)
	}
	if err != nil {
		_ = os.Remove(out + ".new") // the next film replaces it
		return Film{}, wrapDiskFull(err)
	}
	return f.describeFile(out, w.written), nil
}

// describeFile describes the finished film.
func (f *film) describeFile(out string, size int64) Film {
	v := Film{Path: out, Bytes: size, Plays: f.plays, OtherCodec: f.left}
	if len(f.forms) > 0 {
		v.Width, v.Height = f.forms[0].width, f.forms[0].height
	}
	v.Type = describePart(Config{}, out, 0, f.listFormats()).Type
	return v
}

// listFormats are the formats of the film's tracks.
func (f *film) listFormats() (list []format) {
	if len(f.forms) > 0 {
		list = append(list, f.forms[0])
	}
	if len(f.sound) > 0 {
		list = append(list, f.soundIn)
	}
	return list
}

// countBytes is the size of all frames.
func (f *film) countBytes() (n int64) {
	for _, list := range [][]filmFrame{f.picture, f.sound} {
		for _, x := range list {
			n += int64(x.size)
		}
	}
	return n
}

// checkSpace reports whether a file of n bytes and its index fit.
func checkSpace(path string, n, reserve int64) error {
	left, err := freeBytes(filepath.Dir(path))
	if err != nil {
		return err
	}
	if need := n + n/20 + 1<<20; left-need < reserve {
		e := errs.NewField("record.MakeFilm", "disk", "disk_full", need>>20, "the film needs %d MB and the disk has %d MB to spare", need>>20, max(left-reserve, 0)>>20)
		e.Kind = errs.Down
		return e
	}
	return nil
}

// listedPart is a part with its frames.
type listedPart struct {
	FilmPart
	file    int
	formats []format
	frames  []storedFrame
}

// planFilm reads the parts and gives each frame its place.
func planFilm(ctx context.Context, spec FilmSpec, progress func(string, int64, int64)) (*film, error) {
	f := &film{}
	picture, err := f.listFrames(ctx, spec.Picture, progress)
	if err != nil {
		return nil, err
	}
	sound, err := f.listFrames(ctx, spec.Sound, progress)
	if err != nil {
		return nil, err
	}
	f.placePictures(picture)
	f.placeSound(sound)
	f.cutGaps()
	f.fillSilence()
	for _, list := range [][]filmFrame{f.picture, f.sound} {
		if n := len(list); n > 0 {
			f.plays = max(f.plays, list[n-1].at+max(list[n-1].plays, time.Second/30))
		}
	}
	return f, nil
}

// listFrames reads the frames of the parts, in the order of time.
func (f *film) listFrames(ctx context.Context, parts []FilmPart, progress func(string, int64, int64)) (list []listedPart, err error) {
	total := 0
	for i, p := range parts {
		progress("reading", int64(i), int64(len(parts)))
		l := listedPart{FilmPart: p, file: len(f.paths)}
		err := readFrames(p.Path, func(forms []format) error { l.formats = forms; return nil }, func(s storedFrame) error {
			if total++; total > maxFilmFrames {
				return errs.NewField("record.MakeFilm", "length", "film_long", maxFilmFrames, "the recording is too long for one file")
			}
			l.frames = append(l.frames, s)
			return ctx.Err()
		})
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted since
		}
		if err != nil && ctx.Err() == nil && errs.KindOf(err) == errs.Internal {
			return nil, errs.NewCode("record.MakeFilm", errs.Invalid, "recording_damaged", "a part of the recording is damaged: %w", err)
		}
		if err != nil {
			return nil, err
		}
		f.paths, list = append(f.paths, p.Path), append(list, l)
	}
	slices.SortStableFunc(list, func(a, b listedPart) int { return cmp.Compare(a.Start, b.Start) })
	return list, nil
}

// pickFrames returns the frames of a part whose codec matches, in the order of time.
func (p listedPart) pickFrames(match func(forward.Codec) bool) (list []storedFrame) {
	for _, s := range p.frames {
		if match(p.formats[s.track].codec) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b storedFrame) int { return cmp.Compare(a.at, b.at) })
	return list
}

// placePictures joins the pictures of the codec that lasts longest. A part ends when the next one
// begins.
func (f *film) placePictures(parts []listedPart) {
	lasts := map[forward.Codec]time.Duration{}
	all, best := time.Duration(0), forward.Codec(0)
	for _, p := range parts {
		for i, form := range p.formats {
			if form.codec == forward.Opus {
				continue
			}
			list := p.pickFrames(func(c forward.Codec) bool { return c == form.codec })
			if n := len(list); n > 0 {
				lasts[p.formats[i].codec] += list[n-1].at - list[0].at
				all += list[n-1].at - list[0].at
			}
			if best == 0 || lasts[form.codec] > lasts[best] {
				best = form.codec
			}
		}
	}
	f.left = all - lasts[best]
	for _, p := range parts {
		list := p.pickFrames(func(c forward.Codec) bool { return c == best })
		for len(list) > 0 && !list[0].key {
			list = list[1:]
		}
		if len(list) == 0 {
			continue
		}
		form := f.findForm(p.formats[list[0].track])
		f.picture = cutFrom(f.picture, p.Start+list[0].at)
		for i, s := range list {
			f.picture = append(f.picture, filmFrame{
				file: p.file, form: form, at: p.Start + s.at, key: s.key, turn: i == 0, offset: s.offset, size: s.size,
			})
		}
	}
}

// findForm is the number of a format of pictures.
func (f *film) findForm(form format) int {
	i := slices.IndexFunc(f.forms, func(g format) bool { return g.continuesAs(form) })
	if i < 0 {
		f.forms = append(f.forms, form)
		i = len(f.forms) - 1
	}
	return i
}

// cutFrom removes the frames from a time on.
func cutFrom(list []filmFrame, at time.Duration) []filmFrame {
	for len(list) > 0 && list[len(list)-1].at >= at {
		list = list[:len(list)-1]
	}
	return list
}

// placeSound joins the sound. A part ends when the next one begins.
func (f *film) placeSound(parts []listedPart) {
	for _, p := range parts {
		list := p.pickFrames(func(c forward.Codec) bool { return c == forward.Opus })
		if len(list) == 0 {
			continue
		}
		f.soundIn = p.formats[list[0].track]
		f.sound = cutFrom(f.sound, p.Start+list[0].at)
		for _, s := range list {
			f.sound = append(f.sound, filmFrame{file: p.file, at: p.Start + s.at, plays: s.plays, key: true, offset: s.offset, size: s.size})
		}
	}
}

// cutGaps moves the frames to the film's own clock, which stops while nothing was recorded.
func (f *film) cutGaps() {
	var cut, end time.Duration
	started, i, k := false, 0, 0
	for i < len(f.picture) || k < len(f.sound) {
		var x *filmFrame
		if k >= len(f.sound) || i < len(f.picture) && f.picture[i].at <= f.sound[k].at {
			x, i = &f.picture[i], i+1
		} else {
			x, k = &f.sound[k], k+1
		}
		switch {
		case !started:
			started, cut = true, x.at
		case x.at-end > maxGap:
			cut += x.at - end
		}
		end = max(end, x.at+max(x.plays, time.Second/30))
		x.at -= cut
	}
	if len(f.picture) > 0 {
		f.picture[0].at = 0 // the first picture shows before it came
	}
	last := time.Duration(-1)
	for i := range f.picture {
		f.picture[i].at = max(f.picture[i].at, last+time.Millisecond)
		last = f.picture[i].at
	}
}

// fillSilence puts each packet of sound right after the one before. Players count samples, so a
// hole would make sound come too early. A packet that is too late for its place is dropped: the
// clock of its sender is faster than the box's.
func (f *film) fillSilence() {
	list := make([]filmFrame, 0, len(f.sound))
	var at time.Duration
	for _, x := range f.sound {
		if at-x.at > maxSoundOffset || x.plays == 0 {
			continue
		}
		if x.at-at > maxSoundOffset {
			for x.at-at >= silenceLength && len(list) < 2*maxFilmFrames {
				list = append(list, filmFrame{file: -1, at: at, plays: silenceLength, key: true, size: len(silentPacket)})
				at += silenceLength
			}
		}
		x.at = at
		at += x.plays
		list = append(list, x)
	}
	f.sound = list
}
