package peer

import (
	"context"
	"strings"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/media/bwe"
	"github.com/livelearn/box/services/media/forward"
)

// slot is one receiving m-line of a watcher, and pion's track for it. On the fast path pion
// reads the SSRC and the payload types from it, and never writes.
type slot struct {
	w           *watcher
	audio       bool
	id, stream  string
	transceiver *webrtc.RTPTransceiver
	writer      webrtc.TrackLocalWriter // plain path only

	// guarded by Node.mu
	bound      *forward.SlotConfig
	out        *forward.Slot
	source     *source // feeds it
	layer      *layer
	nextSource *source // a picture's: feeds it next, with the chosen layer
}

// ID implements webrtc.TrackLocal.
func (s *slot) ID() string { return s.id }

// RID implements webrtc.TrackLocal.
func (s *slot) RID() string { return "" }

// StreamID implements webrtc.TrackLocal: sound and picture with the same stream id are played
// in sync.
func (s *slot) StreamID() string { return s.stream }

// Kind implements webrtc.TrackLocal.
func (s *slot) Kind() webrtc.RTPCodecType {
	if s.audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// Bind implements webrtc.TrackLocal: pion passes the negotiated parameters.
func (s *slot) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	cfg := &forward.SlotConfig{SSRC: uint32(c.SSRC()), RTX: uint32(c.SSRCRetransmission())}
	var first *webrtc.RTPCodecParameters
	all := c.CodecParameters()
	for i, p := range all {
		k, ok := codecOf(p.MimeType)
		if !ok || cfg.PT[k] != 0 {
			continue
		}
		cfg.PT[k] = uint8(p.PayloadType)
		cfg.RTXPT[k] = rtxOf(all, p.PayloadType)
		if first == nil {
			first = &all[i]
		}
	}
	if first == nil {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	n := s.w.n
	if s.w.keys == nil {
		s.writer = c.WriteStream()
		cfg.RTX = 0 // pion's own responder does it
	}
	n.mu.Lock()
	s.bound = cfg
	n.mu.Unlock()
	n.runTask(func(context.Context) { s.readRTCP() })
	n.runTask(func(context.Context) { s.w.startForwarding() })
	return *first, nil
}

// Unbind implements webrtc.TrackLocal.
func (s *slot) Unbind(webrtc.TrackLocalContext) error { return nil }

func rtxOf(all []webrtc.RTPCodecParameters, pt webrtc.PayloadType) uint8 {
	for _, p := range all {
		if strings.EqualFold(p.MimeType, webrtc.MimeTypeRTX) && p.SDPFmtpLine == rtxFormat(pt) {
			return uint8(p.PayloadType)
		}
	}
	return 0
}

// selectLayer connects the slot to a layer. The caller holds Node.mu.
func (s *slot) selectLayer(src *source, l *layer) {
	if s.out == nil || s.source == src && s.layer == l {
		return
	}
	same := s.source == src && src != nil
	s.source, s.layer = src, l
	if l == nil {
		s.out.Select(nil, false)
		return
	}
	s.out.Select(l.fwd, same)
}

// readRTCP reads the receiver's feedback on the slot, to its end.
func (s *slot) readRTCP() {
	for {
		ps, _, err := s.transceiver.Sender().ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range ps {
			s.handleRTCP(p)
		}
	}
}

func (s *slot) handleRTCP(p rtcp.Packet) {
	n := s.w.n
	n.mu.Lock()
	defer n.mu.Unlock()
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		if s.out != nil && s.w.keys != nil && s.bound.SSRC == p.MediaSSRC {
			s.out.Nack(nackedSeqs(p))
		}
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if s.layer != nil {
			s.layer.requestKeyFrame()
		}
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		s.w.remb = int(min(p.Bitrate, bwe.Ceiling)) // a REMB can be up to 2^81
	case *rtcp.ReceiverReport:
		s.w.recordLoss(p)
	}
}

func nackedSeqs(p *rtcp.TransportLayerNack) []uint16 {
	var list []uint16
	for _, pair := range p.Nacks {
		list = append(list, pair.PacketList()...)
	}
	return list
}

// plainWriter is the reference path: pion seals and sends each packet.
type plainWriter struct{ slots []*slot }

// WriteRTP implements forward.Writer.
func (p plainWriter) WriteRTP(packet []byte) error {
	var h rtp.Header
	n, err := h.Unmarshal(packet)
	if err != nil {
		return err
	}
	for _, s := range p.slots {
		if s.bound.SSRC == h.SSRC {
			payload := packet[n:]
			if h.Padding && len(payload) > 0 {
				payload = payload[:len(payload)-int(payload[len(payload)-1])]
				h.Padding = false
			}
			_, err = s.writer.WriteRTP(&h, payload)
			return err
		}
	}
	return nil
}
