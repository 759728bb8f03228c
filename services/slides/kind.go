package slides

import (
	"bytes"
	"errors"
	"io"

	"github.com/livelearn/box/services/errs"
)

// HeadLen is the number of bytes in which the kind is searched. PDF readers accept a header in
// the first kilobyte.
const HeadLen = 1024

// kindOf returns the kind of a file by its content, and rewinds the file.
func kindOf(f io.ReadSeeker) (string, error) {
	head := make([]byte, HeadLen)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", errs.New(op, errs.Down, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", errs.New(op, errs.Down, err)
	}
	return CheckKind(head[:n])
}

// CheckKind returns the kind of a file by its first HeadLen bytes: "pdf", "png", "jpeg", "gif",
// "webp", "bmp", "tiff", "heic", "avif" or "svg". It refuses all others (see otherKind), and a file without bytes (empty).
func CheckKind(head []byte) (string, error) {
	kind := sniffKind(head)
	switch {
	case len(head) == 0:
		return "", errs.NewField(op, "file", "empty", 0, "the file is empty")
	case kind == "":
		other, advice := otherKind(head)
		return "", errs.NewField(op, "file", other, 0, "%s", advice)
	}
	return kind, nil
}

func sniffKind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "jpeg"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "gif"
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "webp"
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return "tiff"
	case len(head) >= 26 && string(head[:2]) == "BM" && string(head[6:10]) == "\x00\x00\x00\x00":
		return "bmp"
	case bytes.Contains(head[:min(len(head), HeadLen)], []byte("%PDF-")):
		return "pdf"
	}
	if kind := sniffHEIF(head); kind != "" {
		return kind
	}
	return sniffSVG(head)
}

// sniffSVG recognises a drawing by its root, which stands behind declarations and comments.
func sniffSVG(head []byte) string {
	start := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head[:min(len(head), HeadLen)], []byte("\xef\xbb\xbf")), " \t\r\n"))
	if !bytes.HasPrefix(start, []byte("<")) || bytes.Contains(start, []byte("<html")) {
		return ""
	}
	if bytes.Contains(start, []byte("<svg")) || bytes.Contains(start, []byte("<!doctype svg")) {
		return "svg"
	}
	return ""
}

// otherKind returns the code and the advice for a file that makes no page.
func otherKind(head []byte) (code, advice string) {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")) {
		return "office", "this looks like a presentation or a document; save it as PDF and add that"
	}
	return "unknown_type", "neither a PDF nor a PNG, JPEG, GIF, WebP, BMP, TIFF, HEIC, AVIF or SVG picture"
}
