// Package screen draws a hal.Page for a display of 128 by 64 dots, and shows it on one.
//
// With a QR code the text is on the left and the code on the right, with the full height of the
// display. Without a code the text has the whole width.
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

// Sizes of the text: glyphs of 7 by 13 dots. Their first row is always empty.
const (
	glyphWidth = 7
	rowHeight  = 12
	rowCount   = Height / rowHeight
	topMargin  = (Height - rowCount*rowHeight) / 2
)

// Render draws p. A dot that is on is lit. It leaves out the end of a text that does not fit.
func Render(p hal.Page) *image1bit.VerticalLSB {
	img := image1bit.NewVerticalLSB(image.Rect(0, 0, Width, Height))
	columns := Width / glyphWidth
	if code := encodeQR(p.QR); code != nil {
		columns = (Width - codeWidth) / glyphWidth
		code.drawCode(img)
	}
	for i, line := range layOutPage(p, columns) {
		drawText(img, i, line)
	}
	if p.State != "" && columns < Width/glyphWidth {
		bar := image.Rect(0, 0, columns*glyphWidth+1, topMargin+rowHeight)
		invertRect(img, bar) // the state replaces the title
	}
	return img
}

// drawText draws line number i. The font has all its characters: see toASCII.
func drawText(img draw.Image, i int, line string) {
	d := font.Drawer{
		Dst: img, Src: image.NewUniform(image1bit.On), Face: basicfont.Face7x13,
		Dot: fixed.P(1, topMargin-1+i*rowHeight+basicfont.Face7x13.Ascent),
	}
	d.DrawString(line)
}

func invertRect(img *image1bit.VerticalLSB, r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			img.SetBit(x, y, !img.BitAt(x, y))
		}
	}
}
