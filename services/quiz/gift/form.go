package gift

import (
	"html"
	"regexp"
	"strings"
)

// form is how a text is written: [html], [markdown], [plain], or [moodle], which is what
// is meant when nothing is said.
type form string

const (
	moodle   form = "moodle"
	rich     form = "html"
	markdown form = "markdown"
	plain    form = "plain"
)

var forms = []form{moodle, rich, markdown, plain}

func (f form) mark() string { return "[" + string(f) + "]" }

// text is what a part of a question says, without markup. Its form is f unless it names
// another one.
func (c cells) text(f form) (string, form) {
	c = c.trim()
	for _, named := range forms {
		if c.starts(named.mark()) {
			c, f = c[len(named.mark()):], named
			break
		}
	}
	return f.strip(c.String()), f
}

// strip takes the markup out of a text.
func (f form) strip(s string) string {
	switch f {
	case rich:
		s = stripped(s)
	case moodle:
		s = softly(s)
	case markdown:
		s = unmarked(softly(s))
	}
	return strings.TrimSpace(s)
}

const maxSoft = 16 << 10 // bytes; more than any text that is taken

// tag is a tag as people write it, other than what looks like one: a<b and c>d.
var tag = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][\w:-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*)\s*/?>`)

// little is what is raised or lowered.
var little = regexp.MustCompile(`<(su[bp])>([^<>]*)</su[bp]>`)

// lone are the tags that have no end.
var lone = map[string]bool{"br": true, "hr": true, "img": true}

// softly takes tags out of a text that need not have any, so only what surely is one: a
// pair, or <br>, <hr>, <img>. Where nothing else is left it is no markup: "~<br>".
func softly(s string) string {
	if len(s) > maxSoft {
		return s
	}
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	s = little.ReplaceAllStringFunc(s, func(t string) string {
		m := little.FindStringSubmatch(t)
		if m[1] == "sup" {
			return small(raised, m[2], "^")
		}
		return small(lowered, m[2], "_")
	})
	opened, closed := map[string]bool{}, map[string]bool{}
	for _, m := range tag.FindAllStringSubmatch(s, -1) {
		if name := strings.ToLower(m[2]); m[1] == "" {
			opened[name] = true
		} else {
			closed[name] = true
		}
	}
	out := tag.ReplaceAllStringFunc(s, func(t string) string {
		m := tag.FindStringSubmatch(t)
		name := strings.ToLower(m[2])
		switch {
		case name == "img":
			return alternative(m[3])
		case lone[name] || breaks[name] && closed[name] && m[1] != "":
			return "\n"
		case opened[name] && closed[name]:
			return ""
		}
		return t
	})
	if out = entities(out); strings.TrimSpace(out) == "" {
		return s
	}
	return out
}

// entity is one that is ended: "R&D" and "&copy" are none.
var entity = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`)

func entities(s string) string { return entity.ReplaceAllStringFunc(s, html.UnescapeString) }

var (
	alt = regexp.MustCompile(`(?i)\salt\s*=\s*(?:"([^"]*)"|'([^']*)')`)

	mdLink  = regexp.MustCompile(`!?\[([^\][]*)\]\([^()\s]*\)`)
	mdBold  = regexp.MustCompile(`\*\*([^*\n]+)\*\*|__([^_\n]+)__`)
	mdSlant = regexp.MustCompile(`(^|[\s(])(?:\*([^*\s](?:[^*\n]*[^*\s])?)\*|_([^_\s](?:[^_\n]*[^_\s])?)_)($|[\s).,;:!?])`)
	mdCode  = regexp.MustCompile("`([^`\n]+)`")
	mdHead  = regexp.MustCompile(`(?m)^#{1,6} +`)
)

// alternative is the text of an image, by its attributes.
func alternative(attributes string) string {
	if m := alt.FindStringSubmatch(attributes); m != nil {
		return entities(m[1] + m[2])
	}
	return ""
}

// unmarked takes the commonest marks of Markdown out of a text.
func unmarked(s string) string {
	if len(s) > maxSoft {
		return s
	}
	s = mdHead.ReplaceAllString(s, "")
	s = mdLink.ReplaceAllString(s, "$1")
	s = mdBold.ReplaceAllString(s, "$1$2")
	s = mdSlant.ReplaceAllString(s, "$1$2$3$4")
	return mdCode.ReplaceAllString(s, "$1")
}
