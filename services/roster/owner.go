package roster

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// suffixOwner names the copy of the owner: a small file next to the database, in the format of
// services/checkedkv. It is written before the database commits the same change, so it is never
// older than the database.
const suffixOwner = ".owner"

// owner is the record of who owns the box: the box itself with its secret, and the PINs of its
// admins.
type owner struct {
	Box    storedBox
	Admins []storedStaff
}

// readOwner returns the content for a new database, and the copy of the owner, which is empty if
// it cannot be read. A new database begins with the copy, or as a new box that can be claimed. If
// data was lost and there is no copy, the box is claimed and locked: a stranger who reads the
// display must not get it.
func readOwner(cfg Config, log *slog.Logger) (first, kept owner) {
	path := cfg.Path + suffixOwner
	var o owner
	raw, err := os.ReadFile(path)
	none := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = checkedkv.Decode(cfg.Sealer, bucketMeta, suffixOwner, raw, &o)
	}
	if err == nil {
		return o, o
	}
	if !none {
		log.Error("the copy of the owner cannot be read", "path", path, "err", err)
	}
	o = owner{Box: storedBox{Box: Box{ID: checkedkv.NewID("")}, Secret: make([]byte, 32)}}
	rand.Read(o.Box.Secret)
	if none && !cfg.Used && !hasLeftovers(cfg.Path) {
		o.Box.Code = newClaimCode()
		return o, kept
	}
	o.Box.Claimed, o.Box.Lang = true, "en"
	return o, kept
}

// hasLeftovers reports a database, or one that was set aside.
func hasLeftovers(path string) bool {
	if _, err := os.Lstat(path); err == nil {
		return true
	}
	list, _ := filepath.Glob(path + ".*-*") // a bad pattern finds nothing
	return len(list) > 0
}

// initialise fills a new database.
func (o owner) initialise(tx *checkedkv.Tx) error {
	if err := checkedkv.CreateBuckets(tx, buckets...); err != nil {
		return err
	}
	for _, s := range o.Admins {
		if err := checkedkv.Put(tx, bucketStaff, s.ID, s); err != nil {
			return err
		}
	}
	return checkedkv.Put(tx, bucketMeta, keyBox, o.Box)
}

// restoreOwner restores the owner's data from the copy: a damaged entry of an admin, and the
// claim of a box that only the copy has. Such a database is an older or another one. Every claim
// and reset is written to the copy first, so only damage leads here.
func (r *Roster) restoreOwner(kept owner) error {
	return r.writeTx("roster.Open", func(tx *checkedkv.Tx) error {
		b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil {
			return err
		}
		lost := kept.Box.Claimed && !b.Claimed
		if f := r.openResult; kept.Box.Claimed && (f.SetAside != "" || f.Salvage.FromCopy > 0) {
			return r.restoreAdmins(tx, kept)
		}
		for _, s := range kept.Admins {
			if _, err := checkedkv.Get[storedStaff](tx, bucketStaff, s.ID); !lost && errs.KindOf(err) != errs.Corrupt {
				continue
			}
			r.openResult.Reason = "the entry of an admin was damaged and is back from the copy of the owner"
			if err := checkedkv.Put(tx, bucketStaff, s.ID, s); err != nil {
				return err
			}
		}
		if !lost {
			return nil
		}
		r.openResult.Reason = "it held no owner of the box; the owner is back from the copy"
		r.log.Error("the roster had lost the owner of the box", "path", r.cfg.Path)
		return checkedkv.Put(tx, bucketMeta, keyBox, kept.Box)
	})
}

// restoreAdmins makes the admins of a roster that was saved those of the copy of the owner, which
// is never older: an admin who was deleted, or a PIN that was changed, must not come back.
func (r *Roster) restoreAdmins(tx *checkedkv.Tx, kept owner) error {
	_, staff := collectValues[storedStaff](r, tx, bucketStaff, "")
	for _, s := range staff {
		if s.Admin {
			if err := deleteKey(tx, bucketStaff, s.ID); err != nil {
				return err
			}
		}
	}
	for _, s := range kept.Admins {
		if err := checkedkv.Put(tx, bucketStaff, s.ID, s); err != nil {
			return err
		}
	}
	return checkedkv.Put(tx, bucketMeta, keyBox, kept.Box)
}

// updateOwner is writeTx for changes to data in the copy of the owner. If the copy cannot be
// written, the change fails.
func (r *Roster) updateOwner(op string, fn func(*checkedkv.Tx) error) error {
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return r.keepOwner(tx)
	})
}

// keepOwner writes the copy from tx.
func (r *Roster) keepOwner(tx *checkedkv.Tx) error {
	b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
	if err != nil {
		return err
	}
	o := owner{Box: b}
	for _, s := range allValues[storedStaff](r, tx, bucketStaff, "") {
		if s.Admin {
			o.Admins = append(o.Admins, s)
		}
	}
	path := r.cfg.Path + suffixOwner
	if old, err := os.ReadFile(path); err == nil && r.isCopyOf(o, old) {
		return nil
	}
	raw, err := checkedkv.Encode(tx.Sealer(), bucketMeta, suffixOwner, o)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, 0o600, atomicfile.Bytes(raw))
}

// isCopyOf reports whether a copy of the owner is that of o, and sealed if it must be.
func (r *Roster) isCopyOf(o owner, raw []byte) bool {
	var old owner
	err := checkedkv.Decode(r.cfg.Sealer, bucketMeta, suffixOwner, raw, &old)
	return err == nil && seal.IsSealed(raw) == (r.cfg.Sealer != nil) && reflect.DeepEqual(old, o)
}

// Locked reports that the box is claimed and has no admin: the record of its owner was lost. The
// button of the box, or `livelearn unclaim`, gives it a claim code.
func (r *Roster) Locked() (locked bool, err error) {
	err = r.readTx("roster.Locked", func(tx *checkedkv.Tx) error {
		b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		locked = b.Claimed && r.countAdmins(tx) == 0
		return err
	})
	return locked, err
}

func errOwnerLost(op string) error {
	return errs.NewCode(op, errs.Stale, "owner_lost", "the record of who owns this box is damaged, and so is its copy: "+
		"hold the button while the box starts, or run `livelearn unclaim` on it, for a new claim code; or bring a backup back")
}
