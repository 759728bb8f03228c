package roster

import (
	"cmp"
	"slices"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Pass lets a program into one lesson: an encoder that publishes for a teacher, or a player that
// watches. The program is no device of a person. The caller gets the token once.
type Pass struct {
	ID      string `json:"id"` // no secret
	Lesson  string `json:"lesson"`
	Use     string `json:"use"`              // "whip" publishes, "whep" watches
	Source  string `json:"source,omitempty"` // the kind of a publisher's picture: "camera" or "screen"
	Label   string `json:"label"`
	By      string `json:"by"`      // the teacher who is responsible for it
	Created int64  `json:"created"` // milliseconds since 1970, by the box's clock, and valid for 12 hours from then
}

const (
	passBytes    = 16             // random ones of a token
	passLifetime = 12 * time.Hour // at most, or less if the lesson ends
	maxPasses    = 16             // of a lesson
)

// AddPass makes a pass for an open lesson and returns its token. The roster keeps only a hash of
// it. It uses Label, Use, Source, Lesson and By, and the caller has checked Use and Source.
func (r *Roster) AddPass(p Pass) (made Pass, token string, err error) {
	const op = "roster.AddPass"
	if p.Label, err = cleanName(op, "label", p.Label, MaxName); err != nil {
		return p, "", err
	}
	r.followClocks()
	p.ID, p.Created, token = checkedkv.NewID("w_"), r.clock(), newKey(passBytes)
	return p, token, r.writeTx(op, func(tx *checkedkv.Tx) error {
		l, err := loadLesson(tx, p.Lesson)
		if err != nil {
			return err
		}
		if l.Ended != 0 {
			return errs.NewCode(op, errs.Missing, "no_lesson", "the lesson has ended")
		}
		if err := r.clearPasses(tx); err != nil {
			return err
		}
		if n := len(r.collectPasses(tx, p.Lesson)); n >= maxPasses {
			return errs.NewField(op, "lesson", "too_many", maxPasses, "has %d passes already; take one back", n)
		}
		return checkedkv.Put(tx, bucketPasses, hashToken(token), p)
	})
}

// Passes returns the passes of a lesson, the oldest first.
func (r *Roster) Passes(lessonID string) (list []Pass, err error) {
	r.followClocks()
	list = []Pass{} // never null for a client
	err = r.readTx("roster.Passes", func(tx *checkedkv.Tx) error {
		if _, err := loadLesson(tx, lessonID); err != nil {
			return err
		}
		for _, p := range r.collectPasses(tx, lessonID) {
			list = append(list, p)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Pass) int { return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// PassOf returns the pass of a token, and the room of its lesson. errs.Denied (code no_pass):
// there is none, or it has expired.
func (r *Roster) PassOf(token string) (p Pass, room string, err error) {
	const op = "roster.PassOf"
	if token == "" || len(token) > 2*passBytes {
		return p, "", errNoPass(op)
	}
	r.followClocks()
	err = r.readTx(op, func(tx *checkedkv.Tx) error {
		s, err := checkedkv.Get[Pass](tx, bucketPasses, hashToken(token))
		if err != nil && errs.KindOf(err) == errs.Missing {
			return errNoPass(op)
		}
		if err != nil {
			return err
		}
		if r.isPassExpired(tx, s) {
			return errNoPass(op)
		}
		l, err := loadLesson(tx, s.Lesson)
		p, room = s, l.Room()
		return err
	})
	return p, room, err
}

func errNoPass(op string) error {
	return errs.NewCode(op, errs.Denied, "no_pass", "no such pass, or not any more")
}

// RemovePass voids a pass. errs.Missing: the lesson has none of this id.
func (r *Roster) RemovePass(lessonID, id string) error {
	const op = "roster.RemovePass"
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		for key, p := range r.collectPasses(tx, lessonID) {
			if p.ID == id {
				return deleteKey(tx, bucketPasses, key)
			}
		}
		return errs.NewCode(op, errs.Missing, "no_pass", "the lesson has no such pass")
	})
}

// collectPasses returns the valid passes of a lesson, by the hash of their tokens.
func (r *Roster) collectPasses(tx *checkedkv.Tx, lessonID string) map[string]Pass {
	of := map[string]Pass{}
	for key, p := range allValues[Pass](r, tx, bucketPasses, "") {
		if p.Lesson == lessonID && !r.isPassExpired(tx, p) {
			of[key] = p
		}
	}
	return of
}

// isPassExpired reports an expired pass: it is old, or its lesson or its teacher is gone.
func (r *Roster) isPassExpired(tx *checkedkv.Tx, p Pass) bool {
	l, err := loadLesson(tx, p.Lesson)
	if err != nil || l.Ended != 0 {
		return true
	}
	_, err = loadStaff(tx, p.By)
	return err != nil || r.passTime.now()-p.Created > passLifetime.Milliseconds()
}

// clearPasses deletes the expired passes.
func (r *Roster) clearPasses(tx *checkedkv.Tx) error {
	keys, passes := collectValues[Pass](r, tx, bucketPasses, "")
	for i, p := range passes {
		if r.isPassExpired(tx, p) {
			if err := deleteKey(tx, bucketPasses, keys[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
