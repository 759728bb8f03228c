package gift

import (
	"regexp"
	"strings"

	"github.com/livelearn/box/services/quiz/markup"
)

// textForm is the markup of a text: [html], [markdown], [plain], or [moodle], which is the
// default.
type textForm string

const (
	formMoodle   textForm = "moodle"
	formHTML     textForm = "html"
	formMarkdown textForm = "markdown"
	formPlain    textForm = "plain"
)

var allForms = []textForm{formMoodle, formHTML, formMarkdown, formPlain}

func (f textForm) inBrackets() string { return "[" + string(f) + "]" }

// plainText returns the text of a part of a question without markup. Its form is f unless it
// names another one.
func (c cells) plainText(f textForm) (string, textForm) {
	c = c.trimSpace()
	for _, named := range allForms {
		if c.hasPrefix(named.inBrackets()) {
			c, f = c[len(named.inBrackets()):], named
			break
		}
	}
	return f.stripMarkup(c.String()), f
}

// stripMarkup removes the markup from a text.
func (f textForm) stripMarkup(s string) string {
	switch f {
	case formHTML:
		s = markup.TextFromHTML(s)
	case formMoodle:
		s = stripLikelyTags(s)
	case formMarkdown:
		s = stripMarkdown(stripLikelyTags(s))
	}
	return strings.TrimSpace(s)
}

const maxMarkup = 128 << 10 // bytes, more than any valid text has

// tagPattern matches a tag as people write it, but not a<b and c>d.
var tagPattern = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][\w:-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*)\s*/?>`)

// subSupPattern matches a raised or lowered text.
var subSupPattern = regexp.MustCompile(`<(su[bp])>([^<>]*)</su[bp]>`)

// voidTags are the tags without an end.
var voidTags = map[string]bool{"br": true, "hr": true, "img": true}

// stripLikelyTags removes tags from a text that may have none, so only sure ones: a pair, or
// <br>, <hr>, <img>. If no other text is left, they are no markup: "~<br>".
func stripLikelyTags(s string) string {
	if len(s) > maxMarkup {
		return s
	}
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	s = subSupPattern.ReplaceAllStringFunc(s, func(t string) string {
		m := subSupPattern.FindStringSubmatch(t)
		if m[1] == "sup" {
			return markup.RaiseText(m[2])
		}
		return markup.LowerText(m[2])
	})
	opened, closed := map[string]bool{}, map[string]bool{}
	for _, m := range tagPattern.FindAllStringSubmatch(s, -1) {
		if name := strings.ToLower(m[2]); m[1] == "" {
			opened[name] = true
		} else {
			closed[name] = true
		}
	}
	out := tagPattern.ReplaceAllStringFunc(s, func(t string) string {
		m := tagPattern.FindStringSubmatch(t)
		name := strings.ToLower(m[2])
		switch {
		case name == "img":
			return markup.ImageAlt(m[3])
		case voidTags[name] || markup.BlockTags[name] && closed[name] && m[1] != "":
			return "\n"
		case opened[name] && closed[name]:
			return ""
		}
		return t
	})
	if out = markup.UnescapeEntities(out); strings.TrimSpace(out) == "" {
		return s
	}
	return out
}

var (
	mdLink  = regexp.MustCompile(`!?\[([^\][]*)\]\([^()\s]*\)`)
	mdBold  = regexp.MustCompile(`\*\*([^*\n]+)\*\*|__([^_\n]+)__`)
	mdSlant = regexp.MustCompile(`(^|[\s(])(?:\*([^*\s](?:[^*\n]*[^*\s])?)\*|_([^_\s](?:[^_\n]*[^_\s])?)_)($|[\s).,;:!?])`)
	mdCode  = regexp.MustCompile("`([^`\n]+)`")
	mdHead  = regexp.MustCompile(`(?m)^#{1,6} +`)
)

// stripMarkdown removes the most common marks of Markdown from a text.
func stripMarkdown(s string) string {
	if len(s) > maxMarkup {
		return s
	}
	s = mdHead.ReplaceAllString(s, "")
	s = mdLink.ReplaceAllString(s, "$1")
	s = mdBold.ReplaceAllString(s, "$1$2")
	s = mdSlant.ReplaceAllString(s, "$1$2$3$4")
	return mdCode.ReplaceAllString(s, "$1")
}
