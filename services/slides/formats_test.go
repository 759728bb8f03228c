package slides

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"os"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/livelearn/box/services/errs"
)

// exifOf is an EXIF block with an orientation.
func exifOf(turn uint16) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	return append(binary.BigEndian.AppendUint16(b, turn), 0, 0, 0, 0, 0, 0)
}

// addPNGChunk puts a chunk after the head of a PNG, or before its end.
func addPNGChunk(data []byte, name string, body []byte, last bool) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, name...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	at := 33
	if last {
		at = len(data) - 12
	}
	return append(append(bytes.Clone(data[:at]), c...), data[at:]...)
}

// addWebPChunk makes an extended WebP of a plain one, with a chunk at its end.
func addWebPChunk(data []byte, w, h int, flags byte, name string, body []byte) []byte {
	out := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00"), flags, 0, 0, 0, byte(w-1), byte((w-1)>>8), 0, byte(h-1), byte((h-1)>>8), 0)
	out = append(out, data[12:]...)
	out = binary.LittleEndian.AppendUint32(append(out, name...), uint32(len(body)))
	out = append(out, body...)
	if len(body)%2 == 1 {
		out = append(out, 0)
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func readTestFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	checkError(t, err)
	return data
}

func TestEveryFormatIsTurnedByItsOrientation(t *testing.T) {
	want := []string{"RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"}
	for i, w := range want {
		turn := uint16(i + 1)
		var raw bytes.Buffer
		checkError(t, tiff.Encode(&raw, cornersPicture(800, 400), nil))
		for name, data := range map[string][]byte{
			"png":             addPNGChunk(pngOf(t, cornersPicture(800, 400)), "eXIf", exifOf(turn), false),
			"png at its end":  addPNGChunk(pngOf(t, cornersPicture(800, 400)), "eXIf", exifOf(turn), true),
			"png of a camera": addPNGChunk(pngOf(t, cornersPicture(800, 400)), "eXIf", append([]byte("Exif\x00\x00"), exifOf(turn)...), false),
			"tiff":            turnTIFF(raw.Bytes(), turn),
		} {
			s := putFiles(t, data)
			p := mustRasterise(t, s)[0]
			if got := quarterColours(loadImage(t, s, p, p.W)); got != w || (i >= 4) != (p.H > p.W) {
				t.Errorf("%s, orientation %d: got %s, want %s", name, turn, got, w)
			}
		}
	}
}

// turnTIFF adds the tag of the orientation to a TIFF. Its tags move to the end.
func turnTIFF(data []byte, turn uint16) []byte {
	le := binary.LittleEndian
	at := int(le.Uint32(data[4:]))
	n := int(le.Uint16(data[at:]))
	out := bytes.Clone(data)
	le.PutUint32(out[4:], uint32(len(out)))
	out = le.AppendUint16(out, uint16(n+1))
	added := false
	for i := range n {
		e := data[at+2+12*i:][:12]
		if !added && le.Uint16(e) > 0x0112 {
			out, added = append(out, 0x12, 0x01, 3, 0, 1, 0, 0, 0, byte(turn), 0, 0, 0), true
		}
		out = append(out, e...)
	}
	return append(out, 0, 0, 0, 0)
}

// RFC 9649, section 2.7: the orientation of a WebP is in its EXIF chunk.
func TestAWebPIsTurnedByItsOrientation(t *testing.T) {
	still := readTestFile(t, "lossy.webp") // the left half is white, the right one black
	for turn, dark := range map[uint16]image.Point{1: {60, 32}, 2: {4, 32}, 3: {4, 32}, 6: {32, 60}, 8: {32, 4}} {
		for name, data := range map[string][]byte{
			"plain":       addWebPChunk(still, 64, 64, 8, "EXIF", exifOf(turn)),
			"of a camera": addWebPChunk(still, 64, 64, 8, "EXIF", append([]byte("Exif\x00\x00"), exifOf(turn)...)),
		} {
			s := putFiles(t, data)
			p := mustRasterise(t, s)[0]
			if r, _, _, _ := loadImage(t, s, p, p.W).At(dark.X, dark.Y).RGBA(); r > 0x4000 {
				t.Errorf("%s, orientation %d: %v is light", name, turn, dark)
			}
		}
	}
}

// RFC 6386, section 9.2: 16 is black and 235 white.
func TestALossyWebPHasBlackAndWhite(t *testing.T) {
	img, err := decodeWebP(bytes.NewReader(readTestFile(t, "lossy.webp")))
	checkError(t, err)
	for x, want := range map[int]color.NRGBA{4: {255, 255, 255, 255}, 60: {0, 0, 0, 255}} {
		if got := color.NRGBAModel.Convert(img.At(x, 32)); got != want {
			t.Errorf("at %d: %v, want %v", x, got, want)
		}
	}
	for in, want := range map[[3]uint8]color.NRGBA{
		{235, 128, 128}: {255, 255, 255, 255}, {16, 128, 128}: {0, 0, 0, 255}, {81, 90, 240}: {254, 0, 0, 255}, {41, 240, 110}: {0, 0, 255, 255}, {126, 128, 128}: {128, 128, 128, 255},
	} {
		if got := limitedRGB(in[0], in[1], in[2]); abs(got.R, want.R) > 1 || abs(got.G, want.G) > 1 || abs(got.B, want.B) > 1 {
			t.Errorf("%v is %v, want %v", in, got, want)
		}
	}
}

func abs(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

func TestTheFirstFrameOfAMovingWebPIsOnItsCanvas(t *testing.T) {
	moving := readTestFile(t, "moving.webp") // 64 x 32, red and then blue
	s := putFiles(t, moving)
	p := mustRasterise(t, s)[0]
	if got := quarterColours(loadImage(t, s, p, p.W)); got != "RRRR" || p.W != 64 || p.H != 32 {
		t.Errorf("got %s, %d x %d", got, p.W, p.H)
	}
	large := bytes.Clone(moving) // the canvas is 128 x 64, and the frame on the right below
	large[24], large[27], large[52], large[55] = 127, 63, 32, 16
	s = putFiles(t, large)
	p = mustRasterise(t, s)[0]
	if got := quarterColours(loadImage(t, s, p, p.W)); got != "WWWR" || p.W != 128 || p.H != 64 {
		t.Errorf("on a larger canvas: got %s, %d x %d", got, p.W, p.H)
	}
}

func TestTheFirstFrameOfAGIFIsOnItsCanvas(t *testing.T) {
	red := color.Palette{color.RGBA{255, 0, 0, 255}}
	part := image.NewPaletted(image.Rect(32, 16, 64, 32), red)
	var b bytes.Buffer
	checkError(t, gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{part}, Delay: []int{1}, Config: image.Config{ColorModel: red, Width: 64, Height: 32}}))
	s := putFiles(t, b.Bytes())
	p := mustRasterise(t, s)[0]
	if got := quarterColours(loadImage(t, s, p, p.W)); got != "WWWR" || p.W != 64 || p.H != 32 {
		t.Errorf("got %s, %d x %d", got, p.W, p.H)
	}
}

func TestScansAndOldPicturesAreTaken(t *testing.T) {
	var b, c bytes.Buffer
	checkError(t, errors.Join(bmp.Encode(&b, cornersPicture(80, 40)), tiff.Encode(&c, cornersPicture(80, 40), &tiff.Options{Compression: tiff.Deflate})))
	for name, data := range map[string][]byte{"bmp": b.Bytes(), "tiff": c.Bytes()} {
		s := putFiles(t, data)
		p := mustRasterise(t, s)[0]
		if got := quarterColours(loadImage(t, s, p, p.W)); got != "RGBW" {
			t.Errorf("%s: got %s", name, got)
		}
		if made, err := MakePicture(data); err != nil || made.W != 80 {
			t.Errorf("%s: %+v %v", name, made, err)
		}
	}
}

func TestAFileOfAnotherProgramIsRefusedWithAdvice(t *testing.T) {
	for code, list := range map[string][]string{
		"office":       {"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", "PK\x03\x04\x14\x00mimetypeapplication/vnd.oasis.opendocument.presentation", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"},
		"unknown_type": {"Hello", "\x00\x00\x00\x18ftypmp42", "<html></html>"},
	} {
		for _, text := range list {
			_, err := CheckKind([]byte(text))
			if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != code {
				t.Errorf("%q: %v, want %s", text, err, code)
			}
		}
	}
}

// Any bytes must give an answer.
func FuzzWebP(f *testing.F) {
	f.Add(readTestFile(f, "moving.webp"))
	f.Add(addWebPChunk(readTestFile(f, "lossy.webp"), 64, 64, 8, "EXIF", exifOf(6)))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, _, err := firstFrame(data)
		if err == nil && len(frame) > len(data)+64 {
			t.Errorf("%d bytes became %d", len(data), len(frame))
		}
		for _, kind := range []string{"png", "webp", "tiff"} {
			if turn, _, err := readTurn(bytes.NewReader(data), kind); turn < 1 || turn > 8 || err != nil {
				t.Errorf("%s: %d, %v", kind, turn, err)
			}
		}
	})
}
