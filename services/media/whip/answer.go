package whip

import (
	"github.com/pion/sdp/v3"

	"github.com/livelearn/box/services/errs"
)

// readAnswer checks a node's answer and adds the parts that WHIP and WHEP require and a node's
// answers to browsers lack.
func readAnswer(text string, use Use) (*sdp.SessionDescription, error) {
	d := &sdp.SessionDescription{}
	if err := d.UnmarshalString(text); err != nil || len(d.MediaDescriptions) == 0 {
		return nil, errs.Newf("whip.answer", errs.Internal, "the node's answer is no SDP: %v", err)
	}
	want := "recvonly" // RFC 9725 4.2
	if use == Egress {
		want = "sendonly"
	}
	stream := ""
	for _, m := range d.MediaDescriptions {
		if _, ok := m.Attribute(want); !ok || isRejected(m) {
			return nil, errBadSDP(midOf(m), "not_taken", "no codec of this m-line is known") // RFC 9725 4.4.3
		}
		if _, ok := m.Attribute("rtcp-mux-only"); !ok {
			m.WithPropertyAttribute("rtcp-mux-only") // RFC 9725 4.4.1
		}
		if use == Egress {
			stream = joinStream(m, stream)
		}
	}
	return d, nil
}

func isRejected(m *sdp.MediaDescription) bool {
	_, only := m.Attribute("bundle-only")
	return m.MediaName.Port.Value == 0 && !only
}

// joinStream puts all m-lines into the MediaStream of the first (draft-ietf-wish-whep, "Single
// MediaStream"). It returns the stream's name.
func joinStream(m *sdp.MediaDescription, stream string) string {
	for i, a := range m.Attributes {
		if a.Key != "msid" {
			continue
		}
		id, track := cutAtSpace(a.Value)
		if stream == "" {
			stream = id
		}
		m.Attributes[i].Value = stream + " " + track
		return stream
	}
	if stream == "" {
		stream = "live"
	}
	m.WithValueAttribute("msid", stream+" "+m.MediaName.Media)
	return stream
}
