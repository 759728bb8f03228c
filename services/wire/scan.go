package wire

import "encoding/json"

// The functions of this file read JSON that is known to be valid. They find the parts that matter without
// a copy and without decoding the rest. Rare things, such as an escape, they leave to encoding/json.

// splitArray returns the elements of an array, without the white space around them. False: not an
// array, or it has other than len(parts) elements.
func splitArray(valid []byte, parts []json.RawMessage) bool {
	at := skipSpace(valid, 0)
	if valid[at] != '[' {
		return false
	}
	at = skipSpace(valid, at+1)
	for n := 0; valid[at] != ']'; n++ {
		end := skipValue(valid, at)
		if n == len(parts) {
			return false
		}
		parts[n] = valid[at:end:end]
		if at = skipSpace(valid, end); valid[at] == ',' {
			at = skipSpace(valid, at+1)
		} else if n+1 != len(parts) {
			return false
		}
	}
	return parts[len(parts)-1] != nil
}

// plainString returns the text of a string without escapes and of ASCII only. False: something else.
func plainString(valid []byte) (string, bool) {
	if valid[0] != '"' {
		return "", false
	}
	text := valid[1 : len(valid)-1]
	for _, c := range text {
		if c == '\\' || c >= 0x80 {
			return "", false
		}
	}
	return string(text), true
}

// decodeString reads a string or null as encoding/json does.
func decodeString(valid []byte, to *string) error {
	if s, ok := plainString(valid); ok {
		*to = s
		return nil
	}
	return json.Unmarshal(valid, to)
}

// PlainMember returns the text of the member of a valid object, if there is one member of this name in lower or
// upper case, and it is a string without escapes. False: encoding/json has to decide.
func PlainMember(valid []byte, name string) (text string, ok bool) {
	at := skipSpace(valid, 0)
	if valid[at] != '{' {
		return "", false
	}
	at = skipSpace(valid, at+1)
	for valid[at] != '}' {
		end := skipValue(valid, at)
		key, plain := plainString(valid[at:end])
		at = skipSpace(valid, skipSpace(valid, end)+1) // behind the colon
		end = skipValue(valid, at)
		switch {
		case !plain:
			return "", false
		case len(key) != len(name): // ASCII text of another length never counts as this name
		case key == name && !ok:
			if text, ok = plainString(valid[at:end]); !ok {
				return "", false
			}
		case key == name || equalLetters(key, name):
			return "", false
		}
		if at = skipSpace(valid, end); valid[at] == ',' {
			at = skipSpace(valid, at+1)
		}
	}
	return text, ok
}

// equalLetters compares ASCII texts of one length regardless of the case of letters. It also takes
// some other characters as equal.
func equalLetters(a, b string) bool {
	for i := range len(a) {
		if a[i]|0x20 != b[i]|0x20 {
			return false
		}
	}
	return true
}

func skipSpace(valid []byte, at int) int {
	for at < len(valid) && (valid[at] == ' ' || valid[at] == '\t' || valid[at] == '\n' || valid[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns the end of the value at a position.
func skipValue(valid []byte, at int) int {
	depth := 0
	for at < len(valid) {
		switch c := valid[at]; c {
		case '"':
			at = skipString(valid, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\n', '\r':
			at++
			continue // inside an array or an object
		default:
			at = skipLiteral(valid, at)
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

func skipString(valid []byte, at int) int {
	for at++; valid[at] != '"'; at++ {
		if valid[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipLiteral returns the end of a number, true, false or null.
func skipLiteral(valid []byte, at int) int {
	for at < len(valid) {
		switch valid[at] {
		case ',', ':', ']', '}', ' ', '\t', '\n', '\r':
			return at
		}
		at++
	}
	return at
}
