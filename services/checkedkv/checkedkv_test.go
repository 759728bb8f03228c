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
	"github.com/livelearn/box/services/seal"
)

func TestADamagedValueIsFoundAndTheOthersStay(t *testing.T) {
	for name, sealer := range map[string]*seal.Sealer{"plain": nil, "sealed": seal.NewKey().For("r.db")} {
		t.Run(name, func(t *testing.T) { damageOneValue(t, sealer) })
	}
}

func damageOneValue(t *testing.T, sealer *seal.Sealer) {
	raw, err := bbolt.Open(filepath.Join(t.TempDir(), "r.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	db := &DB{raw, sealer, nil}
	err = db.Update(func(tx *Tx) error {
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
	err = db.View(func(tx *Tx) error {
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
