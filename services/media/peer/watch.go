package peer

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/bwe"
	"github.com/livelearn/box/services/media/forward"
)

// watcher is one person's receiving connection.
type watcher struct {
	n           *Node
	request     media.Watch // Mode is guarded by Node.mu
	pc          *webrtc.PeerConnection
	keys        *keyExporter // nil on the plain path
	negotiation sync.Mutex

	// guarded by Node.mu
	slots     []*slot // in the order of the offer
	sub       *forward.Sub
	dtlsUp    bool // DTLS is up
	ended     bool
	heights   map[string]int
	est       *bwe.Estimator
	sent      uint64  // octets at the last tick
	remb      int     // bits/s of the receiver's last REMB, 0: none yet
	loss      float64 // the worst of the slots since the last tick, -1: no report
	announced []media.Slot
}

func (w *watcher) roomAndUser() (room, user string) { return w.request.Room, w.request.User }

func (w *watcher) leaveRoom() {
	w.ended = true
	if r := w.n.rooms[w.request.Room]; r != nil {
		r.watchers = slices.DeleteFunc(r.watchers, func(x *watcher) bool { return x == w })
	}
	for _, s := range w.slots {
		s.source = nil
	}
}

func (w *watcher) closeTransport() {
	w.n.mu.Lock()
	sub := w.sub
	w.n.mu.Unlock()
	if sub != nil {
		sub.Close()
	}
	_ = w.pc.GracefulClose()
}

// Watch implements media.Node.
func (n *Node) Watch(ctx context.Context, ask media.Watch) (media.Answer, error) {
	const op = "media.Watch"
	o, parsed, err := parseOffer(op, ask.Session, ask.SDP)
	if err != nil {
		return media.Answer{}, err
	}
	w, fresh, err := n.ensureWatcher(ask)
	if err != nil {
		return media.Answer{}, err
	}
	w.negotiation.Lock()
	defer w.negotiation.Unlock()
	if fresh {
		err = w.offerSlots(parsed)
	}
	var a media.Answer
	if err == nil {
		a, err = createAnswer(ctx, op, w.pc, o, func() error { return nil })
	}
	if err != nil && fresh {
		n.endSession(ask.Session, w)
	}
	return a, err
}

// ensureWatcher finds the session, or makes it.
func (n *Node) ensureWatcher(ask media.Watch) (*watcher, bool, error) {
	const op = "media.Watch"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return nil, false, errs.NewCode(op, errs.Down, "stopping", "the node does not serve")
	}
	if s, ok := n.sessions[ask.Session]; ok {
		if w, ok := s.(*watcher); ok && w.request.Room == ask.Room && w.request.User == ask.User {
			return w, false, nil
		}
		return nil, false, errs.NewField(op, "session", "taken", 0, "is another session")
	}
	if n.cfg.Capacity > 0 && n.countWatchers() >= n.cfg.Capacity {
		return nil, false, errs.NewCode(op, errs.Busy, "full", "this box carries %d watchers", n.cfg.Capacity)
	}
	w := &watcher{n: n, request: ask, est: bwe.New(initialRate), loss: -1}
	if err := w.openConnection(); err != nil {
		return nil, false, errs.New(op, errs.Internal, err)
	}
	n.sessions[ask.Session] = w
	r := n.ensureRoom(ask.Room)
	r.watchers = append(r.watchers, w)
	n.watchTransport(ask.Session, w, w.pc, w.onConnected)
	return w, true, nil
}

// initialRate is the assumed rate of a link before its first report, bits/s: a school's Wi-Fi
// carries one good picture.
const initialRate = 2_500_000

func (n *Node) countWatchers() (count int) {
	for _, r := range n.rooms {
		count += len(r.watchers)
	}
	return count
}

func (w *watcher) openConnection() (err error) {
	se := w.n.serverSettings()
	registry := w.n.api.plainInterceptors
	if !w.n.cfg.Plain {
		w.keys, registry = newKeyExporter(), w.n.api.fastInterceptors
		if err := w.keys.installHooks(&se, w.n.cfg.Profiles); err != nil {
			return err
		}
	}
	w.pc, err = w.n.newConnection(se, w.n.api.watcherEngine, registry)
	return err
}

// offerSlots makes a slot for each receiving m-line of the offer.
func (w *watcher) offerSlots(o *sdp.SessionDescription) error {
	const op = "media.Watch"
	seen := map[string]int{}
	for _, m := range o.MediaDescriptions {
		kind := m.MediaName.Media
		if _, recv := m.Attribute("recvonly"); !recv || kind != "audio" && kind != "video" {
			continue
		}
		s := &slot{w: w, audio: kind == "audio", id: kind + strconv.Itoa(seen[kind]), stream: "live" + strconv.Itoa(seen[kind])}
		seen[kind]++
		t, err := w.pc.AddTransceiverFromTrack(s, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return errs.New(op, errs.Internal, err)
		}
		s.transceiver = t
		w.n.mu.Lock()
		w.slots = append(w.slots, s)
		w.n.mu.Unlock()
	}
	if len(seen) == 0 {
		return errs.NewField(op, "sdp", "no_slots", 0, "has no receiving audio or video m-line")
	}
	return nil
}

// onConnected is called when DTLS is up.
func (w *watcher) onConnected() {
	w.n.mu.Lock()
	first := !w.dtlsUp
	w.dtlsUp = true
	w.n.mu.Unlock()
	if first {
		w.startForwarding()
	}
}

// startForwarding starts to forward, once DTLS is up and pion has bound all slots.
func (w *watcher) startForwarding() {
	n := w.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if !w.dtlsUp || w.ended || w.sub != nil || slices.ContainsFunc(w.slots, func(s *slot) bool { return s.bound == nil }) {
		return
	}
	cfg, err := w.subConfig()
	if err == nil {
		w.sub, err = n.forwarder.Subscribe(cfg)
	}
	if err != nil {
		n.log.Error("a watcher cannot be served", "session", w.request.Session, "err", err)
		return
	}
	for _, s := range w.slots {
		s.out = w.sub.NewSlot(*s.bound)
	}
	w.iceTransport().OnSelectedCandidatePairChange(func(p *webrtc.ICECandidatePair) { w.updateAddr(p) })
	n.arrangeRoom(w.request.Room)
}

func (w *watcher) subConfig() (forward.SubConfig, error) {
	if w.keys == nil {
		return forward.SubConfig{Plain: plainWriter{w.slots}}, nil
	}
	keys, err := w.keys.exportKeys()
	if err != nil {
		return forward.SubConfig{}, err
	}
	pair, err := w.iceTransport().GetSelectedCandidatePair()
	if err != nil {
		return forward.SubConfig{}, err
	}
	addr, err := remoteAddr(pair)
	return forward.SubConfig{Keys: keys, Addr: addr}, err
}

// iceTransport is the one transport under all slots (bundled).
func (w *watcher) iceTransport() *webrtc.ICETransport {
	return w.slots[0].transceiver.Sender().Transport().ICETransport()
}

// updateAddr sends to the address that ICE has selected.
func (w *watcher) updateAddr(p *webrtc.ICECandidatePair) {
	addr, err := remoteAddr(p)
	if err != nil {
		return
	}
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	if w.sub != nil && !w.ended {
		w.sub.SetAddr(addr)
	}
}

func remoteAddr(p *webrtc.ICECandidatePair) (netip.AddrPort, error) {
	if p == nil || p.Remote == nil {
		return netip.AddrPort{}, errs.NewCode("media.Watch", errs.Down, "no_path", "ICE has chosen no pair")
	}
	ip, err := netip.ParseAddr(p.Remote.Address)
	return netip.AddrPortFrom(ip, p.Remote.Port), err
}

// Want implements media.Node.
func (n *Node) Want(_ context.Context, want media.Want) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.sessions[want.Session].(*watcher)
	if !ok {
		return noSession("media.Want")
	}
	switch want.Mode {
	case media.Full, media.Saver, media.Sound:
	default:
		return errs.NewField("media.Want", "mode", "unknown", 0, `must be "full", "saver" or "sound"`)
	}
	w.request.Mode, w.heights = want.Mode, want.Heights
	w.announced = nil // the caller may have missed the last event
	n.arrangeRoom(w.request.Room)
	return nil
}

// Mute implements media.Node.
func (n *Node) Mute(_ context.Context, in, user string, what media.Source, on bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms[in] == nil && !on {
		return nil
	}
	r := n.ensureRoom(in)
	if on {
		r.muted[mutedKey{user, what}] = true
	} else {
		delete(r.muted, mutedKey{user, what})
	}
	n.arrangeRoom(in)
	return nil
}

// Patch implements media.Node: our candidates are all in the answer and a lite agent needs none
// of the other side's (RFC 8445 2.5), so a fragment is accepted and changes nothing.
func (n *Node) Patch(_ context.Context, p media.Patch) (media.Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sessions[p.Session] == nil {
		return media.Answer{}, noSession("media.Patch")
	}
	return media.Answer{}, nil
}
