package slides

import (
	"bytes"
	"io"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// headLen is how far into a file its kind is looked for. PDF readers take a header
// within the first kilobyte.
const headLen = 1024

// kindOf tells what a file is by its content, whatever its sender called it. A sender
// that named another kind of file is believed about nothing. The file is rewound.
func kindOf(f io.ReadSeeker, said string) (string, error) {
	head := make([]byte, headLen)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return "", errs.New(op, errs.Down, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", errs.New(op, errs.Down, err)
	}
	if n == 0 {
		return "", errs.Field(op, "file", "empty", 0, "the file is empty")
	}
	kind := Sniff(head[:n])
	if kind == "" {
		return "", errs.Field(op, "file", "unknown_type", 0, "neither a PDF nor a PNG, JPEG, GIF or WebP picture")
	}
	said = strings.TrimPrefix(strings.TrimPrefix(said, "application/"), "image/")
	if said == "pdf" && kind != "pdf" {
		return "", broken("file", "called a PDF, but it is a %s picture", kind)
	}
	return kind, nil
}

// Sniff tells by a file's first bytes (1024 are enough) what it is: "pdf", "png", "jpeg",
// "gif", "webp", or "" for all else.
func Sniff(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "jpeg"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "gif"
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "webp"
	case bytes.Contains(head[:min(len(head), headLen)], []byte("%PDF-")):
		return "pdf"
	}
	return ""
}
