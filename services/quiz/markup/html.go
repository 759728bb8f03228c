// Package markup converts between HTML and the plain text of questions. It is pure, accepts any
// text and reads each byte once.
package markup

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// BlockTags are the tags that begin or end a line.
var BlockTags = map[string]bool{
	"p": true, "div": true, "br": true, "hr": true, "li": true, "ul": true, "ol": true, "tr": true, "table": true, "pre": true,
	"blockquote": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "dt": true, "dd": true,
}

// superscripts and lowered are small characters: 10<sup>3</sup> must not become 103.
var (
	superscripts = strings.NewReplacer("0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹", "+", "⁺", "-", "⁻", "−", "⁻", "n", "ⁿ", "(", "⁽", ")", "⁾")
	subscripts   = strings.NewReplacer("0", "₀", "1", "₁", "2", "₂", "3", "₃", "4", "₄", "5", "₅", "6", "₆", "7", "₇", "8", "₈", "9", "₉", "+", "₊", "-", "₋", "−", "₋", "(", "₍", ")", "₎")
)

// Losses of a text, by the fixed words that the pages translate.
const (
	LostPicture = "lost_picture"
	LostMedia   = "lost_media"
	LostFormula = "lost_formula"
	LostTable   = "lost_table"
)

// lossOf names what a text cannot keep of a tag.
var lossOf = map[string]string{
	"audio": LostMedia, "video": LostMedia, "iframe": LostMedia, "object": LostMedia, "embed": LostMedia,
	"math": LostFormula, "svg": LostPicture, "canvas": LostPicture, "table": LostTable,
}

// Reader reads HTML. The zero value writes the words of a picture in its place.
type Reader struct {
	// KeepPicture returns true if it keeps a picture, and its words are then no part of the
	// text. It may be nil.
	KeepPicture func(src, alt string) bool
	// Lost counts what the texts have lost so far, by the words above.
	Lost map[string]int
}

// htmlText collects the text of a piece of HTML.
type htmlText struct {
	strings.Builder
	*Reader
	pendingGap string // before the next word: nothing, a space, a new line
	script     string // "sup" or "sub" inside one
	verbatim   bool   // inside <pre>
}

// TextFromHTML returns the text of a piece of HTML.
func TextFromHTML(s string) string { return new(Reader).ReadText(s) }

// ReadText returns the text of a piece of HTML.
func (r *Reader) ReadText(s string) string {
	p := htmlText{Reader: r}
	tail := len(s) - strings.LastIndexByte(s, '>') - 1 // bytes after the last tag
	for s != "" {
		if s[0] == '<' && len(s) > tail {
			if rest, ok := p.readTag(s); ok {
				s = rest
				continue
			}
		}
		n := strings.IndexByte(s[1:], '<') + 1
		if n == 0 {
			n = len(s)
		}
		if p.verbatim {
			p.writeWord(UnescapeEntities(s[:n]))
		} else {
			p.writeWords(s[:n])
		}
		s = s[n:]
	}
	return p.String()
}

// readTag reads a tag or a comment. A "<" before anything else is text.
func (p *htmlText) readTag(s string) (rest string, ok bool) {
	if after, ok := strings.CutPrefix(s, "<!--"); ok {
		_, rest, _ = strings.Cut(after, "-->")
		return rest, true
	}
	if !startsTag(s) {
		return s, false
	}
	inner, rest, found := strings.Cut(s[1:], ">")
	if !found {
		return s, false
	}
	name, attributes, _ := strings.Cut(strings.Map(blankToSpace, strings.Trim(inner, "/")), " ")
	name = strings.ToLower(name)
	if inner[0] == '/' {
		return p.endElement(name, rest), true
	}
	return p.startElement(name, attributes, rest), true
}

// startsTag reports whether a text begins with the "<" of a tag and the tag's name.
func startsTag(s string) bool {
	name := strings.TrimLeft(s[1:], "/")
	if len(name) < len(s)-2 || name == "" {
		return false
	}
	letter := name[0] | 0x20
	return letter >= 'a' && letter <= 'z' || name[0] == '!'
}

// startElement handles a start tag, and returns what follows it.
func (p *htmlText) startElement(name, attributes, rest string) string {
	switch {
	case name == "img":
		p.readImage(" " + attributes)
	case name == "script" || name == "style":
		_, rest, _ = strings.Cut(rest, "</"+name)
		_, rest, _ = strings.Cut(rest, ">")
	case name == "sup" || name == "sub":
		p.script = name
	case name == "pre":
		p.verbatim = true
	}
	if lost := lossOf[name]; lost != "" {
		p.countLoss(lost)
	}
	return p.separate(name, rest)
}

// endElement handles an end tag, and returns what follows it.
func (p *htmlText) endElement(name, rest string) string {
	switch name {
	case "sup", "sub":
		p.script = ""
	case "pre":
		p.verbatim = false
	}
	return p.separate(name, rest)
}

// separate sets the gap that a tag leaves in the text, and returns rest without the line end that
// belongs to it.
func (p *htmlText) separate(name, rest string) string {
	switch {
	case BlockTags[name]:
		p.pendingGap = "\n"
	case name == "td" || name == "th":
		p.addSpace()
	}
	if name == "pre" {
		return strings.TrimPrefix(rest, "\n")
	}
	return rest
}

// readImage keeps a picture, or writes its words.
func (p *htmlText) readImage(attributes string) {
	alt := ImageAlt(attributes)
	if p.KeepPicture != nil {
		src := ""
		if m := srcPattern.FindStringSubmatch(attributes); m != nil {
			src = UnescapeEntities(m[1] + m[2])
		}
		if p.KeepPicture(src, alt) {
			return
		}
	}
	p.countLoss(LostPicture)
	p.writeWords(alt)
}

func (r *Reader) countLoss(what string) {
	if r.Lost == nil {
		r.Lost = map[string]int{}
	}
	r.Lost[what]++
}

// blankToSpace replaces each blank by a space.
func blankToSpace(r rune) rune {
	if r == '\n' || r == '\t' {
		return ' '
	}
	return r
}

func (p *htmlText) addSpace() {
	if p.pendingGap == "" {
		p.pendingGap = " "
	}
}

// writeWords writes text between tags. Several blanks equal one, and entities become their
// characters, blanks included.
func (p *htmlText) writeWords(s string) {
	for s != "" {
		word := strings.TrimLeft(s, " \t\n")
		if len(word) < len(s) {
			p.addSpace()
		}
		n := strings.IndexAny(word, " \t\n")
		if n < 0 {
			n = len(word)
		}
		s = word[n:]
		if n > 0 {
			p.writeWord(UnescapeEntities(word[:n]))
		}
	}
}

func (p *htmlText) writeWord(s string) {
	if p.Len() > 0 {
		p.WriteString(p.pendingGap)
	}
	switch p.pendingGap = ""; p.script {
	case "sup":
		s = RaiseText(s)
	case "sub":
		s = LowerText(s)
	}
	p.WriteString(s)
}

// RaiseText writes s in superscript, and LowerText in subscript.
func RaiseText(s string) string { return toSmall(superscripts, s, "^") }

// LowerText writes s in subscript.
func LowerText(s string) string { return toSmall(subscripts, s, "_") }

// toSmall writes s in small characters, or marks it if there are none.
func toSmall(as *strings.Replacer, s, mark string) string {
	out := as.Replace(s)
	for _, r := range s {
		if strings.ContainsRune(out, r) {
			return mark + s
		}
	}
	return out
}

// HTMLFromText is the inverse: TextFromHTML(HTMLFromText(s)) is s.
func HTMLFromText(s string) string {
	var b strings.Builder
	var last rune
	for _, r := range html.EscapeString(s) {
		if r == '\n' || r == '\t' || r == ' ' && last == ' ' {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// entityPattern matches an entity with its end: "R&D" and "&copy" are none.
var entityPattern = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`)

// UnescapeEntities replaces entities by their characters.
func UnescapeEntities(s string) string {
	return entityPattern.ReplaceAllStringFunc(s, html.UnescapeString)
}

var (
	altPattern = regexp.MustCompile(`(?i)\salt\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	srcPattern = regexp.MustCompile(`(?i)\ssrc\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// ImageAlt returns the text of an image, from its attributes.
func ImageAlt(attributes string) string {
	if m := altPattern.FindStringSubmatch(attributes); m != nil {
		return UnescapeEntities(m[1] + m[2])
	}
	return ""
}

var tagStart = regexp.MustCompile(`(?i)<(img|audio|video|iframe|object|embed|math|svg|canvas|table)[\s>/]`)

// FindLosses returns what a text with HTML in it loses, each once.
func FindLosses(s string) (list []string) {
	for _, m := range tagStart.FindAllStringSubmatch(s, -1) {
		what := lossOf[strings.ToLower(m[1])]
		if what == "" {
			what = LostPicture
		}
		if !slices.Contains(list, what) {
			list = append(list, what)
		}
	}
	return list
}
