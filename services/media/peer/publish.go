package peer

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/forward"
)

// publisher is one person's sending connection.
type publisher struct {
	n     *Node
	ask   media.Publish // of the first offer; Tracks is guarded by Node.mu
	pc    *webrtc.PeerConnection
	turn  sync.Mutex // one negotiation at a time
	first bool
	ended map[string]bool // mids that were refused once: pion cannot receive there again; guarded by turn

	sources map[media.Source]*source // guarded by Node.mu
}

func (p *publisher) owner() (room, user string) { return p.ask.Room, p.ask.User }

func (p *publisher) detach() {
	for _, s := range p.sources {
		s.drop()
	}
}

func (p *publisher) close() { _ = p.pc.GracefulClose() }

// Publish implements media.Node.
func (n *Node) Publish(ctx context.Context, ask media.Publish) (media.Answer, error) {
	const op = "media.Publish"
	o, _, err := offer(op, ask.Session, ask.SDP)
	if err != nil {
		return media.Answer{}, err
	}
	p, fresh, err := n.publisher(ask)
	if err != nil {
		return media.Answer{}, err
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	n.mu.Lock()
	p.ask.Tracks = ask.Tracks
	n.mu.Unlock()
	a, err := negotiate(ctx, op, p.pc, o, func() error { return p.refuse(ask.Tracks) })
	if err != nil && fresh {
		n.end(ask.Session, p)
	}
	return a, err
}

// publisher finds the session, or makes it.
func (n *Node) publisher(ask media.Publish) (*publisher, bool, error) {
	const op = "media.Publish"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return nil, false, errs.Code(op, errs.Down, "stopping", "the node does not serve")
	}
	if s, ok := n.sessions[ask.Session]; ok {
		if p, ok := s.(*publisher); ok && p.ask.Room == ask.Room && p.ask.User == ask.User {
			return p, false, nil
		}
		return nil, false, errs.Field(op, "session", "taken", 0, "is another session")
	}
	pc, err := n.connection(n.inSettings(), n.api.in, n.api.ingest)
	if err != nil {
		return nil, false, errs.New(op, errs.Internal, err)
	}
	p := &publisher{n: n, ask: ask, pc: pc, first: ask.First, ended: map[string]bool{}, sources: map[media.Source]*source{}}
	n.sessions[ask.Session] = p
	n.room(ask.Room)
	pc.OnTrack(p.arrived)
	n.follow(ask.Session, p, pc, func() {})
	return p, true, nil
}

func (n *Node) inSettings() webrtc.SettingEngine {
	se := n.settings()
	_ = se.SetAnsweringDTLSRole(webrtc.DTLSRoleServer) // fails only for unknown roles
	return se
}

// refuse ends the m-lines that were not allowed: the answer says inactive. What comes back
// must come on a new one, as it does in browsers.
func (p *publisher) refuse(allowed []media.Track) error {
	for _, t := range p.pc.GetTransceivers() {
		ok := slices.ContainsFunc(allowed, func(a media.Track) bool { return a.MID == t.Mid() }) && !p.ended[t.Mid()]
		if !ok && t.Direction() != webrtc.RTPTransceiverDirectionInactive {
			p.ended[t.Mid()] = true
			if err := t.Stop(); err != nil {
				return errs.New("media.Publish", errs.Internal, err)
			}
		}
	}
	return nil
}

// arrived reads a track to its end. pion calls it in a goroutine of its own for each track
// and each simulcast layer.
func (p *publisher) arrived(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	c, ok := codecOf(t.Codec().MimeType)
	if !ok {
		return
	}
	l := p.attach(t, r, c)
	if l == nil {
		return
	}
	p.n.run(func(context.Context) { l.reports(r) })
	buf := make([]byte, maxPacket)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			break
		}
		_ = l.fwd.Write(buf[:n], int64(time.Since(p.n.began))) // it counts what it cannot take
	}
	p.lost(l)
}

// attach makes the layer, and its source when it is the first of it.
func (p *publisher) attach(t *webrtc.TrackRemote, r *webrtc.RTPReceiver, c forward.Codec) *layer {
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(p.ask.Tracks, func(a media.Track) bool { return a.MID == midOf(p.pc, r) })
	if i < 0 || n.sessions[p.ask.Session] != session(p) {
		return nil
	}
	what := p.ask.Tracks[i].Source
	s := p.sources[what]
	if s == nil {
		s = n.room(p.ask.Room).add(p, what, c == forward.Opus)
		p.sources[what] = s
		n.tell(media.Event{Kind: media.TrackUp, Room: p.ask.Room, User: p.ask.User, Session: p.ask.Session, Source: what})
	}
	l := &layer{source: s, rid: t.RID(), ssrc: uint32(t.SSRC()), codec: c, clock: t.Codec().ClockRate}
	l.fwd = n.works.Layer(forward.LayerConfig{Codec: c, ClockRate: l.clock, LevelID: levelOf(r), KeyWanted: l.wantKey})
	s.put(l)
	n.arrange(p.ask.Room)
	return l
}

// lost takes a layer away, and its source when it was the last of it.
func (p *publisher) lost(l *layer) {
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	l.fwd.Close()
	s := l.source
	s.layers = slices.DeleteFunc(s.layers, func(x *layer) bool { return x == l })
	if len(s.layers) == 0 && p.sources[s.what] == s {
		delete(p.sources, s.what)
		s.drop()
		n.tell(media.Event{Kind: media.TrackDown, Room: p.ask.Room, User: p.ask.User, Session: p.ask.Session, Source: s.what})
	}
	n.arrange(p.ask.Room)
}

func midOf(pc *webrtc.PeerConnection, r *webrtc.RTPReceiver) string {
	for _, t := range pc.GetTransceivers() {
		if t.Receiver() == r {
			return t.Mid()
		}
	}
	return ""
}

func levelOf(r *webrtc.RTPReceiver) uint8 {
	for _, e := range r.GetParameters().HeaderExtensions {
		if e.URI == levelURI {
			return uint8(e.ID)
		}
	}
	return 0
}

func codecOf(mime string) (forward.Codec, bool) {
	for m, c := range map[string]forward.Codec{
		webrtc.MimeTypeOpus: forward.Opus, webrtc.MimeTypeVP8: forward.VP8, webrtc.MimeTypeH264: forward.H264,
		webrtc.MimeTypeVP9: forward.VP9, webrtc.MimeTypeAV1: forward.AV1,
	} {
		if strings.EqualFold(m, mime) {
			return c, true
		}
	}
	return 0, false
}

// reports passes the publisher's sender reports on to who watches the layer, so that a
// watcher lines sound and picture up by the publisher's clock (RFC 3550 6.4.1).
func (l *layer) reports(r *webrtc.RTPReceiver) {
	read := func() ([]rtcp.Packet, error) {
		if l.rid == "" {
			ps, _, err := r.ReadRTCP()
			return ps, err
		}
		ps, _, err := r.ReadSimulcastRTCP(l.rid)
		return ps, err
	}
	for {
		ps, err := read()
		if err != nil {
			return
		}
		for _, p := range ps {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == l.ssrc {
				l.source.pub.n.relay(l, sr)
			}
		}
	}
}
