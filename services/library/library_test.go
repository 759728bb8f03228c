package library

import (
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

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func config(t testing.TB) Config {
	dir := t.TempDir()
	return Config{Path: filepath.Join(dir, "library.db"), Folder: filepath.Join(dir, "library"), Secret: bytes.Repeat([]byte("s"), 32)}
}

func open(t testing.TB, c Config) *Library {
	t.Helper()
	l, err := Open(c, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { _ = l.Close() }) // tests may have closed it
	return l
}

func picture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	check(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 2000, 200))))
	return b.Bytes()
}

// upload is a deck that came in, of one picture.
func upload(t testing.TB, l *Library, title string) Deck {
	t.Helper()
	u, err := l.NewUpload()
	check(t, err)
	check(t, u.Add(bytes.NewReader(picture(t))))
	d, err := l.AddDeck(title, u)
	check(t, err)
	return d
}

// made is upload with its pages.
func made(t testing.TB, l *Library, title string) Deck {
	t.Helper()
	d := upload(t, l, title)
	pages, err := slides.Rasterise(t.Context(), l.Order(d.ID, ""), nil)
	check(t, err)
	d, err = l.SetPages(d.ID, pages)
	check(t, err)
	return d
}

func files(t testing.TB, c Config) (list []string) {
	t.Helper()
	check(t, filepath.WalkDir(c.Folder, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, strings.TrimPrefix(path, c.Folder+"/"))
		}
		return err
	}))
	return list
}

func code(err error) string {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(e.Kind, " ", e.Code)
}

func TestDeckGoesFromUploadToPages(t *testing.T) {
	c := config(t)
	l := open(t, c)
	d := upload(t, l, "  The \t Sun ")
	if d.Title != "The Sun" || d.State != Making || d.Pages == nil {
		t.Errorf("got %+v", d)
	}
	pages, err := slides.Rasterise(t.Context(), l.Order(d.ID, ""), nil)
	check(t, err)
	stray, err := slides.Rasterise(t.Context(), l.Order(d.ID, ""), nil) // of a try that was cut off
	check(t, err)
	d, err = l.SetPages(d.ID, pages)
	check(t, err)
	if d.State != Ready || len(d.Pages) != 1 || d.Pages[0].W != 1920 {
		t.Errorf("got %+v", d)
	}
	if got := files(t, c); len(got) != 3 || strings.Contains(strings.Join(got, " "), stray[0].Key) {
		t.Errorf("the folder holds %v", got)
	}
	check(t, l.Close())
	l = open(t, c)
	list, err := l.Decks()
	check(t, err)
	if diff := cmp.Diff([]Deck{d}, list); diff != "" {
		t.Error(diff)
	}
}

func TestImageIsFoundByItsKeyAndNothingElseIs(t *testing.T) {
	c := config(t)
	l := open(t, c)
	d := made(t, l, "Deck")
	check(t, os.WriteFile(filepath.Join(c.Folder, "secret"), []byte("secret"), 0o600))
	check(t, os.Symlink(filepath.Join(c.Folder, "secret"), filepath.Join(c.Folder, decksDir, d.ID, strings.Repeat("0", 32)+"-640.png")))
	key := d.Pages[0].Key
	for ask, want := range map[string]int{
		"-640.png": 640, "-1280.png": 1280, "-1920.png": 1920, "-1920.jpg": 1920, "-800.jpg": 640, "-9999.png": 1920, "-1.png": 640, "-1919.png": 1280,
	} {
		f, err := l.Image(d.ID, key+ask)
		check(t, err)
		conf, err := png.DecodeConfig(f)
		check(t, err)
		check(t, f.Close())
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
		if f, err := l.Image(ask[0], ask[1]); errs.KindOf(err) != errs.Missing {
			t.Errorf("%q: got %v, %v", ask, f, err)
		}
	}
}

func TestUploadIsRefusedBeforeItIsStored(t *testing.T) {
	c := config(t)
	l := open(t, c)
	broken := errors.New("the line broke")
	for want, r := range map[string]io.Reader{
		"invalid unknown_type": strings.NewReader("hello"),
		"invalid empty":        strings.NewReader(""),
		"invalid too_large":    io.MultiReader(strings.NewReader("%PDF-1.7"), io.LimitReader(zeros{}, slides.MaxFile)),
		"the line broke":       io.MultiReader(strings.NewReader("%PDF-1.7"+strings.Repeat("x", 5000)), failing{broken}),
	} {
		u, err := l.NewUpload()
		check(t, err)
		if got := code(u.Add(r)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		u.Discard()
	}
	u, err := l.NewUpload()
	check(t, err)
	if _, err := l.AddDeck("Deck", u); code(err) != "invalid empty" {
		t.Errorf("got %v", err)
	}
	if got := files(t, c); len(got) > 0 {
		t.Errorf("the folder holds %v", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFailedDeckSaysWhyAndKeepsNoFiles(t *testing.T) {
	c := config(t)
	l := open(t, c)
	d := upload(t, l, "Deck")
	_, err := l.Fail(d.ID, errs.Body{Reason: "invalid", Code: "encrypted"})
	check(t, err)
	d, err = l.Deck(d.ID)
	if err != nil || d.State != Failed || d.Error.Code != "encrypted" {
		t.Errorf("got %+v, %v", d, err)
	}
	if got := files(t, c); len(got) > 0 {
		t.Errorf("the folder holds %v", got)
	}
	ready := made(t, l, "Good")
	if _, err := l.Fail(ready.ID, errs.Body{}); errs.KindOf(err) != errs.Stale {
		t.Errorf("a ready deck failed: %v", err)
	}
}

func TestDeckIsRenamedAndDeleted(t *testing.T) {
	c := config(t)
	l := open(t, c)
	d := made(t, l, "Deck")
	for text, want := range map[string]string{"": "invalid missing", " \x00": "invalid missing", strings.Repeat("x", 121): "invalid too_long"} {
		if _, err := l.RenameDeck(d.ID, text); code(err) != want {
			t.Errorf("%q: got %v", text, err)
		}
	}
	got, err := l.RenameDeck(d.ID, "Other")
	if err != nil || got.Title != "Other" || len(got.Pages) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	check(t, l.DeleteDeck(d.ID))
	if err := l.DeleteDeck(d.ID); errs.KindOf(err) != errs.Missing {
		t.Errorf("got %v", err)
	}
	if got := files(t, c); len(got) > 0 {
		t.Errorf("the folder holds %v", got)
	}
	if _, err := l.SetPages(d.ID, d.Pages); err == nil {
		t.Error("a deleted deck got pages")
	}
}

func TestOpenSweepsWhatACutLeft(t *testing.T) {
	c := config(t)
	l := open(t, c)
	ready, making := made(t, l, "Ready"), upload(t, l, "Making")
	want := files(t, c)
	for _, name := range []string{"incoming/d_gone/0001", "incoming/.upload-x/0001", "decks/d_gone/x.png", "incoming/" + ready.ID + "/0001"} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(c.Folder, name)), 0o700))
		check(t, os.WriteFile(filepath.Join(c.Folder, name), []byte("x"), 0o600))
	}
	check(t, l.Close())
	l = open(t, c)
	if diff := cmp.Diff(want, files(t, c)); diff != "" {
		t.Error(diff)
	}
	if d, err := l.Deck(making.ID); err != nil || d.State != Making {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestDamagedDatabaseKeepsThePageImages(t *testing.T) {
	c := config(t)
	l := open(t, c)
	made(t, l, "Deck")
	want := files(t, c)
	check(t, l.Close())
	check(t, os.WriteFile(c.Path, bytes.Repeat([]byte("x"), 8192), 0o600))
	l = open(t, c)
	if l.Found().SetAside == "" {
		t.Error("the damage was not met")
	}
	made(t, l, "New")
	check(t, l.Close())
	open(t, c)
	aside := decksDir + "-of-" + filepath.Base(l.Found().SetAside)
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(c.Folder, strings.Replace(name, decksDir, aside, 1))); err != nil {
			t.Error(err)
		}
	}
}
