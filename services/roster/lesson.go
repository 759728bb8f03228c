package roster

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
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
	Lobby     bool   `json:"lobby,omitempty"` // new devices wait until a teacher lets them in
}

type storedLesson struct {
	ID, Class, Title, Code, Key, By string
	Started, Ended                  int64
	ClassName                       string            // at its end: the class may be deleted
	Names                           map[string]string // at its end: the pupils of the class, by id
	Joined                          int               // at its end: how many of them had a name
	Lobby                           bool              `json:",omitempty"`
}

// Room returns the id of the lesson's room.
func (l storedLesson) Room() string { return l.Class }

func (l storedLesson) toLesson(tx *bbolt.Tx) Lesson {
	c, _ := checkedkv.Get[Class](tx, bucketClasses, l.Class) // a deleted class has the name that it had
	out := Lesson{
		ID: l.ID, Room: l.Room(), Class: l.Class, ClassName: cmp.Or(c.Name, l.ClassName), Title: l.Title,
		Started: l.Started, Ended: l.Ended,
	}
	if l.Ended == 0 {
		out.Code, out.Key, out.Link, out.Lobby = l.Code, l.Key, "/j/"+l.Key, l.Lobby
	}
	return out
}

// Ref names a lesson for a pupil: by the code, or by the key in the link.
type Ref struct{ Code, Key string }

// StartLesson opens a lesson for a class. If the class has an open lesson, StartLesson returns it
// with its old title. An empty title becomes the class's name.
func (r *Roster) StartLesson(by, classID, title string) (l Lesson, err error) {
	const op = "roster.StartLesson"
	if strings.TrimSpace(title) != "" {
		if title, err = cleanName(op, "title", title, MaxName); err != nil {
			return l, err
		}
	}
	err = r.writeTx(op, func(tx *bbolt.Tx) error {
		c, err := loadClass(tx, classID)
		if err != nil {
			return err
		}
		if id, err := checkedkv.Get[string](tx, bucketOpen, classID); err == nil {
			s, err := checkedkv.Get[storedLesson](tx, bucketLessons, id)
			l = s.toLesson(tx)
			return err
		}
		if strings.TrimSpace(title) == "" {
			title = c.Name
		}
		s := storedLesson{ID: checkedkv.NewID("l_"), Class: classID, Title: title, Code: r.freeCode(tx), Key: newKey(8), By: by, Started: r.clock()}
		if err := checkedkv.Put(tx, bucketLessons, s.ID, s); err != nil {
			return err
		}
		l = s.toLesson(tx)
		return checkedkv.Put(tx, bucketOpen, classID, s.ID)
	})
	return l, err
}

// freeCode returns six random digits that no open lesson has. At most MaxClasses of a million
// codes are in use, so the loop ends.
func (r *Roster) freeCode(tx *bbolt.Tx) string {
	for {
		var b [8]byte
		rand.Read(b[:])
		code := fmt.Sprintf("%06d", binary.LittleEndian.Uint64(b[:])%1e6)
		if _, err := r.findOpenLesson(tx, Ref{Code: code}); err != nil {
			return code
		}
	}
}

// findOpenLesson returns the open lesson that ref names. It compares all open lessons, each in
// constant time, so the time does not show how close a guess was.
func (r *Roster) findOpenLesson(tx *bbolt.Tx, ref Ref) (storedLesson, error) {
	var found storedLesson
	code, key := NormaliseJoinCode(ref.Code), ref.Key
	for l := range r.eachOpenLesson(tx) {
		same := code != "" && subtle.ConstantTimeCompare([]byte(l.Code), []byte(code)) == 1
		same = same || key != "" && subtle.ConstantTimeCompare([]byte(l.Key), []byte(key)) == 1
		if same {
			found = l
		}
	}
	if found.ID == "" {
		return found, errs.NewCode("roster.Look", errs.Missing, "no_lesson", "no lesson is open under this code")
	}
	return found, nil
}

// NormaliseJoinCode converts a lesson's code as people type it: "123 456".
func NormaliseJoinCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, toASCIIDigits(s[:min(len(s), 64)]))
}

func (r *Roster) eachOpenLesson(tx *bbolt.Tx) func(func(storedLesson) bool) {
	return func(yield func(storedLesson) bool) {
		for _, id := range allValues[string](r, tx, bucketOpen, "") {
			l, err := checkedkv.Get[storedLesson](tx, bucketLessons, id)
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

// openLessons is the answer of OpenLessons at a state of the database.
type openLessons struct {
	tx   int // the last write that it contains
	list []Lesson
}

// OpenLessons returns the open lessons. Each display asks every second, so the answer is read once
// after each write.
func (r *Roster) OpenLessons() ([]Lesson, error) {
	var kept *openLessons
	err := r.readTx("roster.Open", func(tx *bbolt.Tx) error {
		if kept = r.open.Load(); kept != nil && kept.tx == tx.ID() {
			return nil
		}
		kept = &openLessons{tx: tx.ID()}
		for l := range r.eachOpenLesson(tx) {
			kept.list = append(kept.list, l.toLesson(tx))
		}
		r.open.Store(kept)
		return nil
	})
	if err != nil {
		return []Lesson{}, err
	}
	return append([]Lesson{}, kept.list...), nil
}

// Lesson returns a lesson, open or not.
func (r *Roster) Lesson(id string) (l Lesson, err error) {
	err = r.readTx("roster.Lesson", func(tx *bbolt.Tx) error {
		s, err := loadLesson(tx, id)
		l = s.toLesson(tx)
		return err
	})
	return l, err
}

// LessonIn returns the open lesson of a room.
func (r *Roster) LessonIn(room string) (l Lesson, err error) {
	err = r.readTx("roster.LessonIn", func(tx *bbolt.Tx) error {
		id, err := checkedkv.Get[string](tx, bucketOpen, room)
		if err != nil {
			return errs.NewCode("roster.LessonIn", errs.Missing, "no_lesson", "no lesson is open in this room")
		}
		s, err := loadLesson(tx, id)
		l = s.toLesson(tx)
		return err
	})
	return l, err
}

func loadLesson(tx *bbolt.Tx, id string) (storedLesson, error) {
	l, err := checkedkv.Get[storedLesson](tx, bucketLessons, id)
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = errs.NewCode("roster.Lesson", errs.Missing, "no_lesson", "no such lesson")
	}
	return l, err
}

// EndLesson closes a lesson: its code, its key and its pupils' tokens become void. It returns the
// pupils who held a name. Ending a lesson twice changes nothing.
func (r *Roster) EndLesson(id string) (l Lesson, pupils []string, err error) {
	err = r.writeTx("roster.EndLesson", func(tx *bbolt.Tx) error {
		s, err := loadLesson(tx, id)
		if err != nil {
			return err
		}
		if s.Ended == 0 {
			if err := deleteKey(tx, bucketOpen, s.Class); err != nil {
				return err
			}
			if pupils, err = r.freeAllNames(tx, id); err != nil {
				return err
			}
			if err := r.emptyLobby(tx, id); err != nil {
				return err
			}
			s.markEnded(tx, len(pupils), max(r.clock(), 1))
			if err := checkedkv.Put(tx, bucketLessons, id, s); err != nil {
				return err
			}
		}
		l = s.toLesson(tx)
		return nil
	})
	return l, pupils, err
}
