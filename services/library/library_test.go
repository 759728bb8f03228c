package library

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/errs"
)

func checkError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newConfig(t testing.TB) Config {
	dir := t.TempDir()
	return Config{Path: filepath.Join(dir, "library.db"), Folder: filepath.Join(dir, "library"), Secret: bytes.Repeat([]byte("s"), 32)}
}

func openLibrary(t testing.TB, c Config) *Library {
	t.Helper()
	l, err := Open(c, slog.New(slog.DiscardHandler))
	checkError(t, err)
	t.Cleanup(func() { _ = l.Close() }) // tests may have closed it
	return l
}

// drawDeck adds a deck with its pages.
func drawDeck(t testing.TB, l *Library, id, title string) {
	t.Helper()
	var b bytes.Buffer
	checkError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 2000, 200))))
	_, err := l.Decks.AddDrawn(id, title, []deck.DrawnPage{{Images: [][]byte{b.Bytes()}}})
	checkError(t, err)
}

func listFiles(t testing.TB, c Config) (list []string) {
	t.Helper()
	checkError(t, filepath.WalkDir(c.Folder, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, strings.TrimPrefix(path, c.Folder+"/"))
		}
		return err
	}))
	return list
}

func TestDamagedDatabaseKeepsThePageImages(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	drawDeck(t, l, "d_1", "Deck")
	want := listFiles(t, c)
	checkError(t, l.Close())
	checkError(t, os.WriteFile(c.Path, bytes.Repeat([]byte("x"), 8192), 0o600))
	l = openLibrary(t, c)
	if l.OpenResult().SetAside == "" {
		t.Error("the damage was not met")
	}
	drawDeck(t, l, "d_2", "New")
	checkError(t, l.Close())
	openLibrary(t, c)
	aside := "decks" + "-of-" + filepath.Base(l.OpenResult().SetAside)
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(c.Folder, strings.Replace(name, "decks", aside, 1))); err != nil {
			t.Error(err)
		}
	}
}

func TestAMissingDatabaseKeepsThePageImages(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	drawDeck(t, l, "d_1", "Deck")
	want := listFiles(t, c)
	checkError(t, l.Close())
	checkError(t, os.Remove(c.Path))
	for range 2 {
		checkError(t, openLibrary(t, c).Close())
	}
	aside, err := filepath.Glob(filepath.Join(c.Folder, "decks"+"-of-library.db.missing-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("%v %v", aside, err)
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(c.Folder, strings.Replace(name, "decks", filepath.Base(aside[0]), 1))); err != nil {
			t.Error(err)
		}
	}
}

func errorCode(err error) string {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(e.Kind, " ", e.Code)
}
