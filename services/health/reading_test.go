package health

import (
	"math"
	"testing"
)

// newSteps is a histogram with bounds at 1, 2 and 4 seconds. Its counts are cumulative. The
// last count includes all.
func newSteps(one, two, four, all uint64) []histogramBucket {
	return []histogramBucket{{1, one}, {2, two}, {4, four}, {math.Inf(1), all}}
}

func TestAQuantileIsOfWhatWasCountedBetween(t *testing.T) {
	for name, c := range map[string]struct {
		q        float64
		from, to []histogramBucket
		want     float64
		known    bool
	}{
		"a line within the first bucket":       {0.5, newSteps(0, 0, 0, 0), newSteps(100, 100, 100, 100), 0.5, true},
		"a line within a later bucket":         {0.75, newSteps(0, 0, 0, 0), newSteps(50, 100, 100, 100), 1.5, true},
		"an empty bucket is passed over":       {0.75, newSteps(0, 0, 0, 0), newSteps(50, 50, 100, 100), 3, true},
		"on the edge it is the lower bucket":   {0.5, newSteps(0, 0, 0, 0), newSteps(50, 100, 100, 100), 1, true},
		"one of a hundred is not beyond p99":   {0.99, newSteps(0, 0, 0, 0), newSteps(99, 99, 100, 100), 1, true},
		"two of a hundred are":                 {0.99, newSteps(0, 0, 0, 0), newSteps(98, 98, 100, 100), 3, true},
		"a single one":                         {0.99, newSteps(0, 0, 0, 0), newSteps(0, 1, 1, 1), 1.99, true},
		"what was counted before does not say": {0.5, newSteps(900, 900, 900, 900), newSteps(900, 900, 1000, 1000), 3, true},
		"beyond the last bound it is at least": {0.99, newSteps(0, 0, 0, 0), newSteps(0, 0, 0, 10), 4, true},
		"no histogram before":                  {0.5, nil, newSteps(100, 100, 100, 100), 0.5, true},
		"nothing was counted":                  {0.99, newSteps(1, 2, 3, 4), newSteps(1, 2, 3, 4), 0, false},
		"counted anew from nothing":            {0.99, newSteps(9, 9, 9, 9), newSteps(1, 1, 1, 1), 0, false},
		"other bounds than before":             {0.99, newSteps(0, 0, 0, 0)[1:], newSteps(1, 1, 1, 1), 0, false},
		"no histogram now":                     {0.99, newSteps(0, 0, 0, 0), nil, 0, false},
		"no histogram at all":                  {0.99, nil, nil, 0, false},
		"a histogram without bounds":           {0.99, nil, []histogramBucket{{math.Inf(1), 5}}, 0, false},
	} {
		got, known := quantileBetween(c.q, c.from, c.to)
		if known != c.known || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v %v, want %v %v", name, got, known, c.want, c.known)
		}
	}
}

func TestALoadIsBetweenNoneAndAll(t *testing.T) {
	for name, c := range map[string]struct {
		from, to cpuTicks
		want     float64
	}{
		"half":                       {cpuTicks{100, 1000}, cpuTicks{150, 1100}, 0.5},
		"idle":                       {cpuTicks{100, 1000}, cpuTicks{100, 1100}, 0},
		"all":                        {cpuTicks{100, 1000}, cpuTicks{200, 1100}, 1},
		"busy beyond what went by":   {cpuTicks{100, 1000}, cpuTicks{300, 1100}, 1},
		"busy that ran backwards":    {cpuTicks{100, 1000}, cpuTicks{90, 1100}, 0},
		"from the start of counting": {cpuTicks{}, cpuTicks{25, 100}, 0.25},
	} {
		s := sampleBetween(reading{ticks: c.from, known: true}, reading{ticks: c.to, known: true}, 0)
		if checkNear(t, name, s.load, c.want, 0); s.p99 != nil {
			t.Errorf("%s: a p99 of nothing: %v", name, *s.p99)
		}
	}
}

func TestALoadIsUnknownWithoutTimeBetween(t *testing.T) {
	at := func(all uint64, known bool) reading { return reading{ticks: cpuTicks{0, all}, known: known} }
	for name, c := range map[string][2]reading{
		"no tick went by":        {at(1000, true), at(1000, true)},
		"time that ran back":     {at(1000, true), at(900, true)},
		"not known before":       {at(0, false), at(1000, true)},
		"not known now":          {at(1000, true), at(0, false)},
		"known at neither point": {at(0, false), at(1000, false)},
	} {
		if s := sampleBetween(c[0], c[1], 0); s.load != nil {
			t.Errorf("%s: %v", name, *s.load)
		}
	}
}
