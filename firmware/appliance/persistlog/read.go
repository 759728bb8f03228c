package persistlog

import (
	"io"
	"os"
	"strings"
)

// LastLines returns the last lines of this start.
func (l *Log) LastLines(lines int) []string {
	all := splitStarts(l.readAll())
	return lastLines(all[len(all)-1], lines)
}

// PreviousBoot returns the last lines of the start before this one.
func (l *Log) PreviousBoot(lines int) []string {
	all := splitStarts(l.readAll())
	if len(all) < 2 {
		return nil
	}
	return lastLines(all[len(all)-2], lines)
}

// readAll returns the content of the files and the lines that wait.
func (l *Log) readAll() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text []byte
	for _, name := range l.logFiles() {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		part, _ := io.ReadAll(io.LimitReader(f, 2*l.opts.Size)) // as much as is readable
		_ = f.Close()
		text = append(text, part...)
	}
	return append(text, l.waiting.Bytes()...)
}

// splitStarts returns the lines of each start in the files, the newest start last.
func splitStarts(text []byte) [][]string {
	list := [][]string{nil}
	for line := range strings.Lines(string(text)) {
		line = strings.ToValidUTF8(strings.TrimRight(line, "\n"), "?")
		switch {
		case strings.HasPrefix(line, startMark):
			list = append(list, nil)
		case strings.Trim(line, "\x00") != "": // a power cut may leave zeros
			list[len(list)-1] = append(list[len(list)-1], line)
		}
	}
	return list
}

func lastLines(list []string, n int) []string { return list[max(0, len(list)-n):] }
