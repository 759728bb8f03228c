package slides

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addEXIF puts an orientation into a JPEG, in either byte order.
func addEXIF(jpeg []byte, turn uint16, order binary.AppendByteOrder, mark string) []byte {
	tiff := []byte(mark)
	tiff = order.AppendUint16(tiff, 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, turn)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	seg := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, jpeg[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(seg)+2))
	out = append(out, seg...)
	return append(out, jpeg[2:]...)
}

// quarterColours names the colours of an image's quarters: from the top left, a row at a time.
func quarterColours(img image.Image) string {
	b := img.Bounds()
	var out []byte
	for _, at := range []image.Point{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		r, g, bl, _ := img.At(b.Min.X+b.Dx()*at.X/4, b.Min.Y+b.Dy()*at.Y/4).RGBA()
		switch c := [3]bool{r > 0x8000, g > 0x8000, bl > 0x8000}; c {
		case [3]bool{true, false, false}:
			out = append(out, 'R')
		case [3]bool{false, true, false}:
			out = append(out, 'G')
		case [3]bool{false, false, true}:
			out = append(out, 'B')
		case [3]bool{true, true, true}:
			out = append(out, 'W')
		default:
			out = append(out, '?')
		}
	}
	return string(out)
}

func TestPhotographsStandUpright(t *testing.T) {
	want := []string{"RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"}
	photo := jpegOf(t, cornersPicture(800, 400))
	for i, w := range want {
		for mark, order := range map[string]binary.AppendByteOrder{"II": binary.LittleEndian, "MM": binary.BigEndian} {
			s := putFiles(t, addEXIF(photo, uint16(i+1), order, mark))
			p := mustRasterise(t, s)[0]
			img := loadImage(t, s, p, p.W)
			size := image.Pt(640, 320)
			if i >= 4 {
				size = image.Pt(400, 800)
			}
			if got := quarterColours(img); got != w || img.Bounds().Size() != size {
				t.Errorf("orientation %d %s: got %s at %v, want %s at %v", i+1, mark, got, img.Bounds().Size(), w, size)
			}
		}
	}
}

func TestPicturesKeepToTheWidthsTheyHave(t *testing.T) {
	all := []int{640, 1280, 1920}
	for own, want := range map[int][]int{
		10: {10}, 639: {639}, 640: {640}, 700: {640}, 900: {640, 900}, 1280: {640, 1280}, 1700: {640, 1280, 1700}, 1920: all, 5000: all,
	} {
		if got := chooseWidths(all, own); !cmp.Equal(got, want) {
			t.Errorf("%d wide: got %v, want %v", own, got, want)
		}
	}
}

func TestFirstFrameOfAnAnimationIsThePage(t *testing.T) {
	first := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.RGBA{255, 0, 0, 255}, color.White})
	second := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.RGBA{0, 0, 255, 255}, color.White})
	var b bytes.Buffer
	checkError(t, gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{first, second}, Delay: []int{1, 1}}))
	s := putFiles(t, b.Bytes())
	p := mustRasterise(t, s)[0]
	if got := quarterColours(loadImage(t, s, p, 40)); got != "RRRR" {
		t.Errorf("got %s", got)
	}
}

func TestWebPIsTaken(t *testing.T) {
	// 1 x 1, lossy, from the format's own examples
	data, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	checkError(t, err)
	if p := mustRasterise(t, putFiles(t, data))[0]; p.W != 1 || p.H != 1 {
		t.Errorf("got %+v", p)
	}
}

func TestTransparentPictureIsOnWhitePaper(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 900, 600)) // all transparent
	s := putFiles(t, pngOf(t, img))
	p := mustRasterise(t, s)[0]
	for _, w := range p.Widths {
		if got := quarterColours(loadImage(t, s, p, w)); got != "WWWW" {
			t.Errorf("%d: got %s", w, got)
		}
	}
}

func TestFlatPageIsPNGAndPhotographJPEG(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 800, 600))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(rng.Uint32()) | uint8(i%4/3*255)
	}
	for want, img := range map[string]image.Image{"png": cornersPicture(800, 600), "jpg": noise} {
		if p := mustRasterise(t, putFiles(t, pngOf(t, img)))[0]; p.Ext != want {
			t.Errorf("got %s, want %s", p.Ext, want)
		}
	}
}

func TestStripsScaleLikeTheWhole(t *testing.T) {
	src := image.NewRGBA(image.Rect(0, 0, 1000, 777))
	for i := range src.Pix {
		x, y := i/4%1000, i/4000
		src.Pix[i] = [4]uint8{uint8(x / 4), uint8(y / 4), uint8((x + y) / 8), 255}[i%4]
	}
	got := pictureInfo{w: 1000, h: 777, orientation: 1}.scaleTo(src, 640)
	for y := range got.Rect.Dy() {
		for x := range got.Rect.Dx() {
			c, want := got.RGBAAt(x, y), [2]int{x * 1000 / 640 / 4, y * 1000 / 640 / 4}
			if dx, dy := int(c.R)-want[0], int(c.G)-want[1]; dx < -2 || dx > 2 || dy < -2 || dy > 2 {
				t.Fatalf("at %d,%d: %v, want %v", x, y, c, want)
			}
		}
	}
}

// pngBomb returns a PNG of w x h pixels that are all zero: a few kilobytes.
func pngBomb(w, h, depth, colour int, body int64) []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		at := len(out)
		out = append(append(out, name...), data...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
	}
	ihdr := binary.BigEndian.AppendUint32(nil, uint32(w))
	ihdr = binary.BigEndian.AppendUint32(ihdr, uint32(h))
	chunk("IHDR", append(ihdr, byte(depth), byte(colour), 0, 0, 0))
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = io.CopyN(z, zeros{}, body)
	_ = z.Close()
	chunk("IDAT", b.Bytes())
	chunk("IEND", nil)
	return out
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHostilePictureIsRefusedWithAReason(t *testing.T) {
	photo := jpegOf(t, cornersPicture(800, 400))
	big := append([]byte{}, photo...)
	at := bytes.Index(big, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(big[at+5:], 0xffff)
	binary.BigEndian.PutUint16(big[at+7:], 0xffff)
	slow := append([]byte{}, big...) // the same as a progressive one of 30 megapixels
	slow[at+1] = 0xc2
	binary.BigEndian.PutUint16(slow[at+5:], 5000)
	binary.BigEndian.PutUint16(slow[at+7:], 6000)
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"PNG bomb":         {pngBomb(100_000, 100_000, 8, 6, 1000), "too_large"},
		"JPEG bomb":        {big, "too_large"},
		"progressive JPEG": {slow, "too_large"},
		"16 bit PNG":       {pngBomb(8000, 5000, 16, 6, 1000), "too_large"},
		"GIF bomb":         {append([]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), 0x3b), "too_large"},
		"strip":            {pngBomb(10, 1000, 8, 0, 11_000), "too_large"},
		"cut PNG":          {pngBomb(100, 100, 8, 6, 500), "broken_file"},
		"cut JPEG":         {photo[:300], "broken_file"},
		"head of a PNG":    {photoHead("\x89PNG\r\n\x1a\n"), "broken_file"},
		"head of a WebP":   {photoHead("RIFF\x00\x00\x00\x00WEBP"), "broken_file"},
		"no pixels":        {pngBomb(0, 0, 8, 6, 0), "broken_file"},
	} {
		t.Run(name, func(t *testing.T) {
			e := refusedWith(t, putFiles(t, c.data))
			if e.Code != c.code || e.Field != "pages[0]" {
				t.Errorf("got %q at %q (%v), want %q", e.Code, e.Field, e, c.code)
			}
		})
	}
}

func photoHead(s string) []byte { return []byte(s + "xx") }

// Any bytes in a JPEG's head must give an answer.
func FuzzJPEGHead(f *testing.F) {
	photo := jpegOf(f, cornersPicture(20, 20))
	f.Add(photo)
	f.Add(addEXIF(photo, 6, binary.LittleEndian, "II"))
	f.Add(addEXIF(photo, 9, binary.BigEndian, "MM"))
	f.Add([]byte("\xff\xd8\xff\xff\xff\xe1\x00\x02"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		turn, _, err := scanJPEG(bytes.NewReader(data))
		if turn < 1 || turn > 8 || err != nil {
			t.Errorf("got %d, %v", turn, err)
		}
		if k := sniffKind(data); k != "" && fmt.Sprint(decoders[k].config != nil) != fmt.Sprint(k != "pdf") {
			t.Errorf("%q has no decoder", k)
		}
	})
}
