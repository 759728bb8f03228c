package peer

import (
	"slices"

	"github.com/pion/rtcp"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/bwe"
)

// arrange feeds the watcher's slots from the sources, most important first, and its pictures
// from the layers that its link and page can take. The caller holds Node.mu.
func (w *watcher) arrange(sound, pictures []*source) {
	if w.sub == nil {
		return
	}
	if w.ask.Mode == media.Sound {
		pictures = nil
	}
	w.place(true, sound)
	w.place(false, pictures)
	w.choose()
	w.tell()
}

// place gives the slots of a kind their sources; a new one waits for its layer.
func (w *watcher) place(audio bool, ranked []*source) {
	ranked = slices.DeleteFunc(slices.Clone(ranked), func(s *source) bool { return s.pub.ask.User == w.ask.User })
	var slots []*slot
	var now []*source
	for _, s := range w.slots {
		if s.audio == audio {
			slots, now = append(slots, s), append(now, s.source)
		}
	}
	for i, src := range fill(now, ranked) {
		switch s := slots[i]; {
		case src == nil:
			s.feed(nil, nil)
		case audio:
			s.feed(src, src.layers[0])
		default:
			s.next = src
		}
		if src == nil {
			slots[i].next = nil
		}
	}
}

// choose gives each picture its layer.
func (w *watcher) choose() {
	var slots []*slot
	var streams []bwe.Stream
	for _, s := range w.pictures() {
		slots = append(slots, s)
		streams = append(streams, bwe.Stream{Rates: s.next.rates(), Max: w.highest(s), Now: s.at()})
	}
	for i, pick := range bwe.Choose(w.est.Rate()-w.sound(), streams) {
		s := slots[i]
		if pick < 0 || pick >= len(s.next.layers) {
			s.feed(s.next, nil)
			continue
		}
		s.feed(s.next, s.next.layers[pick])
	}
}

// sound is what the voices of this watcher take, bits/s.
func (w *watcher) sound() (rate int) {
	for _, s := range w.slots {
		if s.audio && s.layer != nil {
			rate += s.layer.now
		}
	}
	return rate
}

// pictures are the slots that a picture is meant for, the most important first.
func (w *watcher) pictures() []*slot {
	var list []*slot
	for _, s := range w.slots {
		if !s.audio && s.next != nil {
			list = append(list, s)
		}
	}
	r := w.n.rooms[w.ask.Room]
	ranked := r.ranked(false)
	slices.SortStableFunc(list, func(a, b *slot) int { return slices.Index(ranked, a.next) - slices.Index(ranked, b.next) })
	return list
}

// at is the index of the layer that feeds the slot; -1: none of its source.
func (s *slot) at() int {
	if s.source != s.next || s.layer == nil {
		return -1
	}
	return slices.Index(s.next.layers, s.layer)
}

// highest is the best layer that the page can show: of a source with layers of a quarter, a
// half and the whole of 720 lines.
func (w *watcher) highest(s *slot) int {
	top := len(s.next.layers) - 1
	if w.ask.Mode == media.Saver {
		return 0
	}
	h, said := w.heights[s.transceiver.Mid()]
	switch {
	case !said:
		return top
	case h == 0:
		return -1
	case h <= 200:
		return 0
	case h <= 400:
		return min(1, top)
	}
	return top
}

// tell says what feeds the slots, when it has changed.
func (w *watcher) tell() {
	var list []media.Slot
	for _, s := range w.slots {
		is := media.Slot{MID: s.transceiver.Mid()}
		if s.source != nil {
			is.User, is.Source = s.source.pub.ask.User, s.source.what
		}
		list = append(list, is)
	}
	if slices.Equal(list, w.told) {
		return
	}
	w.told = list
	w.n.tell(media.Event{Kind: media.SlotsAre, Room: w.ask.Room, User: w.ask.User, Session: w.ask.Session, Slots: list})
}

// report keeps the worst loss that the receiver of this connection tells (RFC 3550 6.4.1).
func (w *watcher) report(p *rtcp.ReceiverReport) {
	for _, b := range p.Reports {
		for _, s := range w.slots {
			if s.bound != nil && s.bound.SSRC == b.SSRC && s.source != nil && !s.audio {
				w.loss = max(w.loss, float64(b.FractionLost)/256)
			}
		}
	}
}
