// Package screen draws a hal.Page for a display of 128 by 64 dots, and shows it on one.
//
// With a QR code the page is text on the left and the code on the right, as large as the
// display is high; without one the text has the whole width.
package screen

import (
	"image"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
	"periph.io/x/devices/v3/ssd1306/image1bit"

	"github.com/livelearn/box/hal"
)

// Size of the display, in dots.
const (
	Width  = 128
	Height = 64
)

// Of the text: glyphs of 7 by 13 dots, whose first row is empty in all of them.
const (
	advance = 7
	pitch   = 12
	rows    = Height / pitch
	top     = (Height - rows*pitch) / 2
)

// Render draws p. A dot that is on is lit. What does not fit is left out at the end.
func Render(p hal.Page) *image1bit.VerticalLSB {
	img := image1bit.NewVerticalLSB(image.Rect(0, 0, Width, Height))
	columns := Width / advance
	if code := codeOf(p.QR); code != nil {
		columns = (Width - codeWidth) / advance
		code.draw(img)
	}
	for i, line := range layout(p, columns) {
		text(img, i, line)
	}
	if p.State != "" && columns < Width/advance {
		bar := image.Rect(0, 0, columns*advance+1, top+pitch)
		invert(img, bar) // the state stands where the title was
	}
	return img
}

// text draws line number i. Its glyphs are all in the font: see plain.
func text(img draw.Image, i int, line string) {
	d := font.Drawer{
		Dst: img, Src: image.NewUniform(image1bit.On), Face: basicfont.Face7x13,
		Dot: fixed.P(1, top-1+i*pitch+basicfont.Face7x13.Ascent),
	}
	d.DrawString(line)
}

func invert(img *image1bit.VerticalLSB, r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			img.SetBit(x, y, !img.BitAt(x, y))
		}
	}
}
