// Package deck owns a deck of page images from the upload to its pages. It has the record of a deck,
// its files, and the kind of job that makes its pages.
//
//	Receive     upload -> incoming/<deck>/0001... -> record (making) -> job
//	NewKind     job -> worker process (package slides) -> decks/<deck>/<key>-<width>.<ext>
//	setPages    record (ready) names the pages, and all other files of the deck go
//
// There is no state in memory. Each call is one transaction in the library's database, so its
// result is on disk when it returns.
//
// Promises:
//   - A deck's record is written after its files are on disk. OpenStore removes the files that a
//     power cut left without a record, and Requeue adds the job that it left out.
//   - A page image is found by its key alone, which is 128 random bits. A client that knows
//     the address may see the image, and no other file of the box can be reached by it.
//   - A damaged record is errs.Corrupt. Lists leave it out and log it. Errors and log lines hold
//     ids, never titles.
package deck

import (
	"bytes"
	"cmp"
	"errors"
	"image/png"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

// Limits of the decks.
const (
	MaxTitle = 120 // characters of a title
	MaxDecks = 500
)

// Bucket is the bucket of the records in the library's database: "d_.." -> Deck.
const Bucket = "decks"

// State is the state of a deck.
type State string

// States of a deck.
const (
	Making State = "making" // a job makes its pages
	Ready  State = "ready"
	Failed State = "failed" // Error says why
)

// Deck is a sequence of page images.
type Deck struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Pages   []slides.Page `json:"pages"` // empty until the deck is ready, never nil
	State   State         `json:"state" enum:"making,ready,failed"`
	Job     string        `json:"job"`             // the job that makes it, or made it
	Error   *errs.Body    `json:"error,omitempty"` // the reason of Failed
	Created int64         `json:"created"`         // Unix milliseconds
}

// Store holds the records of decks and their files. Any goroutine may call its methods. A method
// that changes something returns when the change is on disk.
type Store struct {
	db     *checkedkv.DB
	folder string
	root   *os.Root // of folder: no path leads out of it
	log    *slog.Logger
}

// OpenStore opens the decks of a database, which has the bucket Bucket. It creates the folder for
// uploads and page images if it does not exist, and sweeps it. lost names a database that was set
// aside or is missing: images of decks without a record are set aside too. Empty: none was lost.
func OpenStore(db *checkedkv.DB, folder, lost string, log *slog.Logger) (*Store, error) {
	const op = "deck.OpenStore"
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	s := &Store{db: db, folder: folder, root: root, log: log}
	if err := checkedkv.WrapError(op, s.prepareFolders(lost)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *Store) prepareFolders(lost string) error {
	if lost != "" {
		if err := s.setAsideUnknown(decksDir + "-of-" + lost); err != nil {
			return err
		}
	}
	for _, dir := range []string{decksDir, incomingDir} {
		if err := s.root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return s.sweepFiles()
}

// setAsideUnknown moves the images of decks without a record to another folder.
func (s *Store) setAsideUnknown(to string) error {
	list, err := fs.ReadDir(s.root.FS(), decksDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.root.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range list {
		if _, err := s.Deck(e.Name()); errs.KindOf(err) != errs.Missing || err == nil {
			continue
		}
		if err := s.root.Rename(decksDir+"/"+e.Name(), to+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the folder. The database stays open.
func (s *Store) Close() error { return s.root.Close() }

// Decks returns all decks, newest first.
func (s *Store) Decks() ([]Deck, error) {
	list := []Deck{}
	err := s.readTx("deck.Decks", func(tx *checkedkv.Tx) error {
		for _, d := range s.readDecks(tx) {
			list = append(list, d)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Deck) int { return cmp.Or(cmp.Compare(b.Created, a.Created), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// Deck returns one deck.
func (s *Store) Deck(id string) (d Deck, err error) {
	err = s.readTx("deck.Deck", func(tx *checkedkv.Tx) error {
		d, err = checkedkv.Get[Deck](tx, Bucket, id)
		return err
	})
	return d, err
}

// AddDeck makes an upload a deck without pages, which the job is to make. The upload is used up,
// also when AddDeck fails.
func (s *Store) AddDeck(title, job string, u *Upload) (Deck, error) {
	defer u.Discard()
	title, err := cleanTitle("deck.AddDeck", title)
	if err != nil {
		return Deck{}, err
	}
	if u.files == 0 {
		return Deck{}, errs.NewField("deck.AddDeck", "file", "empty", 0, "there is no file in it")
	}
	d := Deck{ID: checkedkv.NewID("d_"), Title: title, Pages: []slides.Page{}, State: Making, Job: job, Created: time.Now().UnixMilli()}
	if err := u.moveToDeck(d.ID); err != nil {
		return Deck{}, checkedkv.WrapError("deck.AddDeck", err)
	}
	err = s.writeTx("deck.AddDeck", func(tx *checkedkv.Tx) error { return checkedkv.Add(tx, Bucket, d.ID, MaxDecks, d) })
	if err != nil {
		s.removeFiles(d.ID)
		return Deck{}, err
	}
	return d, nil
}

// DrawnPage is a page whose images exist already: PNG, the narrowest first.
type DrawnPage struct {
	Text   string
	Images [][]byte
}

// AddDrawn stores a deck that needs no job. It writes the images and then the record, like any deck.
func (s *Store) AddDrawn(id, title string, pages []DrawnPage) (Deck, error) {
	const op = "deck.AddDrawn"
	d := Deck{ID: id, Title: title, State: Ready, Created: time.Now().UnixMilli()}
	dir := decksDir + "/" + id
	if err := s.root.MkdirAll(dir, 0o700); err != nil {
		return d, checkedkv.WrapError(op, err)
	}
	for _, drawn := range pages {
		p := slides.Page{Key: slides.NewKey(), Ext: "png", Text: drawn.Text}
		for _, data := range drawn.Images {
			conf, err := png.DecodeConfig(bytes.NewReader(data))
			if err != nil {
				return d, checkedkv.WrapError(op, err)
			}
			p.W, p.H, p.Widths = conf.Width, conf.Height, append(p.Widths, conf.Width)
			if err := s.root.WriteFile(dir+"/"+imageName(p, conf.Width), data, 0o600); err != nil {
				return d, checkedkv.WrapError(op, err)
			}
		}
		d.Pages = append(d.Pages, p)
	}
	if err := s.syncDir(dir); err != nil {
		return d, checkedkv.WrapError(op, err)
	}
	return d, s.writeTx(op, func(tx *checkedkv.Tx) error { return checkedkv.Add(tx, Bucket, id, MaxDecks, d) })
}

// changeDeck applies fn to a stored deck.
func (s *Store) changeDeck(op, id string, fn func(*Deck) error) (d Deck, err error) {
	err = s.writeTx(op, func(tx *checkedkv.Tx) error {
		if d, err = checkedkv.Get[Deck](tx, Bucket, id); err != nil {
			return err
		}
		if err := fn(&d); err != nil {
			return err
		}
		return checkedkv.Put(tx, Bucket, id, d)
	})
	return d, err
}

// setPages makes a deck ready. The images of pages are in the folder Out of slidesSpec. It removes
// the upload and the images of earlier tries.
func (s *Store) setPages(id string, pages []slides.Page) (Deck, error) {
	const op = "deck.setPages"
	keep := map[string]bool{}
	for _, p := range pages {
		for _, w := range p.Widths {
			name := imageName(p, w)
			if info, err := s.root.Stat(decksDir + "/" + id + "/" + name); err != nil || info.Size() == 0 {
				return Deck{}, errs.Newf(op, errs.Internal, "an image of the deck is not there: %v", err)
			}
			keep[name] = true
		}
	}
	if len(pages) == 0 {
		return Deck{}, errs.Newf(op, errs.Internal, "a deck without pages")
	}
	if err := s.syncDir(decksDir + "/" + id); err != nil {
		return Deck{}, checkedkv.WrapError(op, err)
	}
	d, err := s.changeDeck(op, id, func(d *Deck) error {
		d.Pages, d.State, d.Error = pages, Ready, nil
		return nil
	})
	switch {
	case err == nil:
		s.removeLeftovers(id, keep)
	case errs.KindOf(err) == errs.Missing: // the deck was deleted while the worker ran
		s.removeFiles(id)
	}
	return d, err
}

// failDeck stores the reason why a deck has no pages, and removes its upload.
func (s *Store) failDeck(id string, why errs.Body) (Deck, error) {
	d, err := s.changeDeck("deck.failDeck", id, func(d *Deck) error {
		if d.State == Ready {
			return errs.NewCode("deck.failDeck", errs.Stale, "ready", "the deck has its pages")
		}
		d.State, d.Error = Failed, &why
		return nil
	})
	if err == nil {
		s.removeLeftovers(id, nil)
	}
	return d, err
}

// RenameDeck gives a deck another title.
func (s *Store) RenameDeck(id, title string) (Deck, error) {
	title, err := cleanTitle("deck.RenameDeck", title)
	if err != nil {
		return Deck{}, err
	}
	return s.changeDeck("deck.RenameDeck", id, func(d *Deck) error {
		d.Title = title
		return nil
	})
}

// DeleteDeck deletes a deck and its images. Lessons that show it lose its pages.
func (s *Store) DeleteDeck(id string) error {
	err := s.writeTx("deck.DeleteDeck", func(tx *checkedkv.Tx) error { return checkedkv.Delete(tx, Bucket, id) })
	if err == nil {
		s.removeFiles(id)
	}
	return err
}

// readDecks yields the records that are whole. It logs the damaged ones.
func (s *Store) readDecks(tx *checkedkv.Tx) iter.Seq2[string, Deck] {
	return checkedkv.ReadAll[Deck](tx, Bucket, "", func(err error) {
		s.log.Error("the library holds a damaged value", "kind", Bucket, "err", err)
	})
}

// cleanTitle returns a title without control characters and with single spaces.
func cleanTitle(op, text string) (string, error) {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	switch n := len([]rune(text)); {
	case n == 0:
		return "", errs.NewField(op, "title", "missing", 0, "a title is missing")
	case n > MaxTitle:
		return "", errs.NewField(op, "title", "too_long", MaxTitle, "%d characters, at most %d", n, MaxTitle)
	}
	return text, nil
}

// readTx runs fn in a read transaction, and writeTx in a write transaction. Errors of bbolt
// become errs.Down.
func (s *Store) readTx(op string, fn func(*checkedkv.Tx) error) error {
	return checkedkv.WrapError(op, s.db.View(fn))
}

func (s *Store) writeTx(op string, fn func(*checkedkv.Tx) error) error {
	return checkedkv.WrapError(op, s.db.Update(fn))
}
