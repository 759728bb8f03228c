package roster

import (
	"cmp"
	"crypto/subtle"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Waiting is a device in the lobby of a lesson: it knows the code and asks for a name.
type Waiting struct {
	ID    string `json:"id"`    // of this request; another request for the name has another one
	Pupil string `json:"pupil"` // the name that it asks for
	Name  string `json:"name"`
	Asked int64  `json:"asked"` // milliseconds since 1970
}

// Ticket is the state of a device in a lobby, as the device sees it.
type Ticket struct {
	State     string `json:"state" enum:"waiting,admitted,refused"`
	Name      string `json:"name"` // that it asks for
	Title     string `json:"title"`
	ClassName string `json:"className"`
}

// The states of a Ticket.
const (
	TicketWaiting  = "waiting"
	TicketAdmitted = "admitted"
	TicketRefused  = "refused"
)

// storedWaiting is a device in a lobby. A name has at most one, so a lesson has at most MaxPupils.
type storedWaiting struct {
	ID       string
	Secret   []byte // SHA-256 of the secret in the ticket
	Asked    int64
	Admitted bool // the ticket gives the name
}

const (
	ticketBytes = 16 // random ones of a ticket
	maxTicket   = 128
)

// SetLobby opens or closes the lobby of an open lesson. While it is open, a device that is new in
// the lesson waits until a teacher lets it in. Devices that wait when it closes go on waiting.
func (r *Roster) SetLobby(lessonID string, open bool) error {
	const op = "roster.SetLobby"
	return r.writeTx(op, func(tx *bbolt.Tx) error {
		s, err := loadOpenLesson(tx, op, lessonID)
		if err != nil || s.Lobby == open {
			return err
		}
		s.Lobby = open
		return checkedkv.Put(tx, bucketLessons, s.ID, s)
	})
}

// OpenLobbies opens the lobbies of all open lessons, and returns the lessons whose lobby was closed.
func (r *Roster) OpenLobbies() (opened []string, err error) {
	err = r.writeTx("roster.OpenLobbies", func(tx *bbolt.Tx) error {
		for _, s := range slices.Collect(r.eachOpenLesson(tx)) { // the bucket changes below
			if s.Lobby {
				continue
			}
			s.Lobby = true
			if err := checkedkv.Put(tx, bucketLessons, s.ID, s); err != nil {
				return err
			}
			opened = append(opened, s.ID)
		}
		return nil
	})
	return opened, err
}

func loadOpenLesson(tx *bbolt.Tx, op, id string) (storedLesson, error) {
	s, err := loadLesson(tx, id)
	if err == nil && s.Ended != 0 {
		err = errs.NewCode(op, errs.Missing, "no_lesson", "the lesson has ended")
	}
	return s, err
}

// needsLobby reports whether a device must wait for a teacher. A device with a token of the lesson
// is no new one.
func needsLobby(tx *bbolt.Tx, s storedLesson, token string) bool {
	if !s.Lobby {
		return false
	}
	t, err := checkedkv.Get[storedToken](tx, bucketTokens, hashToken(token))
	return err != nil || t.Lesson != s.ID
}

// EnterLobby lets a device ask for a name in a lesson whose lobby is open, and returns the ticket
// with which it waits. errs.Stale: the name is taken (code taken) or another device asks for it
// (code asked), or this device need not wait (code no_lobby).
func (r *Roster) EnterLobby(ref Ref, pupil, token string) (ticket string, err error) {
	const op = "roster.EnterLobby"
	err = r.writeTx(op, func(tx *bbolt.Tx) error {
		s, err := r.findOpenLesson(tx, ref)
		if err != nil {
			return err
		}
		if _, _, err := loadPupil(tx, op, s.Class, pupil); err != nil {
			return err
		}
		if !needsLobby(tx, s, token) {
			return errs.NewCode(op, errs.Stale, "no_lobby", "you need not wait: join the lesson")
		}
		holder, err := loadHolder(tx, s.ID, pupil)
		if err != nil {
			return err
		}
		if holder != "" {
			return errTaken(op)
		}
		if _, err := checkedkv.Get[storedWaiting](tx, bucketWaiting, seatKey(s.ID, pupil)); err == nil {
			return errs.NewCode(op, errs.Stale, "asked", "another device asks for this name; tell the teacher")
		}
		secret := newKey(ticketBytes)
		ticket = s.ID + "." + pupil + "." + secret
		w := storedWaiting{ID: checkedkv.NewID("w_"), Secret: []byte(hashToken(secret)), Asked: r.clock()}
		return checkedkv.Put(tx, bucketWaiting, seatKey(s.ID, pupil), w)
	})
	return ticket, err
}

func errTaken(op string) error {
	return errs.NewCode(op, errs.Stale, "taken", "another device has this name; the teacher can release it")
}

// loadTicket returns the open lesson, the pupil and the request of a ticket. A ticket whose request
// is gone has none: the teacher refused it.
func loadTicket(tx *bbolt.Tx, op, ticket string) (s storedLesson, p Pupil, w *storedWaiting, err error) {
	parts := strings.Split(ticket, ".")
	if len(ticket) > maxTicket || len(parts) != 3 {
		return s, p, nil, errs.NewField(op, "ticket", "invalid", 0, "this is no ticket of a lobby")
	}
	if s, err = loadOpenLesson(tx, op, parts[0]); err != nil {
		return s, p, nil, err
	}
	c, i, err := loadPupil(tx, op, s.Class, parts[1])
	if err != nil {
		return s, p, nil, err
	}
	p = c.Pupils[i]
	stored, err := checkedkv.Get[storedWaiting](tx, bucketWaiting, seatKey(s.ID, parts[1]))
	if err != nil && errs.KindOf(err) != errs.Missing {
		return s, p, nil, err
	}
	if err == nil && subtle.ConstantTimeCompare(stored.Secret, []byte(hashToken(parts[2]))) == 1 {
		w = &stored
	}
	return s, p, w, nil
}

// CheckTicket returns the state of a device in a lobby. errs.Missing (code no_lesson): the lesson
// has ended.
func (r *Roster) CheckTicket(ticket string) (t Ticket, err error) {
	const op = "roster.CheckTicket"
	err = r.readTx(op, func(tx *bbolt.Tx) error {
		s, p, w, err := loadTicket(tx, op, ticket)
		if err != nil {
			return err
		}
		switch {
		case w == nil:
			t.State = TicketRefused
		case w.Admitted:
			t.State = TicketAdmitted
		default:
			t.State = TicketWaiting
		}
		l := s.toLesson(tx)
		t.Name, t.Title, t.ClassName = p.Name, l.Title, l.ClassName
		return nil
	})
	return t, err
}

// JoinTicket gives an admitted device its name and a token, as JoinLesson does. The ticket stays good
// until the name is free again, so a device whose answer was lost asks once more. errs.Denied: the
// teacher has not let the device in yet (code waiting), or has refused it (code refused).
func (r *Roster) JoinTicket(ticket, token string) (p Person, given, freed string, err error) {
	const op = "roster.JoinTicket"
	err = r.writeTx(op, func(tx *bbolt.Tx) error {
		s, pupil, w, err := loadTicket(tx, op, ticket)
		if err != nil {
			return err
		}
		if w == nil {
			return errs.NewCode(op, errs.Denied, "refused", "the teacher did not let this device in")
		}
		if !w.Admitted {
			return errs.NewCode(op, errs.Denied, "waiting", "the teacher has not let this device in yet")
		}
		holder, err := loadHolder(tx, s.ID, pupil.ID)
		if err == nil && holder != "" && holder != hashToken(token) { // the answer to the first call was lost
			_, err = freeName(tx, s.ID, pupil.ID)
		}
		if err != nil {
			return err
		}
		if p, given, freed, err = r.assignName(tx, op, s, pupil.ID, token); err != nil {
			return err
		}
		return checkedkv.Put(tx, bucketWaiting, seatKey(s.ID, pupil.ID), *w)
	})
	return p, given, freed, err
}

// LeaveLobby withdraws the request of a device, so that it can ask for another name. Leaving twice
// changes nothing.
func (r *Roster) LeaveLobby(ticket string) error {
	const op = "roster.LeaveLobby"
	return r.writeTx(op, func(tx *bbolt.Tx) error {
		s, p, w, err := loadTicket(tx, op, ticket)
		if err != nil || w == nil {
			return err
		}
		return deleteKey(tx, bucketWaiting, seatKey(s.ID, p.ID))
	})
}

// WaitingDevices returns the devices that wait in the lobby of a lesson, the longest waiting first.
func (r *Roster) WaitingDevices(lessonID string) (list []Waiting, err error) {
	list = []Waiting{} // never null for a client
	err = r.readTx("roster.WaitingDevices", func(tx *bbolt.Tx) error {
		s, err := loadLesson(tx, lessonID)
		if err != nil {
			return err
		}
		c, err := loadClass(tx, s.Class)
		if err != nil {
			return err
		}
		for at, w := range allValues[storedWaiting](r, tx, bucketWaiting, seatKey(s.ID, "")) {
			if p, ok := c.findPupil(strings.TrimPrefix(at, seatKey(s.ID, ""))); ok && !w.Admitted {
				list = append(list, Waiting{w.ID, p.ID, p.Name, w.Asked})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Waiting) int { return cmp.Or(cmp.Compare(a.Asked, b.Asked), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// AdmitWaiting lets devices of a lobby in, or refuses them, and returns their pupils. It leaves out
// requests that are gone. A device that is let in fetches its token with JoinTicket.
func (r *Roster) AdmitWaiting(lessonID string, ids []string, admit bool) (pupils []string, err error) {
	const op = "roster.AdmitWaiting"
	err = r.writeTx(op, func(tx *bbolt.Tx) error {
		if _, err := loadOpenLesson(tx, op, lessonID); err != nil {
			return err
		}
		keys, waiting := collectValues[storedWaiting](r, tx, bucketWaiting, seatKey(lessonID, ""))
		for i, w := range waiting {
			if w.Admitted || !slices.Contains(ids, w.ID) {
				continue
			}
			pupils = append(pupils, strings.TrimPrefix(keys[i], seatKey(lessonID, "")))
			w.Admitted = admit
			change := checkedkv.Put(tx, bucketWaiting, keys[i], w)
			if !admit {
				change = deleteKey(tx, bucketWaiting, keys[i])
			}
			if change != nil {
				return change
			}
		}
		return nil
	})
	return pupils, err
}

// emptyLobby forgets all devices in the lobby of a lesson.
func (r *Roster) emptyLobby(tx *bbolt.Tx, lesson string) error {
	keys, _ := collectValues[storedWaiting](r, tx, bucketWaiting, seatKey(lesson, ""))
	for _, key := range keys {
		if err := deleteKey(tx, bucketWaiting, key); err != nil {
			return err
		}
	}
	return nil
}
