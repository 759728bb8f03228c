package roster

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Person is the user of a device.
type Person struct {
	User   string
	Name   string
	Role   event.Role // Pupil or Teacher
	Admin  bool
	Lesson string // a pupil's, or empty for staff
	Room   string // a pupil's only room, or empty for staff: any
}

// IsStaff reports whether the person is a teacher.
func (p Person) IsStaff() bool { return p.Role >= event.Teacher }

type storedToken struct {
	User    string
	Role    uint8
	Lesson  string `json:",omitempty"`
	Created int64  // milliseconds since 1970
	Seen    int64  // the same, to the nearest hundredth of Config.Session
}

// A token is 32 random bytes, and its holder counts as the person. The database stores only the
// hash, so a stolen database gives no access.
const tokenBytes = 32

func newToken() string { return newKey(tokenBytes) }

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return string(sum[:])
}

func errSignedOut() error {
	return errs.NewCode("roster.Who", errs.Denied, "signed_out", "sign in first")
}

// Authenticate returns the person of a token. errs.Denied (code signed_out): the token is unknown
// or expired. Each call restarts a teacher's session time.
func (r *Roster) Authenticate(token string) (Person, error) {
	if token == "" || len(token) > 2*tokenBytes {
		return Person{}, errSignedOut()
	}
	return r.AuthenticateHash(hashToken(token))
}

// AuthenticateHash is Authenticate for the SHA-256 of a token.
func (r *Roster) AuthenticateHash(key string) (Person, error) {
	r.followClocks()
	var p Person
	var stale, expired bool
	err := r.readTx("roster.Who", func(tx *checkedkv.Tx) error {
		t, err := checkedkv.Get[storedToken](tx, bucketTokens, key)
		if errs.KindOf(err) == errs.Missing && err != nil {
			return errSignedOut()
		}
		if err != nil {
			return err
		}
		if expired = r.isExpired(tx, t); expired {
			return nil
		}
		stale = t.Role != uint8(event.Pupil) && r.tokenAge(t) > r.cfg.Session/100
		p, err = r.loadPerson(tx, t)
		return err
	})
	switch {
	case err != nil:
		return Person{}, err
	case expired:
		return Person{}, errSignedOut()
	case stale:
		err = r.markUsed(key)
	}
	return p, err
}

func (r *Roster) tokenAge(t storedToken) time.Duration {
	return time.Duration(r.tokenTime.now()-t.Seen) * time.Millisecond
}

// isExpired reports a token that is not valid any more.
func (r *Roster) isExpired(tx *checkedkv.Tx, t storedToken) bool {
	if t.Role != uint8(event.Pupil) {
		return r.tokenAge(t) > r.cfg.Session
	}
	l, err := checkedkv.Get[storedLesson](tx, bucketLessons, t.Lesson)
	return err != nil || l.Ended != 0
}

func (r *Roster) loadPerson(tx *checkedkv.Tx, t storedToken) (Person, error) {
	if t.Role != uint8(event.Pupil) {
		s, err := checkedkv.Get[storedStaff](tx, bucketStaff, t.User)
		if err != nil {
			return Person{}, errSignedOut()
		}
		return s.toPerson(), nil
	}
	l, err := checkedkv.Get[storedLesson](tx, bucketLessons, t.Lesson)
	if err != nil {
		return Person{}, errSignedOut()
	}
	c, err := checkedkv.Get[Class](tx, bucketClasses, l.Class)
	if err != nil {
		return Person{}, errSignedOut()
	}
	pupil, ok := c.findPupil(t.User)
	if !ok {
		return Person{}, errSignedOut()
	}
	return Person{User: pupil.ID, Name: pupil.Name, Role: event.Pupil, Lesson: l.ID, Room: l.Room()}, nil
}

// markUsed stores the time of the token's last use.
func (r *Roster) markUsed(key string) error {
	return r.writeTx("roster.Who", func(tx *checkedkv.Tx) error {
		t, err := checkedkv.Get[storedToken](tx, bucketTokens, key)
		if err != nil {
			return errSignedOut() // signed out since
		}
		t.Seen = r.tokenTime.now()
		return checkedkv.Put(tx, bucketTokens, key, t)
	})
}

// signIn gives a device of a teacher a token. Above the limit it signs the oldest device out.
func (r *Roster) signIn(tx *checkedkv.Tx, s Staff) (string, error) {
	if err := r.deleteExpired(tx); err != nil {
		return "", err
	}
	keys, tokens := collectValues[storedToken](r, tx, bucketTokens, "")
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
		if err := deleteKey(tx, bucketTokens, d.key); err != nil {
			return "", err
		}
	}
	token, now := newToken(), r.tokenTime.now()
	t := storedToken{User: s.ID, Role: uint8(event.Teacher), Created: now, Seen: now}
	return token, checkedkv.Put(tx, bucketTokens, hashToken(token), t)
}

// SignOut voids a token. A pupil's name becomes free, so the ticket that gave it is void too.
func (r *Roster) SignOut(token string) error {
	key := hashToken(token)
	return r.writeTx("roster.SignOut", func(tx *checkedkv.Tx) error {
		t, err := checkedkv.Get[storedToken](tx, bucketTokens, key)
		if err != nil {
			//lint:ignore nilerr a token that cannot be read is void
			return nil
		}
		if t.Role == uint8(event.Pupil) {
			if _, err := freeName(tx, t.Lesson, t.User); err != nil {
				return err
			}
		}
		return deleteKey(tx, bucketTokens, key)
	})
}

// sweepExpired deletes expired tokens and passes.
func (r *Roster) sweepExpired() error { return r.writeTx("roster.sweep", r.deleteExpired) }

func (r *Roster) deleteExpired(tx *checkedkv.Tx) error {
	keys, tokens := collectValues[storedToken](r, tx, bucketTokens, "")
	for i, t := range tokens {
		if r.isExpired(tx, t) {
			if err := deleteKey(tx, bucketTokens, keys[i]); err != nil {
				return err
			}
		}
	}
	return r.clearPasses(tx)
}
