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
	n           *Node
	request     media.Publish // of the first offer, Tracks is guarded by Node.mu
	pc          *webrtc.PeerConnection
	negotiation sync.Mutex // one negotiation at a time
	first       bool
	stoppedMIDs map[string]bool // mids that were refused once: pion cannot receive there again, guarded by negotiation

	sources map[media.Source]*source // guarded by Node.mu
}

func (p *publisher) roomAndUser() (room, user string) { return p.request.Room, p.request.User }

func (p *publisher) leaveRoom() {
	for _, s := range p.sources {
		s.closeSource()
	}
}

func (p *publisher) closeTransport() { _ = p.pc.GracefulClose() }

// Publish implements media.Node.
func (n *Node) Publish(ctx context.Context, ask media.Publish) (media.Answer, error) {
	const op = "media.Publish"
	o, _, err := parseOffer(op, ask.Session, ask.SDP)
	if err != nil {
		return media.Answer{}, err
	}
	p, fresh, err := n.ensurePublisher(ask)
	if err != nil {
		return media.Answer{}, err
	}
	p.negotiation.Lock()
	defer p.negotiation.Unlock()
	n.mu.Lock()
	p.request.Tracks = ask.Tracks
	n.mu.Unlock()
	a, err := createAnswer(ctx, op, p.pc, o, func() error { return p.stopRefusedTracks(ask.Tracks) })
	if err != nil && fresh {
		n.endSession(ask.Session, p)
	}
	return a, err
}

// ensurePublisher finds the session, or makes it.
func (n *Node) ensurePublisher(ask media.Publish) (*publisher, bool, error) {
	const op = "media.Publish"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return nil, false, errs.NewCode(op, errs.Down, "stopping", "the node does not serve")
	}
	if s, ok := n.sessions[ask.Session]; ok {
		if p, ok := s.(*publisher); ok && p.request.Room == ask.Room && p.request.User == ask.User {
			return p, false, nil
		}
		return nil, false, errs.NewField(op, "session", "taken", 0, "is another session")
	}
	pc, err := n.newConnection(n.serverSettings(), n.api.publisherEngine, n.api.publisherInterceptors)
	if err != nil {
		return nil, false, errs.New(op, errs.Internal, err)
	}
	p := &publisher{n: n, request: ask, pc: pc, first: ask.First, stoppedMIDs: map[string]bool{}, sources: map[media.Source]*source{}}
	n.sessions[ask.Session] = p
	n.ensureRoom(ask.Room)
	pc.OnTrack(p.readTrack)
	n.watchTransport(ask.Session, p, pc, func() {})
	return p, true, nil
}

func (n *Node) serverSettings() webrtc.SettingEngine {
	se := n.baseSettings()
	_ = se.SetAnsweringDTLSRole(webrtc.DTLSRoleServer) // fails only for unknown roles
	return se
}

// stopRefusedTracks ends the m-lines that were not allowed: the answer says inactive. A track
// that comes back must use a new m-line, as in browsers.
func (p *publisher) stopRefusedTracks(allowed []media.Track) error {
	for _, t := range p.pc.GetTransceivers() {
		ok := slices.ContainsFunc(allowed, func(a media.Track) bool { return a.MID == t.Mid() }) && !p.stoppedMIDs[t.Mid()]
		if !ok && t.Direction() != webrtc.RTPTransceiverDirectionInactive {
			p.stoppedMIDs[t.Mid()] = true
			if err := t.Stop(); err != nil {
				return errs.New("media.Publish", errs.Internal, err)
			}
		}
	}
	return nil
}

// readTrack reads a track to its end. pion calls it in a goroutine of its own for each track
// and each simulcast layer.
func (p *publisher) readTrack(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	c, ok := codecOf(t.Codec().MimeType)
	if !ok {
		return
	}
	l := p.attachLayer(t, r, c)
	if l == nil {
		return
	}
	p.n.runTask(func(context.Context) { l.readSenderReports(r) })
	buf := make([]byte, maxPacket)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			break
		}
		_ = l.fwd.Write(buf[:n], int64(time.Since(p.n.startedAt))) // it counts the packets it refuses
	}
	p.detachLayer(l)
}

// attachLayer adds a layer, and its source if it is the first layer of it.
func (p *publisher) attachLayer(t *webrtc.TrackRemote, r *webrtc.RTPReceiver, c forward.Codec) *layer {
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(p.request.Tracks, func(a media.Track) bool { return a.MID == midOf(p.pc, r) })
	if i < 0 || n.sessions[p.request.Session] != session(p) {
		return nil
	}
	what := p.request.Tracks[i].Source
	s := p.sources[what]
	if s == nil {
		s = n.ensureRoom(p.request.Room).addSource(p, what, c == forward.Opus)
		p.sources[what] = s
		n.emitEvent(media.Event{Kind: media.TrackUp, Room: p.request.Room, User: p.request.User, Session: p.request.Session, Source: what})
	}
	l := &layer{source: s, rid: t.RID(), ssrc: uint32(t.SSRC()), codec: c, clock: t.Codec().ClockRate}
	l.fwd = n.forwarder.NewLayer(forward.LayerConfig{Codec: c, ClockRate: l.clock, LevelID: levelOf(r), KeyWanted: l.requestKeyFrame})
	s.addLayer(l)
	n.arrangeRoom(p.request.Room)
	return l
}

// detachLayer removes a layer, and its source if it was the last layer of it.
func (p *publisher) detachLayer(l *layer) {
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	l.fwd.Close()
	s := l.source
	s.layers = slices.DeleteFunc(s.layers, func(x *layer) bool { return x == l })
	if len(s.layers) == 0 && p.sources[s.kind] == s {
		delete(p.sources, s.kind)
		s.closeSource()
		n.emitEvent(media.Event{Kind: media.TrackDown, Room: p.request.Room, User: p.request.User, Session: p.request.Session, Source: s.kind})
	}
	n.arrangeRoom(p.request.Room)
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

// readSenderReports passes the publisher's sender reports on to the layer's watchers, so that a
// watcher synchronises sound and picture by the publisher's clock (RFC 3550 6.4.1).
func (l *layer) readSenderReports(r *webrtc.RTPReceiver) {
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
				l.source.pub.n.relaySenderReport(l, sr)
			}
		}
	}
}
