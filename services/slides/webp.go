package slides

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// maxWebP bounds the bytes of a WebP that is decoded.
const maxWebP = 128 << 20

// decodeWebP decodes a WebP. Of an animation it returns the first frame on its canvas. Colours of a
// lossy picture are in the limited range (RFC 6386, section 9.2), which the library takes for the
// full one.
func decodeWebP(r io.Reader) (image.Image, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxWebP))
	if err != nil {
		return nil, err
	}
	frame, at, err := firstFrame(data)
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(bytes.NewReader(frame))
	if err != nil {
		return nil, err
	}
	return shiftImage(stretchRange(img), at), nil
}

// firstFrame returns the first frame of an animation as a picture of its own, with its place on the
// canvas. Other pictures are returned as they are.
func firstFrame(data []byte) ([]byte, image.Point, error) {
	if len(data) < 30 || string(data[12:16]) != "VP8X" || data[20]&2 == 0 {
		return data, image.Point{}, nil
	}
	frame, err := findRIFFChunk(bytes.NewReader(data), "ANMF")
	if err != nil {
		return nil, image.Point{}, err
	}
	if frame = wholeChunk(data, frame); len(frame) < 24 {
		return nil, image.Point{}, errors.New("the animation has no frame")
	}
	at := image.Pt(2*readUint24(frame), 2*readUint24(frame[3:]))
	out := bytes.NewBufferString("RIFF\x00\x00\x00\x00WEBP")
	if string(frame[16:20]) == "ALPH" {
		out.WriteString("VP8X\x0a\x00\x00\x00\x10\x00\x00\x00")
		out.Write(frame[6:12]) // the size of the frame
	}
	out.Write(frame[16:])
	still := out.Bytes()
	binary.LittleEndian.PutUint32(still[4:], uint32(len(still)-8))
	return still, at, nil
}

// wholeChunk returns all bytes of a chunk of which part is the beginning.
func wholeChunk(data, part []byte) []byte {
	i := bytes.Index(data, part)
	if i < 8 || len(part) == 0 {
		return nil
	}
	size := int(binary.LittleEndian.Uint32(data[i-4:]))
	return data[i : i+max(0, min(size, len(data)-i))]
}

func readUint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// stretchRange returns a lossy picture with the colours that its numbers mean.
func stretchRange(img image.Image) image.Image {
	var y *image.YCbCr
	var alpha *image.NYCbCrA
	switch img := img.(type) {
	case *image.YCbCr:
		y = img
	case *image.NYCbCrA:
		y, alpha = &img.YCbCr, img
	default:
		return img // lossless pictures are in RGB
	}
	out := image.NewNRGBA(y.Rect)
	for py := y.Rect.Min.Y; py < y.Rect.Max.Y; py++ {
		for px := y.Rect.Min.X; px < y.Rect.Max.X; px++ {
			c := limitedRGB(y.Y[y.YOffset(px, py)], y.Cb[y.COffset(px, py)], y.Cr[y.COffset(px, py)])
			if alpha != nil {
				c.A = alpha.A[alpha.AOffset(px, py)]
			}
			out.SetNRGBA(px, py, c)
		}
	}
	return out
}

// limitedRGB converts a colour of BT.601 in the limited range: 16 is black and 235 white.
func limitedRGB(y, cb, cr uint8) color.NRGBA {
	l := 305236 * (int32(y) - 16)
	b, r := int32(cb)-128, int32(cr)-128
	clamp := func(v int32) uint8 { return uint8(min(max((v+1<<17)>>18, 0), 255)) }
	return color.NRGBA{clamp(l + 418389*r), clamp(l - 102698*b - 213115*r), clamp(l + 528805*b), 255}
}

// shiftImage moves a picture to its place.
func shiftImage(img image.Image, at image.Point) image.Image {
	if at == (image.Point{}) {
		return img
	}
	out := image.NewNRGBA(img.Bounds().Add(at))
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}

// placeOnCanvas returns a frame of an animation on its whole canvas.
func placeOnCanvas(img image.Image, w, h int) image.Image {
	canvas := image.Rect(0, 0, w, h)
	if img.Bounds() == canvas {
		return img
	}
	out := image.NewRGBA(canvas)
	draw.Draw(out, canvas.Intersect(img.Bounds()), img, canvas.Intersect(img.Bounds()).Min, draw.Src)
	return out
}
