package roster

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

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

// Asker is a device that asks for a name. The box gives both values; a client cannot choose them.
type Asker struct {
	Device  string // its id, or empty if it has none
	Network string // of a device whose id limits nothing, because anybody gets more of them; else empty
}

// isGuest reports whether the requests of the device count for its network.
func (a Asker) isGuest() bool { return a.Device == "" || a.Network != "" }

// storedWaiting is a device in a lobby. A name has at most maxAskers that wait.
type storedWaiting struct {
	ID         string
	Secret     []byte // SHA-256 of the secret in the ticket
	Asked      int64
	Admitted   bool  // the ticket gives the name
	AdmittedAt int64 `json:",omitempty"` // by tokenTime, as Joined is
	Joined     int64 `json:",omitempty"` // first time
	Asker
}

// move moves the times that a limit is counted from along with the clock.
func (w *storedWaiting) move(step int64) {
	for _, at := range []*int64{&w.AdmittedAt, &w.Joined} {
		if *at != 0 {
			*at += step
		}
	}
}

const (
	ticketBytes = 16 // random ones of a ticket
	maxTicket   = 128
	maxAskers   = 3 // devices that wait for one name, so that one device does not keep it from the others
	maxGuests   = 3 // requests in a lesson that wait from devices of one network without an id of their own

	fetchTime  = time.Minute     // an admitted device asks each few seconds, so one that does not is gone
	repeatTime = 2 * time.Minute // a device repeats a join whose answer was lost within this time
)

func waitingKey(lesson, pupil, id string) string { return seatKey(lesson, pupil) + "/" + id }

// askedPupil returns the pupil of a key of the bucket.
func askedPupil(key, lesson string) string {
	pupil, _, _ := strings.Cut(strings.TrimPrefix(key, seatKey(lesson, "")), "/")
	return pupil
}

func (r *Roster) isOver(since int64, limit time.Duration) bool {
	return r.tokenTime.now()-since > limit.Milliseconds()
}

// dropRequests forgets all devices that ask for a name.
func dropRequests(tx *checkedkv.Tx, lesson, pupil string) error {
	var keys []string
	prefix := []byte(waitingKey(lesson, pupil, ""))
	c := tx.Bucket([]byte(bucketWaiting)).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, string(k))
	}
	return deleteKeys(tx, keys)
}

func deleteKeys(tx *checkedkv.Tx, keys []string) error {
	for _, key := range keys {
		if err := deleteKey(tx, bucketWaiting, key); err != nil {
			return err
		}
	}
	return nil
}

// SetLobby opens or closes the lobby of an open lesson. While it is open, a device that is new in
// the lesson waits until a teacher lets it in. Devices that wait when it closes go on waiting.
func (r *Roster) SetLobby(lessonID string, open bool) error {
	const op = "roster.SetLobby"
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
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
	err = r.writeTx("roster.OpenLobbies", func(tx *checkedkv.Tx) error {
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

func loadOpenLesson(tx *checkedkv.Tx, op, id string) (storedLesson, error) {
	s, err := loadLesson(tx, id)
	if err == nil && s.Ended != 0 {
		err = errs.NewCode(op, errs.Missing, "no_lesson", "the lesson has ended")
	}
	return s, err
}

// needsLobby reports whether a device must wait for a teacher. A device with a token of the lesson
// is no new one.
func needsLobby(tx *checkedkv.Tx, s storedLesson, token string) bool {
	if !s.Lobby {
		return false
	}
	t, err := checkedkv.Get[storedToken](tx, bucketTokens, hashToken(token))
	return err != nil || t.Lesson != s.ID
}

// EnterLobby lets a device ask for a name in a lesson whose lobby is open, and returns the ticket
// with which it waits. A device has one request in a lesson: a new one replaces it. errs.Stale: the
// name is taken (code taken), or maxAskers devices ask for it (code asked), or maxGuests devices of
// the network wait (code lobby_full), or this device need not wait (code no_lobby).
func (r *Roster) EnterLobby(ref Ref, pupil, token string, by Asker) (ticket string, err error) {
	const op = "roster.EnterLobby"
	r.followClocks()
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
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
		if err := r.makeRoom(tx, s.ID, pupil, by); err != nil {
			return err
		}
		secret := newKey(ticketBytes)
		ticket = s.ID + "." + pupil + "." + secret
		w := storedWaiting{ID: checkedkv.NewID("w_"), Secret: []byte(hashToken(secret)), Asked: r.clock(), Asker: by}
		return checkedkv.Put(tx, bucketWaiting, waitingKey(s.ID, pupil, w.ID), w)
	})
	return ticket, err
}

// makeRoom drops the requests that a new one replaces: that of the same device, and those for the
// name that were admitted and never fetched. It refuses a request above the limits.
func (r *Roster) makeRoom(tx *checkedkv.Tx, lesson, pupil string, by Asker) error {
	const op = "roster.EnterLobby"
	keys, waiting := collectValues[storedWaiting](r, tx, bucketWaiting, seatKey(lesson, ""))
	var old []string
	askers, guests := 0, 0
	for i, w := range waiting {
		same := askedPupil(keys[i], lesson) == pupil
		switch {
		case w.Joined != 0:
			continue
		case by.Device != "" && w.Device == by.Device, same && w.Admitted && r.isOver(w.AdmittedAt, fetchTime):
			old = append(old, keys[i])
			continue
		case same:
			askers++
		}
		if !w.Admitted && w.isGuest() && w.Network == by.Network {
			guests++
		}
	}
	if askers >= maxAskers {
		return errs.NewCode(op, errs.Stale, "asked", "other devices ask for this name; tell the teacher")
	}
	if by.isGuest() && guests >= maxGuests {
		return errs.NewCode(op, errs.Stale, "lobby_full", "too many devices of this network wait; tell the teacher")
	}
	return deleteKeys(tx, old)
}

func errTaken(op string) error {
	return errs.NewCode(op, errs.Stale, "taken", "another device has this name; the teacher can release it")
}

// loadTicket returns the open lesson, the pupil and the request of a ticket. A ticket whose request
// is gone has none: the teacher refused it, or the device joined long ago.
func (r *Roster) loadTicket(tx *checkedkv.Tx, op, ticket string) (s storedLesson, p Pupil, w *storedWaiting, err error) {
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
	for _, stored := range allValues[storedWaiting](r, tx, bucketWaiting, waitingKey(s.ID, p.ID, "")) {
		over := stored.Joined != 0 && r.isOver(stored.Joined, repeatTime)
		if subtle.ConstantTimeCompare(stored.Secret, []byte(hashToken(parts[2]))) == 1 && !over {
			w = &stored
		}
	}
	return s, p, w, nil
}

// CheckTicket returns the state of a device in a lobby. errs.Missing (code no_lesson): the lesson
// has ended. A ticket that is refused has the state alone.
func (r *Roster) CheckTicket(ticket string) (t Ticket, err error) {
	const op = "roster.CheckTicket"
	err = r.readTx(op, func(tx *checkedkv.Tx) error {
		s, p, w, err := r.loadTicket(tx, op, ticket)
		if err != nil {
			return err
		}
		if w == nil { // whoever has no secret of a request learns no name
			t.State = TicketRefused
			return nil
		}
		t.State = TicketWaiting
		if w.Admitted {
			t.State = TicketAdmitted
		}
		l := s.toLesson(tx)
		t.Name, t.Title, t.ClassName = p.Name, l.Title, l.ClassName
		return nil
	})
	return t, err
}

// JoinTicket gives an admitted device its name and a token, as JoinLesson does. A device whose answer
// was lost asks once more: the ticket stays good for repeatTime, or until the name is free again.
// moved is true if the ticket takes the name from the device that joined with it before. errs.Denied:
// the teacher has not let the device in yet (code waiting), or the ticket is void (code refused).
func (r *Roster) JoinTicket(ticket, token string) (p Person, given, freed string, moved bool, err error) {
	const op = "roster.JoinTicket"
	r.followClocks()
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		s, pupil, w, err := r.loadTicket(tx, op, ticket)
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
		if moved = err == nil && holder != "" && holder != hashToken(token); moved {
			_, err = freeName(tx, s.ID, pupil.ID)
		}
		if err != nil {
			return err
		}
		if p, given, freed, err = r.assignName(tx, op, s, pupil.ID, token); err != nil {
			return err
		}
		if w.Joined == 0 {
			w.Joined = r.tokenTime.now()
		}
		return checkedkv.Put(tx, bucketWaiting, waitingKey(s.ID, pupil.ID, w.ID), *w)
	})
	return p, given, freed, moved, err
}

// LeaveLobby withdraws the request of a device, so that it can ask for another name. Leaving twice
// changes nothing.
func (r *Roster) LeaveLobby(ticket string) error {
	const op = "roster.LeaveLobby"
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		s, p, w, err := r.loadTicket(tx, op, ticket)
		if err != nil || w == nil {
			return err
		}
		return deleteKey(tx, bucketWaiting, waitingKey(s.ID, p.ID, w.ID))
	})
}

// WaitingDevices returns the devices that wait in the lobby of a lesson, the longest waiting first.
func (r *Roster) WaitingDevices(lessonID string) (list []Waiting, err error) {
	list = []Waiting{} // never null for a client
	err = r.readTx("roster.WaitingDevices", func(tx *checkedkv.Tx) error {
		s, err := loadLesson(tx, lessonID)
		if err != nil {
			return err
		}
		c, err := loadClass(tx, s.Class)
		if err != nil {
			return err
		}
		for at, w := range allValues[storedWaiting](r, tx, bucketWaiting, seatKey(s.ID, "")) {
			if p, ok := c.findPupil(askedPupil(at, s.ID)); ok && !w.Admitted {
				list = append(list, Waiting{w.ID, p.ID, p.Name, w.Asked})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Waiting) int { return cmp.Or(cmp.Compare(a.Asked, b.Asked), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// AdmitWaiting lets devices of a lobby in, or refuses them, and returns their pupils. It leaves out
// requests that are gone. If it lets several in, it leaves out the names that several devices ask
// for, because only a person knows who is who. The other devices that ask for the name of one that is
// let in are refused. A device that is let in fetches its token with JoinTicket.
func (r *Roster) AdmitWaiting(lessonID string, ids []string, admit bool) (pupils []string, err error) {
	const op = "roster.AdmitWaiting"
	r.followClocks()
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		if _, err := loadOpenLesson(tx, op, lessonID); err != nil {
			return err
		}
		keys, waiting := collectValues[storedWaiting](r, tx, bucketWaiting, seatKey(lessonID, ""))
		askers := map[string]int{}
		for i, w := range waiting {
			if !w.Admitted {
				askers[askedPupil(keys[i], lessonID)]++
			}
		}
		for i, w := range waiting {
			pupil := askedPupil(keys[i], lessonID)
			unsure := admit && len(ids) > 1 && askers[pupil] > 1
			if w.Admitted || unsure || !slices.Contains(ids, w.ID) {
				continue
			}
			pupils = append(pupils, pupil)
			if !admit {
				if err := deleteKey(tx, bucketWaiting, keys[i]); err != nil {
					return err
				}
				continue
			}
			if err := dropRequests(tx, lessonID, pupil); err != nil {
				return err
			}
			w.Admitted, w.AdmittedAt = true, r.tokenTime.now()
			if err := checkedkv.Put(tx, bucketWaiting, keys[i], w); err != nil {
				return err
			}
		}
		return nil
	})
	return pupils, err
}

// emptyLobby forgets all devices in the lobby of a lesson.
func (r *Roster) emptyLobby(tx *checkedkv.Tx, lesson string) error {
	keys, _ := collectValues[storedWaiting](r, tx, bucketWaiting, seatKey(lesson, ""))
	return deleteKeys(tx, keys)
}
