package cloud

import (
	"bytes"
	"image"
	_ "image/jpeg" // a picture is one or the other
	_ "image/png"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

// Limits of pictures that travel with quizzes.
const (
	MaxPictureBytes = 2 << 20
	MaxPictures     = 4000 // of a school, as many as a box keeps
)

// Picture is a picture of a question. The id of its item is the hash of its content.
type Picture struct {
	Data []byte `json:"data"`
}

// CheckPicture returns the picture that an item has. It refuses bytes that are another picture than
// the id says, or none that a question can show. The format is in the id.
func CheckPicture(op, id string, data []byte) (slides.Picture, error) {
	bad := func(code string, most int64, format string, args ...any) (slides.Picture, error) {
		return slides.Picture{}, errs.NewField(op, "picture", code, most, format, args...)
	}
	switch {
	case !item.IsImageID(id):
		return bad("bad_id", 0, "%.60q is no id of a picture", id)
	case len(data) > MaxPictureBytes:
		return bad("too_long", MaxPictureBytes, "%d bytes, at most %d", len(data), MaxPictureBytes)
	}
	ext := id[len(id)-3:]
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case item.MakeImageID(data, ext) != id:
		return bad("altered", 0, "%s has other content than its id says", id)
	case err != nil || format != map[string]string{"jpg": "jpeg", "png": "png"}[ext]:
		return bad("broken_file", 0, "%s is no picture of its kind", id)
	case c.Width < 1 || c.Height < 1 || c.Width > item.MaxSide || c.Height > item.MaxSide:
		return bad("too_large", item.MaxSide, "%s is %d by %d, at most %d", id, c.Width, c.Height, item.MaxSide)
	}
	return slides.Picture{Ext: ext, W: c.Width, H: c.Height, Data: data}, nil
}

// keepPicture stores a picture of the school's quizzes. The same one is there once.
func (d *Downlink) keepPicture(it Item) error {
	if it.Gone {
		return nil // lessons and recordings may show it
	}
	var p Picture
	if err := decodeItem(it, &p); err != nil {
		return err
	}
	picture, err := CheckPicture("cloud.Downlink", it.ID, p.Data)
	if err != nil {
		return err
	}
	_, err = d.Library.AddImage(picture)
	return err
}
