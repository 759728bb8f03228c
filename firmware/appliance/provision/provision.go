// Package provision is what livelearn.toml may say so that one card serves a hundred boxes:
// what each is called, which network it is in and how its Wi-Fi is made. The file lies on the
// partition that any computer reads.
//
// The package reads no file: firmware.Load does, and firmware.Config has these as sections.
//
//	[box]
//	name = "Room {digits}"                  # each box has its own digits
//	names = ["10000000abcdef01 = Room 12"]  # or by serial number
//	lang = "fr"
//
//	[network]
//	mode = "ap"
//
//	[wifi]
//	passphrase = "only for this school"
package provision

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// Box is what a box is called before somebody claims it and says otherwise.
type Box struct {
	Name  string   // a pattern: {name}, {digits} and {serial} are the box's own; empty: "{name}"
	Names []string // "serial = name": the boxes that have a name of their own
	Lang  string   // of its pages, as a BCP 47 tag; empty: English
}

// maxName bounds a name, in characters: it must fit a line of a display and a Wi-Fi's name.
const maxName = 32

// What a pattern may hold.
const (
	ownName   = "{name}"   // made of the serial number: "amber-otter-4821"
	ownDigits = "{digits}" // the end of that: "4821"
	ownSerial = "{serial}" // the last six characters of the serial number
)

var (
	place = regexp.MustCompile(`\{[^{}]*\}`)
	// RFC 5646 2.1, as far as pages have languages: "fr", "pt-BR".
	tag = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$`)
)

// WithDefaults fills in what is empty.
func (b Box) WithDefaults() Box {
	if b.Name == "" {
		b.Name = ownName
	}
	return b
}

// Validate refuses a name that nobody could read, and a list that names two boxes alike.
func (b Box) Validate() error {
	if err := b.pattern(); err != nil {
		return err
	}
	serials, called := map[string]bool{}, map[string]bool{}
	for i, line := range b.Names {
		serial, name, ok := pair(line)
		switch {
		case !ok:
			return errs.Field("", "box.names", "bad_line", 0, `number %d must be "serial = name"`, i+1)
		case !legible(name, maxName):
			return errs.Field("", "box.names", "bad_name", maxName, "number %d: a name has 1 to %d characters that can be seen", i+1, maxName)
		case serials[serial]:
			return errs.Field("", "box.names", "twice", 0, "number %d: this box has a name already", i+1)
		case called[strings.ToLower(name)]:
			return errs.Field("", "box.names", "twice", 0, "number %d: another box is called so", i+1)
		}
		serials[serial], called[strings.ToLower(name)] = true, true
	}
	if b.Lang != "" && (len(b.Lang) > 35 || !tag.MatchString(b.Lang)) {
		return errs.Field("", "box.lang", "bad_tag", 0, `must be a language's tag: "en", "pt-BR"`)
	}
	return nil
}

func (b Box) pattern() error {
	if b.Name == "" {
		return nil
	}
	for _, p := range place.FindAllString(b.Name, -1) {
		if !slices.Contains([]string{ownName, ownDigits, ownSerial}, p) {
			return errs.Field("", "box.name", "unknown", 0, "%s is not known; there are %s, %s and %s", p, ownName, ownDigits, ownSerial)
		}
	}
	if plain := place.ReplaceAllString(b.Name, "x"); !legible(plain, maxName) || strings.ContainsAny(plain, "{}") {
		return errs.Field("", "box.name", "bad_name", maxName, "a name has 1 to %d characters that can be seen", maxName)
	}
	return nil
}

// Called is the name of the box with a serial number; made is the name that was made of that
// (names.Name). It has 1 to 32 characters.
func (b Box) Called(serial, made string) string {
	for _, line := range b.Names {
		if s, name, ok := pair(line); ok && s == plainSerial(serial) {
			return name
		}
	}
	digits := made[strings.LastIndexByte(made, '-')+1:]
	end := plainSerial(serial)
	if end == "" {
		end = digits // a PC without a number of its own
	}
	end = end[max(0, len(end)-6):]
	name := strings.NewReplacer(ownName, made, ownDigits, digits, ownSerial, end).Replace(b.WithDefaults().Name)
	if utf8.RuneCountInString(name) > maxName {
		// What comes last is the box's own more often than what comes first.
		r := []rune(name)
		name = string(r[len(r)-maxName:])
	}
	return strings.TrimSpace(name)
}

// pair are the two sides of "serial = name".
func pair(line string) (serial, name string, ok bool) {
	serial, name, ok = strings.Cut(line, "=")
	serial, name = plainSerial(serial), strings.TrimSpace(name)
	return serial, name, ok && serial != "" && name != ""
}

// plainSerial is a serial number or a MAC address however it is written: "B8:27:EB:01:02:03"
// and "b827eb010203" are one.
func plainSerial(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// legible tells that a text can be read by a person: 1 to most characters, each of which is
// seen, and no space at an end.
func legible(s string, most int) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > most || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
