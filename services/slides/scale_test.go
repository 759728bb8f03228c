package slides

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"testing"

	"github.com/livelearn/box/services/errs"
)

func decodePicture(t testing.TB, p Picture) image.Image {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(p.Data))
	checkError(t, err)
	if img.Bounds().Size() != image.Pt(p.W, p.H) {
		t.Errorf("says %d x %d, is %v", p.W, p.H, img.Bounds())
	}
	return img
}

func TestAPictureIsUprightAndFitsItsSide(t *testing.T) {
	const upright = 6 // the camera was turned: 90 degrees clockwise show it right
	photo := addEXIF(jpegOf(t, cornersPicture(2000, 1000)), upright, binary.BigEndian, "MM")
	p, err := MakePicture(photo)
	checkError(t, err)
	if img := decodePicture(t, p); p.W != 800 || p.H != 1600 || quarterColours(img) != "BRWG" {
		t.Errorf("%d x %d, %s", p.W, p.H, quarterColours(img))
	}
	if bytes.Contains(p.Data, []byte("Exif")) {
		t.Error("what the camera wrote is still in it")
	}
	small, err := MakePicture(pngOf(t, cornersPicture(40, 20)))
	checkError(t, err)
	if decodePicture(t, small); small.W != 40 || small.H != 20 {
		t.Errorf("a small one became %d x %d", small.W, small.H)
	}
}

func TestABadPictureIsRefusedWithTheReason(t *testing.T) {
	broken := pngOf(t, cornersPicture(40, 20))
	for code, data := range map[string][]byte{
		"empty": {}, "unknown_type": []byte("%PDF-1.7"), "office": []byte("PK\x03\x04"), "broken_file": broken[:60],
		"too_large": append(bytes.Clone(broken), make([]byte, MaxPicture)...),
	} {
		_, err := MakePicture(data)
		if e, _ := errors.AsType[*errs.Error](err); e == nil || e.Field != "file" || e.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func FuzzMakePicture(f *testing.F) {
	img := image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.Black, color.White})
	f.Add(pngOf(f, img))
	f.Add(addEXIF(jpegOf(f, cornersPicture(8, 8)), 5, binary.LittleEndian, "II"))
	f.Add([]byte("RIFF\x20\x00\x00\x00WEBPVP8 \x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if conf, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && conf.Width*conf.Height > 1<<20 {
			return // right, and slow
		}
		p, err := MakePicture(data)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if decodePicture(t, p); max(p.W, p.H) > PictureSide {
			t.Errorf("%d x %d", p.W, p.H)
		}
	})
}
