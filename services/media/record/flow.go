package record

import (
	"slices"
	"time"

	"github.com/livelearn/box/services/media/forward"
)

// frame takes a whole frame from a track's assembler.
func (w *Writer) frame(i int, ts uint32, data []byte) {
	t := w.tracks[i]
	form, data, key := inspect(t.Codec, data, t.form)
	if t.frames.waiting && !key || len(data) == 0 {
		t.form.sps, t.form.pps = form.sps, form.pps // they may come alone, before the key frame
		return
	}
	t.frames.waiting = false
	changed := key && (!t.known || !t.form.fits(form))
	if key {
		t.form, t.known = form, true
	}
	f := frame{track: i, key: key, at: max(t.time.of(ts), t.last+time.Millisecond), size: len(data)}
	t.last = f.at
	w.place(f, data, changed)
	w.watch()
}

// place gives a frame to the file, or keeps it for the next one; changed says that the
// file's head does not hold for it.
func (w *Writer) place(f frame, data []byte, changed bool) {
	picture := w.tracks[f.track].Codec != forward.Opus
	turn := w.part != nil && (changed || w.held != nil && (picture && f.key || w.part.lacks(f.track)))
	switch {
	case w.err != nil:
	case w.part != nil && !turn:
		w.fail(w.part.add(f, data))
	case turn && (picture || !w.part.shows()):
		w.finish()
		w.hold(f, data)
		w.begin()
	default:
		w.hold(f, data)
	}
}

// hold keeps a frame for the next file. The first file waits until all tracks are known, a
// later one, which is wanted by a sound that joined, for a key frame to begin with; for a
// second at most.
func (w *Writer) hold(f frame, data []byte) {
	if w.held == nil {
		w.held = &part{}
	}
	w.held.keep(f, data)
	all := w.part == nil && !slices.ContainsFunc(w.tracks, func(t *track) bool { return !t.known })
	if all || w.held.last-w.held.first >= spanMax || len(w.held.data) > holdMax {
		w.turn()
	}
}

// turn begins the next file although no key frame has come for it.
func (w *Writer) turn() {
	if w.part != nil {
		for _, t := range w.tracks {
			t.frames.waiting = t.Codec != forward.Opus
		}
		w.finish()
	}
	w.begin()
}

// begin opens the next file for the tracks that are known, with the frames that waited.
func (w *Writer) begin() {
	held := w.held
	w.held = nil
	if held == nil {
		return
	}
	var forms []format
	var numbers []int
	for i, t := range w.tracks {
		if t.known && (!w.closed || held.has(i)) {
			forms, numbers = append(forms, t.form), append(numbers, i)
		}
	}
	p, err := w.open(held.first, forms, numbers)
	if err != nil {
		w.fail(err)
		return
	}
	w.part = p
	held.sort()
	for _, f := range held.frames {
		w.fail(p.add(f, held.data[f.from:f.from+f.size]))
	}
}

// finish ends the file.
func (w *Writer) finish() {
	if w.part == nil {
		return
	}
	w.fail(w.part.finish(w.err == nil))
	w.parts = append(w.parts, w.part.info)
	w.part = nil
}

// watch lets the timer run: when nothing more comes, nobody else would write what waits.
func (w *Writer) watch() {
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(spanMax, w.overdue)
	case w.held.young() || w.held == nil && w.part.young():
		w.timer.Reset(spanMax)
	}
}

// overdue writes what has waited for a second.
func (w *Writer) overdue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil {
		return
	}
	if w.held != nil {
		w.turn()
	}
	if w.part != nil {
		w.fail(w.part.flush())
	}
}

// nominal is how long a frame lasts when no next one tells.
func nominal(codec forward.Codec, data []byte) time.Duration {
	if codec == forward.Opus {
		return opusDuration(data)
	}
	return time.Second / 30
}
