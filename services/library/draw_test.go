package library

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

var update = flag.Bool("update", false, "draw the sample's pages anew")

// The pages of the sample have no words, so that they serve every language. A page is 16 x 9
// units, and later shapes cover earlier ones.
type shape struct {
	colour color.RGBA
	inside func(x, y float64) bool
}

func newDisc(c color.RGBA, cx, cy, r float64) shape {
	return shape{c, func(x, y float64) bool { return math.Hypot(x-cx, y-cy) <= r }}
}

// newRing is a thin ellipse.
func newRing(c color.RGBA, cx, cy, rx, ry, thick float64) shape {
	return shape{c, func(x, y float64) bool {
		out := math.Hypot((x-cx)/(rx+thick/2), (y-cy)/(ry+thick/2))
		in := math.Hypot((x-cx)/(rx-thick/2), (y-cy)/(ry-thick/2))
		return out <= 1 && in >= 1
	}}
}

// front is the half of a shape that is below y0.
func (s shape) front(y0 float64) shape {
	return shape{s.colour, func(x, y float64) bool { return y >= y0 && s.inside(x, y) }}
}

// nightSide is the half of a disc that does not see the Sun at (sx, sy).
func nightSide(c color.RGBA, cx, cy, r, sx, sy float64) shape {
	return shape{c, func(x, y float64) bool {
		return math.Hypot(x-cx, y-cy) <= r && (x-cx)*(cx-sx)+(y-cy)*(cy-sy) > 0
	}}
}

type label struct {
	text string
	x, y float64 // of its middle, on the line
	size float64
}

var (
	space   = color.RGBA{0x10, 0x14, 0x2e, 0xff}
	line    = color.RGBA{0x4a, 0x52, 0x86, 0xff}
	light   = color.RGBA{0xf2, 0xf2, 0xf7, 0xff}
	sun     = color.RGBA{0xff, 0xc8, 0x2e, 0xff}
	night   = color.RGBA{0x0b, 0x1d, 0x3d, 0xff}
	planets = []struct {
		colour     color.RGBA
		size, real float64 // as drawn on the first page, in diameters of the Earth
	}{
		{color.RGBA{0xa8, 0x9f, 0x94, 0xff}, 0.16, 0.38},
		{color.RGBA{0xe6, 0xc2, 0x7a, 0xff}, 0.28, 0.95},
		{color.RGBA{0x3d, 0x8b, 0xe0, 0xff}, 0.3, 1},
		{color.RGBA{0xd2, 0x5b, 0x3a, 0xff}, 0.22, 0.53},
		{color.RGBA{0xd9, 0xa0, 0x66, 0xff}, 0.75, 11.2},
		{color.RGBA{0xe8, 0xd3, 0x97, 0xff}, 0.6, 9.4},
		{color.RGBA{0x8f, 0xdb, 0xe3, 0xff}, 0.45, 4},
		{color.RGBA{0x3a, 0x5f, 0xd8, 0xff}, 0.44, 3.9},
	}
)

// orderPage is the Sun and its planets, numbered from the inside.
func orderPage() (shapes []shape, labels []label) {
	shapes = append(shapes, newDisc(sun, -1.6, 4.5, 3.4))
	at := []float64{2.9, 3.8, 4.9, 5.9, 7.7, 10.2, 12.6, 14.6}
	for i, p := range planets {
		x := at[i]
		shapes = append(shapes, newRing(line, -1.6, 4.5, x+1.6, (x+1.6)*0.95, 0.03))
		labels = append(labels, label{fmt.Sprint(i + 1), x, 6.6, 0.7})
		defer func() { shapes = append(shapes, drawPlanet(i, x, 4.5, p.size)...) }() // on top of all orbits
	}
	return shapes, labels
}

// drawPlanet draws a planet with its best-known features.
func drawPlanet(i int, x, y, r float64) []shape {
	out := []shape{newDisc(planets[i].colour, x, y, r)}
	switch i {
	case 4:
		band := out[0]
		stripes := shape{color.RGBA{0xb8, 0x78, 0x45, 0xff}, func(px, py float64) bool {
			return band.inside(px, py) && (math.Abs(py-y-0.3*r) < 0.1*r || math.Abs(py-y+0.3*r) < 0.1*r)
		}}
		out = append(out, stripes)
	case 5:
		saturn := newRing(color.RGBA{0xc9, 0xb1, 0x7c, 0xff}, x, y, 1.7*r, 0.4*r, 0.18*r)
		out = []shape{saturn, out[0], saturn.front(y)}
	}
	return out
}

// sizePage is the planets at their true sizes.
func sizePage() (shapes []shape, labels []label) {
	const unit = 0.225 // half of the Earth's diameter
	at := [][2]float64{{1.1, 7.4}, {2.1, 7.4}, {3.2, 7.4}, {4.2, 7.4}, {3, 3.3}, {9.45, 3.3}, {7.6, 7.4}, {10.4, 7.4}}
	for i, p := range planets {
		shapes = append(shapes, drawPlanet(i, at[i][0], at[i][1], p.real*unit)...)
		labels = append(labels, label{fmt.Sprint(i + 1), at[i][0], 8.8, 0.5})
	}
	labels[4] = label{"5", at[4][0], 3.5, 0.6}
	labels[5] = label{"6", at[5][0], 3.5, 0.6}
	return append(shapes, newDisc(sun, 38.6, 4.5, 25)), labels
}

// seasonsPage is the Earth on its way around the Sun, day and night, and the Moon.
func seasonsPage() (shapes []shape, labels []label) {
	const cx, cy = 8, 4.5
	shapes = append(shapes, newRing(line, cx, cy, 6, 3.1, 0.04), newDisc(sun, cx, cy, 1.1))
	for i := range 4 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 2)
		x, y := cx+6*cos, cy+3.1*sin
		axis := shape{light, func(px, py float64) bool { // it always leans the same way
			dx, dy := px-x, py-y
			return math.Abs(dx*math.Cos(0.41)+dy*math.Sin(0.41)) < 0.03 && math.Hypot(dx, dy) < 1
		}}
		shapes = append(shapes, axis, newDisc(planets[2].colour, x, y, 0.7), nightSide(night, x, y, 0.7, cx, cy),
			newRing(line, x, y, 1.25, 1.1, 0.02), newDisc(light, x+1.25, y, 0.17), nightSide(line, x+1.25, y, 0.17, cx, cy))
		labels = append(labels, label{string(rune('A' + i)), x - 1.9*cos, y - 1.45*sin + 0.2, 0.6})
	}
	return shapes, labels
}

// paintPage draws a page: 4 x 4 points for each pixel, so that edges have 17 shades.
func paintPage(t testing.TB, width int, shapes []shape, labels []label) *image.RGBA {
	height := width * 9 / 16
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	unit := float64(width) / 16
	for y := range height {
		for x := range width {
			var sum [3]int
			for s := range 16 {
				c := colourAt(shapes, (float64(x)+float64(s%4)/4+0.125)/unit, (float64(y)+float64(s/4)/4+0.125)/unit)
				sum[0], sum[1], sum[2] = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B)
			}
			img.SetRGBA(x, y, color.RGBA{uint8(sum[0] / 16), uint8(sum[1] / 16), uint8(sum[2] / 16), 0xff})
		}
	}
	for _, l := range labels {
		writeLabel(t, img, l, unit)
	}
	return img
}

func colourAt(shapes []shape, x, y float64) color.RGBA {
	for i := len(shapes) - 1; i >= 0; i-- {
		if shapes[i].inside(x, y) {
			return shapes[i].colour
		}
	}
	return space
}

func writeLabel(t testing.TB, img *image.RGBA, l label, unit float64) {
	parsed, err := opentype.Parse(gobold.TTF)
	checkError(t, err)
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: l.size * unit, DPI: 72})
	checkError(t, err)
	d := font.Drawer{Dst: img, Src: image.NewUniform(light), Face: face}
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(l.x*unit*64) - d.MeasureString(l.text)/2, Y: fixed.Int26_6(l.y * unit * 64)}
	d.DrawString(l.text)
}

// toPaletted is img in 64 colours: the shapes' own, and the shades between them.
func toPaletted(img *image.RGBA) *image.Paletted {
	count := map[color.RGBA]int{}
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			count[img.RGBAAt(x, y)]++
		}
	}
	var palette color.Palette
	for len(palette) < 64 && len(count) > 0 {
		var most color.RGBA
		for c, n := range count {
			if m := count[most]; n > m || n == m && fmt.Sprint(c) < fmt.Sprint(most) {
				most = c
			}
		}
		delete(count, most)
		palette = append(palette, most)
	}
	out := image.NewPaletted(img.Rect, palette)
	draw.Draw(out, out.Rect, img, image.Point{}, draw.Src)
	return out
}

// The test draws on request only. Drawing takes seconds, and other processors round some pixels
// differently.
func TestSamplePagesAreSmall(t *testing.T) {
	total := 0
	for i, page := range []func() ([]shape, []label){orderPage, sizePage, seasonsPage} {
		for _, width := range sampleWidths {
			name := fmt.Sprintf("sample/%d-%d.png", i+1, width)
			if *update {
				shapes, labels := page()
				var b bytes.Buffer
				checkError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, toPaletted(paintPage(t, width, shapes, labels))))
				checkError(t, os.WriteFile(name, b.Bytes(), 0o600))
			}
			data, err := os.ReadFile(name)
			checkError(t, err)
			total += len(data)
			conf, err := png.DecodeConfig(bytes.NewReader(data))
			if err != nil || conf.Width != width || conf.Height != width*9/16 {
				t.Errorf("%s is %d x %d, %v", name, conf.Width, conf.Height, err)
			}
		}
	}
	if total > 150_000 {
		t.Errorf("the sample takes %d bytes", total)
	}
}
