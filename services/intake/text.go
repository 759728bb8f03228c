package intake

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/livelearn/box/services/errs"
)

// decode makes a file's bytes text with "\n" between lines. What is not UTF-8 and has no
// mark is one of the two code pages that Excel writes CSV in where we are used most.
func decode(op, file string, data []byte) (string, error) {
	var from encoding.Encoding
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		from = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case wide(data, 1):
		from = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case wide(data, 0):
		from = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	if from == nil && !utf8.Valid(data) {
		from = codePage(data)
	}
	if from != nil {
		out, err := from.NewDecoder().Bytes(data)
		if err != nil {
			return "", errs.Field(op, "file", kindNone, 0, "%s: not a text: %v", file, err)
		}
		data = out
	}
	if before, _, ok := bytes.Cut(data, []byte{0}); ok {
		line := 1 + bytes.Count(before, []byte("\n"))
		return "", errs.Field(op, where(file, line), kindNone, 0, "%s, line %d: %s", file, line, unreadable[kindNone])
	}
	s := strings.ReplaceAll(string(data), "\r\n", "\n")
	return strings.ReplaceAll(s, "\r", "\n"), nil
}

// wide tells UTF-16 without a mark: of Latin text every second byte is zero, the one at
// the given place of each pair.
func wide(data []byte, zero int) bool {
	sample := data[:min(len(data), 4096)&^1]
	zeros, others := 0, 0
	for i, b := range sample {
		switch {
		case b != 0:
		case i%2 == zero:
			zeros++
		default:
			others++
		}
	}
	return len(sample) >= 4 && others == 0 && zeros*4 >= len(sample)
}

// codePage tells Windows-1252 from Windows-1256: Arabic words are runs of high bytes,
// while in European ones the letters with accents stand alone or in pairs.
func codePage(data []byte) encoding.Encoding {
	run, long, lone := 0, 0, 0
	for _, b := range append(data[:len(data):len(data)], ' ') {
		if b >= 0xc0 || b == 0x81 || b == 0x8d || b == 0x90 {
			run++
			continue
		}
		if run >= 3 {
			long++
		} else if run > 0 {
			lone++
		}
		run = 0
	}
	if long > lone {
		return charmap.Windows1256
	}
	return charmap.Windows1252
}
