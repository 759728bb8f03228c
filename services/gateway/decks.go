package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/slides"
)

const (
	uploadPath = "/api/decks"
	uploadTime = 20 * time.Minute // 64 MB over a bad wireless link
)

type deckIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Title string `json:"title"`
	}
}

type uploadIn struct {
	Title string `query:"title" maxLength:"480" doc:"The body is the file itself (PDF, PNG, JPEG, GIF, WebP), or a form with several, at most 64 MB in all."`
}

type uploaded struct {
	Deck library.Deck `json:"deck"`
	Job  jobs.Job     `json:"job"`
}

func (g *Gateway) decksAPI(api huma.API) {
	const one = uploadPath + "/{id}"
	add(g, api, http.MethodGet, uploadPath, "decks", "All decks of pages, without the pages' texts", staff, g.decks)
	add(g, api, http.MethodPost, uploadPath, "addDeck", "Make a deck of a PDF or pictures", staff, g.addDeck)
	add(g, api, http.MethodGet, one, "deck", "One deck", staff, func(_ context.Context, in *idPath) (*body[library.Deck], error) {
		d, err := g.Library.Deck(in.ID)
		return answer(g.told(d), err)
	})
	add(g, api, http.MethodPatch, one, "renameDeck", "Give a deck another title", staff,
		func(_ context.Context, in *deckIn) (*body[library.Deck], error) {
			d, err := g.Library.RenameDeck(in.ID, in.Body.Title)
			return answer(g.told(d), err)
		})
	add(g, api, http.MethodDelete, one, "deleteDeck", "Delete a deck and its pages", staff, g.deleteDeck)
}

func (g *Gateway) decks(context.Context, *struct{}) (*body[[]library.Deck], error) {
	list, err := g.Library.Decks()
	for i := range list {
		list[i] = g.told(list[i])
		for n := range list[i].Pages {
			list[i].Pages[n].Text = "" // one deck tells it: of all decks it is megabytes
		}
	}
	return answer(list, err)
}

// told is a deck as its job knows it: one whose job was given up has failed, until the
// job is tried again.
func (g *Gateway) told(d library.Deck) library.Deck {
	if d.State != library.Making || d.Job == "" {
		return d
	}
	job, err := g.Jobs.Job(d.Job)
	if err == nil && (job.State == jobs.GaveUp || job.State == jobs.Withdrawn) {
		d.State, d.Error = library.Failed, job.Error
	}
	return d
}

// addDeck streams the body to the disk and leaves the rest to a job.
func (g *Gateway) addDeck(ctx context.Context, in *uploadIn) (*body[uploaded], error) {
	u, err := g.Library.NewUpload()
	if err != nil {
		return nil, err
	}
	defer u.Discard()
	if err := receive(requestOf(ctx), u); err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return nil, tooLarge()
		}
		if _, ours := errors.AsType[*errs.Error](err); !ours {
			err = errs.Code("gateway.addDeck", errs.Invalid, "broken_off", "the upload broke off")
		}
		return nil, err
	}
	d, err := g.Library.AddDeck(in.Title, u)
	if err != nil {
		return nil, err
	}
	job, err := g.Jobs.Add(ctx, SlidesJob(d, callerOf(ctx).User))
	if err != nil {
		if e := g.Library.DeleteDeck(d.ID); e != nil {
			g.Log.Warn("a deck without a job stays", "id", d.ID, "err", e)
		}
		return nil, err
	}
	d, err = g.Library.SetJob(d.ID, job.ID)
	return answer(uploaded{d, job}, err)
}

// SlidesInput is the input of a job of kind "slides".
type SlidesInput struct {
	Deck string `json:"deck"`
}

// SlidesJob is the job that makes a deck's pages. There is one for a deck at a time.
func SlidesJob(d library.Deck, by string) jobs.NewJob {
	return jobs.NewJob{Kind: "slides", Title: d.Title, By: by, Input: SlidesInput{d.ID}, Key: "slides/" + d.ID}
}

// receive takes the files of a request in: its body, or the files of a form.
func receive(r *http.Request, u *library.Upload) error {
	if r.ContentLength > slides.MaxFile+1<<20 {
		return tooLarge()
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return u.Add(r.Body)
	}
	form := multipart.NewReader(http.MaxBytesReader(nil, r.Body, slides.MaxFile+1<<20), params["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if part.FileName() == "" {
			continue // a field of the form
		}
		if err := u.Add(part); err != nil {
			return err
		}
	}
}

func tooLarge() error {
	return errs.Field("gateway.addDeck", "file", "too_large", slides.MaxFile, "more than %d MB", slides.MaxFile>>20)
}

func (g *Gateway) deleteDeck(ctx context.Context, in *idPath) (*struct{}, error) {
	d, err := g.Library.Deck(in.ID)
	if err != nil && errs.KindOf(err) != errs.Corrupt {
		return nil, err
	}
	if d.State == library.Making && d.Job != "" {
		if err := g.Jobs.Cancel(ctx, d.Job); err != nil {
			g.Log.Debug("the job of a deleted deck was not cancelled", "id", in.ID, "err", err) // it has ended
		}
	}
	return nil, g.Library.DeleteDeck(in.ID)
}

// unhurried gives staff's uploads more time than other requests have.
func (g *Gateway) unhurried(next http.Handler) http.Handler {
	slow := []string{uploadPath, intakePath, replyPath}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && slices.Contains(slow, r.URL.Path) && g.who(r).Staff() {
			c, end := http.NewResponseController(w), time.Now().Add(uploadTime)
			_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end) // a recorder of a test has none
		}
		next.ServeHTTP(w, r)
	})
}
