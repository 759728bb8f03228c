package slides

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"github.com/livelearn/box/services/errs"
)

// Limits of one picture for a question.
const (
	MaxPicture     = 20 << 20 // bytes of the file
	PictureSide    = 1600     // pixels: a made picture is at most as wide and as high
	maxMadePicture = 2800 << 10
)

// Picture is a picture that was made for a question: upright, without transparency and without what
// cameras write into files (place, time, names).
type Picture struct {
	Ext  string `json:"ext"` // "jpg" or "png"
	W    int    `json:"w"`
	H    int    `json:"h"`
	Data []byte `json:"data"`
}

// CheckPicture returns an error for a file that is no picture by its first bytes.
func CheckPicture(data []byte) error {
	const op = "slides.Picture"
	kind, err := CheckKind(data[:min(len(data), HeadLen)])
	switch {
	case err != nil:
		return err
	case kind == "pdf":
		return errs.NewField(op, "file", "unknown_type", 0, "this is a PDF and no picture")
	case len(data) > MaxPicture:
		return errs.NewField(op, "file", "too_large", MaxPicture, "more than %d MB", MaxPicture>>20)
	}
	return nil
}

// PictureSpec is the order for pictures of questions.
type PictureSpec struct {
	Cache string `json:"cache,omitempty"` // folder for compiled code, or empty: compile each time
}

// MakePicture makes a picture as PictureSpec does, without a folder for compiled code.
func MakePicture(data []byte) (Picture, error) { return PictureSpec{}.Make(data) }

// Make turns a picture by its EXIF orientation, scales it down to PictureSide and encodes
// it. It runs in a worker process, as Rasterise does.
func (s PictureSpec) Make(data []byte) (Picture, error) {
	if err := CheckPicture(data); err != nil {
		return Picture{}, err
	}
	kind, f := sniffKind(data), bytes.NewReader(data)
	info, err := readPictureInfo(f, kind, "file")
	if err != nil {
		return Picture{}, err
	}
	img, err := info.decode(f, kind, "file", s.Cache)
	if err != nil {
		return Picture{}, err
	}
	size := info.uprightSize()
	width := size.X
	if long := max(size.X, size.Y); long > PictureSide {
		width = max(1, size.X*PictureSide/long)
	}
	made := info.scaleTo(img, width)
	out := Picture{W: made.Bounds().Dx(), H: made.Bounds().Dy()}
	if out.Ext, out.Data, err = encodeSmaller(made); err != nil {
		return Picture{}, errs.New("slides.Picture", errs.Internal, err)
	}
	if len(out.Data) > maxMadePicture {
		return Picture{}, errs.NewField("slides.Picture", "file", "too_large", maxMadePicture, "the picture has too much detail: make it smaller")
	}
	return out, nil
}

// RunPictureTask is the task "picture" of a worker process. The file follows the PictureSpec.
func RunPictureTask(_ context.Context, spec json.RawMessage, rest io.Reader, _ func(phase string, done, total int64)) (any, error) {
	var s PictureSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("task picture", errs.Invalid, err)
	}
	data, err := io.ReadAll(io.LimitReader(rest, MaxPicture+1))
	if err != nil {
		return nil, errs.New("task picture", errs.Internal, err)
	}
	return s.Make(data)
}
