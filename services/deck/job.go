package deck

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/slides"
)

const (
	// JobKind is the kind of job that makes the pages of a deck. Its worker runs the task of
	// the same name.
	JobKind = "slides"
	// JobMemory bounds the worker: PDFium in its sandbox takes up to 384 MB, its compiler or a
	// large picture 400 more.
	JobMemory = 1 << 30
	// JobTimeout bounds one try: 300 pages on a board's slowest core.
	JobTimeout = 15 * time.Minute
)

// jobInput is the input of a job of kind JobKind, and its result.
type jobInput struct {
	Deck string `json:"deck"`
}

// newJob returns the job that makes the pages of a deck. A deck has one such job at a time.
func newJob(d Deck, by string) jobs.NewJob {
	return jobs.NewJob{ID: d.Job, Kind: JobKind, Title: d.Title, By: by, Input: jobInput{d.ID}, Key: "slides/" + d.ID}
}

// Rasterise makes the page images of a deck.
type Rasterise func(ctx context.Context, spec slides.Spec, progress func(phase string, done, total int64)) ([]slides.Page, error)

// InWorker makes the page images in a process of its own.
func InWorker(w jobs.Worker) Rasterise {
	return func(ctx context.Context, spec slides.Spec, progress func(phase string, done, total int64)) (pages []slides.Page, err error) {
		return pages, w.Run(ctx, spec, nil, progress, &pages)
	}
}

// NewKind returns the kind of job that makes the pages of the decks. cache is the folder for
// compiled code.
func NewKind(s *Store, cache string, rasterise Rasterise) jobs.Kind {
	return jobs.Kind{Name: JobKind, Tries: 2, Timeout: JobTimeout, Run: func(ctx context.Context, t jobs.Task) (any, error) {
		return s.makePages(ctx, t, cache, rasterise)
	}}
}

// makePages makes the pages of a deck. A fault of the file is recorded in the deck. A worker that
// crashes gets a second try.
func (s *Store) makePages(ctx context.Context, t jobs.Task, cache string, rasterise Rasterise) (any, error) {
	var in jobInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return nil, errs.New("slides", errs.Invalid, err)
	}
	d, err := s.Deck(in.Deck)
	if err != nil || d.State == Ready { // made before, and then the box was cut off
		return in, err
	}
	pages, err := rasterise(ctx, s.slidesSpec(d.ID, cache), t.Progress)
	if err == nil {
		_, err = s.setPages(d.ID, pages)
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Missing:
		if err != nil {
			_, e := s.failDeck(d.ID, errs.BodyOf(err))
			return nil, errors.Join(err, e)
		}
	}
	return in, err
}

// Service joins the decks with the queue of the jobs that make them.
type Service struct {
	Store *Store
	Jobs  *jobs.Jobs
	Log   *slog.Logger
}

// Receive streams the body of a request to the disk: one file, or a form with several. It adds a
// deck of them, and the job that makes its pages.
func (v *Service) Receive(ctx context.Context, r *http.Request, title, by string) (d Deck, job jobs.Job, err error) {
	u, err := v.Store.NewUpload()
	if err != nil {
		return d, job, err
	}
	defer u.Discard()
	if err := u.addBody(r); err != nil {
		return d, job, err
	}
	if d, err = v.Store.AddDeck(title, jobs.NewID(), u); err != nil {
		return d, job, err
	}
	if job, err = v.Jobs.Enqueue(ctx, newJob(d, by)); err != nil {
		if e := v.Store.DeleteDeck(d.ID); e != nil {
			v.Log.Warn("could not delete a deck without a job", "id", d.ID, "err", e)
		}
	}
	return d, job, err
}

// Decks returns all decks as Deck does, newest first.
func (v *Service) Decks() ([]Deck, error) {
	list, err := v.Store.Decks()
	for i := range list {
		list[i] = v.withJobState(list[i])
	}
	return list, err
}

// Deck returns a deck. If its job gave up, it has failed until the job is tried again.
func (v *Service) Deck(id string) (Deck, error) {
	d, err := v.Store.Deck(id)
	return v.withJobState(d), err
}

// RenameDeck gives a deck another title.
func (v *Service) RenameDeck(id, title string) (Deck, error) {
	d, err := v.Store.RenameDeck(id, title)
	return v.withJobState(d), err
}

func (v *Service) withJobState(d Deck) Deck {
	if d.State != Making || d.Job == "" {
		return d
	}
	job, err := v.Jobs.GetJob(d.Job)
	if err == nil && (job.State == jobs.GaveUp || job.State == jobs.Withdrawn) {
		d.State, d.Error = Failed, job.Error
	}
	return d
}

// DeleteDeck cancels the job of a deck and deletes the deck.
func (v *Service) DeleteDeck(ctx context.Context, id string) error {
	d, err := v.Store.Deck(id)
	if err != nil && errs.KindOf(err) != errs.Corrupt {
		return err
	}
	if d.State == Making && d.Job != "" {
		if err := v.Jobs.CancelJob(ctx, d.Job); err != nil {
			v.Log.Debug("could not cancel the job of a deleted deck", "id", id, "err", err) // the job has ended already
		}
	}
	return v.Store.DeleteDeck(id)
}

// Requeue adds a job for each deck that waits for its pages and has no job. The box lost power
// between the two steps, or its journal was replaced. A job that was given up stays given up
// until a person retries it.
func (v *Service) Requeue(ctx context.Context) error {
	decks, err := v.Store.Decks()
	for _, d := range decks {
		if _, known := v.Jobs.GetJob(d.Job); d.State != Making || known == nil {
			continue
		}
		job, e := v.Jobs.Enqueue(ctx, newJob(d, ""))
		if e == nil && job.ID != d.Job { // a deck of an earlier version got its job's id later
			_, e = v.Store.changeDeck("deck.Requeue", d.ID, func(d *Deck) error {
				d.Job = job.ID
				return nil
			})
		}
		err = errors.Join(err, e)
	}
	return err
}
