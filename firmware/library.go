package firmware

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime/debug"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/slides"
)

const (
	compiledDir  = "compiled"       // in the data folder
	slidesMemory = 1 << 30          // PDFium in its sandbox takes up to 384 MB, its compiler or a large picture 400 more
	slidesTime   = 10 * time.Minute // 200 pages on a board's slowest core
)

// rasterise is the work "slides".
func rasterise(ctx context.Context, spec json.RawMessage, _ io.Reader, progress func(phase string, done, total int64)) (any, error) {
	var s slides.Spec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("work slides", errs.Invalid, err)
	}
	debug.SetGCPercent(25) // pictures are large: less garbage beside them for some more time
	progress("opening", 0, 0)
	return slides.Rasterise(ctx, s, func(done, total int64) { progress("pages", done, total) })
}

// slidesKind is the jobs that make a deck's pages.
func (b *Box) slidesKind() jobs.Kind {
	return jobs.Kind{Name: "slides", Tries: 2, Timeout: slidesTime, Run: b.makeSlides}
}

// makeSlides makes the pages of a deck. What is wrong with the file is the deck's own
// fault and is said there; a worker that crashes is tried once more.
func (b *Box) makeSlides(ctx context.Context, t jobs.Task) (any, error) {
	var in gateway.SlidesInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return nil, errs.New("slides", errs.Invalid, err)
	}
	d, err := b.library.Deck(in.Deck)
	if err != nil || d.State == library.Ready { // made before, and then the box was cut off
		return in, err
	}
	var pages []slides.Page
	order := b.library.Order(d.ID, b.folder.Name(compiledDir))
	err = b.worker("slides", slidesMemory, slidesTime).Run(ctx, order, nil, t.Progress, &pages)
	if err == nil {
		_, err = b.library.SetPages(d.ID, pages)
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Missing:
		if err != nil {
			_, e := b.library.Fail(d.ID, errs.BodyOf(err))
			return nil, errors.Join(err, e)
		}
	}
	return in, err
}

// adopt gives a job to each deck that waits for its pages and has none: the box was cut
// off between the two, or its journal is another one. A job that was given up is left to
// people.
func (b *Box) adopt(ctx context.Context, ready func()) error {
	ready()
	select {
	case <-b.ready: // the queue has read its jobs by then; two jobs for a deck would only be idle
	case <-ctx.Done():
		return nil
	}
	decks, err := b.library.Decks()
	for _, d := range decks {
		if _, known := b.letters.Job(d.Job); d.State != library.Making || known == nil {
			continue
		}
		job, e := b.letters.Add(ctx, gateway.SlidesJob(d, ""))
		if e == nil {
			_, e = b.library.SetJob(d.ID, job.ID)
		}
		err = errors.Join(err, e)
	}
	return err
}
