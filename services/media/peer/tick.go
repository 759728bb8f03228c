package peer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pion/rtcp"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/bwe"
)

const (
	listenEvery = 200 * time.Millisecond // who speaks
	lookEvery   = 5                      // of these: rates, layers, load

	loud     = 50                      // dBov below full scale: speech is louder (RFC 6464)
	hold     = 1500 * time.Millisecond // a speaker stays one through a pause
	idleHold = 5 * time.Second         // a layer that nobody watches is stopped after that
)

// tick looks at all rooms until ctx ends.
func (n *Node) tick(ctx context.Context) error {
	t := time.NewTicker(listenEvery)
	defer t.Stop()
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			n.look(now, i%lookEvery == 0)
		}
	}
}

func (n *Node) look(now time.Time, whole bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return // it is being shut
	}
	if whole {
		n.meter.look(now)
	}
	for _, r := range n.rooms {
		moved := r.listen(n, now)
		if whole {
			r.measure()
			for _, w := range r.watchers {
				w.estimate(now.Sub(n.began))
			}
		}
		if moved || whole {
			n.arrange(r.id)
		}
		if whole && r.rec != nil {
			r.rec.follow(r)
		}
	}
}

// listen finds who speaks, loudest first, and tells when that has changed.
func (r *room) listen(n *Node, now time.Time) bool {
	type voice struct {
		user  string
		level uint8
	}
	var heard []voice
	for _, s := range r.ranked(true) {
		user := s.pub.ask.User
		st := s.layers[0].fwd.Stats()
		if st.Level < loud && int64(now.Sub(n.began))-st.LastNS < int64(hold) {
			r.spoke[user] = now
		}
		if now.Sub(r.spoke[user]) < hold {
			heard = append(heard, voice{user, st.Level})
		}
	}
	slices.SortStableFunc(heard, func(a, b voice) int { return cmp.Compare(a.level, b.level) })
	users := []string{}
	for _, v := range heard {
		users = append(users, v.user)
	}
	if sameSet(users, r.speakers) {
		return false
	}
	r.speakers = users
	n.tell(media.Event{Kind: media.Speakers, Room: r.id, Users: users})
	return true
}

func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// measure takes each layer's bit rate over the last second.
func (r *room) measure() {
	for _, s := range r.sources {
		some := false
		for _, l := range s.layers {
			st := l.fwd.Stats()
			l.now = int(st.Bytes-l.bytes) * 8
			l.bytes = st.Bytes
			some = some || l.now > 0
		}
		for _, l := range s.layers {
			l.still(some)
		}
	}
}

// still notes whether a layer is there. A still screen sends nothing for a while and is; one
// that is silent for two seconds while others of its source go on is not.
func (l *layer) still(others bool) {
	switch {
	case l.now > 0:
		l.rate, l.silent = l.now, 0
	case others:
		l.silent++
	}
}

// estimate folds the second's reports into what the link seems to carry.
func (w *watcher) estimate(at time.Duration) {
	if w.sub == nil {
		return
	}
	var sent uint64
	for _, s := range w.slots {
		sent += uint64(s.out.Stats().Octets)
	}
	rate := int(sent-w.sent) * 8
	w.sent = sent
	if w.loss < 0 && w.remb == 0 {
		return
	}
	w.est.Report(bwe.Report{At: at, Loss: max(w.loss, 0), REMB: w.remb, Sent: rate})
	w.loss = -1
}

// rest asks publishers to send only the layers that somebody watches (dynacast). More are
// asked for at once, fewer after a while.
func (r *room) rest(n *Node, now time.Time) {
	for _, s := range r.sources {
		if s.audio || len(s.layers) < 2 {
			continue
		}
		need := r.needed(s)
		switch {
		case slices.ContainsFunc(need, func(rid string) bool { return s.active != nil && !slices.Contains(s.active, rid) }):
			need = s.wake(need)
		case s.active != nil && len(need) >= len(s.active), s.active == nil && len(need) == len(s.layers):
			s.idle = time.Time{}
			continue
		case s.idle.IsZero():
			s.idle = now
			continue
		case now.Sub(s.idle) < idleHold:
			continue
		}
		s.idle, s.active = time.Time{}, need
		n.tell(media.Event{Kind: media.Layers, Room: r.id, User: s.pub.ask.User, Session: s.pub.ask.Session, Source: s.what, Active: need})
	}
}

// wake adds layers to those that are sent: what is watched until they come goes on. They are
// given time to begin.
func (s *source) wake(need []string) []string {
	var active []string
	for _, l := range s.layers {
		asked, sent := slices.Contains(need, l.rid), slices.Contains(s.active, l.rid)
		if asked && !sent {
			l.silent = -silentMax
		}
		if asked || sent {
			active = append(active, l.rid)
		}
	}
	return active
}

// needed are the rids that a slot or the recorder wants, and always the lowest: whoever comes
// next has a picture at once.
func (r *room) needed(s *source) []string {
	need := []string{s.layers[0].rid}
	for i, l := range s.layers[1:] {
		wanted := r.rec.wants(s) && i == len(s.layers)-2
		for _, w := range r.watchers {
			wanted = wanted || slices.ContainsFunc(w.slots, func(x *slot) bool { return x.layer == l })
		}
		if wanted {
			need = append(need, l.rid)
		}
	}
	return need
}

// relay passes a publisher's sender report on to the slots that its layer feeds, with their
// timestamps and counts.
func (n *Node) relay(l *layer, sr *rtcp.SenderReport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.rooms[l.source.pub.ask.Room]
	if r == nil {
		return
	}
	for _, w := range r.watchers {
		if w.keys == nil {
			continue // pion reports for itself
		}
		for _, s := range w.slots {
			if s.out == nil || s.layer != l {
				continue
			}
			st := s.out.Stats()
			if st.Layer != l.fwd {
				continue
			}
			_ = w.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{
				SSRC: s.bound.SSRC, NTPTime: sr.NTPTime, RTPTime: sr.RTPTime + st.TSOffset,
				PacketCount: st.Packets, OctetCount: st.Octets,
			}})
		}
	}
}
