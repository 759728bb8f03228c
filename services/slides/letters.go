package slides

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// Limits of the search for letters without a font.
const (
	maxMissing = 12      // letters that a page names
	maxSought  = 100_000 // characters of a page that are looked at
)

// boxFonts reads the fonts of the box, once.
var boxFonts = sync.OnceValues(func() (list []*sfnt.Font, err error) {
	files, err := fs.Glob(fonts, "fonts/usr/share/fonts/*.ttf")
	for _, name := range files {
		data, errRead := fonts.ReadFile(name)
		f, errParse := sfnt.Parse(data)
		err = errors.Join(err, errRead, errParse)
		list = append(list, f)
	}
	return list, err
})

// letterSet is the letters without a font in the box, in the order of their first place.
type letterSet struct{ letters []rune }

// isShown reports whether the box has a letter in a font. Spaces and invisible signs need none, and a
// letter for private use says nothing.
func isShown(r rune) bool {
	if !unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.Is(unicode.Variation_Selector, r) || r == unicode.ReplacementChar {
		return true
	}
	list, err := boxFonts()
	if err != nil {
		return true
	}
	for _, part := range norm.NFKC.String(string(r)) { // forms of Arabic letters, ligatures
		if !unicode.IsSpace(part) && !slices.ContainsFunc(list, func(f *sfnt.Font) bool {
			n, err := f.GlyphIndex(nil, part)
			return err == nil && n != 0
		}) {
			return false
		}
	}
	return true
}

// add keeps a letter that is not shown. It reports whether there is room for more.
func (s *letterSet) add(r rune) bool {
	if !slices.Contains(s.letters, r) {
		s.letters = append(s.letters, r)
	}
	return len(s.letters) < maxMissing
}

func (s *letterSet) addText(text string) {
	for _, r := range norm.NFC.String(text) {
		if !isShown(r) && !s.add(r) {
			return
		}
	}
}

func (s *letterSet) String() string { return string(s.letters) }

// findUndrawn returns the letters of a PDF's page that nothing draws: those of a font that is not in
// the file, which the fonts of the box lack too.
func (s *sandbox) findUndrawn(page requests.Page, text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !isShown(r) }) {
		return ""
	}
	loaded, err := s.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return "" // a page with unreadable text is still a page
	}
	defer func() {
		_, _ = s.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: loaded.TextPage})
	}()
	count, err := s.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: loaded.TextPage})
	if err != nil {
		return ""
	}
	var missing letterSet
	drawn := map[string]bool{} // by the name of the font
	for i := range min(count.Count, maxSought) {
		c, err := s.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: loaded.TextPage, Index: i})
		if err != nil || isShown(rune(c.Unicode)) {
			continue
		}
		name := ""
		if f, err := s.FPDFText_GetFontInfo(&requests.FPDFText_GetFontInfo{TextPage: loaded.TextPage, Index: i}); err == nil {
			name = f.FontName
		}
		if _, known := drawn[name]; !known {
			drawn[name] = hasSigns(name) || s.isDrawn(loaded.TextPage, i)
		}
		if !drawn[name] && !missing.add(rune(c.Unicode)) {
			break
		}
	}
	return missing.String()
}

// hasSigns reports a standard font of signs, which PDFium has itself (ISO 32000-1, 9.6.2.2).
func hasSigns(font string) bool { return font == "Symbol" || font == "ZapfDingbats" }

// isDrawn reports whether the font of a character is in the file, or the character is not to be seen,
// as the words behind a scan.
func (s *sandbox) isDrawn(text references.FPDF_TEXTPAGE, index int) bool {
	object, err := s.FPDFText_GetTextObject(&requests.FPDFText_GetTextObject{TextPage: text, Index: index})
	if err != nil {
		return true
	}
	mode, err := s.FPDFTextObj_GetTextRenderMode(&requests.FPDFTextObj_GetTextRenderMode{PageObject: object.TextObject})
	if err == nil && mode.TextRenderMode == enums.FPDF_TEXTRENDERMODE_INVISIBLE {
		return true
	}
	font, err := s.FPDFTextObj_GetFont(&requests.FPDFTextObj_GetFont{PageObject: object.TextObject})
	if err != nil {
		return true
	}
	embedded, err := s.FPDFFont_GetIsEmbedded(&requests.FPDFFont_GetIsEmbedded{Font: font.Font})
	return err != nil || embedded.IsEmbedded
}

// findUndrawnSVG returns the letters of the words of an SVG that nothing draws. The renderer passes over
// the fonts in a drawing, and over words for readers of other languages than English.
func findUndrawnSVG(data io.Reader) string {
	d := newSVGDecoder(data)
	var missing letterSet
	words, hidden := 0, 0 // how deep in a text, and in what is not drawn
	for {
		t, err := d.RawToken()
		if err != nil {
			return missing.String()
		}
		switch e := t.(type) {
		case xml.StartElement:
			if hidden > 0 || hidesWords(e) {
				hidden++
			} else if words > 0 || e.Name.Local == "text" {
				words++
			}
		case xml.EndElement:
			if hidden > 0 {
				hidden--
			} else if words > 0 {
				words--
			}
		case xml.CharData:
			if words > 0 && hidden == 0 {
				missing.addText(string(e))
			}
		}
	}
}

func hidesWords(e xml.StartElement) bool {
	if slices.Contains([]string{"title", "desc", "style", "script", "metadata", "foreignObject"}, e.Name.Local) {
		return true
	}
	return slices.ContainsFunc(e.Attr, func(a xml.Attr) bool {
		return a.Name.Local == "systemLanguage" && !strings.HasPrefix(a.Value, "en") || a.Name.Local == "display" && a.Value == "none"
	})
}
