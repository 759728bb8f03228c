package deck

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

// Folders of a Store.
const (
	decksDir    = "decks"    // <deck>/<key>-<width>.<ext>
	incomingDir = "incoming" // <deck>/0001..., or .upload-* during the upload
)

var (
	deckID    = regexp.MustCompile(`^d_[a-z0-9]{1,32}$`)
	imageFile = regexp.MustCompile(`^([0-9a-f]{32})-([0-9]{1,4})\.(jpg|png)$`)
)

func imageName(p slides.Page, width int) string { return fmt.Sprintf("%s-%d.%s", p.Key, width, p.Ext) }

// slidesSpec returns the order for the worker that makes the pages of a deck. cache is the folder
// for compiled code.
func (s *Store) slidesSpec(id, cache string) slides.Spec {
	return slides.Spec{
		In:    filepath.Join(s.folder, incomingDir, id),
		Out:   filepath.Join(s.folder, decksDir, id),
		Cache: cache,
	}
}

// OpenImage opens the image of a page by its name "<key>-<width>.<ext>". A client that knows a
// key may ask for any width and extension. A page has one extension, and OpenImage opens its
// widest image up to that width, or else its smallest one. errs.Missing: there is no such page.
func (s *Store) OpenImage(deck, file string) (*os.File, error) {
	none := errs.NewCode("deck.Image", errs.Missing, "missing", "no such page")
	m := imageFile.FindStringSubmatch(file)
	if !deckID.MatchString(deck) || m == nil {
		return nil, none
	}
	dir := decksDir + "/" + deck + "/"
	f, err := s.root.Open(dir + file)
	if err == nil {
		return f, nil
	}
	want, _ := strconv.Atoi(m[2]) // digits, by the pattern
	name := s.findNearestImage(dir, m[1], want)
	if name == "" {
		return nil, none
	}
	if f, err = s.root.Open(dir + name); err != nil {
		return nil, none
	}
	return f, nil
}

// findNearestImage returns the name of the page's image that fits best, or "".
func (s *Store) findNearestImage(dir, key string, want int) string {
	entries, err := fs.ReadDir(s.root.FS(), strings.TrimSuffix(dir, "/"))
	if err != nil {
		return ""
	}
	best, name := 0, ""
	for _, e := range entries {
		m := imageFile.FindStringSubmatch(e.Name())
		if m == nil || m[1] != key {
			continue
		}
		w, _ := strconv.Atoi(m[2])
		switch {
		case name == "", w <= want && (best > want || w > best), w > want && best > want && w < best:
			best, name = w, e.Name()
		}
	}
	return name
}

// syncDir makes the names in a folder durable.
func (s *Store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeLeftovers removes a deck's upload, and all of its images except those in keep.
func (s *Store) removeLeftovers(id string, keep map[string]bool) {
	_ = s.root.RemoveAll(incomingDir + "/" + id) // the next start sweeps the rest
	entries, err := fs.ReadDir(s.root.FS(), decksDir+"/"+id)
	if err != nil {
		return // there are none
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			_ = s.root.RemoveAll(decksDir + "/" + id + "/" + e.Name())
		}
	}
}

func (s *Store) removeFiles(id string) {
	for _, dir := range []string{incomingDir, decksDir} {
		if err := s.root.RemoveAll(dir + "/" + id); err != nil {
			s.log.Warn("a deck's files stay until the next start", "id", id, "err", err)
		}
	}
}

// sweepFiles removes files without a deck: the power was cut between them and their record. If a
// record is damaged, all files stay.
func (s *Store) sweepFiles() error {
	const op = "deck.OpenStore"
	var decks map[string]Deck
	damaged := false
	err := s.readTx(op, func(tx *checkedkv.Tx) error {
		decks = maps.Collect(s.readDecks(tx))
		damaged = tx.Bucket([]byte(Bucket)).Stats().KeyN != len(decks)
		return nil
	})
	if err != nil || damaged {
		return err
	}
	for _, dir := range []string{incomingDir, decksDir} {
		entries, err := fs.ReadDir(s.root.FS(), dir)
		if err != nil {
			return checkedkv.WrapError(op, err)
		}
		for _, e := range entries {
			if d, known := decks[e.Name()]; known && (dir == decksDir || d.State == Making) {
				continue
			}
			if err := s.root.RemoveAll(dir + "/" + e.Name()); err != nil {
				return checkedkv.WrapError(op, err)
			}
		}
	}
	return nil
}
