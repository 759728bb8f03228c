package listimport

import (
	"bytes"
	"strings"
	letters "unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/livelearn/box/services/errs"
)

// Decode converts a file's bytes to text with "\n" between lines. Bytes that are not UTF-8 and
// have no mark are in one of the code pages in which Excel writes CSV.
func Decode(op, file string, data []byte) (string, error) {
	var from encoding.Encoding
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		from = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case isUTF16(data, 1):
		from = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case isUTF16(data, 0):
		from = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	if from == nil && !utf8.Valid(data) {
		from = codePage(data)
	}
	if from != nil {
		out, err := from.NewDecoder().Bytes(data)
		if err != nil {
			return "", errs.NewField(op, "file", kindNone, 0, "%s: not a text: %v", file, err)
		}
		data = out
	}
	if before, _, ok := bytes.Cut(data, []byte{0}); ok {
		line := 1 + bytes.Count(before, []byte("\n"))
		return "", errs.NewField(op, lineField(file, line), kindNone, 0, "%s, line %d: %s", file, line, unreadable[kindNone])
	}
	return lineFeeds(data), nil
}

// lineFeeds converts all line ends to "\n", in one copy.
func lineFeeds(data []byte) string {
	var b strings.Builder
	b.Grow(len(data))
	for len(data) > 0 {
		before, rest, found := bytes.Cut(data, []byte{'\r'})
		b.Write(before)
		if found {
			b.WriteByte('\n')
		}
		data = bytes.TrimPrefix(rest, []byte{'\n'})
		if !found {
			break
		}
	}
	return b.String()
}

// isUTF16 reports UTF-16 without a mark: in Latin text every second byte is zero, at the given
// place of each pair.
func isUTF16(data []byte, zero int) bool {
	sample := data[:min(len(data), 4096)&^1]
	zeros, others := 0, 0
	for i, b := range sample {
		switch {
		case b != 0:
		case i%2 == zero:
			zeros++
		default:
			others++
		}
	}
	return len(sample) >= 4 && others == 0 && zeros*4 >= len(sample)
}

// codePages are those of Windows in which Excel writes CSV, by how common they are in our countries.
// The first that makes headings of the first lines is taken.
var codePages = []encoding.Encoding{
	charmap.Windows1252, charmap.Windows1256, charmap.Windows1250, charmap.Windows1251, charmap.Windows1254,
	charmap.Windows1253, charmap.Windows1255, charmap.Windows1257, charmap.Windows1258, charmap.Windows874,
}

// codePage guesses the code page of a text: the one in which most headings are words that we know,
// then the one in which fewest words have signs among their letters, or else the one of the letters.
func codePage(data []byte) encoding.Encoding {
	best := guessCodePage(data)
	h, accents := newHeadings(), newWords(accentWords)
	head := data[:min(len(data), 4096)]
	known, odd := h.rateText(head, best, accents)
	for _, page := range codePages {
		if k, o := h.rateText(head, page, accents); k > known || k == known && o*2 < odd {
			best, known, odd = page, k, o
		}
	}
	return best
}

// rateText counts the cells of the first lines that are headings with other letters than ASCII,
// which are the same in each page, and the signs between the letters of words.
func (h headings) rateText(head []byte, page encoding.Encoding, accents map[string]bool) (known, odd int) {
	data, err := page.NewDecoder().Bytes(head)
	if err != nil {
		return 0, len(head)
	}
	text := string(data)
	first := strings.Join(strings.SplitN(text, "\n", 4)[:min(3, strings.Count(text, "\n"))], "\n")
	for _, cell := range strings.FieldsFunc(first, func(r rune) bool { return strings.ContainsRune(",;|\t\r\n\"", r) }) {
		if len(cell) > 100 || !strings.ContainsFunc(cell, func(r rune) bool { return r >= utf8.RuneSelf }) {
			continue
		}
		if _, sure := h.columnOf(cell); sure {
			known++
		}
		for w := range strings.FieldsSeq(strings.ToLower(cell)) {
			if accents[w] {
				known++
			}
		}
	}
	before := ' '
	for _, r := range text {
		sign := r >= utf8.RuneSelf && !letters.IsLetter(r) && !letters.IsMark(r) && !strings.ContainsRune("’‘“”«»…–—°º\u00a0€", r)
		if sign && letters.IsLetter(before) || letters.IsUpper(r) && letters.IsLower(before) {
			odd++
		}
		before = r
	}
	return known, odd
}

// accentWords are words of headings that foldHeading makes equal in several code pages.
var accentWords = []string{
	"prénom", "prénoms", "élève", "libellé", "año", "número", "matrícula", "sección", "série", "próprio", "schüler", "för", "förnamn", "født",
	"imię", "uczeń", "příjmení", "jméno", "třída", "křestní", "utónév", "családnév", "vezetéknév", "uzvārds", "vārds", "pavardė", "klasė",
	"adı", "soyadı", "sınıfı", "sınıf", "öğrenci", "şube",
}

func newWords(list []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range list {
		m[w] = true
	}
	return m
}

// guessCodePage tries Windows-1252 and Windows-1256. Arabic words are runs of high bytes, while
// European letters with accents come alone or in pairs.
func guessCodePage(data []byte) encoding.Encoding {
	run, long, lone := 0, 0, 0
	for _, b := range append(data[:len(data):len(data)], ' ') {
		if b >= 0xc0 || b == 0x81 || b == 0x8d || b == 0x90 {
			run++
			continue
		}
		if run >= 3 {
			long++
		} else if run > 0 {
			lone++
		}
		run = 0
	}
	if long > lone {
		return charmap.Windows1256
	}
	return charmap.Windows1252
}
