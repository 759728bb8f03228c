package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/exchange"
	"github.com/livelearn/box/services/slides"
)

const (
	quizMemory  = 768 << 20        // of a workbook or a picture of 40 megapixels
	quizTimeout = 50 * time.Second // the answer must begin within a minute
)

// quizSpec is the spec of the task "quiz". The file follows it.
type quizSpec struct {
	Folder string `json:"folder,omitempty"` // for the pictures; empty: they are not written
	slides.PictureSpec
}

// RunQuizTask is the task "quiz": it reads a file with questions.
func RunQuizTask(_ context.Context, spec json.RawMessage, rest io.Reader, _ func(phase string, done, total int64)) (any, error) {
	var s quizSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("task quiz", errs.Invalid, err)
	}
	data, err := io.ReadAll(io.LimitReader(rest, draft.MaxFile+1))
	if err != nil {
		return nil, errs.New("task quiz", errs.Internal, err)
	}
	f, pictures, err := exchange.Read(data, s.Make)
	if err != nil || s.Folder == "" {
		return f, err
	}
	for id, picture := range pictures {
		if err := os.WriteFile(filepath.Join(s.Folder, id), picture, 0o600); err != nil {
			return nil, errs.New("task quiz", errs.Down, err)
		}
	}
	return f, nil
}

// readQuiz reads a file with questions in a worker. keep stores a picture, and nil keeps none. One
// file at a time is read. A file that crashes the worker or takes too long is refused.
func (b *Box) readQuiz(ctx context.Context, data []byte, keep func(slides.Picture) error) (f draft.File, err error) {
	spec := quizSpec{PictureSpec: slides.PictureSpec{Cache: b.folder.PathOf(datafolder.CompiledDir)}}
	if keep != nil {
		spec.Folder = b.folder.PathOf(datafolder.ImportDir)
		if err := errors.Join(os.RemoveAll(spec.Folder), os.MkdirAll(spec.Folder, 0o700)); err != nil {
			return f, errs.New("quiz import", errs.Down, err)
		}
		defer func() { _ = os.RemoveAll(spec.Folder) }() // the next import begins with it too
	}
	err = b.newWorker("quiz", quizMemory, quizTimeout).Run(ctx, spec, bytes.NewReader(data), nil, &f)
	if kind := errs.KindOf(err); err != nil && ctx.Err() == nil && (kind == errs.Internal || kind == errs.Down) {
		b.loggerFor("quiz import").Warn("a quiz could not be read", "err", err)
		return f, errs.NewField("quiz import", "file", "quiz_unreadable", 0, "the file is damaged or takes too much to read")
	}
	if err != nil || keep == nil {
		return f, err
	}
	return f, keepPictures(spec.Folder, f, keep)
}

// keepPictures stores the pictures of the questions that were read.
func keepPictures(folder string, f draft.File, keep func(slides.Picture) error) error {
	kept := map[string]bool{}
	for _, a := range f.Items() {
		for _, m := range a.Images() {
			if kept[m.ID] {
				continue
			}
			data, err := os.ReadFile(filepath.Join(folder, filepath.Base(m.ID)))
			if err != nil {
				return errs.New("quiz import", errs.Internal, err)
			}
			if err := keep(slides.Picture{Ext: strings.TrimPrefix(filepath.Ext(m.ID), "."), W: m.W, H: m.H, Data: data}); err != nil {
				return err
			}
			kept[m.ID] = true
		}
	}
	return nil
}
