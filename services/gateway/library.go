package gateway

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/item"
)

// maxQuiz is the body of a quiz: 100 questions of any length that item takes.
const maxQuiz = 4 << 20

// quizBody is a quiz as it came. The type that encodes a key on purpose reads it too.
type quizBody struct {
	Body json.RawMessage
}

type quizIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body json.RawMessage
}

func (g *Gateway) libraryAPI(api huma.API) {
	const one = "/api/quizzes/{id}"
	add(g, api, http.MethodGet, "/api/quizzes", "quizzes", "All quizzes without their questions", staff,
		func(context.Context, *struct{}) (*body[[]library.Summary], error) { return answer(g.Library.Quizzes()) })
	add(g, api, http.MethodPost, "/api/quizzes", "addQuiz", "Keep a new quiz: {title, items?, paced?, speed?, board?}", staff,
		g.addQuiz, larger(maxQuiz))
	add(g, api, http.MethodGet, one, "quiz", "One quiz with its keys", staff,
		func(_ context.Context, in *idPath) (*body[any], error) { return quizAnswer(g.Library.Quiz(in.ID)) })
	add(g, api, http.MethodPut, one, "putQuiz", "Replace a quiz; refused (changed) when `updated` is not the stored one", staff,
		g.putQuiz, larger(maxQuiz))
	add(g, api, http.MethodDelete, one, "deleteQuiz", "Delete a quiz", staff,
		func(_ context.Context, in *idPath) (*struct{}, error) { return nil, g.Library.DeleteQuiz(in.ID) })
	g.giftAPI(api)
	g.decksAPI(api)
}

// addSample gives a new box something to begin with. It is a box without it too.
func (g *Gateway) addSample(lang string) {
	if _, _, err := g.Library.AddSample(lang); err != nil {
		g.Log.Warn("the sample was not stored", "err", err)
	}
}

// quizAnswer hides the quiz's type from the description: it encodes itself.
func quizAnswer(q item.Quiz, err error) (*body[any], error) { return answer[any](q, err) }

func readQuiz(data json.RawMessage) (q item.Quiz, err error) {
	if err := json.Unmarshal(data, &q); err != nil {
		return q, errs.Field("gateway.quiz", "body", "bad_request", 0, "this is no quiz: %v", err)
	}
	return q, nil
}

func (g *Gateway) addQuiz(_ context.Context, in *quizBody) (*body[any], error) {
	q, err := readQuiz(in.Body)
	if err != nil {
		return nil, err
	}
	return quizAnswer(g.Library.AddQuiz(q))
}

func (g *Gateway) putQuiz(_ context.Context, in *quizIn) (*body[any], error) {
	q, err := readQuiz(in.Body)
	if err != nil {
		return nil, err
	}
	q.ID = in.ID
	return quizAnswer(g.Library.PutQuiz(q))
}

// slide gives a page image to whoever has its address: the key in it is a secret of 128
// bits. It never changes, so browsers keep it.
func (g *Gateway) slide(w http.ResponseWriter, r *http.Request) {
	f, err := g.Library.Image(r.PathValue("deck"), r.PathValue("file"))
	if err != nil {
		deny(w, errs.KindOf(err).Status(), err)
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(f.Name())))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, f)
}
