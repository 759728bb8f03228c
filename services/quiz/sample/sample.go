// Package sample holds the sample quizzes that come with the box: four subjects for three ages in
// four languages. The files are quizzes/<lang>/<subject>-<level>.gift, as package gift reads them.
// The first line of a file names its quiz, as a category of Moodle. Quizzes about language and
// reading are written for each language, the others say the same in all of them.
//
// Promises: the package is pure, and it embeds one compressed archive. A sample is in nobody's
// library until a teacher copies it.
package sample

import (
	"archive/zip"
	"bytes"
	_ "embed" // the archive
	"io/fs"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/item"
)

// The lists of what samples are about and for, in the order in which pages show them.
var (
	Langs    = []string{"en", "fr", "es", "ar"}
	Subjects = []string{"mathematics", "science", "language", "world"} // world: geography and history
	Levels   = []string{"7-9", "10-12", "13-15"}                       // ages
)

const (
	fileType    = ".gift"
	titlePrefix = "$CATEGORY:"
)

// archive holds the files of the folder quizzes. go test -update writes it.
//
//go:embed quizzes.zip
var archive []byte

// Sample is a sample quiz with its keys.
type Sample struct {
	ID      string // "<subject>-<level>", the same in all languages
	Subject string
	Level   string
	Quiz    item.Quiz
}

// List returns the samples in a language, by subject and level.
func List(lang string) (list []Sample, err error) {
	for _, subject := range Subjects {
		for _, level := range Levels {
			s, err := Find(lang, subject+"-"+level)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// Find returns one sample in a language. Its quiz has no id.
func Find(lang, id string) (Sample, error) {
	const op = "sample.Find"
	if !slices.Contains(Langs, lang) {
		return Sample{}, errs.NewField(op, "lang", "unknown", 0, "must be one of %s", strings.Join(Langs, ", "))
	}
	subject, level, _ := strings.Cut(id, "-")
	if !slices.Contains(Subjects, subject) || !slices.Contains(Levels, level) {
		return Sample{}, errs.NewCode(op, errs.Missing, "no_sample", "no such sample")
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return Sample{}, errs.New(op, errs.Internal, err)
	}
	text, err := fs.ReadFile(files, lang+"/"+id+fileType)
	if err != nil {
		return Sample{}, errs.New(op, errs.Internal, err)
	}
	s := Sample{ID: id, Subject: subject, Level: level}
	s.Quiz, err = readQuiz(op, string(text))
	return s, err
}

// readQuiz reads a file of the archive. A question that cannot be read is an error.
func readQuiz(op, text string) (item.Quiz, error) {
	first, _, _ := strings.Cut(text, "\n")
	q := item.Quiz{Title: strings.TrimPrefix(first, titlePrefix)}
	var problems []gift.Problem
	if q.Items, problems = gift.Parse(text); len(problems) > 0 {
		return q, errs.New(op, errs.Internal, &problems[0])
	}
	return q, q.Normalise(op)
}
