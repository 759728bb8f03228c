package roster

import (
	"cmp"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Pass lets a program that is nobody's device into one lesson: an encoder that publishes
// for a teacher, or a player that watches. Its token is told once.
type Pass struct {
	ID      string `json:"id"` // no secret
	Lesson  string `json:"lesson"`
	Use     string `json:"use"`              // "whip": publishes; "whep": watches
	Source  string `json:"source,omitempty"` // what a publisher's picture is: "camera" or "screen"
	Label   string `json:"label"`
	By      string `json:"by"`      // the teacher it speaks for
	Created int64  `json:"created"` // milliseconds since 1970, by the box's clock; it counts for 12 hours
}

const (
	passBytes = 16             // random ones of a token
	passLife  = 12 * time.Hour // at most; less if the lesson ends
	maxPasses = 16             // of a lesson
)

// AddPass makes a pass for an open lesson and gives its token, which is kept as a hash
// only. Label, Use, Source, Lesson and By count; who calls has checked Use and Source.
func (r *Roster) AddPass(p Pass) (made Pass, token string, err error) {
	const op = "roster.AddPass"
	if p.Label, err = cleanName(op, "label", p.Label, MaxName); err != nil {
		return p, "", err
	}
	p.ID, p.Created, token = newID("w_"), r.wall(), newKey(passBytes)
	return p, token, r.update(op, func(tx *bbolt.Tx) error {
		l, err := lesson(tx, p.Lesson)
		if err != nil {
			return err
		}
		if l.Ended != 0 {
			return errs.Code(op, errs.Missing, "no_lesson", "the lesson has ended")
		}
		if err := r.clearPasses(tx); err != nil {
			return err
		}
		if n := len(r.passesOf(tx, p.Lesson)); n >= maxPasses {
			return errs.Field(op, "lesson", "too_many", maxPasses, "has %d passes already; take one back", n)
		}
		return records.Put(tx, bucketPasses, hashOf(token), p)
	})
}

// Passes lists the passes of a lesson, the oldest first.
func (r *Roster) Passes(lessonID string) (list []Pass, err error) {
	list = []Pass{} // never null for a client
	err = r.view("roster.Passes", func(tx *bbolt.Tx) error {
		if _, err := lesson(tx, lessonID); err != nil {
			return err
		}
		for _, p := range r.passesOf(tx, lessonID) {
			list = append(list, p)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Pass) int { return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// PassOf is the pass that a token is for, and the room of its lesson. errs.Denied (code
// no_pass): none, or not any more.
func (r *Roster) PassOf(token string) (p Pass, room string, err error) {
	const op = "roster.PassOf"
	if token == "" || len(token) > 2*passBytes {
		return p, "", noPass(op)
	}
	err = r.view(op, func(tx *bbolt.Tx) error {
		s, err := records.Get[Pass](tx, bucketPasses, hashOf(token))
		if err != nil && errs.KindOf(err) == errs.Missing {
			return noPass(op)
		}
		if err != nil {
			return err
		}
		if r.passOver(tx, s) {
			return noPass(op)
		}
		l, err := lesson(tx, s.Lesson)
		p, room = s, l.Room()
		return err
	})
	return p, room, err
}

func noPass(op string) error {
	return errs.Code(op, errs.Denied, "no_pass", "no such pass, or not any more")
}

// RemovePass makes a pass void. errs.Missing: the lesson has none of this id.
func (r *Roster) RemovePass(lessonID, id string) error {
	const op = "roster.RemovePass"
	return r.update(op, func(tx *bbolt.Tx) error {
		for key, p := range r.passesOf(tx, lessonID) {
			if p.ID == id {
				return remove(tx, bucketPasses, key)
			}
		}
		return errs.Code(op, errs.Missing, "no_pass", "the lesson has no such pass")
	})
}

// passesOf gives those passes of a lesson that count, by the hash of their tokens.
func (r *Roster) passesOf(tx *bbolt.Tx, lessonID string) map[string]Pass {
	of := map[string]Pass{}
	for key, p := range all[Pass](r, tx, bucketPasses, "") {
		if p.Lesson == lessonID && !r.passOver(tx, p) {
			of[key] = p
		}
	}
	return of
}

// passOver tells that a pass is of no use any more: it is old, or its lesson or its
// teacher is gone.
func (r *Roster) passOver(tx *bbolt.Tx, p Pass) bool {
	l, err := lesson(tx, p.Lesson)
	if err != nil || l.Ended != 0 {
		return true
	}
	_, err = member(tx, p.By)
	return err != nil || r.wall()-p.Created > passLife.Milliseconds()
}

// clearPasses forgets the passes that are of no use any more.
func (r *Roster) clearPasses(tx *bbolt.Tx) error {
	keys, passes := collect[Pass](r, tx, bucketPasses, "")
	for i, p := range passes {
		if r.passOver(tx, p) {
			if err := remove(tx, bucketPasses, keys[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
