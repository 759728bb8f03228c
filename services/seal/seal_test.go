package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

// both are Sealers of one key, one for each algorithm.
func both(k *Key, database string) []*Sealer {
	a, b := k.For(database), k.For(database)
	a.mark, b.mark = markChaCha, markAES
	return []*Sealer{a, b}
}

func TestASealedValueOpensInItsPlaceOnly(t *testing.T) {
	k := NewKey()
	place := JoinPlace(nil, "staff", []byte("t_1"))
	for _, s := range both(k, "roster.db") {
		sealed := s.Seal([]byte("head"), []byte("Ada"), place)[4:]
		if !IsSealed(sealed) || len(sealed) != len("Ada")+Overhead || bytes.Contains(sealed, []byte("Ada")) {
			t.Fatalf("%x", sealed)
		}
		for _, other := range both(k, "roster.db") {
			if got, err := other.Open([]byte("head"), sealed, place); string(got) != "headAda" || err != nil {
				t.Errorf("%q %v", got, err)
			}
		}
		for what, open := range map[string]func() ([]byte, error){
			"another key of the bucket": func() ([]byte, error) { return s.Open(nil, sealed, JoinPlace(nil, "staff", []byte("t_2"))) },
			"another bucket":            func() ([]byte, error) { return s.Open(nil, sealed, JoinPlace(nil, "cards", []byte("t_1"))) },
			"another database":          func() ([]byte, error) { return k.For("journal.db").Open(nil, sealed, place) },
			"another box":               func() ([]byte, error) { return NewKey().For("roster.db").Open(nil, sealed, place) },
			"no key":                    func() ([]byte, error) { return (*Key)(nil).For("roster.db").Open(nil, sealed, place) },
		} {
			if got, err := open(); got != nil || errs.KindOf(err) != errs.Corrupt {
				t.Errorf("%s: %q %v", what, got, err)
			}
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 0x10
			if got, err := s.Open(nil, bad, place); got != nil || err == nil {
				t.Errorf("byte %d: %q", i, got)
			}
		}
	}
}

func TestTwoSealedValuesOfOneTextDiffer(t *testing.T) {
	s := NewKey().For("x")
	if bytes.Equal(s.Seal(nil, []byte("yes"), nil), s.Seal(nil, []byte("yes"), nil)) {
		t.Error("the same nonce twice")
	}
}

func TestWithoutAKeyValuesStayAsTheyAre(t *testing.T) {
	var s *Sealer
	if got := s.Seal([]byte("a"), []byte("b"), nil); string(got) != "ab" {
		t.Errorf("%q", got)
	}
	if IsSealed([]byte(`{"a":1,"text":"a value as long as a sealed one is"}`)) {
		t.Error("JSON counts as sealed")
	}
}

func twoPlaces(t *testing.T) []Place {
	dir := t.TempDir()
	return []Place{{Path: filepath.Join(dir, "a", "key.txt")}, {Path: filepath.Join(dir, "b", "key.txt")}}
}

func TestOneCopyOfTheKeyIsEnough(t *testing.T) {
	damage := map[string]func(string) error{
		"missing": os.Remove,
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"cut":     func(p string) error { return os.Truncate(p, 120) },
		"flipped": func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[len(fileText)+len(keyMark)+3] ^= 1
			return os.WriteFile(p, b, 0o600)
		},
	}
	for what, hurt := range damage {
		for i := range 2 {
			places := twoPlaces(t)
			k, err := CreateKey(places)
			if err != nil {
				t.Fatal(err)
			}
			if err := hurt(places[i].Path); err != nil {
				t.Fatal(err)
			}
			got := LoadKey(places, k.ID())
			if got.Key == nil || *got.Key != *k || len(got.Faults) != 1 {
				t.Errorf("%s, place %d: %+v", what, i, got)
			}
			if texts := got.Repair(); len(texts) != 1 || !strings.Contains(texts[0], "is back") {
				t.Errorf("%s, place %d: %q", what, i, texts)
			}
			if again := LoadKey(places, k.ID()); again.Key == nil || len(again.Faults) != 0 {
				t.Errorf("%s, place %d, after that: %v", what, i, again.Faults)
			}
		}
	}
}

func TestBothCopiesLostIsNoKey(t *testing.T) {
	places := twoPlaces(t)
	k, err := CreateKey(places)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		if err := os.Remove(p.Path); err != nil {
			t.Fatal(err)
		}
	}
	if l := LoadKey(places, k.ID()); l.Key != nil || len(l.Faults) != 2 {
		t.Errorf("%+v", l)
	}
}

func TestTheKeyOfAnotherBoxIsNeitherUsedNorOverwritten(t *testing.T) {
	places := twoPlaces(t)
	other, err := CreateKey(places[:1])
	if err != nil {
		t.Fatal(err)
	}
	own, err := CreateKey(places[1:])
	if err != nil {
		t.Fatal(err)
	}
	if l := LoadKey(places, own.ID()); l.Key == nil || l.Key.ID() != own.ID() || len(l.Repair()) != 1 {
		t.Errorf("%+v", l)
	}
	if k, err := places[0].Read(); err != nil || *k != *other {
		t.Errorf("the other key is gone: %v", err)
	}
	if l := LoadKey(places[:1], own.ID()); l.Key != nil {
		t.Error("the other box's key was taken")
	}
	if _, err := CreateKey(places[:1]); err != nil { // the box begins anew
		t.Fatal(err)
	}
	kept := Place{Path: places[0].Path + "." + other.ID()}
	if k, err := kept.Read(); err != nil || *k != *other {
		t.Errorf("the other key is gone: %v", err)
	}
}

func TestAKeyIsWrittenTwiceOrNotAtAll(t *testing.T) {
	places := twoPlaces(t)
	if err := os.WriteFile(filepath.Dir(places[1].Path), nil, 0o600); err != nil { // a file where a folder should be
		t.Fatal(err)
	}
	if k, err := CreateKey(places); k != nil || errs.KindOf(err) != errs.Down {
		t.Errorf("%v %v", k, err)
	}
}

func TestAMarkNamesTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark")
	if id, err := ReadMark(path); id != "" || err != nil {
		t.Errorf("%q %v", id, err)
	}
	k := NewKey()
	if err := MarkFile(path, k); err != nil {
		t.Fatal(err)
	}
	if id, err := ReadMark(path); id != k.ID() || err != nil {
		t.Errorf("%q %v", id, err)
	}
}

func FuzzOpen(f *testing.F) {
	s := newKey([keyLen]byte{1}).For("journal.db")
	f.Add(s.Seal(nil, []byte("a fact"), []byte("place")), []byte("place"))
	f.Add([]byte{markChaCha}, []byte(""))
	f.Add(bytes.Repeat([]byte{markAES}, Overhead), []byte("place"))
	f.Fuzz(func(t *testing.T, value, place []byte) {
		plain, err := s.Open(nil, value, place)
		if err == nil && (!IsSealed(value) || len(plain) != len(value)-Overhead) {
			t.Errorf("%x opened to %x", value, plain)
		}
		inPlace := s.SealInPlace(append(make([]byte, Room, Room+len(value)), value...), place)
		if got, err := s.Open(nil, inPlace, place); err != nil || !bytes.Equal(got, value) {
			t.Errorf("%x sealed in place became %x: %v", value, got, err)
		}
		again, err := s.Open(nil, s.Seal(nil, value, place), place)
		if err != nil || !bytes.Equal(again, value) {
			t.Errorf("%x became %x: %v", value, again, err)
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add(newKey([keyLen]byte{1}).text())
	f.Add([]byte("key: AAAA\ncheck: \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := parseKey(text)
		if err != nil {
			return
		}
		if again, err := parseKey(k.text()); err != nil || *again != *k {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// BenchmarkSeal measures a fact of the usual size with each algorithm. GODEBUG=cpu.aes=off gives
// the figures of a board without AES instructions.
func BenchmarkSeal(b *testing.B) {
	fact, place := make([]byte, 220), JoinPlace(nil, "facts", make([]byte, 8))
	for i, s := range both(NewKey(), "journal.db") {
		name := []string{"chacha20-poly1305", "aes-256-gcm"}[i]
		sealed := s.Seal(nil, fact, place)
		b.Run(name+"/seal", func(b *testing.B) {
			dst := make([]byte, 0, len(sealed))
			for b.Loop() {
				s.Seal(dst, fact, place)
			}
		})
		b.Run(name+"/open", func(b *testing.B) {
			dst := make([]byte, 0, len(fact))
			for b.Loop() {
				if _, err := s.Open(dst, sealed, place); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
