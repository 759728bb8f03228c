package hal

import (
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// maxFileSize is larger than any file of the kernel that the box reads.
const maxFileSize = 1 << 20

// ReadFile returns the content of a file of the kernel, nil if it cannot be read.
func ReadFile(root fs.FS, name string) []byte {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize))
	if err != nil {
		return nil
	}
	return data
}

// ReadWord returns the text of a file with one line.
func ReadWord(root fs.FS, name string) string { return CleanWord(string(ReadFile(root, name))) }

// ReadInt returns the number in a file. ok is false if there is none.
func ReadInt(root fs.FS, name string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimSpace(string(ReadFile(root, name))))
	return n, err == nil
}

// CleanWord removes all characters from a hardware name that a page or a log must not hold, and
// cuts it to 64 bytes.
func CleanWord(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[:min(len(s), 64)])
}

// ReadWords returns the words of a file with one line of any length.
func ReadWords(root fs.FS, name string) []string {
	return strings.Fields(string(ReadFile(root, name)))
}
