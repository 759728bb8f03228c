package sim

import (
	"io"
	"strings"
	"sync"

	"github.com/skip2/go-qrcode"

	"github.com/livelearn/box/hal"
)

// Terminal is a display on a terminal, with QR codes of half blocks.
type Terminal struct {
	mu   sync.Mutex
	out  io.Writer // guarded by mu
	page hal.Page  // guarded by mu
}

// NewTerminal makes a display that writes to out.
func NewTerminal(out io.Writer) *Terminal { return &Terminal{out: out} }

// Show implements hal.Display.
func (t *Terminal) Show(p hal.Page) error {
	text := renderText(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.page = p
	_, err := io.WriteString(t.out, text)
	return err
}

// ShownPage returns the current page.
func (t *Terminal) ShownPage() hal.Page {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.page
}

func (t *Terminal) writeLine(s string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := io.WriteString(t.out, s+"\n")
	return err
}

func renderText(p hal.Page) string {
	var b strings.Builder
	b.WriteString("\n  " + p.Title + "\n\n")
	for _, l := range p.Lines {
		b.WriteString("  " + l + "\n")
	}
	if p.QR != "" {
		b.WriteString("\n" + QR(p.QR))
	}
	b.WriteString("\n")
	return b.String()
}

// QR draws text as a QR code with half blocks, light on dark, two rows of modules in one line of
// text. It returns an empty string if the text is too long for a code.
func QR(text string) string {
	q, err := qrcode.New(text, qrcode.Low)
	if err != nil {
		return ""
	}
	m := q.Bitmap() // true is a dark module; the quiet zone is part of it
	var b strings.Builder
	for y := 0; y < len(m); y += 2 {
		b.WriteString("  ")
		for x := range m[y] {
			below := y+1 < len(m) && m[y+1][x]
			b.WriteString(halfBlock(m[y][x], below))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// halfBlock returns the character for two modules, one above the other. Most terminals are dark, so
// it draws the light modules.
func halfBlock(top, bottom bool) string {
	switch {
	case !top && !bottom:
		return "█"
	case !top:
		return "▀"
	case !bottom:
		return "▄"
	}
	return " "
}
