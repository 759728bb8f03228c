package peer

import (
	"slices"

	"github.com/pion/rtcp"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/bwe"
)

// arrangeSlots assigns sources to the watcher's slots, most important first, and selects layers
// for its pictures within the limits of its link and page. The caller holds Node.mu.
func (w *watcher) arrangeSlots(sound, pictures []*source) {
	if w.sub == nil {
		return
	}
	if w.request.Mode == media.Sound {
		pictures = nil
	}
	w.assignSlots(true, sound)
	w.assignSlots(false, pictures)
	w.chooseLayers()
	w.announceSlots()
}

// assignSlots assigns sources to the slots of a kind. A new one waits for its layer.
func (w *watcher) assignSlots(audio bool, ranked []*source) {
	ranked = slices.DeleteFunc(slices.Clone(ranked), func(s *source) bool { return s.pub.request.User == w.request.User })
	var slots []*slot
	var now []*source
	for _, s := range w.slots {
		if s.audio == audio {
			slots, now = append(slots, s), append(now, s.source)
		}
	}
	for i, src := range assignSources(now, ranked) {
		switch s := slots[i]; {
		case src == nil:
			s.selectLayer(nil, nil)
		case audio:
			s.selectLayer(src, src.layers[0])
		default:
			s.nextSource = src
		}
		if src == nil {
			slots[i].nextSource = nil
		}
	}
}

// chooseLayers selects a layer for each picture.
func (w *watcher) chooseLayers() {
	var slots []*slot
	var streams []bwe.Stream
	for _, s := range w.videoSlots() {
		slots = append(slots, s)
		streams = append(streams, bwe.Stream{Rates: s.nextSource.layerRates(), Max: w.highestLayer(s), Now: s.layerIndex()})
	}
	for i, pick := range bwe.Choose(w.est.Rate()-w.audioRate(), streams) {
		s := slots[i]
		if pick < 0 || pick >= len(s.nextSource.layers) {
			s.selectLayer(s.nextSource, nil)
			continue
		}
		s.selectLayer(s.nextSource, s.nextSource.layers[pick])
	}
}

// audioRate is the rate of this watcher's voices, bits/s.
func (w *watcher) audioRate() (rate int) {
	for _, s := range w.slots {
		if s.audio && s.layer != nil {
			rate += s.layer.currentRate
		}
	}
	return rate
}

// videoSlots are the slots with a picture, the most important first.
func (w *watcher) videoSlots() []*slot {
	var list []*slot
	for _, s := range w.slots {
		if !s.audio && s.nextSource != nil {
			list = append(list, s)
		}
	}
	r := w.n.rooms[w.request.Room]
	ranked := r.rankedSources(false)
	slices.SortStableFunc(list, func(a, b *slot) int { return slices.Index(ranked, a.nextSource) - slices.Index(ranked, b.nextSource) })
	return list
}

// layerIndex is the index of the layer that feeds the slot. -1: no layer of its source.
func (s *slot) layerIndex() int {
	if s.source != s.nextSource || s.layer == nil {
		return -1
	}
	return slices.Index(s.nextSource.layers, s.layer)
}

// highestLayer is the best layer that the page can show: of a source with layers of a quarter, a
// half and the whole of 720 lines.
func (w *watcher) highestLayer(s *slot) int {
	top := len(s.nextSource.layers) - 1
	if w.request.Mode == media.Saver {
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

// announceSlots sends an event with the slots' sources, when they have changed.
func (w *watcher) announceSlots() {
	var list []media.Slot
	for _, s := range w.slots {
		is := media.Slot{MID: s.transceiver.Mid()}
		if s.source != nil {
			is.User, is.Source = s.source.pub.request.User, s.source.kind
		}
		list = append(list, is)
	}
	if slices.Equal(list, w.announced) {
		return
	}
	w.announced = list
	w.n.emitEvent(media.Event{Kind: media.SlotsAre, Room: w.request.Room, User: w.request.User, Session: w.request.Session, Slots: list})
}

// recordLoss keeps the worst loss that the receiver of this connection reports (RFC 3550
// 6.4.1).
func (w *watcher) recordLoss(p *rtcp.ReceiverReport) {
	for _, b := range p.Reports {
		for _, s := range w.slots {
			if s.bound != nil && s.bound.SSRC == b.SSRC && s.source != nil && !s.audio {
				w.loss = max(w.loss, float64(b.FractionLost)/256)
			}
		}
	}
}
