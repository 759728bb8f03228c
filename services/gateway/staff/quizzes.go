package staff

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/item"
)

// MaxQuiz is the largest body of a quiz in bytes. It holds 100 questions of 10,000 characters each.
const MaxQuiz = 4 << 20

// sentQuiz is a quiz as the client sent it. item.Quiz, which encodes the keys, also decodes it.
type sentQuiz struct{ json.RawMessage }

func (a *libraryAPI) registerQuizzes(ops httpapi.Operations) {
	const one = "/api/quizzes/{id}"
	httpapi.Describes[sentQuiz, item.Quiz](ops)
	httpapi.Add(ops, http.MethodGet, "/api/quizzes", "quizzes", "All quizzes without their questions", httpapi.Staff,
		func(context.Context, *struct{}) (*httpapi.Body[[]library.Summary], error) {
			return httpapi.ToResponse(a.library.Quizzes())
		})
	httpapi.Add(ops, http.MethodPost, "/api/quizzes", "addQuiz", "Keep a new quiz: {title, items?, paced?, speed?, board?}", httpapi.Staff,
		a.addQuiz, httpapi.WithMaxBody(MaxQuiz), httpapi.WithRawBody)
	httpapi.Add(ops, http.MethodGet, one, "quiz", "One quiz with its keys", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[item.Quiz], error) {
			return httpapi.ToResponse(a.library.Quiz(in.ID))
		})
	httpapi.Add(ops, http.MethodPut, one, "putQuiz", "Replace a quiz; refused (changed) when `updated` is not the stored one", httpapi.Staff,
		a.putQuiz, httpapi.WithMaxBody(MaxQuiz), httpapi.WithRawBody)
	httpapi.Add(ops, http.MethodDelete, one, "deleteQuiz", "Delete a quiz", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*struct{}, error) {
			return nil, a.library.DeleteQuiz(in.ID)
		})
}

func readQuiz(data json.RawMessage) (q item.Quiz, err error) {
	if err := json.Unmarshal(data, &q); err != nil {
		return q, errs.NewField("gateway.quiz", "body", "bad_request", 0, "this is no quiz: %v", err)
	}
	return q, nil
}

func (a *libraryAPI) addQuiz(_ context.Context, in *httpapi.Body[sentQuiz]) (*httpapi.Body[item.Quiz], error) {
	q, err := readQuiz(in.Body.RawMessage)
	if err != nil {
		return nil, err
	}
	return httpapi.ToResponse(a.library.AddQuiz(q))
}

func (a *libraryAPI) putQuiz(_ context.Context, in *httpapi.WithID[sentQuiz]) (*httpapi.Body[item.Quiz], error) {
	q, err := readQuiz(in.Body.RawMessage)
	if err != nil {
		return nil, err
	}
	q.ID = in.ID
	return httpapi.ToResponse(a.library.PutQuiz(q))
}
