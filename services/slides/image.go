package slides

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/image/draw"

	"github.com/livelearn/box/services/errs"
)

const quality = 82 // of JPEG: text edges stay clean, photographs are a third of quality 95

// strip is how many rows or columns are scaled at once: the scaler keeps 32 bytes for
// each pixel of (new width x old height), which for a whole photograph is 400 MB.
const strip = 128

// shrink is the picture upright, without transparency and of the given width.
func (h head) shrink(img image.Image, width int) *image.RGBA {
	b := img.Bounds()
	shown := h.shown()
	height := max(1, (shown.Y*width+shown.X/2)/shown.X)
	w, hgt := width, height
	if h.turn >= 5 {
		w, hgt = height, width
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, hgt))
	if b.Dx() == w && b.Dy() == hgt {
		draw.Draw(dst, dst.Bounds(), img, b.Min, draw.Src)
	} else {
		resample(dst, img)
	}
	return turned(onWhite(dst), h.turn)
}

// resample scales img onto dst, first across and then down, a strip at a time.
func resample(dst *image.RGBA, img image.Image) {
	b, size := img.Bounds(), dst.Bounds().Size()
	across := image.NewRGBA(image.Rect(0, 0, size.X, b.Dy()))
	for y := 0; y < b.Dy(); y += strip {
		end := min(y+strip, b.Dy())
		draw.CatmullRom.Scale(across, image.Rect(0, y, size.X, end), img, image.Rect(b.Min.X, b.Min.Y+y, b.Max.X, b.Min.Y+end), draw.Src, nil)
	}
	for x := 0; x < size.X; x += strip {
		end := min(x+strip, size.X)
		draw.CatmullRom.Scale(dst, image.Rect(x, 0, end, size.Y), across, image.Rect(x, 0, end, b.Dy()), draw.Src, nil)
	}
}

// onWhite puts what is transparent on white paper, in place.
func onWhite(img *image.RGBA) *image.RGBA {
	for i := 0; i+3 < len(img.Pix); i += 4 {
		if a := img.Pix[i+3]; a != 0xff {
			paper := 0xff - a // the colours are premultiplied
			img.Pix[i] = add(img.Pix[i], paper)
			img.Pix[i+1] = add(img.Pix[i+1], paper)
			img.Pix[i+2] = add(img.Pix[i+2], paper)
			img.Pix[i+3] = 0xff
		}
	}
	return img
}

func add(a, b uint8) uint8 { return uint8(min(int(a)+int(b), 0xff)) }

// turned is img as the EXIF orientation wants it seen.
func turned(img *image.RGBA, turn int) *image.RGBA {
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

// save writes an image of a page in the form that is smaller. The first image decides
// for all widths, so that a page has one extension.
func (m *maker) save(p *Page, img *image.RGBA) error {
	var data []byte
	var err error
	switch p.Ext {
	case "jpg":
		data, err = asJPEG(img)
	case "png":
		data, err = asPNG(img)
	default:
		p.Ext, data, err = smaller(img)
	}
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	size := img.Bounds().Size()
	name := filepath.Join(m.Out, fmt.Sprintf("%s-%d.%s", p.Key, size.X, p.Ext))
	if err := write(name, data); err != nil {
		return errs.New(op, errs.Down, err)
	}
	m.names = append(m.names, name)
	p.W, p.H, p.Widths = size.X, size.Y, append(p.Widths, size.X)
	return nil
}

func smaller(img *image.RGBA) (string, []byte, error) {
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
	err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: quality})
	return buf.Bytes(), err
}

// asPNG is small for drawn pages, which have few colours.
func asPNG(img *image.RGBA) ([]byte, error) {
	var buf bytes.Buffer
	var src image.Image = img
	if flat := paletted(img); flat != nil {
		src = flat
	}
	err := (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(&buf, src)
	return buf.Bytes(), err
}

// paletted is img with a palette when it has at most 256 colours, and nil otherwise.
func paletted(img *image.RGBA) *image.Paletted {
	index := make(map[uint32]uint8, 256)
	var palette color.Palette
	out := image.NewPaletted(img.Rect, nil)
	last, lastIndex := uint32(0), uint8(0) // black without alpha: no pixel is that
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

// write makes a file that has its name when it is whole and on disk.
func write(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".page-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
