package bwe

// A stream goes up a layer only if this many times the resulting bits would fit: key frames and
// repeats need room, and the estimate varies.
const headroom = 1.25

// Stream is one picture of a watcher: the bit rates of its layers, low to high, and the
// highest layer that its page can show. 0 bits/s: the layer is not there at present.
type Stream struct {
	Rates []int
	Max   int // index into Rates, -1: out of sight
	Now   int // the layer sent at present, -1: none
}

// Choose returns a layer for each stream (-1: none) within rate bits/s, the estimate less the
// rate of the sound. Streams are in order of importance. Each gets the lowest layer before any
// gets more, and then the first gets as much as fits. Each gets the lowest layer even if it
// does not fit. A stream goes down at once and up only with room to spare, so that it does not
// oscillate.
func Choose(rate int, streams []Stream) []int {
	layers := make([]int, len(streams))
	total := 0
	for i, s := range streams {
		if layers[i] = s.lowestLayer(); layers[i] >= 0 {
			total += s.Rates[layers[i]]
		}
	}
	for i, s := range streams {
		if layers[i] < 0 {
			continue
		}
		total -= s.Rates[layers[i]]
		layers[i] = s.bestLayer(rate, total, layers[i])
		total += s.Rates[layers[i]]
	}
	return layers
}

// lowestLayer is the lowest layer that exists. If all are larger than the page can show, a
// larger one is better than a dark picture.
func (s Stream) lowestLayer() int {
	if s.Max < 0 {
		return -1
	}
	for i, r := range s.Rates {
		if r > 0 {
			return i
		}
	}
	return -1
}

// bestLayer is the highest layer that fits together with the others' bits/s, or the lowest.
func (s Stream) bestLayer(rate, others, lowest int) int {
	for i := min(s.Max, len(s.Rates)-1); i > lowest; i-- {
		if s.Rates[i] > 0 && s.layerFits(i, rate, others) {
			return i
		}
	}
	return lowest
}

func (s Stream) layerFits(layer, rate, others int) bool {
	need := others + s.Rates[layer]
	if layer > s.Now {
		return float64(rate) > headroom*float64(need)
	}
	return need <= rate
}
