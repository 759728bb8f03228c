package roster

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Lesson is a class's lesson. While it is open its code and key let pupils in.
type Lesson struct {
	ID        string `json:"id"`
	Room      string `json:"room"` // the class's id
	Class     string `json:"class"`
	ClassName string `json:"className"`
	Title     string `json:"title"`
	Code      string `json:"code,omitempty"` // six digits, unique among the open lessons
	Key       string `json:"key,omitempty"`  // 64 random bits, for the link in the QR code
	Link      string `json:"link,omitempty"` // "/j/<key>"
	Started   int64  `json:"started"`        // milliseconds since 1970
	Ended     int64  `json:"ended,omitempty"`
}

type storedLesson struct {
	ID, Class, Title, Code, Key, By string
	Started, Ended                  int64
	ClassName                       string            // at its end: the class may be deleted
	Names                           map[string]string // at its end: the pupils of the class, by id
	Joined                          int               // at its end: how many of them had a name
}

// Room is the id of the room that the lesson is held in.
func (l storedLesson) Room() string { return l.Class }

func (l storedLesson) public(tx *bbolt.Tx) Lesson {
	c, _ := records.Get[Class](tx, bucketClasses, l.Class) // a deleted class has the name it had
	out := Lesson{
		ID: l.ID, Room: l.Room(), Class: l.Class, ClassName: cmp.Or(c.Name, l.ClassName), Title: l.Title,
		Started: l.Started, Ended: l.Ended,
	}
	if l.Ended == 0 {
		out.Code, out.Key, out.Link = l.Code, l.Key, "/j/"+l.Key
	}
	return out
}

// Ref is how a pupil names a lesson: by the code, or by the key in the link.
type Ref struct{ Code, Key string }

// StartLesson opens a lesson for a class. A class with an open lesson gets that one, and
// its title stays. An empty title is the class's name.
func (r *Roster) StartLesson(by, classID, title string) (l Lesson, err error) {
	const op = "roster.StartLesson"
	if strings.TrimSpace(title) != "" {
		if title, err = cleanName(op, "title", title, MaxName); err != nil {
			return l, err
		}
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		c, err := class(tx, classID)
		if err != nil {
			return err
		}
		if id, err := records.Get[string](tx, bucketOpen, classID); err == nil {
			s, err := records.Get[storedLesson](tx, bucketLessons, id)
			l = s.public(tx)
			return err
		}
		if strings.TrimSpace(title) == "" {
			title = c.Name
		}
		s := storedLesson{ID: newID("l_"), Class: classID, Title: title, Code: r.freeCode(tx), Key: newKey(8), By: by, Started: r.wall()}
		if err := records.Put(tx, bucketLessons, s.ID, s); err != nil {
			return err
		}
		l = s.public(tx)
		return records.Put(tx, bucketOpen, classID, s.ID)
	})
	return l, err
}

// freeCode is six random digits that no open lesson has. MaxClasses of a million codes
// are taken at most, so it ends.
func (r *Roster) freeCode(tx *bbolt.Tx) string {
	for {
		var b [8]byte
		rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
		code := fmt.Sprintf("%06d", binary.LittleEndian.Uint64(b[:])%1e6)
		if _, err := r.find(tx, Ref{Code: code}); err != nil {
			return code
		}
	}
}

// find is the open lesson that ref names. Each open lesson is compared in constant time
// and all of them are, so the time tells nothing about how close a guess was.
func (r *Roster) find(tx *bbolt.Tx, ref Ref) (storedLesson, error) {
	var found storedLesson
	code, key := joinCode(ref.Code), ref.Key
	for l := range r.open(tx) {
		same := code != "" && subtle.ConstantTimeCompare([]byte(l.Code), []byte(code)) == 1
		same = same || key != "" && subtle.ConstantTimeCompare([]byte(l.Key), []byte(key)) == 1
		if same {
			found = l
		}
	}
	if found.ID == "" {
		return found, errs.Code("roster.Look", errs.Missing, "no_lesson", "no lesson is open under this code")
	}
	return found, nil
}

// joinCode is a lesson's code as people type it: "123 456".
func joinCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, digits(s[:min(len(s), 64)]))
}

func (r *Roster) open(tx *bbolt.Tx) func(func(storedLesson) bool) {
	return func(yield func(storedLesson) bool) {
		for _, id := range all[string](r, tx, bucketOpen, "") {
			l, err := records.Get[storedLesson](tx, bucketLessons, id)
			if err != nil {
				r.log.Error("an open lesson cannot be read", "err", err)
				continue
			}
			if !yield(l) {
				return
			}
		}
	}
}

// Open lists the lessons that are open.
func (r *Roster) Open() ([]Lesson, error) {
	list := []Lesson{}
	err := r.view("roster.Open", func(tx *bbolt.Tx) error {
		for l := range r.open(tx) {
			list = append(list, l.public(tx))
		}
		return nil
	})
	return list, err
}

// Lesson is a lesson, open or not.
func (r *Roster) Lesson(id string) (l Lesson, err error) {
	err = r.view("roster.Lesson", func(tx *bbolt.Tx) error {
		s, err := lesson(tx, id)
		l = s.public(tx)
		return err
	})
	return l, err
}

// LessonIn is the lesson that is open in a room.
func (r *Roster) LessonIn(room string) (l Lesson, err error) {
	err = r.view("roster.LessonIn", func(tx *bbolt.Tx) error {
		id, err := records.Get[string](tx, bucketOpen, room)
		if err != nil {
			return errs.Code("roster.LessonIn", errs.Missing, "no_lesson", "no lesson is open in this room")
		}
		s, err := lesson(tx, id)
		l = s.public(tx)
		return err
	})
	return l, err
}

func lesson(tx *bbolt.Tx, id string) (storedLesson, error) {
	l, err := records.Get[storedLesson](tx, bucketLessons, id)
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = errs.Code("roster.Lesson", errs.Missing, "no_lesson", "no such lesson")
	}
	return l, err
}

// EndLesson closes a lesson: its code, its key and its pupils' tokens are void. It gives
// the pupils who held a name. Ending it again changes nothing.
func (r *Roster) EndLesson(id string) (l Lesson, pupils []string, err error) {
	err = r.update("roster.EndLesson", func(tx *bbolt.Tx) error {
		s, err := lesson(tx, id)
		if err != nil {
			return err
		}
		if s.Ended == 0 {
			if err := remove(tx, bucketOpen, s.Class); err != nil {
				return err
			}
			if pupils, err = r.freeAll(tx, id); err != nil {
				return err
			}
			s.close(tx, len(pupils), max(r.wall(), 1))
			if err := records.Put(tx, bucketLessons, id, s); err != nil {
				return err
			}
		}
		l = s.public(tx)
		return nil
	})
	return l, pupils, err
}
