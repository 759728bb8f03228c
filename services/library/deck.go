package library

import (
	"cmp"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
	"github.com/livelearn/box/services/slides"
)

// State is how far a deck is.
type State string

// States of a deck.
const (
	Making State = "making" // a job makes its pages
	Ready  State = "ready"
	Failed State = "failed" // Error says why
)

// Deck is a row of page images.
type Deck struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Pages   []slides.Page `json:"pages"` // empty until it is ready, never nil
	State   State         `json:"state"`
	Job     string        `json:"job"`             // that makes it, or made it
	Error   *errs.Body    `json:"error,omitempty"` // why it failed
	Created int64         `json:"created"`         // Unix milliseconds
}

// Decks are all decks, newest first.
func (l *Library) Decks() ([]Deck, error) {
	var list []Deck
	err := l.view("library.Decks", func(tx *bbolt.Tx) error {
		list = all[Deck](l, tx, bucketDecks)
		return nil
	})
	slices.SortFunc(list, func(a, b Deck) int { return cmp.Or(cmp.Compare(b.Created, a.Created), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// Deck is one deck.
func (l *Library) Deck(id string) (d Deck, err error) {
	err = l.view("library.Deck", func(tx *bbolt.Tx) error {
		d, err = records.Get[Deck](tx, bucketDecks, id)
		return err
	})
	return d, err
}

// AddDeck takes an upload over as a deck whose pages are still to be made: see Order.
// The upload is used up, also when AddDeck fails.
func (l *Library) AddDeck(name string, u *Upload) (Deck, error) {
	defer u.Discard()
	name, err := title("library.AddDeck", name)
	if err != nil {
		return Deck{}, err
	}
	if len(u.kinds) == 0 {
		return Deck{}, errs.Field("library.AddDeck", "file", "empty", 0, "there is no file in it")
	}
	d := Deck{ID: newID("d_"), Title: name, Pages: []slides.Page{}, State: Making, Created: after(0)}
	if err := u.keep(d.ID); err != nil {
		return Deck{}, records.Fault("library.AddDeck", err)
	}
	err = l.update("library.AddDeck", func(tx *bbolt.Tx) error { return add(tx, bucketDecks, d.ID, MaxDecks, d) })
	if err != nil {
		l.removeFiles(d.ID)
		return Deck{}, err
	}
	return d, nil
}

// change writes what fn makes of a deck.
func (l *Library) change(op, id string, fn func(*Deck) error) (d Deck, err error) {
	err = l.update(op, func(tx *bbolt.Tx) error {
		if d, err = records.Get[Deck](tx, bucketDecks, id); err != nil {
			return err
		}
		if err := fn(&d); err != nil {
			return err
		}
		return records.Put(tx, bucketDecks, id, d)
	})
	return d, err
}

// SetJob notes which job makes a deck.
func (l *Library) SetJob(id, job string) (Deck, error) {
	return l.change("library.SetJob", id, func(d *Deck) error {
		d.Job = job
		return nil
	})
}

// SetPages makes a deck ready: pages' images are in the folder that Order named. The
// upload and images of earlier tries are removed.
func (l *Library) SetPages(id string, pages []slides.Page) (Deck, error) {
	const op = "library.SetPages"
	keep := map[string]bool{}
	for _, p := range pages {
		for _, w := range p.Widths {
			name := imageName(p, w)
			if info, err := l.root.Stat(decksDir + "/" + id + "/" + name); err != nil || info.Size() == 0 {
				return Deck{}, errs.Newf(op, errs.Internal, "an image of the deck is not there: %v", err)
			}
			keep[name] = true
		}
	}
	if len(pages) == 0 {
		return Deck{}, errs.Newf(op, errs.Internal, "a deck without pages")
	}
	if err := l.sync(decksDir + "/" + id); err != nil {
		return Deck{}, records.Fault(op, err)
	}
	d, err := l.change(op, id, func(d *Deck) error {
		d.Pages, d.State, d.Error = pages, Ready, nil
		return nil
	})
	switch {
	case err == nil:
		l.tidy(id, keep)
	case errs.KindOf(err) == errs.Missing: // deleted while it was made
		l.removeFiles(id)
	}
	return d, err
}

// Fail notes why a deck has no pages. Its upload is of no use and goes.
func (l *Library) Fail(id string, why errs.Body) (Deck, error) {
	d, err := l.change("library.Fail", id, func(d *Deck) error {
		if d.State == Ready {
			return errs.Code("library.Fail", errs.Stale, "ready", "the deck has its pages")
		}
		d.State, d.Error = Failed, &why
		return nil
	})
	if err == nil {
		l.tidy(id, nil)
	}
	return d, err
}

// RenameDeck gives a deck another title.
func (l *Library) RenameDeck(id, name string) (Deck, error) {
	name, err := title("library.RenameDeck", name)
	if err != nil {
		return Deck{}, err
	}
	return l.change("library.RenameDeck", id, func(d *Deck) error {
		d.Title = name
		return nil
	})
}

// DeleteDeck forgets a deck and removes its images. Lessons that show it lose its pages.
func (l *Library) DeleteDeck(id string) error {
	err := l.update("library.DeleteDeck", func(tx *bbolt.Tx) error { return remove(tx, bucketDecks, id) })
	if err == nil {
		l.removeFiles(id)
	}
	return err
}
