package gift

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/quiz/item"
)

const (
	settingsPrefix = "livelearn:"
	generalPrefix  = "livelearn-general:"
	maxIDLen       = 32
	commentLine    = "// "
)

// settings are the settings in a question's comments.
type settings struct {
	kind    item.Kind
	words   map[string]string // points, seconds, and such
	id      string
	general string // of a slide
}

// idPattern matches an id as Moodle writes it: // [id:one] [tag:two]
var idPattern = regexp.MustCompile(`\[id:((?:\\.|[^\]\\])+)\]`)

func parseComments(notes []string) settings {
	m := settings{words: map[string]string{}}
	for _, n := range notes {
		if s, ok := strings.CutPrefix(n, generalPrefix); ok {
			m.general = scanCells([]line{{1, s}}).String()
			continue
		}
		s, ok := strings.CutPrefix(n, settingsPrefix)
		if !ok {
			if id := idPattern.FindStringSubmatch(n); id != nil {
				m.id = usableID(strings.ReplaceAll(id[1], `\]`, "]"))
			}
			continue
		}
		for w := range strings.FieldsSeq(s) {
			name, value, _ := strings.Cut(w, "=")
			m.words[name] = value
			switch k := item.Kind(name); k {
			case item.Single, item.Multi, item.Text, item.Order, item.Gaps, item.Poll:
				m.kind = k
			}
		}
	}
	return m
}

func (m settings) hasWord(word string) bool {
	_, ok := m.words[word]
	return ok
}

func (m settings) getNumber(word string, unless int) int {
	if n, err := strconv.Atoi(m.words[word]); err == nil {
		return n
	}
	return unless
}

// usableID returns an id that the box accepts, or none. Ids of other programs may be anything.
func usableID(id string) string {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	if len(id) > maxIDLen || strings.ContainsFunc(id, bad) {
		return ""
	}
	return id
}
