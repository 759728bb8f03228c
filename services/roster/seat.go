package roster

import (
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/records"
)

// Name is a pupil's name as a device that wants to join sees it.
type Name struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Taken bool   `json:"taken"` // by another device
}

// Member is one of the people of a room.
type Member struct {
	ID   string     `json:"id"`
	Name string     `json:"name"`
	Role event.Role `json:"role"`
}

func seatKey(lesson, pupil string) string { return lesson + "/" + pupil }

// Look is the open lesson that ref names and the names of its class. token is the
// device's, and may be empty: the name that it has is not taken for it.
func (r *Roster) Look(ref Ref, token string) (l Lesson, names []Name, err error) {
	mine := hashOf(token)
	err = r.view("roster.Look", func(tx *bbolt.Tx) error {
		s, err := r.find(tx, ref)
		if err != nil {
			return err
		}
		c, err := class(tx, s.Class)
		if err != nil {
			return err
		}
		names = make([]Name, 0, len(c.Pupils))
		for _, p := range c.Pupils {
			holder, err := records.Get[[]byte](tx, bucketSeats, seatKey(s.ID, p.ID))
			names = append(names, Name{p.ID, p.Name, err == nil && string(holder) != mine})
		}
		l = s.public(tx)
		return nil
	})
	return l, names, err
}

// Join gives a device a name in a lesson, and a token to come back with. The device that
// has the name already keeps its token. A device that had another name in the lesson
// lets it go: freed is that pupil, if any. errs.Stale (code taken): another device has
// the name, and a teacher can release it.
func (r *Roster) Join(ref Ref, pupil, token string) (p Person, given, freed string, err error) {
	const op = "roster.Join"
	err = r.update(op, func(tx *bbolt.Tx) error {
		s, err := r.find(tx, ref)
		if err != nil {
			return err
		}
		switch holder, err := holderOf(tx, s.ID, pupil); {
		case err != nil:
			return err
		case holder != "" && holder != hashOf(token):
			return errs.Code(op, errs.Stale, "taken", "another device has this name; the teacher can release it")
		}
		p, given, freed, err = r.sit(tx, op, s, pupil, token)
		return err
	})
	return p, given, freed, err
}

// holderOf is the hash of the token of the device that has a name; empty: none has it.
func holderOf(tx *bbolt.Tx, lesson, pupil string) (string, error) {
	holder, err := records.Get[[]byte](tx, bucketSeats, seatKey(lesson, pupil))
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = nil
	}
	return string(holder), err
}

// sit gives a device a name that no other device has.
func (r *Roster) sit(tx *bbolt.Tx, op string, s storedLesson, pupil, token string) (p Person, given, freed string, err error) {
	if _, _, err := pupilOf(tx, op, s.Class, pupil); err != nil {
		return p, "", "", err
	}
	mine := hashOf(token)
	holder, err := holderOf(tx, s.ID, pupil)
	switch {
	case err != nil:
		return p, "", "", err
	case holder != "":
		given = token
	default:
		if freed, err = dropOther(tx, s.ID, mine); err != nil {
			return p, "", "", err
		}
		given = newToken()
	}
	t := storedToken{User: pupil, Role: uint8(event.Pupil), Lesson: s.ID, Created: now(), Seen: now()}
	if p, err = r.holder(tx, t); err != nil || given == token {
		return p, given, freed, err
	}
	if err := records.Put(tx, bucketSeats, seatKey(s.ID, pupil), []byte(hashOf(given))); err != nil {
		return p, "", "", err
	}
	return p, given, freed, records.Put(tx, bucketTokens, hashOf(given), t)
}

// dropOther frees the name that the device has in the lesson.
func dropOther(tx *bbolt.Tx, lesson, mine string) (string, error) {
	t, err := records.Get[storedToken](tx, bucketTokens, mine)
	if err != nil || t.Lesson != lesson {
		return "", nil
	}
	_, err = free(tx, lesson, t.User)
	return t.User, err
}

// free takes a name from the device that has it; held tells that one had.
func free(tx *bbolt.Tx, lesson, pupil string) (held bool, err error) {
	key := seatKey(lesson, pupil)
	holder, err := records.Get[[]byte](tx, bucketSeats, key)
	if err != nil && errs.KindOf(err) == errs.Missing {
		return false, nil
	}
	if err == nil { // a damaged entry names no token, and goes
		err = remove(tx, bucketTokens, string(holder))
		if err != nil {
			return false, err
		}
	}
	return true, remove(tx, bucketSeats, key)
}

// freeAll takes the names of a lesson from all devices.
func (r *Roster) freeAll(tx *bbolt.Tx, lesson string) (pupils []string, err error) {
	keys, _ := collect[[]byte](r, tx, bucketSeats, lesson+"/")
	for _, key := range keys {
		pupil := strings.TrimPrefix(key, lesson+"/")
		if _, err := free(tx, lesson, pupil); err != nil {
			return nil, err
		}
		pupils = append(pupils, pupil)
	}
	return pupils, nil
}

// Release frees a pupil's name in an open lesson: the device that had it is signed out.
// Releasing a free name changes nothing.
func (r *Roster) Release(lessonID, pupil string) error {
	const op = "roster.Release"
	return r.update(op, func(tx *bbolt.Tx) error {
		s, err := lesson(tx, lessonID)
		if err != nil {
			return err
		}
		if _, _, err := pupilOf(tx, op, s.Class, pupil); err != nil {
			return err
		}
		_, err = free(tx, lessonID, pupil)
		return err
	})
}

// People are those who belong in a room: the pupils of its class and all teachers.
func (r *Roster) People(room string) (list []Member, err error) {
	err = r.view("roster.People", func(tx *bbolt.Tx) error {
		c, err := class(tx, room)
		if err != nil {
			return err
		}
		for _, s := range all[storedStaff](r, tx, bucketStaff, "") {
			list = append(list, Member{s.ID, s.Name, event.Teacher})
		}
		for _, p := range c.Pupils {
			list = append(list, Member{p.ID, p.Name, event.Pupil})
		}
		return nil
	})
	return list, err
}
