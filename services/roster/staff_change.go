package roster

import (
	"context"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// StaffChange lists the fields to change. A nil field stays.
type StaffChange struct {
	Name  *string `json:"name,omitempty"`
	Admin *bool   `json:"admin,omitempty"`
}

// ChangeStaff renames a teacher, or gives or takes the rights of an admin. errs.Stale (code
// last_admin): the box needs one.
func (r *Roster) ChangeStaff(id string, change StaffChange) (out Staff, err error) {
	const op = "roster.ChangeStaff"
	name := ""
	if change.Name != nil {
		if name, err = cleanName(op, "name", *change.Name, MaxName); err != nil {
			return out, err
		}
	}
	err = r.updateOwner(op, func(tx *checkedkv.Tx) error {
		s, err := loadStaff(tx, id)
		if err != nil {
			return err
		}
		if change.Name != nil {
			if other, ok := r.findStaffByName(tx, name); ok && other.ID != id {
				return errs.NewField(op, "name", "duplicate", 0, "another teacher has this name")
			}
			s.Name = name
		}
		if change.Admin != nil {
			if !*change.Admin && s.Admin && r.countAdmins(tx) == 1 {
				return errLastAdmin(op)
			}
			s.Admin = *change.Admin
		}
		out = s.Staff
		return checkedkv.Put(tx, bucketStaff, id, s)
	})
	return out, err
}

// DeleteStaff deletes a teacher and signs their devices out. Their actions in lessons stay under
// their id. errs.Stale (code last_admin): the box needs one.
func (r *Roster) DeleteStaff(id string) error {
	const op = "roster.DeleteStaff"
	return r.updateOwner(op, func(tx *checkedkv.Tx) error {
		s, err := loadStaff(tx, id)
		if err != nil {
			return err
		}
		if s.Admin && r.countAdmins(tx) == 1 {
			return errLastAdmin(op)
		}
		if _, err := r.signOutAll(tx, id, ""); err != nil {
			return err
		}
		return deleteKey(tx, bucketStaff, id)
	})
}

// SetPIN gives a teacher another PIN. It signs their devices out, except the one with the token
// keep, and returns the SHA-256 of the void tokens.
func (r *Roster) SetPIN(ctx context.Context, id, pin, keep string) (void []string, err error) {
	return r.setPIN(ctx, "roster.SetPIN", "pin", id, pin, "", keep)
}

// ChangePIN is SetPIN for a teacher who knows the present PIN. errs.Denied (code wrong_pin): old
// is not the present PIN.
func (r *Roster) ChangePIN(ctx context.Context, id, old, pin, keep string) (void []string, err error) {
	const op = "roster.ChangePIN"
	hash, err := r.checkPresentPIN(ctx, op, id, old)
	if err != nil {
		return nil, err
	}
	return r.setPIN(ctx, op, "new", id, pin, hash, keep)
}

// CheckPIN checks the PIN of a teacher who is signed in. errs.Denied (code wrong_pin): it is
// another one.
func (r *Roster) CheckPIN(ctx context.Context, id, pin string) error {
	_, err := r.checkPresentPIN(ctx, "roster.CheckPIN", id, pin)
	return err
}

// checkPresentPIN checks a PIN and returns its hash.
func (r *Roster) checkPresentPIN(ctx context.Context, op, id, pin string) (hash string, err error) {
	var s storedStaff
	err = r.readTx(op, func(tx *checkedkv.Tx) (err error) {
		s, err = loadStaff(tx, id)
		return err
	})
	if err != nil {
		return "", err
	}
	right, err := r.pins.checkPIN(ctx, toASCIIDigits(pin[:min(len(pin), 4*MaxPIN)]), s.Hash)
	switch {
	case err != nil:
		return "", err
	case !right:
		return "", errs.NewCode(op, errs.Denied, "wrong_pin", "this is not the present PIN")
	}
	return s.Hash, nil
}

// setPIN replaces a PIN with the hash old, or any PIN if old is empty.
func (r *Roster) setPIN(ctx context.Context, op, field, id, pin, old, keep string) (void []string, err error) {
	if pin, err = cleanPIN(op, field, pin); err != nil {
		return nil, err
	}
	hash, err := r.pins.hashPIN(ctx, pin)
	if err != nil {
		return nil, err
	}
	err = r.updateOwner(op, func(tx *checkedkv.Tx) error {
		s, err := loadStaff(tx, id)
		if err != nil {
			return err
		}
		if old != "" && s.Hash != old {
			return errs.NewCode(op, errs.Stale, "changed", "the PIN was changed meanwhile")
		}
		if void, err = r.signOutAll(tx, id, keep); err != nil {
			return err
		}
		s.Hash = hash
		return checkedkv.Put(tx, bucketStaff, id, s)
	})
	return void, err
}

func loadStaff(tx *checkedkv.Tx, id string) (storedStaff, error) {
	s, err := checkedkv.Get[storedStaff](tx, bucketStaff, id)
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = errs.NewCode("roster.Staff", errs.Missing, "no_staff", "no such teacher")
	}
	return s, err
}

func errLastAdmin(op string) error {
	return errs.NewCode(op, errs.Stale, "last_admin", "the box needs an admin, and this is the only one")
}

func (r *Roster) countAdmins(tx *checkedkv.Tx) (n int) {
	for _, s := range allValues[storedStaff](r, tx, bucketStaff, "") {
		if s.Admin {
			n++
		}
	}
	return n
}

// signOutAll voids a teacher's tokens, except keep, and returns their hashes.
func (r *Roster) signOutAll(tx *checkedkv.Tx, id, keep string) (void []string, err error) {
	keys, tokens := collectValues[storedToken](r, tx, bucketTokens, "")
	for i, t := range tokens {
		if t.User != id || t.Role == uint8(event.Pupil) || keep != "" && keys[i] == hashToken(keep) {
			continue
		}
		if err := deleteKey(tx, bucketTokens, keys[i]); err != nil {
			return nil, err
		}
		void = append(void, keys[i])
	}
	return void, nil
}
