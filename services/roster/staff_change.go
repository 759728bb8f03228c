package roster

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/records"
)

// StaffChange is what of a teacher changes; nil: that does not.
type StaffChange struct {
	Name  *string `json:"name,omitempty"`
	Admin *bool   `json:"admin,omitempty"`
}

// ChangeStaff renames a teacher, or makes or unmakes an admin. errs.Stale (code
// last_admin): the box needs one.
func (r *Roster) ChangeStaff(id string, change StaffChange) (out Staff, err error) {
	const op = "roster.ChangeStaff"
	name := ""
	if change.Name != nil {
		if name, err = cleanName(op, "name", *change.Name, MaxName); err != nil {
			return out, err
		}
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		s, err := member(tx, id)
		if err != nil {
			return err
		}
		if change.Name != nil {
			if other, ok := r.named(tx, name); ok && other.ID != id {
				return errs.Field(op, "name", "duplicate", 0, "another teacher has this name")
			}
			s.Name = name
		}
		if change.Admin != nil {
			if !*change.Admin && s.Admin && r.admins(tx) == 1 {
				return lastAdmin(op)
			}
			s.Admin = *change.Admin
		}
		out = s.Staff
		return records.Put(tx, bucketStaff, id, s)
	})
	return out, err
}

// DeleteStaff deletes a teacher and signs their devices out. What they did in lessons
// stays under their id. errs.Stale (code last_admin): the box needs one.
func (r *Roster) DeleteStaff(id string) error {
	const op = "roster.DeleteStaff"
	return r.update(op, func(tx *bbolt.Tx) error {
		s, err := member(tx, id)
		if err != nil {
			return err
		}
		if s.Admin && r.admins(tx) == 1 {
			return lastAdmin(op)
		}
		if _, err := r.signOutAll(tx, id, ""); err != nil {
			return err
		}
		return remove(tx, bucketStaff, id)
	})
}

// SetPIN gives a teacher another PIN and signs their devices out, but the one with the
// token keep. It gives the SHA-256 of the tokens that are void.
func (r *Roster) SetPIN(ctx context.Context, id, pin, keep string) (void []string, err error) {
	return r.setPIN(ctx, "roster.SetPIN", "pin", id, pin, "", keep)
}

// ChangePIN is SetPIN by a teacher who knows the present one. errs.Denied (code
// wrong_pin): this is not it.
func (r *Roster) ChangePIN(ctx context.Context, id, old, pin, keep string) (void []string, err error) {
	const op = "roster.ChangePIN"
	var s storedStaff
	err = r.view(op, func(tx *bbolt.Tx) (err error) {
		s, err = member(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	right, err := r.pins.check(ctx, digits(old[:min(len(old), 4*MaxPIN)]), s.Hash)
	switch {
	case err != nil:
		return nil, err
	case !right:
		return nil, errs.Code(op, errs.Denied, "wrong_pin", "this is not the present PIN")
	}
	return r.setPIN(ctx, op, "new", id, pin, s.Hash, keep)
}

// setPIN replaces a PIN whose hash is old, or any if old is empty.
func (r *Roster) setPIN(ctx context.Context, op, field, id, pin, old, keep string) (void []string, err error) {
	if pin, err = cleanPIN(op, field, pin); err != nil {
		return nil, err
	}
	hash, err := r.pins.hash(ctx, pin)
	if err != nil {
		return nil, err
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		s, err := member(tx, id)
		if err != nil {
			return err
		}
		if old != "" && s.Hash != old {
			return errs.Code(op, errs.Stale, "changed", "the PIN was changed meanwhile")
		}
		if void, err = r.signOutAll(tx, id, keep); err != nil {
			return err
		}
		s.Hash = hash
		return records.Put(tx, bucketStaff, id, s)
	})
	return void, err
}

func member(tx *bbolt.Tx, id string) (storedStaff, error) {
	s, err := records.Get[storedStaff](tx, bucketStaff, id)
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = errs.Code("roster.Staff", errs.Missing, "no_staff", "no such teacher")
	}
	return s, err
}

func lastAdmin(op string) error {
	return errs.Code(op, errs.Stale, "last_admin", "the box needs an admin, and this is the only one")
}

func (r *Roster) admins(tx *bbolt.Tx) (n int) {
	for _, s := range all[storedStaff](r, tx, bucketStaff, "") {
		if s.Admin {
			n++
		}
	}
	return n
}

// signOutAll makes a teacher's tokens void, but the one kept, and gives their hashes.
func (r *Roster) signOutAll(tx *bbolt.Tx, id, keep string) (void []string, err error) {
	keys, tokens := collect[storedToken](r, tx, bucketTokens, "")
	for i, t := range tokens {
		if t.User != id || t.Role == uint8(event.Pupil) || keep != "" && keys[i] == hashOf(keep) {
			continue
		}
		if err := remove(tx, bucketTokens, keys[i]); err != nil {
			return nil, err
		}
		void = append(void, keys[i])
	}
	return void, nil
}
