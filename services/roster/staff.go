package roster

import (
	"context"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Staff is a teacher. An admin also looks after the box.
type Staff struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

type storedStaff struct {
	Staff
	Hash string // of the PIN, by argon2id
}

func (s Staff) toPerson() Person {
	return Person{User: s.ID, Name: s.Name, Role: event.Teacher, Admin: s.Admin}
}

// AddStaff adds a teacher with a PIN. errs.Invalid (code duplicate): the name is taken, and
// teachers sign in by name.
func (r *Roster) AddStaff(ctx context.Context, name, pin string, admin bool) (Staff, error) {
	const op = "roster.AddStaff"
	name, err := cleanName(op, "name", name, MaxName)
	if err != nil {
		return Staff{}, err
	}
	if pin, err = cleanPIN(op, "pin", pin); err != nil {
		return Staff{}, err
	}
	hash, err := r.pins.hashPIN(ctx, pin)
	if err != nil {
		return Staff{}, err
	}
	s := storedStaff{Staff: Staff{ID: checkedkv.NewID("t_"), Name: name, Admin: admin}, Hash: hash}
	err = r.updateOwner(op, func(tx *checkedkv.Tx) error {
		if countKeys(tx, bucketStaff) >= MaxStaff {
			return errs.NewField(op, "staff", "too_many", MaxStaff, "at most %d teachers", MaxStaff)
		}
		if _, ok := r.findStaffByName(tx, name); ok {
			return errs.NewField(op, "name", "duplicate", 0, "another teacher has this name")
		}
		return checkedkv.Put(tx, bucketStaff, s.ID, s)
	})
	return s.Staff, err
}

// Staff returns the teachers by id.
func (r *Roster) Staff() ([]Staff, error) {
	list := []Staff{}
	err := r.readTx("roster.Staff", func(tx *checkedkv.Tx) error {
		for _, s := range allValues[storedStaff](r, tx, bucketStaff, "") {
			list = append(list, s.Staff)
		}
		return nil
	})
	return list, err
}

func (r *Roster) findStaffByName(tx *checkedkv.Tx, name string) (storedStaff, bool) {
	for _, s := range allValues[storedStaff](r, tx, bucketStaff, "") {
		if foldName(s.Name) == foldName(name) {
			return s, true
		}
	}
	return storedStaff{}, false
}

// SignIn checks a teacher's PIN and gives the device a token. errs.Denied (code wrong_pin): no
// teacher of this name has this PIN. The error does not show which of the two is wrong.
// errs.Stale (code owner_lost): the box is locked.
func (r *Roster) SignIn(ctx context.Context, name, pin string) (Person, string, error) {
	const op = "roster.SignIn"
	wrong := errs.NewCode(op, errs.Denied, "wrong_pin", "no teacher of this name has this PIN")
	s := storedStaff{Hash: unknownUserHash}
	known := false
	err := r.readTx(op, func(tx *checkedkv.Tx) error {
		if found, ok := r.findStaffByName(tx, StaffName(name)); ok {
			s, known = found, true
		}
		return nil
	})
	if err != nil {
		return Person{}, "", err
	}
	right, err := r.pins.checkPIN(ctx, toASCIIDigits(pin[:min(len(pin), 4*MaxPIN)]), s.Hash)
	if err != nil {
		return Person{}, "", err
	}
	if !right || !known {
		if locked, err := r.Locked(); err == nil && locked {
			return Person{}, "", errOwnerLost(op)
		}
		return Person{}, "", wrong
	}
	var token string
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		if _, err := checkedkv.Get[storedStaff](tx, bucketStaff, s.ID); err != nil {
			return wrong // deleted since
		}
		token, err = r.signIn(tx, s.Staff)
		return err
	})
	return s.toPerson(), token, err
}

// StaffName converts a name that a teacher types to sign in to a form for comparison: two names
// with the same result belong to the same teacher. The result is empty if the text cannot be a
// name.
func StaffName(s string) string {
	s, err := cleanName("", "", s, MaxName)
	if err != nil {
		return ""
	}
	return foldName(s)
}
