package playback

import (
	"slices"
	"testing"
)

func TestAFilmShowsTheTeacherWhoWasRecordedForLongest(t *testing.T) {
	part := func(file, user, role, source, kind string, ms int64) Part {
		return Part{File: file, User: user, Role: role, Source: source, Type: kind, DurationMS: ms}
	}
	const picture, sound, silent = `video/webm; codecs="vp8, opus"`, `audio/webm; codecs="opus"`, `video/webm; codecs="vp8"`
	guest := part("guest", "t2", "teacher", "camera", picture, 1000)
	pupil := part("pupil", "p1", "pupil", "camera", picture, 900_000)
	camera, again := part("camera", "t1", "teacher", "camera", picture, 4000), part("again", "t1", "teacher", "camera", picture, 4000)
	voice := part("voice", "t1", "teacher", "camera", sound, 4000)
	screen := part("screen", "t1", "teacher", "screen", silent, 9000)
	film := part("film", "t1", "teacher", "screen", picture, 9000)
	for name, c := range map[string]struct {
		parts          []Part
		source         string
		picture, sound []string
	}{
		"two teachers and a pupil": {[]Part{guest, pupil, camera, again}, "", []string{"camera", "again"}, []string{"camera", "again"}},
		"the screen with a voice":  {[]Part{voice, screen}, "", []string{"screen"}, []string{"voice"}},
		"camera and screen":        {[]Part{camera, screen}, "", []string{"camera"}, []string{"camera"}},
		"the screen is chosen":     {[]Part{camera, screen}, "screen", []string{"screen"}, []string{"camera"}},
		"the screen's own sound":   {[]Part{film}, "", []string{"film"}, []string{"film"}},
		"sound alone":              {[]Part{voice}, "", nil, []string{"voice"}},
		"a pupil alone":            {[]Part{pupil}, "", nil, nil},
	} {
		p, s := ChooseFilm(Capsule{Parts: c.parts}, c.source)
		if got := filesOf(p); !slices.Equal(got, c.picture) {
			t.Errorf("%s: pictures of %v, want %v", name, got, c.picture)
		}
		if got := filesOf(s); !slices.Equal(got, c.sound) {
			t.Errorf("%s: sound of %v, want %v", name, got, c.sound)
		}
	}
}

func filesOf(list []Part) (files []string) {
	for _, p := range list {
		files = append(files, p.File)
	}
	return files
}
