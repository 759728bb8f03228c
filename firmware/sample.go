package firmware

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/livelearn/box/firmware/lessonfacts"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/staff"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/whiteboard"
)

// Sample is a box made ready to try: a class, and a lesson that is open.
type Sample struct {
	Teacher string // name and PIN to sign in with
	PIN     string
	Claim   string // the claim code that was used up; empty when the box was claimed before
	Code    string // of the open lesson
}

const (
	sampleTeacher = "Teacher"
	sampleClass   = "Sample class"
	sampleTitle   = "First lesson" // a lesson keeps its title
	samplePIN     = "sample-pin"   // in the data folder: the roster keeps only a hash
)

// sampleNames are the pupils of the sample class: given names from many places.
const sampleNames = `Aisha
Amara
Anders
Bao
Carlos
Chloe
Daniel
Elif
Emma
Farid
Giulia
Hana
Ibrahim
Ines
Jamal
Kai
Leila
Lucas
Maya
Mei
Nadia
Noah
Olga
Omar
Priya
Rosa
Samir
Tomas
Yara
Zoe`

// SetUpSample claims an unclaimed box with a sample class of 30 names, a deck and a quiz, and
// opens the lesson of the class. At the next start an open lesson stays as people left it, and a
// step that a power cut prevented is done. A box that people claimed is refused with errs.Stale.
// The box must be ready.
func (b *Box) SetUpSample(ctx context.Context) (Sample, error) {
	s := Sample{Teacher: sampleTeacher}
	code, err := b.roster.ClaimCode()
	if err != nil {
		return s, err
	}
	if s.PIN, err = b.samplePIN(code != ""); err != nil {
		return s, err
	}
	if code != "" {
		s.Claim = code
		_, _, err := b.roster.Claim(ctx, roster.Claimant{Code: code, Box: "Sample box", Name: s.Teacher, PIN: s.PIN, Lang: "en"})
		if err != nil {
			return s, err
		}
	}
	l, err := b.sampleLesson(ctx)
	if err != nil {
		return s, err
	}
	s.Code = l.Code
	if err := b.loadSample(ctx, l); err != nil {
		// People may have made the quiz too large for a room, or the library full. The box
		// must start all the same, because its pages are where they correct that.
		b.parts.Log.Warn("the sample lesson has not all of its quiz and slides", "err", err)
	}
	return s, nil
}

// loadSample loads the quiz and the slides into the sample lesson, once each. A second time would
// close the open question or replace the choice of the teacher.
func (b *Box) loadSample(ctx context.Context, l roster.Lesson) error {
	had := map[event.Kind]bool{}
	for e, err := range lessonfacts.Of(b.journal, l) {
		if err != nil && errs.KindOf(err) != errs.Corrupt {
			return err
		}
		had[e.Kind] = true
	}
	if l.Title != sampleTitle || had[quiz.Loaded] && had[whiteboard.Loaded] {
		return nil
	}
	deck, questions, err := b.library.AddSample("en")
	if err != nil {
		return err
	}
	if !had[quiz.Loaded] {
		err = b.callRoom(ctx, l.Room, "quiz.load", quiz.LoadRequest{Quiz: questions})
	}
	if !had[whiteboard.Loaded] {
		err = errors.Join(err, b.callRoom(ctx, l.Room, "board.load", staff.LoadRequestOf(deck)))
	}
	return err
}

// callRoom sends a command to a room on behalf of the first teacher.
func (b *Box) callRoom(ctx context.Context, in, name string, payload any) error {
	staff, err := b.roster.Staff()
	if err != nil {
		return err
	}
	if len(staff) == 0 {
		return errs.NewCode("sample", errs.Missing, "no_teacher", "the box has no teacher")
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return errs.New("sample", errs.Internal, err)
	}
	_, err = b.rooms.Call(ctx, in, room.Message{Name: name, By: event.Viewer{User: staff[0].ID, Role: event.Teacher}, Data: data})
	return err
}

// samplePIN is the PIN of the sample's teacher. An unclaimed box gets a new one each time.
func (b *Box) samplePIN(unclaimed bool) (string, error) {
	path := b.folder.PathOf(samplePIN)
	if unclaimed {
		pin := roster.NewPIN()
		if err := atomicfile.Write(path, 0o600, atomicfile.Bytes([]byte(pin))); err != nil {
			return "", errs.New("sample", errs.Down, err)
		}
		return pin, nil
	}
	pin, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errs.NewCode("sample", errs.Stale, "claimed", "the box is claimed already; name another data folder")
	case err != nil:
		return "", errs.New("sample", errs.Down, err)
	}
	return string(pin), nil
}

// sampleClass returns the class of the sample. Like the roster, it ignores case in names.
func (b *Box) sampleClass() (roster.Class, error) {
	classes, err := b.roster.Classes()
	if err != nil {
		return roster.Class{}, err
	}
	i := slices.IndexFunc(classes, func(c roster.Class) bool { return strings.EqualFold(c.Name, sampleClass) })
	if i >= 0 {
		return classes[i], nil
	}
	c, err := b.roster.AddClass(sampleClass)
	if err == nil {
		_, err = b.roster.AddNames(c.ID, sampleNames, false)
	}
	return c, err
}

// sampleLesson returns the open lesson of the sample, even if its class has another name by now. If
// there is none, it opens one in the roster and in its room.
func (b *Box) sampleLesson(ctx context.Context) (roster.Lesson, error) {
	open, err := b.roster.OpenLessons()
	if err != nil {
		return roster.Lesson{}, err
	}
	staff, err := b.roster.Staff()
	if err != nil {
		return roster.Lesson{}, err
	}
	if len(staff) == 0 {
		return roster.Lesson{}, errs.NewCode("sample", errs.Missing, "no_teacher", "the box has no teacher")
	}
	i := slices.IndexFunc(open, func(l roster.Lesson) bool { return l.Title == sampleTitle })
	var l roster.Lesson
	if i >= 0 {
		l = open[i]
	} else {
		c, err := b.sampleClass()
		if err != nil {
			return l, err
		}
		if l, err = b.roster.StartLesson(staff[0].ID, c.ID, sampleTitle); err != nil {
			return l, err
		}
	}
	return l, b.callRoom(ctx, l.Room, "lesson.start", map[string]string{"lesson": l.ID, "title": l.Title})
}
