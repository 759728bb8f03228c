package members

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
)

// newList is the list of a box of its own.
func newList(t *testing.T) *List {
	t.Helper()
	dir := t.TempDir()
	own, err := OpenIdentity(filepath.Join(dir, "box.key"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(filepath.Join(dir, "members.json"), own, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// grow makes l the box of a school with n other boxes.
func grow(t *testing.T, l *List, n int) {
	t.Helper()
	for i := range n {
		if err := l.add(profile{key: l.own.Key}, profile{key: strings.Repeat(fmt.Sprintf("%02x", i+1), 32)}); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(l *List, id string) error {
	gone, err := l.Removal(id)
	if err != nil {
		return err
	}
	return l.Learn([]Member{gone})
}

func codeOf(err error) string { return errs.BodyOf(err).Code }

// randomEntry is what some box may know of one of four boxes. Values are few, so that ties are many.
func randomEntry(r *rand.Rand) Member {
	key := strings.Repeat(fmt.Sprintf("%02x", r.IntN(4)), 32)
	m := Member{
		ID: idOf(key), Key: key, Name: fmt.Sprint("Box ", r.IntN(2)), Addresses: []string{fmt.Sprintf("192.0.2.%d:7445", r.IntN(2))}, Revision: r.Uint64N(3),
		Term: 1 + r.Uint64N(2), Added: 1 + r.Int64N(3), AddedBy: fmt.Sprint(r.IntN(3)), Removed: r.Int64N(3),
	}
	if m.Removed > 0 {
		m.RemovedBy = fmt.Sprint(r.IntN(3))
	}
	return m
}

func TestAnyOrderOfMergesGivesOneList(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 16))
		var heard []Member
		for range 2 + r.IntN(10) {
			heard = append(heard, randomEntry(r))
		}
		want := Merge(heard, nil)
		for range 5 {
			r.Shuffle(len(heard), func(i, j int) { heard[i], heard[j] = heard[j], heard[i] })
			// Boxes hear in parts, and some of it twice.
			cut := r.IntN(len(heard) + 1)
			a, b := Merge(nil, heard[:cut]), Merge(heard[cut:], heard[:r.IntN(len(heard))])
			for i := range heard {
				b = Merge(b, heard[i:i+1])
			}
			if got := Merge(b, a); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: got %+v, want %+v", seed, got, want)
			}
		}
	}
}

func TestARemovalWinsUntilThePairingAfterIt(t *testing.T) {
	l := newList(t)
	grow(t, l, 1)
	before := l.All()
	other := l.Others()[0]
	if err := remove(l, other.ID); err != nil || len(l.Others()) != 0 {
		t.Fatalf("%v, others %+v", err, l.Others())
	}
	if err := l.Learn(before); err != nil || len(l.Others()) != 0 {
		t.Errorf("a list from before the removal brings the box back: %v, %+v", err, l.Others())
	}
	if err := remove(l, other.ID); codeOf(err) != "no_box" {
		t.Errorf("removed twice: %v", err)
	}
	removed := l.All()
	grow(t, l, 1)
	if err := l.Learn(removed); err != nil || len(l.Others()) != 1 {
		t.Errorf("the old removal undoes the new pairing: %v, %+v", err, l.Others())
	}
}

func TestABoxThatReadsOfItsRemovalIsAlone(t *testing.T) {
	l := newList(t)
	grow(t, l, 2)
	gone := find(l.All(), l.own.Key)
	gone.Removed, gone.RemovedBy = 1, "x"
	changed := l.Changed()
	if err := l.Learn([]Member{gone}); err != nil || len(l.All()) != 0 {
		t.Errorf("%v, still knows %+v", err, l.All())
	}
	select {
	case <-changed:
	default:
		t.Error("nobody heard of the change")
	}
}

func TestTheSeventeenthBoxIsRefused(t *testing.T) {
	l := newList(t)
	grow(t, l, Max-1)
	err := l.add(profile{key: l.own.Key}, profile{key: strings.Repeat("ff", 32)})
	if codeOf(err) != "too_many_boxes" || !strings.Contains(err.Error(), "the school has 16 boxes already") || len(l.Others()) != Max-1 {
		t.Errorf("got %v and %d others", err, len(l.Others()))
	}
	if err := l.add(profile{key: l.own.Key}, profile{key: l.Others()[0].Key, name: "Renamed"}); err != nil || find(l.Others(), l.Others()[0].Key).Name != "Renamed" {
		t.Errorf("a member that is paired again: %v", err)
	}
	if err := remove(l, l.Others()[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := l.add(profile{key: l.own.Key}, profile{key: strings.Repeat("ff", 32)}); err != nil {
		t.Errorf("after a removal there is room: %v", err)
	}
}

func TestTwoBoxesThatAddTheLastOneLeaveOutTheSame(t *testing.T) {
	l := newList(t)
	grow(t, l, Max-1)
	late := func(b string, at int64) Member {
		key := strings.Repeat(b, 32)
		return Member{ID: idOf(key), Key: key, Term: 1, Revision: 1, Added: at, AddedBy: "x", Addresses: []string{}}
	}
	end := l.All()[Max-1].Added
	a, b := Merge(l.All(), []Member{late("fe", end+1)}), Merge(l.All(), []Member{late("ff", end+2)})
	x, y := active(Merge(a, b)), active(Merge(b, a))
	if !reflect.DeepEqual(x, y) || len(x) != Max || find(x, strings.Repeat("ff", 32)).Key != "" {
		t.Errorf("%d and %d members", len(x), len(y))
	}
}

func TestTheListSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	open := func() *List {
		own, err := OpenIdentity(filepath.Join(dir, "box.key"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(filepath.Join(dir, "members.json"), own, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	grow(t, l, 3)
	if err := l.Describe("Library", []string{"192.0.2.1:7445", "nonsense"}); err != nil {
		t.Fatal(err)
	}
	again := open()
	if again.own.Key != l.own.Key || !reflect.DeepEqual(again.All(), l.All()) {
		t.Errorf("got %+v, want %+v", again.All(), l.All())
	}
	if own := find(again.All(), again.own.Key); own.Name != "Library" || !slices.Equal(own.Addresses, []string{"192.0.2.1:7445"}) {
		t.Errorf("got %+v", own)
	}
	if info, err := os.Stat(filepath.Join(dir, "box.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "members.json"), []byte(`[{"id":"x"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if damaged := open(); len(damaged.All()) != 0 {
		t.Errorf("a damaged list was taken: %+v", damaged.All())
	}
	if _, err := os.Stat(filepath.Join(dir, "members.json.damaged")); err != nil {
		t.Error(err)
	}
}

func TestALateListDoesNotBringARemovedBoxBack(t *testing.T) {
	l := newList(t)
	grow(t, l, 2)
	late := l.All()
	if err := remove(l, l.own.ID); err != nil {
		t.Fatal(err)
	}
	if err := l.Hear(late); err != nil || len(l.All()) != 0 {
		t.Errorf("%v, knows %+v", err, l.All())
	}
}

func TestALongNameStaysWhole(t *testing.T) {
	l := newList(t)
	grow(t, l, 1)
	name := strings.Repeat("\U0001F3EB", 60)
	if err := l.Describe(name, nil); err != nil || find(l.All(), l.own.Key).Name != name {
		t.Errorf("%v, %q", err, find(l.All(), l.own.Key).Name)
	}
	if _, err := Decode(Encode(l.All())); err != nil {
		t.Error(err)
	}
}

// A box with a new key, such as that of a copied card, does not take the old one for another box.
func TestABoxWithANewKeyIsAlone(t *testing.T) {
	l := newList(t)
	grow(t, l, 2)
	log := slog.New(slog.DiscardHandler)
	own, err := OpenIdentity(filepath.Join(t.TempDir(), "box.key"), log)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := Open(l.path, own, log)
	if err != nil || len(anew.All()) != 0 {
		t.Fatalf("knows %+v, %v", anew.All(), err)
	}
	if _, err := os.Stat(l.path + ".damaged"); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[]`))
	f.Add(Encode([]Member{randomEntry(rand.New(rand.NewPCG(1, 1)))}))
	f.Add([]byte(`[{"id":"x","key":"x"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(Encode(list))
		if err != nil || !reflect.DeepEqual(Merge(again, nil), Merge(list, nil)) {
			t.Errorf("%v: %+v became %+v", err, list, again)
		}
	})
}

// connect connects two boxes on loopback, each with its own list, and returns what each end saw.
func connect(t *testing.T, server, client *List, isMember func(l *List, key string) bool) (serverErr, clientErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	done := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_, err = tlsServer(conn, server, isMember).Write([]byte("x"))
			_ = conn.Close()
		}
		done <- err
	}()
	conn, err := tlsDial(ln.Addr().String(), client, isMember)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
		_ = conn.Close()
	}
	return <-done, err
}

func TestKeysDecideAndNoClock(t *testing.T) {
	a, b, stranger := newList(t), newList(t), newList(t)
	known := map[string]bool{a.own.Key: true, b.own.Key: true}
	pinned := func(l *List, key string) bool { return known[key] && known[l.own.Key] }
	if s, c := connect(t, a, b, pinned); s != nil || c != nil {
		t.Errorf("two members: %v, %v", s, c)
	}
	if s, c := connect(t, a, stranger, pinned); s == nil || c == nil {
		t.Errorf("a stranger connects: %v, %v", s, c)
	}
	all := func(*List, string) bool { return true }
	if s, c := connect(t, stranger, b, func(l *List, key string) bool { return l == stranger && all(l, key) || pinned(b, key) && l == b }); s == nil || c == nil {
		t.Errorf("a member takes a stranger for a member: %v, %v", s, c)
	}
	if leaf := a.own.cert.Leaf; leaf.NotAfter.Year() > 1990 {
		t.Errorf("the certificate holds until %v: this test would not notice a check of dates", leaf.NotAfter)
	}
}

func TestADamagedKeyIsSetAsideForANewOne(t *testing.T) {
	for _, data := range []string{"", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		path := filepath.Join(t.TempDir(), "box.key")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		own, err := OpenIdentity(path, log)
		if err != nil || own.Key == "" {
			t.Fatalf("%q: %v", data, err)
		}
		if again, err := OpenIdentity(path, log); err != nil || again.Key != own.Key {
			t.Errorf("%q: the new key did not stay: %v", data, err)
		}
		if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != data {
			t.Errorf("kept %q, %v", kept, err)
		}
	}
}
