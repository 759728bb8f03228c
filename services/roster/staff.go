package roster

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/records"
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

func (s Staff) person() Person {
	return Person{User: s.ID, Name: s.Name, Role: event.Teacher, Admin: s.Admin}
}

// AddStaff adds a teacher with a PIN. errs.Invalid (code duplicate): the name is taken,
// and it is what people sign in with.
func (r *Roster) AddStaff(ctx context.Context, name, pin string, admin bool) (Staff, error) {
	const op = "roster.AddStaff"
	name, err := cleanName(op, "name", name, MaxName)
	if err != nil {
		return Staff{}, err
	}
	if pin, err = cleanPIN(op, "pin", pin); err != nil {
		return Staff{}, err
	}
	hash, err := r.pins.hash(ctx, pin)
	if err != nil {
		return Staff{}, err
	}
	s := storedStaff{Staff: Staff{ID: newID("t_"), Name: name, Admin: admin}, Hash: hash}
	err = r.update(op, func(tx *bbolt.Tx) error {
		if count(tx, bucketStaff) >= MaxStaff {
			return errs.Field(op, "staff", "too_many", MaxStaff, "at most %d teachers", MaxStaff)
		}
		if _, ok := r.named(tx, name); ok {
			return errs.Field(op, "name", "duplicate", 0, "another teacher has this name")
		}
		return records.Put(tx, bucketStaff, s.ID, s)
	})
	return s.Staff, err
}

// Staff lists the teachers by id.
func (r *Roster) Staff() ([]Staff, error) {
	list := []Staff{}
	err := r.view("roster.Staff", func(tx *bbolt.Tx) error {
		for _, s := range all[storedStaff](r, tx, bucketStaff, "") {
			list = append(list, s.Staff)
		}
		return nil
	})
	return list, err
}

func (r *Roster) named(tx *bbolt.Tx, name string) (storedStaff, bool) {
	for _, s := range all[storedStaff](r, tx, bucketStaff, "") {
		if fold(s.Name) == fold(name) {
			return s, true
		}
	}
	return storedStaff{}, false
}

// SignIn checks a teacher's PIN and gives the device a token. errs.Denied (code
// wrong_pin): no teacher of this name has this PIN; which of the two, nobody learns.
func (r *Roster) SignIn(ctx context.Context, name, pin string) (Person, string, error) {
	const op = "roster.SignIn"
	wrong := errs.Code(op, errs.Denied, "wrong_pin", "no teacher of this name has this PIN")
	s := storedStaff{Hash: nobody}
	known := false
	err := r.view(op, func(tx *bbolt.Tx) error {
		if found, ok := r.named(tx, StaffName(name)); ok {
			s, known = found, true
		}
		return nil
	})
	if err != nil {
		return Person{}, "", err
	}
	right, err := r.pins.check(ctx, digits(pin[:min(len(pin), 4*MaxPIN)]), s.Hash)
	if err != nil {
		return Person{}, "", err
	}
	if !right || !known {
		return Person{}, "", wrong
	}
	var token string
	err = r.update(op, func(tx *bbolt.Tx) error {
		if _, err := records.Get[storedStaff](tx, bucketStaff, s.ID); err != nil {
			return wrong // deleted meanwhile
		}
		token, err = r.signIn(tx, s.Staff)
		return err
	})
	return s.person(), token, err
}

// StaffName is a name as teachers type it to sign in, made comparable: two names with
// the same result are the same teacher's. It is empty when it cannot be a name.
func StaffName(s string) string {
	s, err := cleanName("", "", s, MaxName)
	if err != nil {
		return ""
	}
	return fold(s)
}
