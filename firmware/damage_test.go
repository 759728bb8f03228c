package firmware

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/roster"
)

const pageLen = 4096

// damagedFiles are the files of the programme: the databases, and the copy of the owner.
var damagedFiles = []string{
	datafolder.JournalFile, datafolder.RosterFile, datafolder.LibraryFile, datafolder.CloudFile, datafolder.OwnerFile,
}

// TestDamagedFilesCostOnlyWhatWasOnTheirDamagedPages runs LIVELEARN_DAMAGES files (scripts/damage),
// each twice: with the copies of the databases and without them.
func TestDamagedFilesCostOnlyWhatWasOnTheirDamagedPages(t *testing.T) {
	count := 24
	if n, err := strconv.Atoi(os.Getenv("LIVELEARN_DAMAGES")); err == nil {
		count = n
	}
	good, want := fillFolder(t)
	missing := map[string]int{}
	for seed := range count {
		rng := rand.New(rand.NewPCG(uint64(seed), 15))
		file := damagedFiles[seed%len(damagedFiles)]
		kind, bad, pages := damageFile(rng, seed/len(damagedFiles), good[file])
		copies := seed%2 == 0
		t.Run(fmt.Sprintf("%d %s %s copies %v", seed, file, kind, copies), func(t *testing.T) {
			missing[file] += checkDamaged(t, good, want, file, bad, pages, copies)
		})
	}
	t.Logf("%d damaged files, values missing: %v", count, missing)
}

// fillFolder makes the files of a box in use, and lists the values of each database.
func fillFolder(t *testing.T) (files map[string][]byte, want map[string]map[string]string) {
	t.Helper()
	dir := t.TempDir()
	b, err := New(testConfig(t, dir), Parts{Pages: testPages()})
	if err != nil {
		t.Fatal(err)
	}
	code, err := b.roster.ClaimCode()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.roster.Claim(t.Context(), roster.Claimant{Code: code, Box: "Box", Name: "Ada", PIN: "246810"}); err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		c, err := b.roster.AddClass(fmt.Sprintf("Class %d", n))
		if err != nil {
			t.Fatal(err)
		}
		var names strings.Builder
		for i := range 40 {
			names.WriteString(fmt.Sprintf("Pupil %d of %d\n", i, n))
		}
		if _, err := b.roster.AddNames(c.ID, names.String(), false); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 60 {
		if _, err := b.library.Decks.AddDrawn(fmt.Sprintf("d_%03d", n), strings.Repeat("Deck ", 9), nil); err != nil {
			t.Fatal(err)
		}
	}
	writeFacts(t, b.journal, 2500)
	if err := b.journal.CopySealed(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	files, want = map[string][]byte{}, map[string]map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		data, err := os.ReadFile(path)
		if strings.HasSuffix(name, ".db") {
			want[name] = readDatabase(t, path)
			data = trimFile(path, data)
		}
		files[name] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, want
}

// trimFile leaves out the holes that a file grows by.
func trimFile(path string, data []byte) []byte {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return data
	}
	defer func() { _ = db.Close() }()
	var size int64
	_ = db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
	return data[:min(size, int64(len(data)))]
}

func writeFacts(t *testing.T, j *journal.Journal, n int) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- j.Serve(ctx) }()
	results := make(chan error, n)
	for _, stream := range []string{"room:a", "room:b"} {
		c, err := j.Raise(ctx, stream)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n / 2 {
			e := event.Event{
				Stream: stream, Epoch: c.Epoch, Seq: c.Seq + uint64(i) + 1, Kind: "chat.said", By: "p_1", ID: fmt.Sprint(stream, i),
				Stamp: event.Stamp{Wall: 1700000000000}, Data: fmt.Appendf(nil, `{"text":"fact %d"}`, i),
			}
			j.Append(journal.Batch{Stream: stream, Epoch: c.Epoch, Facts: []event.Event{e}}, func(err error) { results <- err })
		}
	}
	for range n {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	end()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}

// readDatabase returns the values that a start must not lose. The journal makes its index again,
// and its record of itself is another one after damage.
func readDatabase(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	values := map[string]string{}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if filepath.Base(path) == datafolder.JournalFile && string(name) != "facts" {
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				values[string(name)+"/"+string(k)] = string(v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// damageFile returns a damaged file, and which of its pages are damaged. A nil file is deleted.
func damageFile(rng *rand.Rand, kind int, good []byte) (name string, bad []byte, pages map[int]bool) {
	bad, pages = bytes.Clone(good), map[int]bool{}
	n := max(1, (len(good)+pageLen-1)/pageLen)
	at := rng.IntN(n)
	from, to := at*pageLen, min((at+1)*pageLen, len(good))
	switch kind % 8 {
	case 0:
		name = "bit"
		bad[from+rng.IntN(to-from)] ^= 1 << rng.IntN(8)
	case 1:
		name = "zero page"
		clear(bad[from:to])
	case 2:
		name = "random page"
		for i := from; i+8 <= to; i += 8 {
			binary.NativeEndian.PutUint64(bad[i:], rng.Uint64())
		}
	case 3:
		name = "swapped pages"
		other := rng.IntN(n)
		if to-from == pageLen && (other+1)*pageLen <= len(good) {
			copy(bad[from:to], good[other*pageLen:])
			copy(bad[other*pageLen:], good[from:to])
			pages[other] = true
		}
	case 4:
		name = "truncated"
		cut := rng.IntN(len(good))
		bad = bad[:cut]
		for p := cut / pageLen; p < n; p++ {
			pages[p] = true
		}
	case 5:
		name = "deleted"
		for p := range n {
			pages[p] = true
		}
		return name, nil, pages
	case 6:
		name = "meta page"
		meta := rng.IntN(2)
		clear(bad[min(len(bad), meta*pageLen):min(len(bad), (meta+1)*pageLen)])
		pages[meta] = true
	case 7:
		name = "head of a page"
		bad[from+rng.IntN(min(64, to-from))] ^= 1 << rng.IntN(8)
	}
	pages[at] = true
	return name, bad, pages
}

// checkDamaged starts a box twice on a folder with one damaged file. It returns how many values
// are missing.
func checkDamaged(t *testing.T, good map[string][]byte, want map[string]map[string]string, file string, bad []byte, pages map[int]bool, copies bool) int {
	dir := t.TempDir()
	for name, data := range good {
		path := filepath.Join(dir, name)
		if name == file {
			if data = bad; bad == nil {
				continue
			}
		}
		if !copies && (strings.HasSuffix(name, ".copy") || strings.Contains(name, ".copies/")) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	changed := !bytes.Equal(bad, good[file])
	for start := range 2 {
		b, err := New(testConfig(t, dir), Parts{Pages: testPages(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatalf("start %d: %v", start, err)
		}
		if code, err := b.roster.ClaimCode(); err != nil || code != "" {
			t.Errorf("start %d: the box shows the claim code %q, %v", start, code, err)
		}
		if box, err := b.roster.Box(); err != nil || !box.Claimed {
			t.Errorf("start %d: unclaimed: %v", start, err)
		}
		said := b.losses.OpenTexts()
		if err := b.Close(); err != nil {
			t.Errorf("start %d: %v", start, err)
		}
		if file == datafolder.OwnerFile || !changed {
			continue
		}
		lost := missingValues(readDatabase(t, filepath.Join(dir, file)), want[file])
		onDamaged := keysOn(t, good[file], pages)
		notOn := slices.DeleteFunc(slices.Clone(lost), func(key string) bool {
			_, key, _ = strings.Cut(key, "/")
			return onDamaged[key]
		})
		if len(notOn) > 0 {
			t.Errorf("start %d: %d values are missing and %d of them were not on the damaged pages %v: %q\n%s", start, len(lost), len(notOn), pages, notOn[:min(9, len(notOn))], said)
		}
		if len(lost) > 0 && !slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, file) && strings.Contains(text, "missing: ") }) {
			t.Errorf("start %d: %d values are missing and the box says %q", start, len(lost), said)
		}
		if start == 1 {
			return len(lost)
		}
	}
	return 0
}

func missingValues(got, want map[string]string) (lost []string) {
	for k, v := range want {
		if got[k] == "" && v != "" {
			lost = append(lost, k)
		}
	}
	return lost
}

// keysOn returns the keys that a start may lose when pages of a database are damaged: those whose
// bytes are on one of the pages, and all of a run of pages whose head is on one. bbolt keeps a
// large leaf on a run of pages: the table of its keys at the head, then keys and values.
func keysOn(t *testing.T, good []byte, pages map[int]bool) map[string]bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.db")
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	keys := map[string]bool{}
	err = db.View(func(tx *bbolt.Tx) error {
		for id := 0; ; {
			info, err := tx.Page(id)
			if info == nil || err != nil {
				return err
			}
			next := id + 1
			if info.Type == "leaf" {
				next += info.OverflowCount
				addKeysOn(keys, good[id*pageLen:next*pageLen], id, pages)
			}
			id = next
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// addKeysOn adds the keys of one leaf. Its form is in bbolt's internal/common: a head of 16 bytes
// with the count at 10, then 16 bytes for each key: flags, position from there, length of the key,
// length of the value.
func addKeysOn(keys map[string]bool, leaf []byte, id int, pages map[int]bool) {
	const head, row, inlineBucket = 16, 16, 1
	count := int(binary.NativeEndian.Uint16(leaf[10:]))
	for n := range count {
		at := head + n*row
		number := func(i int) int { return int(binary.NativeEndian.Uint32(leaf[at+4*i:])) }
		from := at + number(1)
		key, value := leaf[from:from+number(2)], leaf[from+number(2):][:number(3)]
		hit := false
		for _, span := range [][2]int{{0, head + count*row}, {from, from + len(key) + len(value)}} {
			for p := id + span[0]/pageLen; p <= id+(span[1]-1)/pageLen; p++ {
				hit = hit || pages[p]
			}
		}
		switch {
		case hit && number(0) == inlineBucket && len(value) > head+row:
			addKeysOn(keys, value[head:], id, map[int]bool{id: true}) // a small bucket lies in its parent
		case hit:
			keys[string(key)] = true
		}
	}
}
