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
	n    *Node
	ask  media.Watch // Mode is guarded by Node.mu
	pc   *webrtc.PeerConnection
	keys *keying // nil on the plain path
	turn sync.Mutex

	// guarded by Node.mu
	slots   []*slot // in the order of the offer
	sub     *forward.Sub
	up      bool // DTLS is up
	ended   bool
	heights map[string]int
	est     *bwe.Estimator
	sent    uint64  // octets at the last tick
	remb    int     // bits/s, as the receiver last said; 0: never
	loss    float64 // the worst of the slots since the last tick; -1: nothing was reported
	told    []media.Slot
}

func (w *watcher) owner() (room, user string) { return w.ask.Room, w.ask.User }

func (w *watcher) detach() {
	w.ended = true
	if r := w.n.rooms[w.ask.Room]; r != nil {
		r.watchers = slices.DeleteFunc(r.watchers, func(x *watcher) bool { return x == w })
	}
	for _, s := range w.slots {
		s.source = nil
	}
}

func (w *watcher) close() {
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
	o, parsed, err := offer(op, ask.Session, ask.SDP)
	if err != nil {
		return media.Answer{}, err
	}
	w, fresh, err := n.watcher(ask)
	if err != nil {
		return media.Answer{}, err
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	if fresh {
		err = w.offerSlots(parsed)
	}
	var a media.Answer
	if err == nil {
		a, err = negotiate(ctx, op, w.pc, o, func() error { return nil })
	}
	if err != nil && fresh {
		n.end(ask.Session, w)
	}
	return a, err
}

// watcher finds the session, or makes it.
func (n *Node) watcher(ask media.Watch) (*watcher, bool, error) {
	const op = "media.Watch"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return nil, false, errs.Code(op, errs.Down, "stopping", "the node does not serve")
	}
	if s, ok := n.sessions[ask.Session]; ok {
		if w, ok := s.(*watcher); ok && w.ask.Room == ask.Room && w.ask.User == ask.User {
			return w, false, nil
		}
		return nil, false, errs.Field(op, "session", "taken", 0, "is another session")
	}
	if n.cfg.Capacity > 0 && n.watching() >= n.cfg.Capacity {
		return nil, false, errs.Code(op, errs.Busy, "full", "this box carries %d watchers", n.cfg.Capacity)
	}
	w := &watcher{n: n, ask: ask, est: bwe.New(firstRate), loss: -1}
	if err := w.connect(); err != nil {
		return nil, false, errs.New(op, errs.Internal, err)
	}
	n.sessions[ask.Session] = w
	r := n.room(ask.Room)
	r.watchers = append(r.watchers, w)
	n.follow(ask.Session, w, w.pc, w.connected)
	return w, true, nil
}

// firstRate is what a link is thought to carry before it has reported, bits/s: a school's
// Wi-Fi carries one good picture.
const firstRate = 2_500_000

func (n *Node) watching() (count int) {
	for _, r := range n.rooms {
		count += len(r.watchers)
	}
	return count
}

func (w *watcher) connect() (err error) {
	se := w.n.inSettings()
	registry := w.n.api.own
	if !w.n.cfg.Plain {
		w.keys, registry = newKeying(), w.n.api.bare
		if err := w.keys.apply(&se, w.n.cfg.Profiles); err != nil {
			return err
		}
	}
	w.pc, err = w.n.connection(se, w.n.api.out, registry)
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
		return errs.Field(op, "sdp", "no_slots", 0, "has no receiving audio or video m-line")
	}
	return nil
}

// connected is called when DTLS is up.
func (w *watcher) connected() {
	w.n.mu.Lock()
	first := !w.up
	w.up = true
	w.n.mu.Unlock()
	if first {
		w.open()
	}
}

// open begins to forward, once DTLS is up and pion has bound all slots, whichever is last.
func (w *watcher) open() {
	n := w.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if !w.up || w.ended || w.sub != nil || slices.ContainsFunc(w.slots, func(s *slot) bool { return s.bound == nil }) {
		return
	}
	cfg, err := w.config()
	if err == nil {
		w.sub, err = n.works.Subscribe(cfg)
	}
	if err != nil {
		n.log.Error("a watcher cannot be served", "session", w.ask.Session, "err", err)
		return
	}
	for _, s := range w.slots {
		s.out = w.sub.Slot(*s.bound)
	}
	w.ice().OnSelectedCandidatePairChange(func(p *webrtc.ICECandidatePair) { w.moved(p) })
	n.arrange(w.ask.Room)
}

func (w *watcher) config() (forward.SubConfig, error) {
	if w.keys == nil {
		return forward.SubConfig{Plain: plain{w.slots}}, nil
	}
	keys, err := w.keys.keys()
	if err != nil {
		return forward.SubConfig{}, err
	}
	pair, err := w.ice().GetSelectedCandidatePair()
	if err != nil {
		return forward.SubConfig{}, err
	}
	addr, err := address(pair)
	return forward.SubConfig{Keys: keys, Addr: addr}, err
}

// ice is the one transport under all slots (bundled).
func (w *watcher) ice() *webrtc.ICETransport {
	return w.slots[0].transceiver.Sender().Transport().ICETransport()
}

// moved sends to where ICE has moved the connection.
func (w *watcher) moved(p *webrtc.ICECandidatePair) {
	addr, err := address(p)
	if err != nil {
		return
	}
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	if w.sub != nil && !w.ended {
		w.sub.Move(addr)
	}
}

func address(p *webrtc.ICECandidatePair) (netip.AddrPort, error) {
	if p == nil || p.Remote == nil {
		return netip.AddrPort{}, errs.Code("media.Watch", errs.Down, "no_path", "ICE has chosen no pair")
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
		return errs.Field("media.Want", "mode", "unknown", 0, `must be "full", "saver" or "sound"`)
	}
	w.ask.Mode, w.heights = want.Mode, want.Heights
	w.told = nil // whoever asks may have missed what was told
	n.arrange(w.ask.Room)
	return nil
}

// Mute implements media.Node.
func (n *Node) Mute(_ context.Context, in, user string, what media.Source, on bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms[in] == nil && !on {
		return nil
	}
	r := n.room(in)
	if on {
		r.muted[mutedKey{user, what}] = true
	} else {
		delete(r.muted, mutedKey{user, what})
	}
	n.arrange(in)
	return nil
}

// Patch implements media.Node: our candidates are all in the answer and a lite agent needs
// none of the other side's (RFC 8445 2.5), so a fragment is taken and changes nothing.
func (n *Node) Patch(_ context.Context, p media.Patch) (media.Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sessions[p.Session] == nil {
		return media.Answer{}, noSession("media.Patch")
	}
	return media.Answer{}, nil
}
