package bwe

// A picture goes up a layer only if this many times of what is then sent would fit: key
// frames and repeats need room, and the estimate sways.
const toSpare = 1.25

// Stream is one picture of a watcher: the bit rates of its layers, low to high, and the
// highest layer that its page can show. 0 bits/s: the layer is not there at present.
type Stream struct {
	Rates []int
	Max   int // index into Rates; -1: out of sight
	Now   int // the layer sent at present; -1: none
}

// Choose gives each stream a layer (-1: none) within rate bits/s, which is the estimate less
// what sound takes: streams are in order of
// importance; everybody gets the lowest before anybody gets more, and then the first has as
// much as fits. The lowest is given whether it fits or not. It goes down at once and up only
// with room to spare, so that it does not swing.
func Choose(rate int, streams []Stream) []int {
	layers := make([]int, len(streams))
	total := 0
	for i, s := range streams {
		if layers[i] = s.lowest(); layers[i] >= 0 {
			total += s.Rates[layers[i]]
		}
	}
	for i, s := range streams {
		if layers[i] < 0 {
			continue
		}
		total -= s.Rates[layers[i]]
		layers[i] = s.best(rate, total, layers[i])
		total += s.Rates[layers[i]]
	}
	return layers
}

// lowest is the lowest layer that is there. If none is within what the page can show, a
// larger one is better than a dark picture.
func (s Stream) lowest() int {
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

// best is the highest layer that fits beside the others' bits/s, or the lowest.
func (s Stream) best(rate, others, lowest int) int {
	for i := min(s.Max, len(s.Rates)-1); i > lowest; i-- {
		if s.Rates[i] > 0 && s.fits(i, rate, others) {
			return i
		}
	}
	return lowest
}

func (s Stream) fits(layer, rate, others int) bool {
	need := others + s.Rates[layer]
	if layer > s.Now {
		return float64(rate) > toSpare*float64(need)
	}
	return need <= rate
}
