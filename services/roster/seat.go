package roster

import (
	"strings"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Name is a pupil's name in the list for a device that wants to join.
type Name struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Taken bool   `json:"taken"`           // by another device
	Asked bool   `json:"asked,omitempty"` // a device in the lobby asks for it
}

// Member is one of the people of a room.
type Member struct {
	ID   string     `json:"id"`
	Name string     `json:"name"`
	Role event.Role `json:"role"`
}

func seatKey(lesson, pupil string) string { return lesson + "/" + pupil }

// FindLesson returns the open lesson that ref names and the names of its class. token is the
// device's, and may be empty. The device's own name does not count as taken.
// Lobby of the lesson is true if this device must wait for the teacher.
func (r *Roster) FindLesson(ref Ref, token string) (l Lesson, names []Name, err error) {
	mine := hashToken(token)
	err = r.readTx("roster.Look", func(tx *checkedkv.Tx) error {
		s, err := r.findOpenLesson(tx, ref)
		if err != nil {
			return err
		}
		c, err := loadClass(tx, s.Class)
		if err != nil {
			return err
		}
		names = make([]Name, 0, len(c.Pupils))
		for _, p := range c.Pupils {
			holder, err := checkedkv.Get[[]byte](tx, bucketSeats, seatKey(s.ID, p.ID))
			n := Name{ID: p.ID, Name: p.Name, Taken: err == nil && string(holder) != mine}
			if err != nil && s.Lobby {
				for range allValues[storedWaiting](r, tx, bucketWaiting, waitingKey(s.ID, p.ID, "")) {
					n.Asked = true
				}
			}
			names = append(names, n)
		}
		l = s.toLesson(tx)
		l.Lobby = needsLobby(tx, s, token)
		return nil
	})
	return l, names, err
}

// JoinLesson gives a device a name in a lesson, and a token to come back with. A device that has
// the name already keeps its token. A device that had another name in the lesson loses it, and
// freed is that pupil. errs.Stale (code taken): another device has the name, and a teacher can
// release it. errs.Denied (code lobby): the device is new and must ask with EnterLobby.
func (r *Roster) JoinLesson(ref Ref, pupil, token string) (p Person, given, freed string, err error) {
	const op = "roster.Join"
	find := func(tx *checkedkv.Tx) (storedLesson, string, error) {
		s, err := r.findOpenLesson(tx, ref)
		return s, pupil, err
	}
	if p, ok := r.rejoin(op, token, find); ok {
		return p, token, "", nil
	}
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		s, _, err := find(tx)
		if err != nil {
			return err
		}
		switch holder, err := loadHolder(tx, s.ID, pupil); {
		case err != nil:
			return err
		case holder != "" && holder != hashToken(token):
			return errTaken(op)
		case holder == "" && needsLobby(tx, s, token):
			return errs.NewCode(op, errs.Denied, "lobby", "the teacher lets new devices in: ask for the name first")
		}
		p, given, freed, err = r.assignName(tx, op, s, pupil, token)
		return err
	})
	return p, given, freed, err
}

// rejoin returns the person of a device that has the name in the lesson already. It writes nothing,
// so a device that joins again and again costs no sync of the disk.
func (r *Roster) rejoin(op, token string, find func(*checkedkv.Tx) (storedLesson, string, error)) (p Person, ok bool) {
	if token == "" {
		return p, false
	}
	err := r.readTx(op, func(tx *checkedkv.Tx) error {
		s, pupil, err := find(tx)
		if err != nil {
			return err
		}
		holder, err := loadHolder(tx, s.ID, pupil)
		if err != nil || holder != hashToken(token) {
			return err
		}
		p, _, _, err = r.assignName(tx, op, s, pupil, token)
		ok = err == nil
		return err
	})
	return p, ok && err == nil // any fault is told by the way that writes
}

// loadHolder returns the hash of the token of the device that has a name, or "" if it is free.
func loadHolder(tx *checkedkv.Tx, lesson, pupil string) (string, error) {
	holder, err := checkedkv.Get[[]byte](tx, bucketSeats, seatKey(lesson, pupil))
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = nil
	}
	return string(holder), err
}

// assignName gives a device a name that no other device has.
func (r *Roster) assignName(tx *checkedkv.Tx, op string, s storedLesson, pupil, token string) (p Person, given, freed string, err error) {
	if _, _, err := loadPupil(tx, op, s.Class, pupil); err != nil {
		return p, "", "", err
	}
	mine := hashToken(token)
	holder, err := loadHolder(tx, s.ID, pupil)
	switch {
	case err != nil:
		return p, "", "", err
	case holder != "":
		given = token
	default:
		if freed, err = freeOtherName(tx, s.ID, mine); err != nil {
			return p, "", "", err
		}
		given = newToken()
	}
	t := storedToken{User: pupil, Role: uint8(event.Pupil), Lesson: s.ID, Created: r.tokenTime.now(), Seen: r.tokenTime.now()}
	if p, err = r.loadPerson(tx, t); err != nil || given == token {
		return p, given, freed, err
	}
	if err := checkedkv.Put(tx, bucketSeats, seatKey(s.ID, pupil), []byte(hashToken(given))); err != nil {
		return p, "", "", err
	}
	if err := dropRequests(tx, s.ID, pupil); err != nil { // of other devices
		return p, "", "", err
	}
	return p, given, freed, checkedkv.Put(tx, bucketTokens, hashToken(given), t)
}

// freeOtherName frees the name that the device has in the lesson.
func freeOtherName(tx *checkedkv.Tx, lesson, mine string) (string, error) {
	t, err := checkedkv.Get[storedToken](tx, bucketTokens, mine)
	if err != nil || t.Lesson != lesson {
		//lint:ignore nilerr a device without a token has no other name
		return "", nil
	}
	_, err = freeName(tx, lesson, t.User)
	return t.User, err
}

// freeName takes a name from the device that has it, or from those that wait for it in the lobby. held is true if a device had it.
func freeName(tx *checkedkv.Tx, lesson, pupil string) (held bool, err error) {
	key := seatKey(lesson, pupil)
	if err := dropRequests(tx, lesson, pupil); err != nil {
		return false, err
	}
	holder, err := checkedkv.Get[[]byte](tx, bucketSeats, key)
	if err != nil && errs.KindOf(err) == errs.Missing {
		return false, nil
	}
	if err == nil { // a damaged entry names no token, and is deleted
		err = deleteKey(tx, bucketTokens, string(holder))
		if err != nil {
			return false, err
		}
	}
	return true, deleteKey(tx, bucketSeats, key)
}

// freeAllNames takes the names of a lesson from all devices.
func (r *Roster) freeAllNames(tx *checkedkv.Tx, lesson string) (pupils []string, err error) {
	keys, _ := collectValues[[]byte](r, tx, bucketSeats, lesson+"/")
	for _, key := range keys {
		pupil := strings.TrimPrefix(key, lesson+"/")
		if _, err := freeName(tx, lesson, pupil); err != nil {
			return nil, err
		}
		pupils = append(pupils, pupil)
	}
	return pupils, nil
}

// ReleaseName frees a pupil's name in an open lesson and signs out the device that had it.
// Releasing a free name changes nothing.
func (r *Roster) ReleaseName(lessonID, pupil string) error {
	const op = "roster.Release"
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		s, err := loadLesson(tx, lessonID)
		if err != nil {
			return err
		}
		if _, _, err := loadPupil(tx, op, s.Class, pupil); err != nil {
			return err
		}
		_, err = freeName(tx, lessonID, pupil)
		return err
	})
}

// People returns the members of a room: the pupils of its class and all teachers.
func (r *Roster) People(room string) (list []Member, err error) {
	err = r.readTx("roster.People", func(tx *checkedkv.Tx) error {
		c, err := loadClass(tx, room)
		if err != nil {
			return err
		}
		for _, s := range allValues[storedStaff](r, tx, bucketStaff, "") {
			list = append(list, Member{s.ID, s.Name, event.Teacher})
		}
		for _, p := range c.Pupils {
			list = append(list, Member{p.ID, p.Name, event.Pupil})
		}
		return nil
	})
	return list, err
}
