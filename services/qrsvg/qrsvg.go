// Package qrsvg draws QR codes as SVG, for pages and for files on a card.
package qrsvg

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"
)

// Draw draws a QR code as one SVG path, with its quiet zone. A code of 33 modules has about 500 dark
// ones. An error means that the text is too long.
func Draw(text string) ([]byte, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	rows := q.Bitmap()
	n := len(rows)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, n, n, n, n)
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}

// WifiText returns the text with which a phone joins a Wi-Fi that has a WPA passphrase (the barcode
// format of ZXing, which Android and iOS read).
func WifiText(ssid, passphrase string) string {
	escape := strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, `:`, `\:`, `"`, `\"`).Replace
	return "WIFI:T:WPA;S:" + escape(ssid) + ";P:" + escape(passphrase) + ";;"
}
