package slides

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"path/filepath"
	"slices"

	"golang.org/x/image/draw"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

const jpegQuality = 82 // of JPEG: text edges stay clean, and photographs have a third of the bytes of quality 95

// stripSize is the number of rows or columns that are scaled at once. The scaler keeps 32 bytes
// for each pixel of (new width x old height), which is 400 MB for a whole photograph.
const stripSize = 128

// scaleTo returns the picture upright, without transparency and of the given width.
func (h pictureInfo) scaleTo(img image.Image, width int) *image.RGBA {
	b := img.Bounds()
	shown := h.uprightSize()
	height := max(1, (shown.Y*width+shown.X/2)/shown.X)
	w, hgt := width, height
	if h.orientation >= 5 {
		w, hgt = height, width
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, hgt))
	if b.Dx() == w && b.Dy() == hgt {
		draw.Draw(dst, dst.Bounds(), img, b.Min, draw.Src)
	} else {
		resampleImage(dst, img)
	}
	return applyOrientation(fillWhite(dst), h.orientation)
}

// resampleImage scales img onto dst, first across and then down, a strip at a time.
func resampleImage(dst *image.RGBA, img image.Image) {
	b, size := img.Bounds(), dst.Bounds().Size()
	across := image.NewRGBA(image.Rect(0, 0, size.X, b.Dy()))
	for y := 0; y < b.Dy(); y += stripSize {
		end := min(y+stripSize, b.Dy())
		draw.CatmullRom.Scale(across, image.Rect(0, y, size.X, end), img, image.Rect(b.Min.X, b.Min.Y+y, b.Max.X, b.Min.Y+end), draw.Src, nil)
	}
	for x := 0; x < size.X; x += stripSize {
		end := min(x+stripSize, size.X)
		draw.CatmullRom.Scale(dst, image.Rect(x, 0, end, size.Y), across, image.Rect(x, 0, end, b.Dy()), draw.Src, nil)
	}
}

// fillWhite puts transparent pixels on white paper, in place.
func fillWhite(img *image.RGBA) *image.RGBA {
	for i := 0; i+3 < len(img.Pix); i += 4 {
		if a := img.Pix[i+3]; a != 0xff {
			paper := 0xff - a // the colours are premultiplied
			img.Pix[i] = addClamped(img.Pix[i], paper)
			img.Pix[i+1] = addClamped(img.Pix[i+1], paper)
			img.Pix[i+2] = addClamped(img.Pix[i+2], paper)
			img.Pix[i+3] = 0xff
		}
	}
	return img
}

func addClamped(a, b uint8) uint8 { return uint8(min(int(a)+int(b), 0xff)) }

// applyOrientation returns img turned by its EXIF orientation.
func applyOrientation(img *image.RGBA, turn int) *image.RGBA {
	if turn <= 1 || turn > 8 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if turn >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			to := [...]image.Point{
				2: {w - 1 - x, y}, 3: {w - 1 - x, h - 1 - y}, 4: {x, h - 1 - y},
				5: {y, x}, 6: {h - 1 - y, x}, 7: {h - 1 - y, w - 1 - x}, 8: {y, w - 1 - x},
			}[turn]
			copy(out.Pix[out.PixOffset(to.X, to.Y):][:4], img.Pix[img.PixOffset(x, y):][:4])
		}
	}
	return out
}

// saveImage writes an image of a page in the smaller of two forms. The first image decides for
// all widths, so that a page has one extension.
func (m *deckMaker) saveImage(p *Page, img *image.RGBA) error {
	var data []byte
	var err error
	switch p.Ext {
	case "jpg":
		data, err = asJPEG(img)
	case "png":
		data, err = asPNG(img)
	default:
		p.Ext, data, err = encodeSmaller(img)
	}
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	size := img.Bounds().Size()
	name := filepath.Join(m.Out, fmt.Sprintf("%s-%d.%s", p.Key, size.X, p.Ext))
	if err := atomicfile.Write(name, 0o600, atomicfile.Bytes(data)); err != nil {
		return errs.New(op, errs.Down, err)
	}
	m.written = append(m.written, name)
	p.W, p.H, p.Widths = size.X, size.Y, append(p.Widths, size.X)
	return nil
}

func encodeSmaller(img *image.RGBA) (string, []byte, error) {
	j, err := asJPEG(img)
	if err != nil {
		return "", nil, err
	}
	p, err := asPNG(img)
	if err == nil && len(p) <= len(j) {
		return "png", p, nil
	}
	return "jpg", j, err
}

func asJPEG(img *image.RGBA) ([]byte, error) {
	var buf bytes.Buffer
	err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: jpegQuality})
	return buf.Bytes(), err
}

// asPNG is small for drawn pages, which have few colours.
func asPNG(img *image.RGBA) ([]byte, error) {
	var buf bytes.Buffer
	var src image.Image = img
	if flat := toPaletted(img); flat != nil {
		src = flat
	}
	err := (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(&buf, src)
	return buf.Bytes(), err
}

// toPaletted returns img with a palette if it has at most 256 colours, and nil otherwise.
func toPaletted(img *image.RGBA) *image.Paletted {
	index := make(map[uint32]uint8, 256)
	var palette color.Palette
	out := image.NewPaletted(img.Rect, nil)
	last, lastIndex := uint32(0), uint8(0) // black without alpha: no pixel has it
	for i, o := 0, 0; i+3 < len(img.Pix); i, o = i+4, o+1 {
		c := uint32(img.Pix[i])<<24 | uint32(img.Pix[i+1])<<16 | uint32(img.Pix[i+2])<<8 | uint32(img.Pix[i+3])
		if c != last {
			n, ok := index[c]
			if !ok {
				if len(palette) == 256 {
					return nil
				}
				n = uint8(len(palette))
				index[c] = n
				palette = append(palette, color.RGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3]})
			}
			last, lastIndex = c, n
		}
		out.Pix[o] = lastIndex
	}
	out.Palette = slices.Clip(palette)
	return out
}
