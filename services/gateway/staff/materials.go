package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/whiteboard"
)

type takeIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Quiz string `json:"quiz,omitempty" doc:"A quiz's id."`
		Deck string `json:"deck,omitempty" doc:"A deck's id."`
	}
}

func (a *lessonAPI) registerMaterials(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/lessons/{id}/quiz", "takeQuiz", "Take a quiz of the library into a lesson", httpapi.Staff, a.takeMaterial)
	httpapi.Add(ops, http.MethodPost, "/api/lessons/{id}/deck", "takeDeck", "Take a deck of the library into a lesson", httpapi.Staff, a.takeMaterial)
}

func (a *lessonAPI) takeMaterial(ctx context.Context, in *takeIn) (*struct{}, error) {
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	return nil, a.loadMaterials(ctx, l, in.Body.Quiz, in.Body.Deck)
}

// loadMaterials loads a quiz and a deck into an open lesson. An empty id loads nothing.
func (a *lessonAPI) loadMaterials(ctx context.Context, l roster.Lesson, quizID, deckID string) error {
	if quizID != "" {
		q, err := a.library.Quiz(quizID)
		if err != nil {
			return err
		}
		if err := a.callRoom(ctx, l.Room, "quiz.load", quiz.LoadRequest{Quiz: q}); err != nil {
			return err
		}
	}
	if deckID == "" {
		return nil
	}
	d, err := a.library.Decks.Deck(deckID)
	if err != nil {
		return err
	}
	return a.callRoom(ctx, l.Room, "board.load", LoadRequestOf(d))
}

// LoadRequestOf returns the payload of the command that loads a deck of the library into a room.
func LoadRequestOf(d deck.Deck) whiteboard.LoadRequest {
	out := whiteboard.LoadRequest{Deck: d.ID, Title: d.Title, Pages: make([]whiteboard.Page, len(d.Pages))}
	for i, p := range d.Pages {
		out.Pages[i] = whiteboard.Page{Key: p.Key, W: p.W, H: p.H, Widths: p.Widths, Ext: p.Ext, Text: p.Text}
	}
	return out
}

// grantExtraTime sets the extra time of the pupils of a class for questions.
func (a *lessonAPI) grantExtraTime(ctx context.Context, l roster.Lesson) error {
	c, err := a.roster.Class(l.Class)
	if err != nil {
		return err
	}
	for _, p := range c.Pupils {
		if p.Time > 1 {
			if err := a.callRoom(ctx, l.Room, "quiz.allow", quiz.AllowRequest{User: p.ID, Factor: p.Time}); err != nil {
				return err
			}
		}
	}
	return nil
}
