package forward

// replayWindow remembers which of the last 1,024 indexes were used.
type replayWindow struct {
	high    uint64
	bits    [16]uint64
	started bool
}

// claimIndex reports whether index is used for the first time, and notes it. An index older
// than the window counts as used.
func (w *replayWindow) claimIndex(index uint64) bool {
	const size = 1024
	switch {
	case !w.started:
		w.started, w.high = true, index
	case index > w.high:
		if index-w.high >= size {
			clear(w.bits[:])
		} else {
			for i := w.high + 1; i < index; i++ {
				w.bits[i/64%16] &^= 1 << (i % 64)
			}
			w.bits[index/64%16] &^= 1 << (index % 64)
		}
		w.high = index
	case w.high-index >= size:
		return false
	}
	bit := uint64(1) << (index % 64)
	if w.bits[index/64%16]&bit != 0 {
		return false
	}
	w.bits[index/64%16] |= bit
	return true
}
