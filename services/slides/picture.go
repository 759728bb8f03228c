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
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/livelearn/box/services/errs"
)

// Limits of one picture. The second one bounds the memory of the decoder: few files with so many
// pixels also have their most costly form.
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
	"webp": {webp.DecodeConfig, decodeWebP},
	"bmp":  {bmp.DecodeConfig, bmp.Decode},
	"tiff": {tiff.DecodeConfig, tiff.Decode}, // the first page
}

// makePicturePage makes the page of a picture.
func (m *deckMaker) makePicturePage(f *os.File, kind string, rest int) error {
	if len(m.pages)+1+rest > m.MaxPages {
		return errTooMany("file", m.MaxPages)
	}
	field := fmt.Sprintf("pages[%d]", len(m.pages))
	info, err := readPictureInfo(f, kind, field)
	if err != nil {
		return err
	}
	img, err := info.decode(f, kind, field, m.Cache)
	if err != nil {
		return err
	}
	p := Page{Key: NewKey()}
	if kind == "svg" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return errs.New(op, errs.Down, err)
		}
		p.Undrawn = findUndrawnSVG(f)
	}
	widths := chooseWidths(m.Widths, info.uprightSize().X)
	made := make([]*image.RGBA, len(widths))
	for i, width := range slices.Backward(widths) { // each from the one above it
		img = info.scaleTo(img, width)
		info.setUpright(img)
		made[i], _ = img.(*image.RGBA)
	}
	for _, img := range made {
		if err := m.saveImage(&p, img); err != nil {
			return err
		}
	}
	return m.addPage(p, rest)
}

// pictureInfo is the data in a picture's head, read before decoding.
type pictureInfo struct {
	w, h        int
	orientation int // EXIF orientation, 1 to 8
}

// uprightSize returns the size of the upright picture.
func (h pictureInfo) uprightSize() image.Point {
	if h.orientation >= 5 {
		return image.Pt(h.h, h.w)
	}
	return image.Pt(h.w, h.h)
}

// setUpright replaces h by the head of img, which is shown upright.
func (h *pictureInfo) setUpright(img image.Image) {
	h.w, h.h, h.orientation = img.Bounds().Dx(), img.Bounds().Dy(), 1
}

// decode decodes the picture. A frame of an animation is on its canvas. cache is the folder for
// compiled code.
func (h *pictureInfo) decode(f io.ReadSeeker, kind, field, cache string) (image.Image, error) {
	if isHEIF(kind) {
		img, err := decodeHEIF(f, kind, cache)
		if err != nil {
			return nil, errs.NewField(op, field, "heic", 0, "this %s picture cannot be read (%v); save it as JPEG and add that", strings.ToUpper(kind), err)
		}
		h.w, h.h = img.Bounds().Dx(), img.Bounds().Dy() // a part that is cut away is not in the boxes' size
		return img, nil
	}
	if kind == "svg" {
		img, err := decodeSVG(f, cache)
		if err != nil {
			text, _, _ := strings.Cut(err.Error(), "\n")
			return nil, errs.NewField(op, field, "svg", 0, "this SVG drawing cannot be read (%s); save it as PNG or PDF and add that", text)
		}
		h.setUpright(img)
		return img, nil
	}
	img, err := decoders[kind].decode(f)
	if err != nil {
		return nil, errBrokenFile(field, "the %s picture is damaged: %v", kind, err)
	}
	if kind == "gif" || kind == "webp" {
		img = placeOnCanvas(img, h.w, h.h)
	}
	return img, nil
}

// readPictureInfo reads a picture's size and refuses one that is too large for the box. It
// rewinds the file.
func readPictureInfo(f io.ReadSeeker, kind, field string) (pictureInfo, error) {
	h, cost, err := readPictureHead(f, kind, field)
	if err != nil {
		return h, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, errs.New(op, errs.Down, err)
	}
	pixels := int64(h.w) * int64(h.h)
	switch {
	case h.w < 1 || h.h < 1:
		return h, errBrokenFile(field, "the picture has no size")
	case pixels > maxPixels || pixels*cost > maxDecode:
		limit := min(int64(maxPixels), maxDecode/cost)
		return h, errs.NewField(op, field, "too_large", limit, "the picture has %d x %d pixels, at most %d megapixels are taken",
			h.w, h.h, limit/1_000_000)
	case h.uprightSize().Y > 8*h.uprightSize().X || h.uprightSize().X > 16*h.uprightSize().Y:
		return h, errs.NewField(op, field, "too_large", 8, "the picture is a strip of %d x %d pixels", h.w, h.h)
	}
	return h, nil
}

// readPictureHead reads a picture's size and orientation. cost is the memory of decoding one pixel.
func readPictureHead(f io.ReadSeeker, kind, field string) (h pictureInfo, cost int64, err error) {
	if isHEIF(kind) {
		head, err := readHEIFHead(f)
		if err != nil {
			return h, 0, errs.NewField(op, field, "heic", 0, "this %s picture cannot be read (%v); save it as JPEG and add that", strings.ToUpper(kind), err)
		}
		h, cost = head.picture(kind)
		return h, cost, nil
	}
	if kind == "svg" { // its size is known when it is drawn
		return pictureInfo{w: svgSide, h: svgSide, orientation: 1}, 12, nil
	}
	conf, err := decoders[kind].config(f)
	if err != nil {
		return h, 0, errBrokenFile(field, "the %s picture is damaged: %v", kind, err)
	}
	h.w, h.h, cost = conf.Width, conf.Height, bytesPerPixel(conf.ColorModel)
	var progressive bool
	if h.orientation, progressive, err = readTurn(f, kind); err != nil {
		return h, 0, errs.New(op, errs.Down, err)
	}
	switch {
	case progressive: // the decoder keeps 4 bytes for each of up to 3 x w x h coefficients
		cost += 12
	case kind == "webp": // the colours of the full range, next to the decoded ones
		cost += 2
	}
	return h, cost, nil
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

// chooseWidths returns the widths for a picture: none above its own, and its own if that shows
// clearly more than the step below it.
func chooseWidths(widths []int, own int) []int {
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

// scanJPEG walks a JPEG's segments up to its frame. It returns the orientation (EXIF) and whether
// the JPEG is progressive. A segment that it cannot read counts as upright.
func scanJPEG(f io.ReadSeeker) (turn int, progressive bool, err error) {
	turn = 1
	if _, err := f.Seek(2, io.SeekStart); err != nil {
		return turn, false, err
	}
	var b [4]byte
	for range 1000 { // segments, of which files have about ten
		if _, err := io.ReadFull(f, b[:]); err != nil || b[0] != 0xff {
			//lint:ignore nilerr a picture without EXIF is not turned
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
				//lint:ignore nilerr a picture without EXIF is not turned
				return turn, false, nil
			}
			if t := findOrientation(data); t != 0 {
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

// findOrientation finds tag 0x0112 in an EXIF segment (TIFF 6.0, section 2), or returns 0.
func findOrientation(seg []byte) int {
	if len(seg) < 14 || string(seg[:6]) != "Exif\x00\x00" {
		return 0
	}
	return tiffOrientation(seg[6:])
}

// tiffOrientation finds the orientation in the tags of a TIFF, or returns 0.
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	order := byteOrder(tiff)
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
