package slides

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"slices"

	"golang.org/x/image/webp"

	"github.com/livelearn/box/services/errs"
)

// Limits of one picture. The second is what decoding it may take: few files that have so
// many pixels also have the most costly form of them.
const (
	maxPixels = 40_000_000
	maxDecode = 300 << 20 // bytes
)

var decoders = map[string]struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	"png":  {png.DecodeConfig, png.Decode},
	"jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"gif":  {gif.DecodeConfig, gif.Decode}, // the first frame
	"webp": {webp.DecodeConfig, webp.Decode},
}

// picture makes the page of a picture.
func (m *maker) picture(f *os.File, kind string, rest int) error {
	if len(m.pages)+1+rest > m.MaxPages {
		return tooMany("file", m.MaxPages)
	}
	field := fmt.Sprintf("pages[%d]", len(m.pages))
	info, err := headOf(f, kind, field)
	if err != nil {
		return err
	}
	img, err := decoders[kind].decode(f)
	if err != nil {
		return broken(field, "the %s picture is damaged: %v", kind, err)
	}
	p := Page{Key: NewKey()}
	widths := steps(m.Widths, info.shown().X)
	made := make([]*image.RGBA, len(widths))
	for i, width := range slices.Backward(widths) { // each from the one above it
		img = info.shrink(img, width)
		info.upright(img)
		made[i], _ = img.(*image.RGBA)
	}
	for _, img := range made {
		if err := m.save(&p, img); err != nil {
			return err
		}
	}
	return m.done(p, rest)
}

// head is what a picture says of itself before it is decoded.
type head struct {
	w, h int
	turn int // EXIF orientation, 1 to 8
}

// shown is the picture's size when it stands upright.
func (h head) shown() image.Point {
	if h.turn >= 5 {
		return image.Pt(h.h, h.w)
	}
	return image.Pt(h.w, h.h)
}

// upright makes h that of img, which is how the picture is shown.
func (h *head) upright(img image.Image) {
	h.w, h.h, h.turn = img.Bounds().Dx(), img.Bounds().Dy(), 1
}

// headOf reads a picture's size and refuses one that is too much for the box. The file
// is rewound.
func headOf(f io.ReadSeeker, kind, field string) (head, error) {
	conf, err := decoders[kind].config(f)
	if err != nil {
		return head{}, broken(field, "the %s picture is damaged: %v", kind, err)
	}
	h := head{w: conf.Width, h: conf.Height, turn: 1}
	cost := bytesPerPixel(conf.ColorModel)
	if kind == "jpeg" {
		var progressive bool
		if h.turn, progressive, err = scanJPEG(f); err != nil {
			return h, errs.New(op, errs.Down, err)
		}
		if progressive { // the decoder keeps 4 bytes for each of up to 3 x w x h coefficients
			cost += 12
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, errs.New(op, errs.Down, err)
	}
	pixels := int64(h.w) * int64(h.h)
	switch {
	case h.w < 1 || h.h < 1:
		return h, broken(field, "the picture has no size")
	case pixels > maxPixels || pixels*cost > maxDecode:
		limit := min(int64(maxPixels), maxDecode/cost)
		return h, errs.Field(op, field, "too_large", limit, "the picture has %d x %d pixels, at most %d megapixels are taken",
			h.w, h.h, limit/1_000_000)
	case h.shown().Y > 8*h.shown().X || h.shown().X > 16*h.shown().Y:
		return h, errs.Field(op, field, "too_large", 8, "the picture is a strip of %d x %d pixels", h.w, h.h)
	}
	return h, nil
}

func bytesPerPixel(m color.Model) int64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.Gray16Model:
		return 2
	}
	return 4 // palettes, RGBA, YCbCr and CMYK: at most
}

// steps are the widths for a picture: none above its own, and its own where that says
// clearly more than the step below it.
func steps(widths []int, own int) []int {
	var list []int
	for _, w := range widths {
		if w <= own {
			list = append(list, w)
		}
	}
	if len(list) == 0 || len(list) < len(widths) && own > list[len(list)-1]*5/4 {
		list = append(list, own)
	}
	return list
}

// scanJPEG walks a JPEG's segments up to its frame and tells how the picture lies (EXIF
// orientation) and whether it is progressive. What it cannot read is taken as upright.
func scanJPEG(f io.ReadSeeker) (turn int, progressive bool, err error) {
	turn = 1
	if _, err := f.Seek(2, io.SeekStart); err != nil {
		return turn, false, err
	}
	var b [4]byte
	for range 1000 { // segments: files have about ten
		if _, err := io.ReadFull(f, b[:]); err != nil || b[0] != 0xff {
			return turn, false, nil
		}
		if b[1] == 0xff { // a fill byte
			if _, err := f.Seek(-3, io.SeekCurrent); err != nil {
				return turn, false, err
			}
			continue
		}
		n := int64(binary.BigEndian.Uint16(b[2:])) - 2
		switch marker := b[1]; {
		case marker >= 0xc0 && marker <= 0xc2:
			return turn, marker == 0xc2, nil
		case marker == 0xda || n < 0:
			return turn, false, nil
		case marker == 0xe1:
			data := make([]byte, n)
			if _, err := io.ReadFull(f, data); err != nil {
				return turn, false, nil
			}
			if t := orientation(data); t != 0 {
				turn = t
			}
		default:
			if _, err := f.Seek(n, io.SeekCurrent); err != nil {
				return turn, false, err
			}
		}
	}
	return turn, false, nil
}

// orientation finds tag 0x0112 in an EXIF segment (TIFF 6.0, section 2); 0: there is none.
func orientation(seg []byte) int {
	if len(seg) < 14 || string(seg[:6]) != "Exif\x00\x00" {
		return 0
	}
	tiff := seg[6:]
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	n := int64(order.Uint16(tiff[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(tiff)) {
			return 0
		}
		if order.Uint16(tiff[e:]) != 0x0112 {
			continue
		}
		if v := int(order.Uint16(tiff[e+8:])); v >= 1 && v <= 8 {
			return v
		}
		return 0
	}
	return 0
}
