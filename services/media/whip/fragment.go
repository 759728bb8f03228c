package whip

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// fragment is an SDP fragment (RFC 8840 9) as far as it counts here: with max-bundle it
// is about one transport.
type fragment struct {
	ufrag, pwd      string   // both or neither
	candidates      []string // the values of a=candidate
	endOfCandidates bool     // a=end-of-candidates
}

// readFragment refuses malformed fragments (RFC 9725 4.3.1). The node skips candidates for
// transports it does not have.
func readFragment(text string) (fragment, error) {
	var f fragment
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) == 0 {
		return f, errBadFragment("it is empty")
	}
	for _, line := range lines {
		if err := f.parseLine(line); err != nil {
			return f, err
		}
	}
	if (f.ufrag == "") != (f.pwd == "") {
		return f, errBadFragment("ice-ufrag and ice-pwd go together (RFC 8840 4.4)")
	}
	return f, nil
}

// parseLine reads one line.
func (f *fragment) parseLine(line string) error {
	kind, value, ok := strings.Cut(line, "=")
	if !ok || len(kind) != 1 || value == "" {
		return errBadFragment("%.40q is no line of SDP", line)
	}
	if kind != "a" {
		return nil // m=, and whatever a whole description has
	}
	key, value, _ := strings.Cut(value, ":")
	switch key {
	case "ice-ufrag":
		return setCredential(&f.ufrag, key, value, 4)
	case "ice-pwd":
		return setCredential(&f.pwd, key, value, 22)
	case "candidate":
		if !isCandidate(value) {
			return errBadFragment("%.80q is no candidate (RFC 8839 5.1)", value)
		}
		f.candidates = append(f.candidates, value)
	case "end-of-candidates":
		f.endOfCandidates = true
	}
	return nil
}

// setCredential keeps a user fragment or password. Each m-line of a bundle repeats them. Two
// that differ are two transports.
func setCredential(into *string, key, value string, least int) error {
	switch {
	case len(value) < least || len(value) > 256 || !iceChars(value):
		return errBadFragment("%s must be %d to 256 letters, digits, + or / (RFC 8839 5.4)", key, least)
	case *into != "" && *into != value:
		return errBadFragment("two values of %s; use max-bundle (RFC 9725 4.4.1)", key)
	}
	*into = value
	return nil
}

func iceChars(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '+' && s[i] != '/' {
			return false
		}
	}
	return true
}

// isCandidate reports whether a candidate has the form of RFC 8839 5.1: foundation, component,
// transport, priority, address, port, "typ", type.
func isCandidate(value string) bool {
	p := strings.Fields(value)
	if len(p) < 8 || p[6] != "typ" || len(p[0]) > 32 || !iceChars(p[0]) {
		return false
	}
	for i, bits := range map[int]int{1: 16, 3: 32, 5: 16} {
		if _, err := strconv.ParseUint(p[i], 10, bits); err != nil {
			return false
		}
	}
	return true
}

// isRestart reports whether a fragment is of another ICE session than the offer.
func (f fragment) isRestart(offer *sdp.SessionDescription) bool {
	m := taggedMedia(offer)
	return f.ufrag != "" && (f.ufrag != attributeOf(offer, m, "ice-ufrag") || f.pwd != attributeOf(offer, m, "ice-pwd"))
}

// restartOffer is the offer again with the fragment's ICE session in it: all else still holds
// (RFC 9725 4.3.3), and the old candidates do not.
func (f fragment) restartOffer(offer *sdp.SessionDescription) *sdp.SessionDescription {
	d := cloneDescription(offer)
	d.Origin.SessionVersion++
	d.Attributes = f.replaceICE(d.Attributes)
	for _, m := range d.MediaDescriptions {
		m.Attributes = f.replaceICE(m.Attributes)
	}
	m := taggedMedia(d)
	for _, c := range f.candidates {
		m.WithValueAttribute("candidate", c)
	}
	if f.endOfCandidates {
		m.WithPropertyAttribute("end-of-candidates")
	}
	return d
}

func (f fragment) replaceICE(list []sdp.Attribute) []sdp.Attribute {
	out := make([]sdp.Attribute, 0, len(list))
	for _, a := range list {
		switch a.Key {
		case "ice-ufrag":
			a.Value = f.ufrag
		case "ice-pwd":
			a.Value = f.pwd
		case "candidate", "end-of-candidates":
			continue
		}
		out = append(out, a)
	}
	return out
}

// cloneDescription is deep as far as attributes are changed.
func cloneDescription(d *sdp.SessionDescription) *sdp.SessionDescription {
	c := *d
	c.MediaDescriptions = make([]*sdp.MediaDescription, len(d.MediaDescriptions))
	for i, m := range d.MediaDescriptions {
		same := *m
		c.MediaDescriptions[i] = &same
	}
	return &c
}

// answerFragment is the ICE session of an answer as a fragment (RFC 9725 4.3.3): the same ice-lite
// and ice-options, the m-line that carries all, its credentials and candidates.
func answerFragment(answer *sdp.SessionDescription) string {
	var b strings.Builder
	line := func(kind, value string) { b.WriteString(kind + "=" + value + "\r\n") }
	m := taggedMedia(answer)
	if _, lite := answer.Attribute("ice-lite"); lite {
		line("a", "ice-lite")
	}
	for _, key := range []string{"ice-pacing", "ice-options"} {
		if v := attributeOf(answer, m, key); v != "" {
			line("a", key+":"+v)
		}
	}
	line("m", m.MediaName.String())
	line("a", "mid:"+midOf(m))
	line("a", "ice-ufrag:"+attributeOf(answer, m, "ice-ufrag"))
	line("a", "ice-pwd:"+attributeOf(answer, m, "ice-pwd"))
	for _, a := range m.Attributes {
		if a.Key == "candidate" {
			line("a", "candidate:"+a.Value)
		}
	}
	line("a", "end-of-candidates") // the answer had them all
	return b.String()
}

func cutAtSpace(s string) (first, rest string) {
	first, rest, _ = strings.Cut(s, " ")
	return first, rest
}

func errBadFragment(format string, args ...any) error {
	return errBadSDP("", "bad_fragment", format, args...)
}
