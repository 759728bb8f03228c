package record

import (
	"slices"
	"time"

	"github.com/livelearn/box/services/media/forward"
)

// acceptFrame takes a whole frame from a track's assembler.
func (w *Writer) acceptFrame(i int, ts uint32, data []byte) {
	t := w.tracks[i]
	form, data, key := inspectFrame(t.Codec, data, t.format)
	if t.assembler.waiting && !key || len(data) == 0 {
		t.format.sps, t.format.pps = form.sps, form.pps // they may come alone, before the key frame
		return
	}
	t.assembler.waiting = false
	changed := key && (!t.known || !t.format.continuesAs(form))
	if key {
		t.format, t.known = form, true
	}
	f := frame{track: i, key: key, at: max(t.timeline.timeOf(ts), t.last+time.Millisecond), size: len(data)}
	t.last = f.at
	w.routeFrame(f, data, changed)
	w.armTimer()
}

// routeFrame adds a frame to the file, or keeps it for the next one. changed means that the
// file's head does not hold for it.
func (w *Writer) routeFrame(f frame, data []byte, changed bool) {
	picture := w.tracks[f.track].Codec != forward.Opus
	turn := w.part != nil && (changed || w.heldPart != nil && (picture && f.key || w.part.lacksTrack(f.track)))
	switch {
	case w.err != nil:
	case w.part != nil && !turn:
		w.keepFirstError(w.part.addFrame(f, data))
	case turn && (picture || !w.part.hasVideo()):
		w.finishPart()
		w.holdFrame(f, data)
		w.openHeldPart()
	default:
		w.holdFrame(f, data)
	}
}

// holdFrame keeps a frame for the next file, for a second at most. The first file waits until
// all tracks are known. A later file, needed for sound that joined, waits for a key frame to
// begin with.
func (w *Writer) holdFrame(f frame, data []byte) {
	if w.heldPart == nil {
		w.heldPart = &part{}
	}
	w.heldPart.queueFrame(f, data)
	all := w.part == nil && !slices.ContainsFunc(w.tracks, func(t *track) bool { return !t.known })
	if all || w.heldPart.last-w.heldPart.first >= maxSpan || len(w.heldPart.data) > maxHeldBytes {
		w.startNextPart()
	}
}

// startNextPart begins the next file although no key frame has come for it.
func (w *Writer) startNextPart() {
	if w.part != nil {
		for _, t := range w.tracks {
			t.assembler.waiting = t.Codec != forward.Opus
		}
		w.finishPart()
	}
	w.openHeldPart()
}

// openHeldPart opens the next file for the known tracks, with the waiting frames.
func (w *Writer) openHeldPart() {
	held := w.heldPart
	w.heldPart = nil
	if held == nil {
		return
	}
	var forms []format
	var numbers []int
	for i, t := range w.tracks {
		if t.known && (!w.closed || held.hasTrack(i)) {
			forms, numbers = append(forms, t.format), append(numbers, i)
		}
	}
	p, err := w.openPart(held.first, forms, numbers)
	if err != nil {
		w.keepFirstError(err)
		return
	}
	w.part = p
	held.sortFrames()
	for _, f := range held.frames {
		w.keepFirstError(p.addFrame(f, held.data[f.from:f.from+f.size]))
	}
}

// finishPart ends the file.
func (w *Writer) finishPart() {
	if w.part == nil {
		return
	}
	w.keepFirstError(w.part.finishFile(w.err == nil))
	w.parts = append(w.parts, w.part.info)
	w.part = nil
}

// armTimer starts the timer: when no more packets come, only the timer writes the waiting
// frames.
func (w *Writer) armTimer() {
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(maxSpan, w.flushOverdue)
	case w.heldPart.hasOneFrame() || w.heldPart == nil && w.part.hasOneFrame():
		w.timer.Reset(maxSpan)
	}
}

// flushOverdue writes the frames that have waited for a second.
func (w *Writer) flushOverdue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil {
		return
	}
	if w.heldPart != nil {
		w.startNextPart()
	}
	if w.part != nil {
		w.keepFirstError(w.part.flushFrames())
	}
}

// nominalDuration is the duration of a frame without a next one.
func nominalDuration(codec forward.Codec, data []byte) time.Duration {
	if codec == forward.Opus {
		return opusDuration(data)
	}
	return time.Second / 30
}
