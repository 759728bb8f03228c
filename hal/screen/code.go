package screen

import (
	"image/draw"
	"net/url"

	"github.com/skip2/go-qrcode"
	"periph.io/x/devices/v3/ssd1306/image1bit"
)

// Of the code: a module is two dots, which a telephone's camera reads off a display of an
// inch. 25 modules leave three and more around them; 29, which only an address of its own
// needs that is longer than 32 characters, one and a half.
const (
	codeWidth = 62
	dots      = 2
	roomy     = 25
	tight     = 29
)

// code is the modules of a QR code, without their quiet zone. True is dark.
type code [][]bool

// codeOf is the code of text. One that would be too fine is made of the plain address alone,
// where people type the rest. Nil: there is none to be shown.
func codeOf(text string) code {
	if text == "" {
		return nil
	}
	for _, most := range []int{roomy, tight} {
		for _, s := range []string{text, address(text)} {
			for _, level := range []qrcode.RecoveryLevel{qrcode.Medium, qrcode.Low} {
				if c := modules(s, level); c != nil && len(c) <= most {
					return c
				}
			}
		}
	}
	return nil
}

// modules encodes s, nil if it cannot be.
func modules(s string, level qrcode.RecoveryLevel) code {
	if s == "" {
		return nil
	}
	q, err := qrcode.New(s, level)
	if err != nil {
		return nil
	}
	q.DisableBorder = true
	return q.Bitmap()
}

// address is the scheme and the host of a URL, empty if text is none.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// draw draws the code at the right end, light modules and the quiet zone lit.
func (c code) draw(img draw.Image) {
	left := Width - codeWidth + (codeWidth-len(c)*dots)/2
	up := (Height - len(c)*dots) / 2
	for y := range Height {
		for x := Width - codeWidth; x < Width; x++ {
			img.Set(x, y, image1bit.Bit(!c.dark(x-left, y-up)))
		}
	}
}

// dark tells whether a dot lies on a dark module.
func (c code) dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < len(c)*dots && y < len(c)*dots && c[y/dots][x/dots]
}
