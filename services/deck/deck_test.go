package deck

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

func checkError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openStore opens the decks in a folder, and its database in the same folder.
func openStore(t testing.TB, folder string) *Store {
	t.Helper()
	db, _, err := checkedkv.OpenDB(folder+".db", checkedkv.DBOptions{}, slog.New(slog.DiscardHandler))
	checkError(t, err)
	t.Cleanup(func() { _ = db.Close() }) // tests may have closed it
	checkError(t, db.Update(func(tx *checkedkv.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(Bucket))
		return err
	}))
	s, err := OpenStore(db, folder, "", slog.New(slog.DiscardHandler))
	checkError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopen opens the decks again, as after a restart.
func (s *Store) reopen(t testing.TB) *Store {
	t.Helper()
	checkError(t, errors.Join(s.Close(), s.db.Close()))
	return openStore(t, s.folder)
}

func newStore(t testing.TB) *Store { return openStore(t, filepath.Join(t.TempDir(), "library")) }

func encodePicture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	checkError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 2000, 200))))
	return b.Bytes()
}

// uploadDeck adds a deck of one picture, without pages.
func uploadDeck(t testing.TB, s *Store, title string) Deck {
	t.Helper()
	u, err := s.NewUpload()
	checkError(t, err)
	checkError(t, u.AddFile(bytes.NewReader(encodePicture(t))))
	d, err := s.AddDeck(title, "j_1", u)
	checkError(t, err)
	return d
}

// readyDeck adds a deck with its pages.
func readyDeck(t testing.TB, s *Store, title string) Deck {
	t.Helper()
	d := uploadDeck(t, s, title)
	pages, err := slides.Rasterise(t.Context(), s.slidesSpec(d.ID, ""), nil)
	checkError(t, err)
	d, err = s.setPages(d.ID, pages)
	checkError(t, err)
	return d
}

func listFiles(t testing.TB, s *Store) (list []string) {
	t.Helper()
	checkError(t, filepath.WalkDir(s.folder, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, strings.TrimPrefix(path, s.folder+"/"))
		}
		return err
	}))
	return list
}

func errorCode(err error) string {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(e.Kind, " ", e.Code)
}

func TestDeckGoesFromUploadToPages(t *testing.T) {
	s := newStore(t)
	d := uploadDeck(t, s, "  The \t Sun ")
	if d.Title != "The Sun" || d.State != Making || d.Pages == nil {
		t.Errorf("got %+v", d)
	}
	pages, err := slides.Rasterise(t.Context(), s.slidesSpec(d.ID, ""), nil)
	checkError(t, err)
	stray, err := slides.Rasterise(t.Context(), s.slidesSpec(d.ID, ""), nil) // of a try that was cut off
	checkError(t, err)
	d, err = s.setPages(d.ID, pages)
	checkError(t, err)
	if d.State != Ready || len(d.Pages) != 1 || d.Pages[0].W != 1920 {
		t.Errorf("got %+v", d)
	}
	if got := listFiles(t, s); len(got) != 3 || strings.Contains(strings.Join(got, " "), stray[0].Key) {
		t.Errorf("the folder holds %v", got)
	}
	s = s.reopen(t)
	list, err := s.Decks()
	checkError(t, err)
	if diff := cmp.Diff([]Deck{d}, list); diff != "" {
		t.Error(diff)
	}
}

func TestImageIsFoundByItsKeyAndNothingElseIs(t *testing.T) {
	s := newStore(t)
	d := readyDeck(t, s, "Deck")
	checkError(t, os.WriteFile(filepath.Join(s.folder, "secret"), []byte("secret"), 0o600))
	checkError(t, os.Symlink(filepath.Join(s.folder, "secret"), filepath.Join(s.folder, decksDir, d.ID, strings.Repeat("0", 32)+"-640.png")))
	key := d.Pages[0].Key
	for ask, want := range map[string]int{
		"-640.png": 640, "-1280.png": 1280, "-1920.png": 1920, "-1920.jpg": 1920, "-800.jpg": 640, "-9999.png": 1920, "-1.png": 640, "-1919.png": 1280,
	} {
		f, err := s.OpenImage(d.ID, key+ask)
		checkError(t, err)
		conf, err := png.DecodeConfig(f)
		checkError(t, err)
		checkError(t, f.Close())
		if conf.Width != want {
			t.Errorf("%s: got %d, want %d", ask, conf.Width, want)
		}
	}
	for _, ask := range [][2]string{
		{d.ID, strings.Repeat("0", 32) + "-640.png"},
		{d.ID, strings.Repeat("1", 32) + "-640.png"},
		{d.ID, "../../secret"},
		{d.ID, key[:31] + "-640.png"},
		{d.ID, key + "-640.svg"},
		{d.ID, key + "-640.png/../../../secret"},
		{"..", "secret"},
		{d.ID + "/..", key + "-640.png"},
		{"d_other", key + "-640.png"},
		{"", ""},
	} {
		if f, err := s.OpenImage(ask[0], ask[1]); errs.KindOf(err) != errs.Missing {
			t.Errorf("%q: got %v, %v", ask, f, err)
		}
	}
}

func TestUploadIsRefusedBeforeItIsStored(t *testing.T) {
	s := newStore(t)
	broken := errors.New("the line broke")
	for want, r := range map[string]io.Reader{
		"invalid unknown_type": strings.NewReader("hello"),
		"invalid empty":        strings.NewReader(""),
		"invalid too_large":    io.MultiReader(strings.NewReader("%PDF-1.7"), io.LimitReader(zeros{}, slides.MaxFile)),
		"the line broke":       io.MultiReader(strings.NewReader("%PDF-1.7"+strings.Repeat("x", 5000)), failing{broken}),
	} {
		u, err := s.NewUpload()
		checkError(t, err)
		if got := errorCode(u.AddFile(r)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		u.Discard()
	}
	u, err := s.NewUpload()
	checkError(t, err)
	if _, err := s.AddDeck("Deck", "j_1", u); errorCode(err) != "invalid empty" {
		t.Errorf("got %v", err)
	}
	if got := listFiles(t, s); len(got) > 0 {
		t.Errorf("the folder holds %v", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFailedDeckSaysWhyAndKeepsNoFiles(t *testing.T) {
	s := newStore(t)
	d := uploadDeck(t, s, "Deck")
	_, err := s.failDeck(d.ID, errs.Body{Reason: "invalid", Code: "encrypted"})
	checkError(t, err)
	d, err = s.Deck(d.ID)
	if err != nil || d.State != Failed || d.Error.Code != "encrypted" {
		t.Errorf("got %+v, %v", d, err)
	}
	if got := listFiles(t, s); len(got) > 0 {
		t.Errorf("the folder holds %v", got)
	}
	ready := readyDeck(t, s, "Good")
	if _, err := s.failDeck(ready.ID, errs.Body{}); errs.KindOf(err) != errs.Stale {
		t.Errorf("a ready deck failed: %v", err)
	}
}

func TestDeckIsRenamedAndDeleted(t *testing.T) {
	s := newStore(t)
	d := readyDeck(t, s, "Deck")
	for text, want := range map[string]string{"": "invalid missing", " \x00": "invalid missing", strings.Repeat("x", 121): "invalid too_long"} {
		if _, err := s.RenameDeck(d.ID, text); errorCode(err) != want {
			t.Errorf("%q: got %v", text, err)
		}
	}
	got, err := s.RenameDeck(d.ID, "Other")
	if err != nil || got.Title != "Other" || len(got.Pages) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	checkError(t, s.DeleteDeck(d.ID))
	if err := s.DeleteDeck(d.ID); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
	if got := listFiles(t, s); len(got) > 0 {
		t.Errorf("the folder holds %v", got)
	}
	if _, err := s.setPages(d.ID, d.Pages); err == nil {
		t.Error("a deleted deck got pages")
	}
}

func TestOpenSweepsWhatACutLeft(t *testing.T) {
	s := newStore(t)
	ready, making := readyDeck(t, s, "Ready"), uploadDeck(t, s, "Making")
	want := listFiles(t, s)
	for _, name := range []string{"incoming/d_gone/0001", "incoming/.upload-x/0001", "decks/d_gone/x.png", "incoming/" + ready.ID + "/0001"} {
		checkError(t, os.MkdirAll(filepath.Dir(filepath.Join(s.folder, name)), 0o700))
		checkError(t, os.WriteFile(filepath.Join(s.folder, name), []byte("x"), 0o600))
	}
	s = s.reopen(t)
	if diff := cmp.Diff(want, listFiles(t, s)); diff != "" {
		t.Error(diff)
	}
	if d, err := s.Deck(making.ID); err != nil || d.State != Making {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestRestoreWritesPageImagesOnly(t *testing.T) {
	key := strings.Repeat("0", 32)
	for name, kind := range map[string]byte{
		"../../x":                        tar.TypeReg,
		"/tmp/x":                         tar.TypeReg,
		"d_x/../" + key + "-640.png":     tar.TypeReg,
		"d_x/library.db":                 tar.TypeReg,
		"d_x/" + key + "-640.png/x":      tar.TypeReg,
		"d_x/" + key + "-640.png":        tar.TypeSymlink,
		"d_x":                            tar.TypeDir,
		"d_x/" + key + "-640.png\x00.sh": tar.TypeReg,
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Linkname: "/etc/passwd"}); err != nil {
			continue // no archive can hold it
		}
		checkError(t, w.Close())
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		checkError(t, err)
		if err := unpackImages(root, tar.NewReader(&b)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: got %v", name, err)
		}
		checkError(t, root.Close())
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%q: wrote %v, %v", name, left, err)
		}
	}
}
