package screen

import (
	"image/draw"
	"net/url"

	"github.com/skip2/go-qrcode"
	"periph.io/x/devices/v3/ssd1306/image1bit"
)

// Sizes of the code. A module is two dots, which a telephone can read from a one-inch display. 25
// modules leave a margin of more than three modules. 29 modules, which only an origin longer than
// 32 characters needs, leave one and a half.
const (
	codeWidth        = 62
	moduleDots       = 2
	preferredModules = 25
	maxModules       = 29
)

// qrCode holds the modules of a QR code without the quiet zone. True is dark.
type qrCode [][]bool

// encodeQR returns the code of text. If that code would be too fine, it encodes the plain address
// only, and people type the rest. It returns nil if no code fits.
func encodeQR(text string) qrCode {
	if text == "" {
		return nil
	}
	for _, most := range []int{preferredModules, maxModules} {
		for _, s := range []string{text, urlOrigin(text)} {
			for _, level := range []qrcode.RecoveryLevel{qrcode.Medium, qrcode.Low} {
				if c := encodeModules(s, level); c != nil && len(c) <= most {
					return c
				}
			}
		}
	}
	return nil
}

// encodeModules encodes s. It returns nil if s is too long.
func encodeModules(s string, level qrcode.RecoveryLevel) qrCode {
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

// urlOrigin returns the scheme and the host of a URL, empty if text is not a URL.
func urlOrigin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// drawCode draws the code at the right edge. Light modules and the quiet zone are lit.
func (c qrCode) drawCode(img draw.Image) {
	left := Width - codeWidth + (codeWidth-len(c)*moduleDots)/2
	up := (Height - len(c)*moduleDots) / 2
	for y := range Height {
		for x := Width - codeWidth; x < Width; x++ {
			img.Set(x, y, image1bit.Bit(!c.isDark(x-left, y-up)))
		}
	}
}

// isDark reports whether the module at a dot is dark.
func (c qrCode) isDark(x, y int) bool {
	return x >= 0 && y >= 0 && x < len(c)*moduleDots && y < len(c)*moduleDots && c[y/moduleDots][x/moduleDots]
}
