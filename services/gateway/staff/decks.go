package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/jobs"
)

// DecksPath is the path of the operations on decks.
const DecksPath = "/api/decks"

type deckIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Title string `json:"title"`
	}
}

type uploadIn struct {
	Title string `query:"title" maxLength:"480" doc:"The body is the file itself (PDF, PNG, JPEG, GIF, WebP), or a form with several, at most 64 MB in all."`
}

// Uploaded is a new deck and the job that makes its pages.
type Uploaded struct {
	Deck deck.Deck `json:"deck"`
	Job  jobs.Job  `json:"job"`
}

// deckAPI holds the operations on decks.
type deckAPI struct{ decks *deck.Service }

func (a *deckAPI) registerDecks(ops httpapi.Operations) {
	const one = DecksPath + "/{id}"
	httpapi.Add(ops, http.MethodGet, DecksPath, "decks", "All decks of pages, without the pages' texts", httpapi.Staff, a.listDecks)
	httpapi.Add(ops, http.MethodPost, DecksPath, "addDeck", "Make a deck of a PDF or pictures", httpapi.Staff, a.addDeck, httpapi.WithUpload("application/pdf", "image/*", "multipart/form-data"))
	httpapi.Add(ops, http.MethodGet, one, "deck", "One deck", httpapi.Staff, func(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[deck.Deck], error) {
		return httpapi.ToResponse(a.decks.Deck(in.ID))
	})
	httpapi.Add(ops, http.MethodPatch, one, "renameDeck", "Give a deck another title", httpapi.Staff,
		func(_ context.Context, in *deckIn) (*httpapi.Body[deck.Deck], error) {
			return httpapi.ToResponse(a.decks.RenameDeck(in.ID, in.Body.Title))
		})
	httpapi.Add(ops, http.MethodDelete, one, "deleteDeck", "Delete a deck and its pages", httpapi.Staff, func(ctx context.Context, in *httpapi.IDPath) (*struct{}, error) {
		return nil, a.decks.DeleteDeck(ctx, in.ID)
	})
}

func (a *deckAPI) listDecks(context.Context, *struct{}) (*httpapi.Body[[]deck.Deck], error) {
	list, err := a.decks.Decks()
	for i := range list {
		for n := range list[i].Pages {
			list[i].Pages[n].Text = "" // GET of one deck has the texts. Those of all decks are megabytes
		}
	}
	return httpapi.ToResponse(list, err)
}

func (a *deckAPI) addDeck(ctx context.Context, in *uploadIn) (*httpapi.Body[Uploaded], error) {
	d, job, err := a.decks.Receive(ctx, httpapi.RequestOf(ctx), in.Title, httpapi.CallerOf(ctx).User)
	return httpapi.ToResponse(Uploaded{d, job}, err)
}
