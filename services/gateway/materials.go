package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/roster"
)

type takeIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Quiz string `json:"quiz,omitempty" doc:"A quiz's id."`
		Deck string `json:"deck,omitempty" doc:"A deck's id."`
	}
}

func (g *Gateway) materialsAPI(api huma.API) {
	add(g, api, http.MethodPost, "/api/lessons/{id}/quiz", "takeQuiz", "Take a quiz of the library into a lesson", staff, g.take)
	add(g, api, http.MethodPost, "/api/lessons/{id}/deck", "takeDeck", "Take a deck of the library into a lesson", staff, g.take)
}

func (g *Gateway) take(ctx context.Context, in *takeIn) (*struct{}, error) {
	l, err := g.Roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	return nil, g.bring(ctx, l, in.Body.Quiz, in.Body.Deck)
}

// bring takes what was prepared into an open lesson; an empty id is nothing.
func (g *Gateway) bring(ctx context.Context, l roster.Lesson, quiz, deck string) error {
	if quiz != "" {
		q, err := g.Library.Quiz(quiz)
		if err != nil {
			return err
		}
		if err := g.tell(ctx, l.Room, "quiz.load", map[string]any{"quiz": q}); err != nil {
			return err
		}
	}
	if deck == "" {
		return nil
	}
	d, err := g.Library.Deck(deck)
	if err != nil {
		return err
	}
	return g.tell(ctx, l.Room, "board.load", struct {
		Deck  string `json:"deck"`
		Title string `json:"title"`
		Pages any    `json:"pages"`
	}{d.ID, d.Title, d.Pages})
}

// allow gives the pupils of a class the time that they have beyond the others'.
func (g *Gateway) allow(ctx context.Context, l roster.Lesson) error {
	c, err := g.Roster.Class(l.Class)
	if err != nil {
		return err
	}
	for _, p := range c.Pupils {
		if p.Time > 1 {
			if err := g.tell(ctx, l.Room, "quiz.allow", map[string]any{"user": p.ID, "factor": p.Time}); err != nil {
				return err
			}
		}
	}
	return nil
}
