package firmware

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/draft/drafttest"
	"github.com/livelearn/box/services/slides"
)

func TestAQuizIsReadByAWorker(t *testing.T) {
	b := newListReader(testProgram(t))
	b.folder = &datafolder.Folder{Path: t.TempDir()}
	m := image.NewGray(image.Rect(0, 0, 40, 20))
	m.Set(3, 3, color.White)
	var picture bytes.Buffer
	if err := png.Encode(&picture, m); err != nil {
		t.Fatal(err)
	}
	data := drafttest.MakeZip(t, map[string]string{
		"h5p.json":             `{"title":"Dots","mainLibrary":"H5P.TrueFalse"}`,
		"content/content.json": `{"question":"<p>Is there a dot?</p>","correct":"true","media":{"library":"H5P.Image 1.1","params":{"file":{"path":"images/a.png"},"alt":"a dot"}}}`,
		"content/images/a.png": picture.String(),
	})
	var kept []slides.Picture
	f, err := b.readQuiz(t.Context(), data, func(p slides.Picture) error {
		kept = append(kept, p)
		return nil
	})
	items := f.Items()
	if err != nil || len(items) != 1 || items[0].Image == nil || items[0].Image.Alt != "a dot" {
		t.Fatalf("%+v %v", f, err)
	}
	if len(kept) != 1 || kept[0].W != 40 || kept[0].H != 20 || len(kept[0].Data) == 0 {
		t.Errorf("kept %d pictures", len(kept))
	}
	if f, err := b.readQuiz(t.Context(), data, nil); err != nil || len(f.Items()) != 1 {
		t.Errorf("without keeping: %+v %v", f, err)
	}
}

func TestAQuizFileThatBurstsIsRefused(t *testing.T) {
	b := newListReader(testProgram(t))
	b.folder = &datafolder.Folder{Path: t.TempDir()}
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"zip bomb":     {zipBomb(t, "h5p.json", `{}`, "content/content.json", 200<<20), "too_large"},
		"entity bomb":  {[]byte(`<?xml version="1.0"?><!DOCTYPE quiz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]><quiz><question type="essay"><questiontext><text>&b;</text></questiontext></question></quiz>`), "entities"},
		"deep nesting": {[]byte("<quiz>" + strings.Repeat("<a>", 1_000_000)), "too_complex"},
		"too large":    {bytes.Repeat([]byte("a"), draft.MaxFile+1), "too_large"},
	} {
		_, err := b.readQuiz(t.Context(), c.data, nil)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Code != c.code {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
