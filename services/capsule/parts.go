package capsule

import (
	"cmp"
	"slices"

	"github.com/livelearn/box/services/media/record"
)

// capsule is the index of what was folded.
func (f *fold) capsule(media []record.Part) Capsule {
	c := Capsule{
		Version: version, Lesson: f.lesson, Title: f.title, StartMS: f.start.Wall,
		DurationMS: f.now, Parts: []Part{}, Chapters: f.chapters, Events: EventsFile,
	}
	for _, p := range media {
		role := f.role(p.User)
		if role == "" || role == "pupil" && !f.o.Include {
			continue
		}
		part := Part{
			File: p.File, User: p.User, Name: f.name(p.User), Role: role, Source: p.Source, Type: p.Type,
			StartMS: f.zero(p) + p.StartMS, DurationMS: p.DurationMS, Width: p.Width, Height: p.Height, Bytes: p.Bytes,
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

// zero is when the recording that a file belongs to began, since the lesson's start. The
// fact that began it gives the time, and the box's clock what lies between the fact and
// the file's own beginning: a moment, or longer when another node took over.
func (f *fold) zero(p record.Part) int64 {
	if len(f.begun) == 0 {
		return p.BeganMS - f.start.Wall
	}
	best := f.begun[0]
	for _, b := range f.begun[1:] {
		if b.wall <= p.BeganMS {
			best = b
		}
	}
	return best.at + max(p.BeganMS-best.wall, 0)
}
