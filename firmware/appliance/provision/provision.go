// Package provision holds the sections of livelearn.toml that let one card set up a hundred
// boxes: their names, their network and their Wi-Fi. The file is on a partition that any
// computer can read.
//
// The package reads no file. firmware.LoadConfig does, and firmware.Config has these sections.
//
//	[box]
//	name = "Room {digits}"                  # each box has its own digits
//	names = ["10000000abcdef01 = Room 12"]  # or by serial number
//	claim_code = "K7FP-2M9X-Q4TD"           # for boxes without a display
//	admin = "Ada"                           # or nobody has to claim it
//	admin_pin = "$argon2id$..."             # from "livelearn config pin"
//	time_zone = "Europe/Paris"              # updates come at night there
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

// Box names a box before an admin claims it and changes the name.
type Box struct {
	Name  string   // a pattern with {name}, {digits} and {serial}; empty: "{name}"
	Names []string // "serial = name" for boxes with a fixed name
	Lang  string   // of the pages, a BCP 47 tag; empty: English
	// ClaimCode claims a box that has no admin yet. It has 8 to 32 letters and digits. Spaces
	// and dashes do not count. Empty: the box makes one.
	ClaimCode Secret
	// Admin is the name of the admin who owns a box from its first start. AdminPIN is the hash of
	// the PIN, as "livelearn config pin" prints it. Empty: a person claims the box.
	Admin    string
	AdminPIN Secret
	TimeZone string // of the school, IANA: "Europe/Paris"; empty: that of the machine
}

// maxName bounds a name, in characters. It must fit a line of a display and an SSID.
const maxName = 32

// Placeholders of a pattern.
const (
	ownName   = "{name}"   // made from the serial number: "amber-otter-4821"
	ownDigits = "{digits}" // the end of that name: "4821"
	ownSerial = "{serial}" // the last six characters of the serial number
)

var (
	placeholderPattern = regexp.MustCompile(`\{[^{}]*\}`)
	// The part of RFC 5646 2.1 that languages of pages need: "fr", "pt-BR".
	langPattern = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$`)
)

// WithDefaults fills in empty fields.
func (b Box) WithDefaults() Box {
	if b.Name == "" {
		b.Name = ownName
	}
	return b
}

// Validate refuses illegible names and two boxes with the same name.
func (b Box) Validate() error {
	if err := b.checkName(); err != nil {
		return err
	}
	serials, called := map[string]bool{}, map[string]bool{}
	for i, line := range b.Names {
		serial, name, ok := parseNameLine(line)
		switch {
		case !ok:
			return errs.NewField("", "box.names", "bad_line", 0, `number %d must be "serial = name"`, i+1)
		case !isLegible(name, maxName):
			return errs.NewField("", "box.names", "bad_name", maxName, "number %d: a name has 1 to %d characters that can be seen", i+1, maxName)
		case serials[serial]:
			return errs.NewField("", "box.names", "twice", 0, "number %d: this box has a name already", i+1)
		case called[strings.ToLower(name)]:
			return errs.NewField("", "box.names", "twice", 0, "number %d: another box is called so", i+1)
		}
		serials[serial], called[strings.ToLower(name)] = true, true
	}
	if b.Lang != "" && (len(b.Lang) > 35 || !langPattern.MatchString(b.Lang)) {
		return errs.NewField("", "box.lang", "bad_tag", 0, `must be a language's tag: "en", "pt-BR"`)
	}
	for _, check := range []func() error{b.checkClaimCode, b.checkAdmin, b.checkTimeZone} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (b Box) checkName() error {
	if b.Name == "" {
		return nil
	}
	for _, p := range placeholderPattern.FindAllString(b.Name, -1) {
		if !slices.Contains([]string{ownName, ownDigits, ownSerial}, p) {
			return errs.NewField("", "box.name", "unknown", 0, "%s is not known; there are %s, %s and %s", p, ownName, ownDigits, ownSerial)
		}
	}
	if plain := placeholderPattern.ReplaceAllString(b.Name, "x"); !isLegible(plain, maxName) || strings.ContainsAny(plain, "{}") {
		return errs.NewField("", "box.name", "bad_name", maxName, "a name has 1 to %d characters that can be seen", maxName)
	}
	return nil
}

// NameFor returns the name of the box with a serial number, 1 to 32 characters. made is the name
// that identity.NameFor made from the serial number.
func (b Box) NameFor(serial, made string) string {
	for _, line := range b.Names {
		if s, name, ok := parseNameLine(line); ok && s == plainSerial(serial) {
			return name
		}
	}
	digits := made[strings.LastIndexByte(made, '-')+1:]
	end := plainSerial(serial)
	if end == "" {
		end = digits // a PC without a serial number
	}
	end = end[max(0, len(end)-6):]
	name := strings.NewReplacer(ownName, made, ownDigits, digits, ownSerial, end).Replace(b.WithDefaults().Name)
	if utf8.RuneCountInString(name) > maxName {
		// The end of a name is more often unique than its beginning.
		r := []rune(name)
		name = string(r[len(r)-maxName:])
	}
	return strings.TrimSpace(name)
}

// parseNameLine returns the two sides of "serial = name".
func parseNameLine(line string) (serial, name string, ok bool) {
	serial, name, ok = strings.Cut(line, "=")
	serial, name = plainSerial(serial), strings.TrimSpace(name)
	return serial, name, ok && serial != "" && name != ""
}

// plainSerial returns a serial number or a MAC address without its separators, in lower case:
// "B8:27:EB:01:02:03" becomes "b827eb010203".
func plainSerial(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// isLegible reports whether people can read a text: 1 to most characters, all visible, and no
// space at either end.
func isLegible(s string, most int) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > most || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
