package firmware

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
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
	samplePIN     = "sample-pin" // in the data folder: the roster keeps only a hash
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

// Sample claims an unclaimed box with a sample class of 30 names, a deck and a quiz, and
// opens the lesson of the class. A sample box is given its class and lesson again; each
// step takes what is there for what it is, so a cut anywhere is mended by the next. A box
// that people claimed is left alone: errs.Stale. The box must be ready.
func (b *Box) Sample(ctx context.Context) (Sample, error) {
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
	deck, quiz, err := b.library.AddSample("en")
	if err != nil {
		return s, err
	}
	class, err := b.sampleClass()
	if err != nil {
		return s, err
	}
	l, err := b.sampleLesson(ctx, class)
	if err != nil {
		return s, err
	}
	s.Code = l.Code
	pages := map[string]any{"deck": deck.ID, "title": deck.Title, "pages": deck.Pages}
	return s, errors.Join(b.tell(ctx, l.Room, "quiz.load", map[string]any{"quiz": quiz}), b.tell(ctx, l.Room, "board.load", pages))
}

// tell gives a room a command on the first teacher's behalf.
func (b *Box) tell(ctx context.Context, in, name string, payload any) error {
	staff, err := b.roster.Staff()
	if err != nil {
		return err
	}
	if len(staff) == 0 {
		return errs.Code("sample", errs.Missing, "no_teacher", "the box has no teacher")
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return errs.New("sample", errs.Internal, err)
	}
	_, err = b.rooms.Call(ctx, in, room.Message{Name: name, By: event.Viewer{User: staff[0].ID, Role: event.Teacher}, Data: data})
	return err
}

// samplePIN is the PIN of the sample's teacher, made when the box is unclaimed.
func (b *Box) samplePIN(unclaimed bool) (string, error) {
	pin, err := os.ReadFile(b.folder.Name(samplePIN))
	if err == nil {
		return string(pin), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", errs.New("sample", errs.Down, err)
	}
	if !unclaimed {
		return "", errs.Code("sample", errs.Stale, "claimed", "the box is claimed already; name another data folder")
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", errs.New("sample", errs.Internal, err)
	}
	pin = fmt.Appendf(nil, "%06d", n)
	if err := writeSynced(b.folder.Name(samplePIN), pin); err != nil {
		return "", errs.New("sample", errs.Down, err)
	}
	return string(pin), nil
}

func (b *Box) sampleClass() (roster.Class, error) {
	classes, err := b.roster.Classes()
	if err != nil {
		return roster.Class{}, err
	}
	i := slices.IndexFunc(classes, func(c roster.Class) bool { return c.Name == sampleClass })
	if i >= 0 {
		return classes[i], nil
	}
	c, err := b.roster.AddClass(sampleClass)
	if err == nil {
		_, err = b.roster.AddNames(c.ID, sampleNames, false)
	}
	return c, err
}

// sampleLesson opens the lesson of the sample class, in the roster and in its room.
func (b *Box) sampleLesson(ctx context.Context, c roster.Class) (roster.Lesson, error) {
	staff, err := b.roster.Staff()
	if err != nil {
		return roster.Lesson{}, err
	}
	if len(staff) == 0 {
		return roster.Lesson{}, errs.Code("sample", errs.Missing, "no_teacher", "the box has no teacher")
	}
	l, err := b.roster.StartLesson(staff[0].ID, c.ID, "First lesson")
	if err != nil {
		return l, err
	}
	return l, b.tell(ctx, l.Room, "lesson.start", map[string]string{"lesson": l.ID, "title": l.Title})
}
