package checkedkv

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/seal"
)

var testValues = Values{Buckets: []string{"pupils", "classes"}}

func testOptions(path string, sealer *seal.Sealer) DBOptions {
	return DBOptions{
		Sealer:      sealer,
		InitialMmap: 1 << 26, Values: &testValues, Copies: []string{path + ".copy"},
		Init: func(tx *Tx) error { return CreateBuckets(tx, testValues.Buckets...) },
	}
}

func openTestDB(t *testing.T, path string, sealer *seal.Sealer) (*DB, OpenResult) {
	t.Helper()
	db, found, err := OpenDB(path, testOptions(path, sealer), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, found
}

func readNames(t *testing.T, db *DB) map[string]string {
	t.Helper()
	names := map[string]string{}
	err := db.View(func(tx *Tx) error {
		maps.Insert(names, ReadAll[string](tx, "pupils", "", func(err error) { t.Error(err) }))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// makeSchool makes a database of several pages, some of them free, and returns its bytes.
func makeSchool(t *testing.T, path string, sealer *seal.Sealer) ([]byte, map[string]string) {
	t.Helper()
	db, _ := openTestDB(t, path, sealer)
	for round := range 6 {
		err := db.Update(func(tx *Tx) error {
			for i := range 200 {
				if err := Put(tx, "pupils", fmt.Sprintf("s_%04d", i), fmt.Sprintf("Name %d of round %d with some length", i, round)); err != nil {
					return err
				}
			}
			if err := Put(tx, "pupils", "gone", "Someone who left"); err != nil {
				return err
			}
			return Put(tx, "classes", "c_1", "7B")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Update(func(tx *Tx) error { return Delete(tx, "pupils", "gone") }); err != nil {
		t.Fatal(err)
	}
	want := readNames(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data, want
}

// withAndWithoutKey runs a test with plain and with sealed values.
func withAndWithoutKey(t *testing.T, test func(*testing.T, *seal.Sealer)) {
	t.Run("plain", func(t *testing.T) { test(t, nil) })
	t.Run("sealed", func(t *testing.T) { test(t, seal.NewKey().For("school.db")) })
}

func TestADamagedPageCostsOnlyItsValues(t *testing.T) { withAndWithoutKey(t, damageEachPage) }

func damageEachPage(t *testing.T, sealer *seal.Sealer) {
	data, want := makeSchool(t, filepath.Join(t.TempDir(), "school.db"), sealer)
	path := filepath.Join(t.TempDir(), "school.db")
	for page := 2; page < len(bytes.TrimRight(data, "\x00"))/4096+1; page++ {
		for kind, fill := range map[string]byte{"zero": 0, "ones": 0xFF} {
			bad := bytes.Clone(data)
			copy(bad[page*4096:], bytes.Repeat([]byte{fill}, 4096))
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			db, found := openTestDB(t, path, sealer)
			got := readNames(t, db)
			missing := 0
			for k, v := range want {
				if got[k] == "" {
					missing++
				} else if got[k] != v {
					t.Errorf("%s page %d: %s is %q and was %q", kind, page, k, got[k], v)
				}
			}
			if on := bytes.Count(data[page*4096:(page+1)*4096], []byte("s_0")); missing > on || missing > 0 && found.SetAside == "" {
				t.Errorf("%s page %d: %d names are missing, %d were on it, %+v", kind, page, missing, on, found)
			}
			if len(got)+missing != len(want) {
				t.Errorf("%s page %d: %d names, %d missing, want %d", kind, page, len(got), missing, len(want))
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWithACopyNothingIsMissing(t *testing.T) { withAndWithoutKey(t, damageWithCopy) }

func damageWithCopy(t *testing.T, sealer *seal.Sealer) {
	from := filepath.Join(t.TempDir(), "school.db")
	data, want := makeSchool(t, from, sealer)
	db, _ := openTestDB(t, from, sealer)
	if err := CopyIfChanged(db, from+".copy", testValues.Buckets); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"deleted": nil, "empty": {}, "both meta pages": append(make([]byte, 8192), data[8192:]...),
		"cut": data[:3*4096], "all zero": make([]byte, len(data)),
	}
	for page := 2; page < 12; page++ {
		b := bytes.Clone(data)
		clear(b[page*4096 : (page+1)*4096])
		bad[fmt.Sprint("page ", page)] = b
	}
	for name, b := range bad {
		if err := os.Remove(from); err != nil {
			t.Fatal(err)
		}
		if b != nil {
			if err := os.WriteFile(from, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db, found := openTestDB(t, from, sealer)
		if got := readNames(t, db); len(got) != len(want) {
			t.Errorf("%s: %d names, want %d: %+v", name, len(got), len(want), found)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestZeroFreeLeavesNothingOfWhatWasDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "school.db")
	data, want := makeSchool(t, path, nil)
	if !bytes.Contains(data, []byte("Someone who left")) || !bytes.Contains(data, []byte("of round 4")) {
		t.Fatal("the file keeps no old pages: the test proves nothing")
	}
	db, _ := openTestDB(t, path, nil)
	if err := ZeroFree(db); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Someone who left", "of round 4"} {
		if bytes.Contains(now, []byte(text)) {
			t.Errorf("the file holds %q", text)
		}
	}
	if got := readNames(t, db); len(got) != len(want) {
		t.Errorf("%d names, want %d", len(got), len(want))
	}
	if err := db.Update(func(tx *Tx) error { return Put(tx, "pupils", "new", "Ada") }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, found := openTestDB(t, path, nil)
	if got := readNames(t, db); len(got) != len(want)+1 || found.Reason != "" {
		t.Errorf("%d names, want %d: %+v", len(got), len(want)+1, found)
	}
}
