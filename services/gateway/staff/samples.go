package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/quiz/item"

	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/quiz/sample"
)

// sampleSummary is a sample quiz as the list shows it.
type sampleSummary struct {
	ID      string `json:"id"`
	Subject string `json:"subject" enum:"mathematics,science,language,world"`
	Level   string `json:"level" enum:"7-9,10-12,13-15" doc:"The age of the pupils."`
	Title   string `json:"title"`
	Count   int    `json:"count" doc:"Of its questions."`
}

type sampleLang struct {
	Lang string `query:"lang" maxLength:"8" doc:"en, fr, es or ar."`
}

type sampleIn struct {
	ID   string `path:"id" maxLength:"64"`
	Lang string `query:"lang" maxLength:"8" doc:"en, fr, es or ar."`
}

func (a *libraryAPI) registerSamples(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, "/api/samples", "samples", "The sample quizzes of a language without their questions", httpapi.Staff,
		func(_ context.Context, in *sampleLang) (*httpapi.Body[[]sampleSummary], error) {
			return httpapi.ToResponse(listSamples(in.Lang))
		})
	httpapi.Add(ops, http.MethodGet, "/api/samples/{id}", "sample", "One sample quiz with its keys", httpapi.Staff,
		func(_ context.Context, in *sampleIn) (*httpapi.Body[item.Quiz], error) {
			s, err := sample.Find(in.Lang, in.ID)
			return httpapi.ToResponse(s.Quiz, err)
		})
	httpapi.Add(ops, http.MethodPost, "/api/samples/{id}/copy", "copySample", "Keep a copy of a sample quiz as a new quiz", httpapi.Staff,
		func(_ context.Context, in *sampleIn) (*httpapi.Body[item.Quiz], error) {
			s, err := sample.Find(in.Lang, in.ID)
			if err != nil {
				return nil, err
			}
			return httpapi.ToResponse(a.library.AddQuiz(s.Quiz))
		})
}

func listSamples(lang string) ([]sampleSummary, error) {
	list, err := sample.List(lang)
	out := []sampleSummary{}
	for _, s := range list {
		out = append(out, sampleSummary{s.ID, s.Subject, s.Level, s.Quiz.Title, len(s.Quiz.Items)})
	}
	return out, err
}
