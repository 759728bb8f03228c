package staff

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/exchange"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

// QuizFilePath is the path of the operation that reads a file with questions.
const QuizFilePath = "/api/quizzes/file"

// What an import keeps.
const (
	keepNothing  = "nothing"
	keepPictures = "pictures"
	keepQuiz     = "quiz"
)

// quizTextIn holds questions as text.
type quizTextIn struct {
	Title string `json:"title,omitempty" doc:"Of the quiz that is made."`
	Text  string `json:"text,omitempty" doc:"Questions in GIFT, Aiken, Moodle XML or QTI, or the rows of a spreadsheet of Kahoot, Quizizz or Blooket."`
	File  []byte `json:"file,omitempty" doc:"In place of text: a small file in one of the formats."`
	Dry   bool   `json:"dry,omitempty" doc:"Only tell what would come of it."`
}

// quizFileIn asks to read the file in the body.
type quizFileIn struct {
	Title string `query:"title" maxLength:"480" doc:"Of the quiz that is made; empty: that of the file."`
	Keep  string `query:"keep" enum:"nothing,pictures,quiz" default:"nothing" doc:"What is stored: nothing, the pictures for questions that are added to a quiz, or a new quiz."`
}

// importedQuiz holds answer keys.
type importedQuiz struct {
	Format    string             `json:"format"`
	Title     string             `json:"title,omitempty" doc:"Of the quiz in the file."`
	Text      string             `json:"text,omitempty" doc:"What a text file says."`
	Quiz      *item.Quiz         `json:"quiz,omitempty" doc:"The quiz that was made."`
	Items     []item.Authored    `json:"items" doc:"The questions that were read."`
	Questions []importedQuestion `json:"questions" doc:"Every question of the file."`
	Problems  []importProblem    `json:"problems" doc:"Those that were not read."`
}

// importedQuestion says what became of a question.
type importedQuestion struct {
	File   string      `json:"file,omitempty"`
	Line   int         `json:"line"`
	Text   string      `json:"text"`
	Item   int         `json:"item" doc:"Its place in items; -1: it was not read."`
	Losses []draftNote `json:"losses,omitempty"`
	Fault  *draftNote  `json:"fault,omitempty"`
}

// draftNote is a draft.Note with a name that is free in the description.
type draftNote draft.Note

// importProblem is a question that was not read.
type importProblem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Value   string `json:"value,omitempty"`
	Text    string `json:"text"`
}

// exportIn names a quiz and a format.
type exportIn struct {
	ID     string `path:"id" maxLength:"64"`
	Format string `query:"format" enum:"gift,moodle,qti,kahoot" default:"gift"`
}

// exportNotes says what the questions of a quiz lose in a format.
type exportNotes struct {
	Questions []importedQuestion `json:"questions" doc:"Those that lose something, or that the format cannot hold (fault). Line is the number of the question."`
}

// download is a file that a browser saves.
type download struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

func (a *libraryAPI) registerExchange(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/quizzes/import", "importQuiz", "Make a quiz of questions in a text; those that cannot be read are told", httpapi.Staff,
		a.importText, httpapi.WithMaxBody(MaxQuiz))
	httpapi.Add(ops, http.MethodPost, QuizFilePath, "importQuizFile",
		"Read questions from a file. The body is the file itself: GIFT, Aiken, Moodle XML, QTI, H5P, or a spreadsheet of Kahoot, Quizizz or Blooket; at most 32 MB",
		httpapi.Staff, a.importFile, httpapi.WithUpload("application/octet-stream"))
	httpapi.Add(ops, http.MethodGet, "/api/quizzes/{id}/gift", "exportGift", "A quiz in GIFT", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*download, error) {
			return a.exportQuiz(&exportIn{in.ID, "gift"})
		}, httpapi.WithFile("text/plain"))
	httpapi.Add(ops, http.MethodGet, "/api/quizzes/{id}/export", "exportQuiz", "A quiz as a file for other programs", httpapi.Staff,
		func(_ context.Context, in *exportIn) (*download, error) { return a.exportQuiz(in) },
		httpapi.WithFile("text/plain", "application/xml", "application/zip", "application/octet-stream"))
	httpapi.Add(ops, http.MethodGet, "/api/quizzes/{id}/export/notes", "exportNotes", "What a quiz loses in a format", httpapi.Staff, a.noteExport)
}

func (a *libraryAPI) importText(ctx context.Context, in *httpapi.Body[quizTextIn]) (*httpapi.Body[importedQuiz], error) {
	data, keep := []byte(in.Body.Text), keepQuiz
	if len(in.Body.File) > 0 {
		data = in.Body.File
	}
	if in.Body.Dry {
		keep = keepNothing
	}
	return a.importData(ctx, in.Body.Title, keep, data)
}

func (a *libraryAPI) importFile(ctx context.Context, in *quizFileIn) (*httpapi.Body[importedQuiz], error) {
	data, err := readUpload("gateway.importQuiz", httpapi.RequestOf(ctx), draft.MaxFile)
	if err != nil {
		return nil, err
	}
	return a.importData(ctx, in.Title, in.Keep, data)
}

// importData reads questions in another process, one file at a time.
func (a *libraryAPI) importData(ctx context.Context, title, keep string, data []byte) (*httpapi.Body[importedQuiz], error) {
	const op = "gateway.importQuiz"
	select {
	case a.quizSlot <- struct{}{}:
		defer func() { <-a.quizSlot }()
	case <-ctx.Done():
		return nil, errs.New(op, errs.Busy, context.Cause(ctx))
	}
	store := func(p slides.Picture) error {
		_, err := a.library.AddImage(p)
		return err
	}
	if keep == keepNothing {
		store = nil
	}
	f, err := a.readQuiz(ctx, data, store)
	if err != nil {
		return nil, err
	}
	out := newImportedQuiz(f)
	items := f.Items()
	if keep != keepQuiz || len(items) == 0 {
		return &httpapi.Body[importedQuiz]{Body: out}, nil
	}
	if title == "" {
		title = f.Title
	}
	q, err := a.library.AddQuiz(item.Quiz{Title: title, Items: items})
	out.Quiz = &q
	return httpapi.ToResponse(out, err)
}

func newImportedQuiz(f draft.File) importedQuiz {
	out := importedQuiz{Format: f.Format, Title: f.Title, Text: f.Text, Items: f.Items(), Questions: toQuestions(f.Questions), Problems: []importProblem{}}
	for _, q := range f.Questions {
		if q.Fault != nil {
			out.Problems = append(out.Problems, importProblem{q.File, q.Line, q.Fault.Code, q.Fault.Message, q.Fault.Value, q.Text})
		}
	}
	return out
}

// toQuestions numbers the questions that were read.
func toQuestions(list []draft.Question) []importedQuestion {
	out, n := []importedQuestion{}, 0
	for _, q := range list {
		one := importedQuestion{File: q.File, Line: q.Line, Text: q.Text, Item: -1, Fault: (*draftNote)(q.Fault)}
		for _, l := range q.Losses {
			one.Losses = append(one.Losses, draftNote(l))
		}
		if q.Item != nil {
			one.Item = n
			n++
		}
		out = append(out, one)
	}
	return out
}

// openImage returns the file of a picture.
func (a *libraryAPI) openImage(id string) ([]byte, error) {
	f, err := a.library.OpenPicture(id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	return io.ReadAll(f)
}

func (a *libraryAPI) exportQuiz(in *exportIn) (*download, error) {
	q, err := a.library.Quiz(in.ID)
	if err != nil {
		return nil, err
	}
	f, err := exchange.FindFormat("gateway.exportQuiz", in.Format)
	if err != nil {
		return nil, err
	}
	data, _, err := exchange.Write(f, q, a.openImage)
	return &download{f.Type, fmt.Sprintf(`attachment; filename="quiz-%s%s"`, q.ID, f.Ext), data}, err
}

func (a *libraryAPI) noteExport(_ context.Context, in *exportIn) (*httpapi.Body[exportNotes], error) {
	q, err := a.library.Quiz(in.ID)
	if err != nil {
		return nil, err
	}
	f, err := exchange.FindFormat("gateway.exportQuiz", in.Format)
	if err != nil {
		return nil, err
	}
	_, notes, err := exchange.Write(f, q, a.openImage)
	out := exportNotes{Questions: []importedQuestion{}}
	for _, one := range toQuestions(notes) {
		if one.Fault != nil || len(one.Losses) > 0 {
			out.Questions = append(out.Questions, one)
		}
	}
	return httpapi.ToResponse(out, err)
}
