package roster

import (
	"crypto/sha256"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/records"
)

// Person is who a device speaks for.
type Person struct {
	User   string
	Name   string
	Role   event.Role // Pupil or Teacher
	Admin  bool
	Lesson string // a pupil's; empty for staff
	Room   string // a pupil's only room; empty for staff: any
}

// Staff tells a teacher.
func (p Person) Staff() bool { return p.Role >= event.Teacher }

type storedToken struct {
	User    string
	Role    uint8
	Lesson  string `json:",omitempty"`
	Created int64  // milliseconds since 1970
	Seen    int64  // the same; to the nearest hundredth of Config.Session
}

// A token is 32 random bytes; its holder is the person. Only the hash is kept, so the
// database, stolen, opens no door.
const tokenBytes = 32

func newToken() string { return newKey(tokenBytes) }

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return string(sum[:])
}

func signedOut() error {
	return errs.Code("roster.Who", errs.Denied, "signed_out", "sign in first")
}

// Who is the person that a token speaks for. errs.Denied (code signed_out): nobody, or
// not any more. A teacher's time begins anew with each call.
func (r *Roster) Who(token string) (Person, error) {
	if token == "" || len(token) > 2*tokenBytes {
		return Person{}, signedOut()
	}
	key := hashOf(token)
	var p Person
	var stale, expired bool
	err := r.view("roster.Who", func(tx *bbolt.Tx) error {
		t, err := records.Get[storedToken](tx, bucketTokens, key)
		if errs.KindOf(err) == errs.Missing && err != nil {
			return signedOut()
		}
		if err != nil {
			return err
		}
		if expired = r.expired(tx, t); expired {
			return nil
		}
		stale = t.Role != uint8(event.Pupil) && age(t) > r.cfg.Session/100
		p, err = r.holder(tx, t)
		return err
	})
	switch {
	case err != nil:
		return Person{}, err
	case expired:
		return Person{}, signedOut()
	case stale:
		err = r.touch(key)
	}
	return p, err
}

func age(t storedToken) time.Duration { return time.Since(time.UnixMilli(t.Seen)) }

// expired tells that a token is of no use any more.
func (r *Roster) expired(tx *bbolt.Tx, t storedToken) bool {
	if t.Role != uint8(event.Pupil) {
		return age(t) > r.cfg.Session
	}
	l, err := records.Get[storedLesson](tx, bucketLessons, t.Lesson)
	return err != nil || l.Ended != 0
}

func (r *Roster) holder(tx *bbolt.Tx, t storedToken) (Person, error) {
	if t.Role != uint8(event.Pupil) {
		s, err := records.Get[storedStaff](tx, bucketStaff, t.User)
		if err != nil {
			return Person{}, signedOut()
		}
		return s.person(), nil
	}
	l, err := records.Get[storedLesson](tx, bucketLessons, t.Lesson)
	if err != nil {
		return Person{}, signedOut()
	}
	c, err := records.Get[Class](tx, bucketClasses, l.Class)
	if err != nil {
		return Person{}, signedOut()
	}
	pupil, ok := c.pupil(t.User)
	if !ok {
		return Person{}, signedOut()
	}
	return Person{User: pupil.ID, Name: pupil.Name, Role: event.Pupil, Lesson: l.ID, Room: l.Room()}, nil
}

// touch notes that the token was used.
func (r *Roster) touch(key string) error {
	return r.update("roster.Who", func(tx *bbolt.Tx) error {
		t, err := records.Get[storedToken](tx, bucketTokens, key)
		if err != nil {
			return signedOut() // signed out meanwhile
		}
		t.Seen = now()
		return records.Put(tx, bucketTokens, key, t)
	})
}

// signIn gives a device of a teacher a token. The oldest of too many is signed out.
func (r *Roster) signIn(tx *bbolt.Tx, s Staff) (string, error) {
	if err := r.clear(tx); err != nil {
		return "", err
	}
	keys, tokens := collect[storedToken](r, tx, bucketTokens, "")
	type device struct {
		key  string
		seen int64
	}
	var devices []device
	for i, t := range tokens {
		if t.User == s.ID {
			devices = append(devices, device{keys[i], t.Seen})
		}
	}
	slices.SortFunc(devices, func(a, b device) int { return int(b.seen/1000 - a.seen/1000) })
	for _, d := range devices[min(len(devices), maxDevices-1):] {
		if err := remove(tx, bucketTokens, d.key); err != nil {
			return "", err
		}
	}
	token := newToken()
	t := storedToken{User: s.ID, Role: uint8(event.Teacher), Created: now(), Seen: now()}
	return token, records.Put(tx, bucketTokens, hashOf(token), t)
}

// SignOut makes a token void. A pupil's name becomes free.
func (r *Roster) SignOut(token string) error {
	key := hashOf(token)
	return r.update("roster.SignOut", func(tx *bbolt.Tx) error {
		t, err := records.Get[storedToken](tx, bucketTokens, key)
		if err != nil {
			return nil // it was void already
		}
		if t.Role == uint8(event.Pupil) {
			if err := remove(tx, bucketSeats, seatKey(t.Lesson, t.User)); err != nil {
				return err
			}
		}
		return remove(tx, bucketTokens, key)
	})
}

// sweep forgets tokens and passes that are of no use any more.
func (r *Roster) sweep() error { return r.update("roster.sweep", r.clear) }

func (r *Roster) clear(tx *bbolt.Tx) error {
	keys, tokens := collect[storedToken](r, tx, bucketTokens, "")
	for i, t := range tokens {
		if r.expired(tx, t) {
			if err := remove(tx, bucketTokens, keys[i]); err != nil {
				return err
			}
		}
	}
	return r.clearPasses(tx)
}
