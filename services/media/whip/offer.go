package whip

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// readOffer checks an offer against RFC 9725 and the draft of WHEP, before a node spends
// anything on it. The result has one direction. An offer that would also send (WHEP) or receive
// (WHIP) is accepted for the half that counts.
func readOffer(text string, use Use) (*sdp.SessionDescription, error) {
	d := &sdp.SessionDescription{}
	if err := d.UnmarshalString(text); err != nil {
		return nil, errBadSDP("", "bad_sdp", "this is no SDP: %v", err)
	}
	if len(d.MediaDescriptions) == 0 {
		return nil, errBadSDP("", "no_media", "there is no m-line") // RFC 9725 4.4.2
	}
	seen := map[string]bool{}
	for _, m := range d.MediaDescriptions {
		if err := checkMedia(d, m, use); err != nil {
			return nil, err
		}
		if kind := m.MediaName.Media; seen[kind] {
			return nil, errBadSDP(midOf(m), "too_many", "a second %s; there may be one (RFC 9725 4.4.2)", kind)
		}
		seen[m.MediaName.Media] = true
	}
	return d, checkBundle(d)
}

// checkMedia checks one m-line. None is left out of an answer: a session without its sound
// would mislead (RFC 9725 4.4.3).
func checkMedia(d *sdp.SessionDescription, m *sdp.MediaDescription, use Use) error {
	kind, id := m.MediaName.Media, midOf(m)
	_, mux := m.Attribute("rtcp-mux")
	_, only := m.Attribute("bundle-only")
	setup := attributeOf(d, m, "setup")
	switch {
	case kind != "audio" && kind != "video":
		return errBadSDP(id, "bad_kind", "an m-line of kind %q; only audio and video are taken", kind)
	case id == "":
		return errBadSDP("", "no_mid", "the %s m-line has no mid (RFC 9143 7.1)", kind)
	case m.MediaName.Port.Value == 0 && !only:
		return errBadSDP(id, "port_0", "the m-line has port 0 and is not bundle-only")
	case !mux:
		return errBadSDP(id, "no_rtcp_mux", "rtcp-mux is missing (RFC 9725 4.4.1)")
	case setup != "actpass" && setup != "active":
		return errBadSDP(id, "bad_setup", "setup is %q; must be actpass or active (RFC 9725 4.4.4)", setup)
	case len(attributeOf(d, m, "ice-ufrag")) < 4 || len(attributeOf(d, m, "ice-pwd")) < 22:
		return errBadSDP(id, "no_ice", "ice-ufrag or ice-pwd is missing or too short (RFC 8839 5.4)")
	case attributeOf(d, m, "fingerprint") == "":
		return errBadSDP(id, "no_fingerprint", "fingerprint is missing (RFC 8122 5)")
	}
	return setDirection(m, use)
}

// setDirection checks the direction and makes it the one that is used.
func setDirection(m *sdp.MediaDescription, use Use) error {
	want, section := "sendonly", "RFC 9725 4.2"
	if use == Egress {
		want, section = "recvonly", "draft-ietf-wish-whep, Media Direction Attributes"
	}
	is := "sendrecv" // when nothing is said (RFC 8866 6.7)
	for i, a := range m.Attributes {
		if directions[a.Key] {
			is = a.Key
			m.Attributes[i].Key = want
		}
	}
	if is != want && is != "sendrecv" {
		return errBadSDP(midOf(m), "bad_direction", "%s; must be %s (%s)", is, want, section)
	}
	if !slices.ContainsFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Key == want }) {
		m.WithPropertyAttribute(want)
	}
	return nil
}

var directions = map[string]bool{"sendonly": true, "recvonly": true, "sendrecv": true, "inactive": true}

// checkBundle wants all m-lines in one group (RFC 9725 4.4.1: max-bundle).
func checkBundle(d *sdp.SessionDescription) error {
	in := bundledMIDs(d)
	for _, m := range d.MediaDescriptions {
		if !slices.Contains(in, midOf(m)) && len(d.MediaDescriptions) > 1 {
			return errBadSDP(midOf(m), "no_bundle", "the m-line is in no BUNDLE group; use max-bundle (RFC 9725 4.4.1)")
		}
	}
	return nil
}

// bundledMIDs is the mids of the first BUNDLE group.
func bundledMIDs(d *sdp.SessionDescription) []string {
	for _, a := range d.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 0 && f[0] == "BUNDLE" {
			return f[1:]
		}
	}
	return nil
}

// taggedMedia is the m-line with the transport that all use (RFC 9143 1.2, offerer-tagged).
func taggedMedia(d *sdp.SessionDescription) *sdp.MediaDescription {
	if in := bundledMIDs(d); len(in) > 0 {
		for _, m := range d.MediaDescriptions {
			if midOf(m) == in[0] {
				return m
			}
		}
	}
	return d.MediaDescriptions[0]
}

func midOf(m *sdp.MediaDescription) string {
	v, _ := m.Attribute("mid")
	return v
}

// attributeOf is that of the m-line, or else of the session.
func attributeOf(d *sdp.SessionDescription, m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return v
	}
	v, _ := d.Attribute(key)
	return v
}

// publishedTracks names the content of a publisher's m-lines.
func publishedTracks(d *sdp.SessionDescription, picture media.Source) []media.Track {
	var list []media.Track
	for _, m := range d.MediaDescriptions {
		t := media.Track{MID: midOf(m), Source: media.Microphone}
		if m.MediaName.Media == "video" {
			t.Source = picture
		}
		list = append(list, t)
	}
	return list
}

// errBadSDP names the m-line that is at fault. Empty: the whole.
func errBadSDP(id, code, format string, args ...any) error {
	field := "sdp"
	if id != "" {
		field = "sdp mid " + id
	}
	return errs.NewField("whip.offer", field, code, 0, format, args...)
}
