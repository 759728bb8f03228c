package firmware

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

// noisyPhoto is a JPEG whose pixels differ all over: the largest result of a picture.
func noisyPhoto(t testing.TB, w, h int) []byte {
	t.Helper()
	img, rnd := image.NewRGBA(image.Rect(0, 0, w, h)), rand.New(rand.NewPCG(5, 6))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPictureIsMadeInAWorker(t *testing.T) {
	b := newListReader(testProgram(t))
	b.folder = &datafolder.Folder{Path: t.TempDir()}
	p, err := b.makePicture(t.Context(), noisyPhoto(t, 1700, 1700))
	if err != nil || p.W != slides.PictureSide || p.H != slides.PictureSide || len(p.Data) == 0 {
		t.Errorf("%d x %d of %d bytes: %v", p.W, p.H, len(p.Data), err)
	}
	if _, err := b.makePicture(t.Context(), []byte("\x89PNG\r\n\x1a\n")); errs.BodyOf(err).Code != "broken_file" || errs.BodyOf(err).Field != "file" {
		t.Errorf("a damaged one: %v", err)
	}
}
