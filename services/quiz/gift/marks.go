package gift

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

const (
	ours        = "livelearn:"
	ourGeneral  = "livelearn-general:"
	plainID     = 32
	commentLine = "// "
)

// marks is what a question's comments say.
type marks struct {
	kind    item.Kind
	words   map[string]string // points, seconds, and such
	id      string
	general string // of a slide
}

// named is an id as Moodle writes it: // [id:one] [tag:two]
var named = regexp.MustCompile(`\[id:((?:\\.|[^\]\\])+)\]`)

func marked(notes []string) marks {
	m := marks{words: map[string]string{}}
	for _, n := range notes {
		if s, ok := strings.CutPrefix(n, ourGeneral); ok {
			m.general = scan([]line{{1, s}}).String()
			continue
		}
		s, ok := strings.CutPrefix(n, ours)
		if !ok {
			if id := named.FindStringSubmatch(n); id != nil {
				m.id = usable(strings.ReplaceAll(id[1], `\]`, "]"))
			}
			continue
		}
		for w := range strings.FieldsSeq(s) {
			name, value, _ := strings.Cut(w, "=")
			m.words[name] = value
			switch k := item.Kind(name); k {
			case item.Single, item.Multi, item.Text, item.Order, item.Poll:
				m.kind = k
			}
		}
	}
	return m
}

func (m marks) has(word string) bool {
	_, ok := m.words[word]
	return ok
}

func (m marks) number(word string, unless int) int {
	if n, err := strconv.Atoi(m.words[word]); err == nil {
		return n
	}
	return unless
}

// usable is an id that the box can have, or none: those of other programs may be anything.
func usable(id string) string {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	if len(id) > plainID || strings.ContainsFunc(id, bad) {
		return ""
	}
	return id
}
