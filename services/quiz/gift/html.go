package gift

import (
	"fmt"
	"html"
	"strings"
)

// breaks are the tags that begin or end a line.
var breaks = map[string]bool{
	"p": true, "div": true, "br": true, "hr": true, "li": true, "ul": true, "ol": true, "tr": true, "table": true, "pre": true,
	"blockquote": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "dt": true, "dd": true,
}

// raised and lowered are written small: 10<sup>3</sup> must not become 103.
var (
	raised  = strings.NewReplacer("0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹", "+", "⁺", "-", "⁻", "−", "⁻", "n", "ⁿ", "(", "⁽", ")", "⁾")
	lowered = strings.NewReplacer("0", "₀", "1", "₁", "2", "₂", "3", "₃", "4", "₄", "5", "₅", "6", "₆", "7", "₇", "8", "₈", "9", "₉", "+", "₊", "-", "₋", "−", "₋", "(", "₍", ")", "₎")
)

// page is the text of a piece of HTML while it is written.
type page struct {
	strings.Builder
	gap   string // what comes before the next word: nothing, a space, a new line
	small string // "sup" or "sub", within one
}

// stripped is the text of a piece of HTML. It reads any text, each byte once.
func stripped(s string) string {
	var p page
	tail := len(s) - strings.LastIndexByte(s, '>') - 1 // bytes after the last tag
	for s != "" {
		if s[0] == '<' && len(s) > tail {
			if rest, ok := p.tag(s); ok {
				s = rest
				continue
			}
		}
		n := strings.IndexByte(s[1:], '<') + 1
		if n == 0 {
			n = len(s)
		}
		p.words(s[:n])
		s = s[n:]
	}
	return p.String()
}

// tag reads a tag or a comment; "<" before anything else is text.
func (p *page) tag(s string) (rest string, ok bool) {
	if after, ok := strings.CutPrefix(s, "<!--"); ok {
		_, rest, _ = strings.Cut(after, "-->")
		return rest, true
	}
	name := strings.TrimLeft(s[1:], "/")
	if len(name) < len(s)-2 || name == "" || (name[0]|0x20 < 'a' || name[0]|0x20 > 'z') && name[0] != '!' {
		return s, false
	}
	inner, rest, found := strings.Cut(s[1:], ">")
	if !found {
		return s, false
	}
	name, attributes, _ := strings.Cut(strings.Map(line1, strings.Trim(inner, "/")), " ")
	switch name = strings.ToLower(name); {
	case name == "img":
		p.words(alternative(" " + attributes))
	case (name == "script" || name == "style") && inner[0] != '/':
		_, rest, _ = strings.Cut(rest, "</"+name)
		_, rest, _ = strings.Cut(rest, ">")
	case name == "sup" || name == "sub":
		if p.small = name; inner[0] == '/' {
			p.small = ""
		}
	case breaks[name]:
		p.gap = "\n"
	case name == "td" || name == "th":
		p.space()
	}
	return rest, true
}

// line1 makes all blanks spaces.
func line1(r rune) rune {
	if r == '\n' || r == '\t' {
		return ' '
	}
	return r
}

func (p *page) space() {
	if p.gap == "" {
		p.gap = " "
	}
}

// words writes text between tags. Blanks are as good as one; entities are what they stand
// for, blanks too.
func (p *page) words(s string) {
	for s != "" {
		word := strings.TrimLeft(s, " \t\n")
		if len(word) < len(s) {
			p.space()
		}
		n := strings.IndexAny(word, " \t\n")
		if n < 0 {
			n = len(word)
		}
		s = word[n:]
		if n > 0 {
			p.word(entities(word[:n]))
		}
	}
}

func (p *page) word(s string) {
	if p.Len() > 0 {
		p.WriteString(p.gap)
	}
	switch p.gap = ""; p.small {
	case "sup":
		s = small(raised, s, "^")
	case "sub":
		s = small(lowered, s, "_")
	}
	p.WriteString(s)
}

// small writes s in small characters, or marks it where there are none.
func small(as *strings.Replacer, s, mark string) string {
	out := as.Replace(s)
	for _, r := range s {
		if strings.ContainsRune(out, r) {
			return mark + s
		}
	}
	return out
}

// asHTML is the way back: stripped(asHTML(s)) is s.
func asHTML(s string) string {
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
