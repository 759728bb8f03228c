package playback

import (
	"cmp"
	"slices"

	"github.com/livelearn/box/services/media/record"
)

// toCapsule is the index of the capsule.
func (f *builder) toCapsule(media []record.Part) Capsule {
	c := Capsule{
		Version: version, Lesson: f.lesson, Title: f.title, StartMS: f.start.Wall,
		DurationMS: f.nowMS, Parts: []Part{}, Chapters: f.chapters, Events: EventsFile,
	}
	for _, p := range media {
		role := f.roleOf(p.User)
		if role == "" || role == "pupil" && !f.options.Include {
			continue
		}
		part := Part{
			File: p.File, User: p.User, Name: f.nameOf(p.User), Role: role, Source: p.Source, Type: p.Type,
			StartMS: f.startOf(p) + p.StartMS, DurationMS: p.DurationMS, Width: p.Width, Height: p.Height, Bytes: p.Bytes,
		}
		c.Parts = append(c.Parts, part)
		if !f.ended {
			c.DurationMS = max(c.DurationMS, part.StartMS+part.DurationMS)
		}
	}
	slices.SortStableFunc(c.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.StartMS, b.StartMS), cmp.Compare(a.File, b.File))
	})
	return c
}

// startOf is when a file's recording began, since the lesson's start. The time is that of the fact
// that began the recording, plus the time from the fact to the file's own beginning by the box's
// clock. That is a moment, or longer when another node took over.
func (f *builder) startOf(p record.Part) int64 {
	if len(f.recordings) == 0 {
		return p.BeganMS - f.start.Wall
	}
	best := f.recordings[0]
	for _, b := range f.recordings[1:] {
		if b.wall <= p.BeganMS {
			best = b
		}
	}
	return best.at + max(p.BeganMS-best.wall, 0)
}
