package logbook

import (
	"io"
	"os"
	"strings"
)

// Tail are the last lines of this start.
func (b *Book) Tail(lines int) []string {
	all := starts(b.all())
	return last(all[len(all)-1], lines)
}

// PreviousBoot are the last lines of the start before this one.
func (b *Book) PreviousBoot(lines int) []string {
	all := starts(b.all())
	if len(all) < 2 {
		return nil
	}
	return last(all[len(all)-2], lines)
}

// all is what is kept and what waits.
func (b *Book) all() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var text []byte
	for _, name := range b.files() {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		part, _ := io.ReadAll(io.LimitReader(f, 2*b.opts.Size)) // as far as it can be read
		_ = f.Close()
		text = append(text, part...)
	}
	return append(text, b.waiting.Bytes()...)
}

// starts are the lines of each start that is kept, the newest last.
func starts(text []byte) [][]string {
	list := [][]string{nil}
	for line := range strings.Lines(string(text)) {
		line = strings.ToValidUTF8(strings.TrimRight(line, "\n"), "?")
		switch {
		case strings.HasPrefix(line, mark):
			list = append(list, nil)
		case strings.Trim(line, "\x00") != "": // a cut may leave zeros
			list[len(list)-1] = append(list[len(list)-1], line)
		}
	}
	return list
}

func last(list []string, n int) []string { return list[max(0, len(list)-n):] }
