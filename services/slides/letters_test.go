package slides

import (
	"fmt"
	"strings"
	"testing"
)

// lettersPDF is a page with letters of glyph names, in a font that is not in the file unless embedded.
func lettersPDF(mode int, font string, embedded bool, glyphs ...string) []byte {
	var codes strings.Builder
	for i := range glyphs {
		fmt.Fprintf(&codes, "%02x", i+1)
	}
	content := fmt.Sprintf("BT %d Tr /F1 36 Tf 30 120 Td <%s> Tj ET", mode, codes.String())
	file := ""
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 225]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content),
	}
	if embedded {
		file = "/FontFile2 6 0 R"
	}
	objects = append(objects, fmt.Sprintf("<</Type/Font/Subtype/TrueType/BaseFont/%s/FirstChar 0/LastChar 15/Widths[%s]/Encoding<</Type/Encoding/BaseEncoding/WinAnsiEncoding/Differences[1 /%s]>>"+
		"/FontDescriptor<</Type/FontDescriptor/FontName/%s/Flags 32/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 900/Descent -200/CapHeight 700/StemV 80%s>>>>",
		font, strings.Repeat("500 ", 16), strings.Join(glyphs, " /"), font, file))
	if embedded {
		data, err := fonts.ReadFile("fonts/usr/share/fonts/sans.ttf")
		if err != nil {
			panic(err)
		}
		objects = append(objects, fmt.Sprintf("<</Length %d/Length1 %d>>stream\n%s\nendstream", len(data), len(data), data))
	}
	return writePDF("", objects...)
}

func TestLettersThatNothingDrawsAreTold(t *testing.T) {
	svg := func(s string) []byte {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="9" height="9"/>` + s + "</svg>")
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"Thai":                  {lettersPDF(0, "Arial", false, "uni0E01", "A", "uni0E02", "uni0E01"), "กข"},
		"Devanagari":            {lettersPDF(0, "Arial", false, "uni0915"), "क"},
		"Georgian":              {lettersPDF(0, "Sylfaen", false, "uni10D0", "uni10D1"), "აბ"},
		"Korean beyond KS X":    {lettersPDF(0, "Arial", false, "uniAC02"), "갂"},
		"Korean":                {lettersPDF(0, "Arial", false, "uniAC00"), ""},
		"Latin":                 {lettersPDF(0, "Arial", false, "A", "eacute", "lslash"), ""},
		"in the file":           {lettersPDF(0, "Arial", true, "uni0E01"), ""},
		"behind a scan":         {lettersPDF(3, "Arial", false, "uni0E01"), ""},
		"at most twelve":        {lettersPDF(0, "Arial", false, "uni0E01", "uni0E02", "uni0E03", "uni0E04", "uni0E05", "uni0E06", "uni0E07", "uni0E08", "uni0E09", "uni0E0A", "uni0E0B", "uni0E0C", "uni0E0D"), "กขฃคฅฆงจฉชซฌ"},
		"words of a drawing":    {svg(`<text y="9">A ก<tspan>ა</tspan></text>`), "กა"},
		"known words":           {svg(`<text y="9">A é Ж ع א 中 한 e&#x301;</text>`), ""},
		"no words of a drawing": {svg(`<title>ก</title><desc>ข</desc><text y="9">A<title>ค</title></text><text display="none">ง</text><text systemLanguage="th">จ</text>ฉ`), ""},
		"an emoji in a drawing": {svg(`<text y="9">Well done &#x1F600;</text>`), "😀"},
	} {
		pages := mustRasterise(t, putFiles(t, c.data))
		if got := pages[0].Undrawn; got != c.want {
			t.Errorf("%s: %q, want %q (text %q)", name, got, c.want, pages[0].Text)
		}
	}
}

// The letters of the corpus are drawn, as TestLettersWithoutAFontInTheFileAreDrawn shows.
func TestDrawnLettersOfTheCorpusAreNotTold(t *testing.T) {
	files := listCorpus(t, "testdata/pdf/*")
	_, decks := drawCorpus(t, files)
	for i, f := range files {
		for _, p := range decks[i] {
			if p.Undrawn != "" {
				t.Errorf("%s: %q", f, p.Undrawn)
			}
		}
	}
}
