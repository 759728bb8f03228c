package gift

import "strings"

const byteOrderMark = "\ufeff" // byte order mark

type line struct {
	number int // from 1
	text   string
}

// block is the text between two blank lines: one question. Its comments are separate.
type block struct {
	lines    []line // at least one
	comments []string
}

func (b block) firstLine() int { return b.lines[0].number }

// splitBlocks cuts a text into questions. It leaves out categories, and comments without a
// question.
func splitBlocks(text string) []block {
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
		s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), byteOrderMark)) // also inside a text: files that were joined
		note, commented := strings.CutPrefix(s, "//")
		switch {
		case s == "":
			end()
		case commented:
			b.comments = append(b.comments, strings.TrimSpace(note))
		case strings.HasPrefix(s, "$CATEGORY:"): // a place in Moodle's tree of questions, which the box does not have
			end()
		default:
			b.lines = append(b.lines, line{n, s})
		}
	}
	end()
	return joinBlocks(all)
}

// joinBlocks joins the blocks of a question with blank lines in its answer section: a block
// without an end, and the blocks after it up to an end without a beginning.
func joinBlocks(all []block) (out []block) {
	for i := 0; i < len(all); i++ {
		b := all[i]
		if _, open := b.findBraces(); open {
			j := i + 1
			first := byte(0)
			for ; j < len(all) && first == 0; j++ {
				first, _ = all[j].findBraces()
			}
			if first == '}' {
				for _, more := range all[i+1 : j] {
					b.lines = append(b.lines, more.lines...)
					b.comments = append(b.comments, more.comments...)
				}
				i = j - 1
			}
		}
		out = append(out, b)
	}
	return out
}

// findBraces returns the place of the first brace, or 0 if there is none, and whether the last
// one opens.
func (b block) findBraces() (first byte, open bool) {
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

func (b block) byteSize() (n int) {
	for _, l := range b.lines {
		n += len(l.text) + 1
	}
	return n
}
