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
	speakerInterval     = 200 * time.Millisecond // for the detection of speakers
	ticksPerMeasurement = 5                      // of these: rates, layers, load

	speechLevel   = 50                      // dBov below full scale: speech is louder (RFC 6464)
	speakerHold   = 1500 * time.Millisecond // a speaker stays a speaker through a pause
	idleLayerHold = 5 * time.Second         // an unwatched layer is paused after this time
)

// runTicker updates all rooms until ctx ends.
func (n *Node) runTicker(ctx context.Context) error {
	t := time.NewTicker(speakerInterval)
	defer t.Stop()
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			n.tickRooms(now, i%ticksPerMeasurement == 0)
		}
	}
}

func (n *Node) tickRooms(now time.Time, whole bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return // it is being shut
	}
	if whole {
		n.meter.sampleUsage(now)
	}
	for _, r := range n.rooms {
		moved := r.updateSpeakers(n, now)
		if whole {
			r.measureRates()
			for _, w := range r.watchers {
				w.updateEstimate(now.Sub(n.startedAt))
			}
		}
		if moved || whole {
			n.arrangeRoom(r.id)
		}
		if whole && r.rec != nil {
			r.rec.syncFiles(r)
		}
	}
}

// updateSpeakers finds the speakers, loudest first, and reports whether they have changed.
func (r *room) updateSpeakers(n *Node, now time.Time) bool {
	type voice struct {
		user  string
		level uint8
	}
	var heard []voice
	for _, s := range r.rankedSources(true) {
		user := s.pub.request.User
		st := s.layers[0].fwd.Stats()
		if st.Level < speechLevel && int64(now.Sub(n.startedAt))-st.LastNS < int64(speakerHold) {
			r.lastSpoke[user] = now
		}
		if now.Sub(r.lastSpoke[user]) < speakerHold {
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
	n.emitEvent(media.Event{Kind: media.Speakers, Room: r.id, Users: users})
	return true
}

func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// measureRates measures each layer's bit rate over the last second.
func (r *room) measureRates() {
	for _, s := range r.sources {
		some := false
		for _, l := range s.layers {
			st := l.fwd.Stats()
			l.currentRate = int(st.Bytes-l.bytes) * 8
			l.bytes = st.Bytes
			some = some || l.currentRate > 0
		}
		for _, l := range s.layers {
			l.updateSilence(some)
		}
	}
}

// updateSilence notes whether a layer is there. A still screen sends nothing for a while and is
// there. A layer that is silent for two seconds while others of its source continue is not.
func (l *layer) updateSilence(others bool) {
	switch {
	case l.currentRate > 0:
		l.lastRate, l.silentSeconds = l.currentRate, 0
	case others:
		l.silentSeconds++
	}
}

// updateEstimate updates the estimate of the link with the reports of the last second.
func (w *watcher) updateEstimate(at time.Duration) {
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

// pauseUnwatchedLayers asks publishers to send only the watched layers (dynacast). It asks for
// more at once, for fewer after a while.
func (r *room) pauseUnwatchedLayers(n *Node, now time.Time) {
	for _, s := range r.sources {
		if s.audio || len(s.layers) < 2 {
			continue
		}
		need := r.neededRIDs(s)
		switch {
		case slices.ContainsFunc(need, func(rid string) bool { return s.activeRIDs != nil && !slices.Contains(s.activeRIDs, rid) }):
			need = s.resumeLayers(need)
		case s.activeRIDs != nil && len(need) >= len(s.activeRIDs), s.activeRIDs == nil && len(need) == len(s.layers):
			s.idleSince = time.Time{}
			continue
		case s.idleSince.IsZero():
			s.idleSince = now
			continue
		case now.Sub(s.idleSince) < idleLayerHold:
			continue
		}
		s.idleSince, s.activeRIDs = time.Time{}, need
		n.emitEvent(media.Event{Kind: media.Layers, Room: r.id, User: s.pub.request.User, Session: s.pub.request.Session, Source: s.kind, Active: need})
	}
}

// resumeLayers adds layers to those that are sent. The watched layers continue until the new
// ones begin, and the new ones get time to begin.
func (s *source) resumeLayers(need []string) []string {
	var active []string
	for _, l := range s.layers {
		asked, sent := slices.Contains(need, l.rid), slices.Contains(s.activeRIDs, l.rid)
		if asked && !sent {
			l.silentSeconds = -maxSilentSeconds
		}
		if asked || sent {
			active = append(active, l.rid)
		}
	}
	return active
}

// neededRIDs are the rids that a slot or the recorder wants, and always the lowest, so that the
// next watcher has a picture at once.
func (r *room) neededRIDs(s *source) []string {
	need := []string{s.layers[0].rid}
	for i, l := range s.layers[1:] {
		wanted := r.rec.wantsSource(s) && i == len(s.layers)-2
		for _, w := range r.watchers {
			wanted = wanted || slices.ContainsFunc(w.slots, func(x *slot) bool { return x.layer == l })
		}
		if wanted {
			need = append(need, l.rid)
		}
	}
	return need
}

// relaySenderReport passes a publisher's sender report on to the slots that its layer feeds, with their
// timestamps and counts.
func (n *Node) relaySenderReport(l *layer, sr *rtcp.SenderReport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.rooms[l.source.pub.request.Room]
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
