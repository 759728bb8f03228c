package gateway

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/item"
)

// giftIn is questions as Moodle and other systems export them.
type giftIn struct {
	Title string `json:"title,omitempty" doc:"Of the quiz that is made."`
	Text  string `json:"text" doc:"Questions in GIFT, each at most 1 MiB."`
	Dry   bool   `json:"dry,omitempty" doc:"Only tell what would come of it."`
}

// giftOut holds keys: any is for the description only, each part encodes itself.
type giftOut struct {
	Quiz     any           `json:"quiz,omitempty"`
	Items    any           `json:"items"`
	Problems []giftProblem `json:"problems"`
}

// giftProblem is a gift.Problem under a name that the description does not have yet.
type giftProblem gift.Problem

// download is a text that a browser saves.
type download struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

func (g *Gateway) giftAPI(api huma.API) {
	add(g, api, http.MethodPost, "/api/quizzes/import", "importQuiz", "Make a quiz of questions in GIFT; those that cannot be read are told", staff,
		g.importGift, larger(maxQuiz))
	add(g, api, http.MethodGet, "/api/quizzes/{id}/gift", "exportQuiz", "A quiz in GIFT", staff, g.exportGift)
}

func (g *Gateway) importGift(_ context.Context, in *body[giftIn]) (*body[giftOut], error) {
	items, problems := gift.Parse(in.Body.Text)
	out := giftOut{Items: items, Problems: []giftProblem{}}
	for _, p := range problems {
		out.Problems = append(out.Problems, giftProblem(p))
	}
	if in.Body.Dry || len(items) == 0 {
		return &body[giftOut]{out}, nil
	}
	q, err := g.Library.AddQuiz(item.Quiz{Title: in.Body.Title, Items: items})
	out.Quiz = q
	return answer(out, err)
}

func (g *Gateway) exportGift(_ context.Context, in *idPath) (*download, error) {
	q, err := g.Library.Quiz(in.ID)
	if err != nil {
		return nil, err
	}
	return &download{"text/plain; charset=utf-8", fmt.Sprintf(`attachment; filename="quiz-%s.gift"`, q.ID), []byte(gift.Format(q.Items))}, nil
}
