package gift

import "strings"

const bom = "\ufeff" // mark of byte order

type line struct {
	n    int // from 1
	text string
}

// block is what is between two blank lines: one question. Its comments are apart.
type block struct {
	lines []line // never none
	notes []string
}

func (b block) line() int { return b.lines[0].n }

// blocks cuts a text into questions. Comments that belong to none, and categories, are
// left out.
func blocks(text string) []block {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var all []block
	var b block
	end := func() {
		if len(b.lines) > 0 {
			all = append(all, b)
		}
		b = block{}
	}
	n := 0
	for s := range strings.SplitSeq(text, "\n") {
		n++
		s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), bom)) // within, too: files that were put together
		note, commented := strings.CutPrefix(s, "//")
		switch {
		case s == "":
			end()
		case commented:
			b.notes = append(b.notes, strings.TrimSpace(note))
		case strings.HasPrefix(s, "$CATEGORY:"): // where in Moodle's tree of questions; the box has none
			end()
		default:
			b.lines = append(b.lines, line{n, s})
		}
	}
	end()
	return joined(all)
}

// joined puts a question together that has blank lines in its answer section: one that
// does not end, and what follows up to an end that has no beginning.
func joined(all []block) (out []block) {
	for i := 0; i < len(all); i++ {
		b := all[i]
		if _, open := b.braces(); open {
			j := i + 1
			first := byte(0)
			for ; j < len(all) && first == 0; j++ {
				first, _ = all[j].braces()
			}
			if first == '}' {
				for _, more := range all[i+1 : j] {
					b.lines = append(b.lines, more.lines...)
					b.notes = append(b.notes, more.notes...)
				}
				i = j - 1
			}
		}
		out = append(out, b)
	}
	return out
}

// braces tells the first brace, 0 if there is none, and whether the last one opens.
func (b block) braces() (first byte, open bool) {
	for _, l := range b.lines {
		for i := 0; i < len(l.text); i++ {
			switch c := l.text[i]; c {
			case '\\':
				i++
			case '{', '}':
				if first == 0 {
					first = c
				}
				open = c == '{'
			}
		}
	}
	return first, open
}

func (b block) size() (n int) {
	for _, l := range b.lines {
		n += len(l.text) + 1
	}
	return n
}
