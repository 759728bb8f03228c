package hal

import (
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// most is more than any file has that the kernel writes for us to read.
const most = 1 << 20

// ReadSome is a file of the kernel's, empty if it is not there or says nothing.
func ReadSome(root fs.FS, name string) []byte {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	return data
}

// ReadWord is a file of one line.
func ReadWord(root fs.FS, name string) string { return Word(string(ReadSome(root, name))) }

// ReadInt is a file of one number; ok is false if there is none.
func ReadInt(root fs.FS, name string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimSpace(string(ReadSome(root, name))))
	return n, err == nil
}

// Word cleans a name that hardware gives itself of what no page or log should hold, and cuts
// it to 64 bytes.
func Word(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[:min(len(s), 64)])
}

// ReadWords are the words of a file of one line, however long.
func ReadWords(root fs.FS, name string) []string {
	return strings.Fields(string(ReadSome(root, name)))
}
