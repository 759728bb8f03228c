package checkedkv

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

func TestADamagedValueIsFoundAndTheOthersStay(t *testing.T) {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "r.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		if err != nil {
			return err
		}
		for i := range 3 {
			if err := Put(tx, "b", fmt.Sprint("k", i), i); err != nil {
				return err
			}
		}
		raw := slices.Clone(b.Get([]byte("k1")))
		raw[0] ^= 1
		if err := b.Put([]byte("k1"), raw); err != nil {
			return err
		}
		return b.Put([]byte("k3"), b.Get([]byte("k0"))) // a whole value under another key
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for key, want := range map[string]errs.Kind{"k1": errs.Corrupt, "k3": errs.Corrupt, "k9": errs.Missing} {
			if _, err := Get[int](tx, "b", key); errs.KindOf(err) != want {
				t.Errorf("%s: %v", key, err)
			}
		}
		damaged := 0
		got := maps.Collect(ReadAll[int](tx, "b", "k", func(error) { damaged++ }))
		if len(got) != 2 || got["k0"] != 0 || got["k2"] != 2 || damaged != 2 {
			t.Errorf("%v, %d damaged", got, damaged)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFaultOfTheDiskSaysWhoActs(t *testing.T) {
	if e := WrapError("op", fmt.Errorf("write: %w", syscall.ENOSPC)); errs.KindOf(e) != errs.Down || errs.BodyOf(e).Code != "disk_full" {
		t.Error(e)
	}
	ours := errs.NewCode("x", errs.Missing, "none", "none")
	if e := WrapError("op", ours); !errors.Is(e, ours) {
		t.Error(e)
	}
	if WrapError("op", nil) != nil {
		t.Error("nothing became something")
	}
}
