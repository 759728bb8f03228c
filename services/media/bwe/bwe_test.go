package bwe_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/media/bwe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feedReports passes reports a second apart to an estimator and returns the rate after each.
func feedReports(e *bwe.Estimator, reports ...bwe.Report) (rates []int) {
	for i, r := range reports {
		r.At = time.Duration(i) * time.Second
		e.Report(r)
		rates = append(rates, e.Rate())
	}
	return rates
}

func TestEstimatorFollowsLossAndREMB(t *testing.T) {
	for _, c := range []struct {
		name    string
		start   int
		reports []bwe.Report
		want    []int
	}{
		{
			"little loss grows 8 % a second, from the second report on", 1e6,
			[]bwe.Report{{Sent: 1e5}, {Sent: 1e5}, {Sent: 1e5, Loss: 0.019}},
			[]int{1e6, 1_080_000, 1_166_400},
		},
		{
			"what was sent shows that 1.5 times of it may fit", 1e6,
			[]bwe.Report{{Sent: 9e5}, {Sent: 9e5}},
			[]int{1e6, 1_350_000},
		},
		{
			"some loss holds", 1e6,
			[]bwe.Report{{Sent: 9e5}, {Sent: 9e5, Loss: 0.02}, {Sent: 9e5, Loss: 0.1}},
			[]int{1e6, 1e6, 1e6},
		},
		{
			"much loss cuts what was sent by twice of it, for a queue may have swallowed some", 1e6,
			[]bwe.Report{{Sent: 8e5, Loss: 0.2}},
			[]int{480_000},
		},
		{
			"much loss of nothing cuts the estimate by half of it", 1e6,
			[]bwe.Report{{Loss: 0.2}},
			[]int{900_000},
		},
		{
			"REMB caps", 1e6,
			[]bwe.Report{{Sent: 9e5, REMB: 95e4}},
			[]int{950_000},
		},
		{
			"REMB holds for the reports that have none", 1e6,
			[]bwe.Report{{Sent: 9e5, REMB: 95e4}, {Sent: 9e5}, {Sent: 9e5}},
			[]int{950_000, 950_000, 950_000},
		},
		{
			"REMB below the bits sent counts when it fell", 1e6,
			[]bwe.Report{{Sent: 9e5, REMB: 95e4}, {Sent: 9e5, REMB: 7e5}},
			[]int{950_000, 700_000},
		},
		{
			"or when it stays so", 1e6,
			[]bwe.Report{{Sent: 9e5, REMB: 3e5}, {Sent: 9e5, REMB: 3e5}, {Sent: 9e5, REMB: 3e5}},
			[]int{1e6, 1e6, 3e5},
		},
		{
			"but not while it rises", 1e6,
			[]bwe.Report{{Sent: 6e5, REMB: 3e5}, {Sent: 6e5, REMB: 33e4}, {Sent: 6e5, REMB: 36e4}},
			[]int{1e6, 1_080_000, 1_166_400},
		},
		{
			"REMB that only echoes what was sent does not cap", 1e6,
			[]bwe.Report{{Sent: 2e5, REMB: 3e5}},
			[]int{1e6},
		},
		{"the floor", 1e6, []bwe.Report{{Sent: 1e4, Loss: 1}}, []int{bwe.Floor}},
		{"the ceiling", 2e7, []bwe.Report{{Sent: 2e7}, {Sent: 2e7}}, []int{bwe.Ceiling, bwe.Ceiling}},
		{"the start is bounded", -1, []bwe.Report{{}}, []int{bwe.Floor}},
		{"no number is no loss", 1e6, []bwe.Report{{Loss: math.NaN()}}, []int{1e6}},
	} {
		if got := feedReports(bwe.New(c.start), c.reports...); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEstimatorDoesNotFallTwiceForOneLoss(t *testing.T) {
	e := bwe.New(1e6)
	e.Report(bwe.Report{At: time.Second, Loss: 0.2, Sent: 1e6})
	once := e.Rate()
	e.Report(bwe.Report{At: 1200 * time.Millisecond, Loss: 0.2, Sent: 1e6})
	if e.Rate() != once {
		t.Errorf("200 ms later: got %d, want %d", e.Rate(), once)
	}
	e.Report(bwe.Report{At: 1100 * time.Millisecond, Loss: 1, Sent: 1})
	if e.Rate() != once {
		t.Errorf("a report of the past: got %d, want %d", e.Rate(), once)
	}
	e.Report(bwe.Report{At: 2 * time.Second, Loss: 0.2, Sent: 6e5})
	if e.Rate() >= once {
		t.Errorf("a second later: got %d, want less than %d", e.Rate(), once)
	}
}

func TestChooseGivesLayers(t *testing.T) {
	camera := []int{150, 500, 1500}
	for _, c := range []struct {
		name    string
		rate    int
		streams []bwe.Stream
		want    []int
	}{
		{"nobody", 1000, nil, []int{}},
		{"top with room to spare", 1876, []bwe.Stream{{camera, 2, -1}}, []int{2}},
		{"no room to spare: the one below", 1875, []bwe.Stream{{camera, 2, -1}}, []int{1}},
		{"stays without room to spare", 1500, []bwe.Stream{{camera, 2, 2}}, []int{2}},
		{"goes down at once", 1499, []bwe.Stream{{camera, 2, 2}}, []int{1}},
		{"the lowest whether it fits or not", 10, []bwe.Stream{{camera, 2, 2}, {camera, 2, -1}}, []int{0, 0}},
		{"no more than the page can show", 9999, []bwe.Stream{{camera, 1, -1}, {camera, 0, 2}}, []int{1, 0}},
		{"out of sight", 9999, []bwe.Stream{{camera, -1, 2}}, []int{-1}},
		{"missing layers are skipped", 9999, []bwe.Stream{{[]int{0, 500, 0}, 2, 2}}, []int{1}},
		{"a large picture is better than none", 9999, []bwe.Stream{{[]int{0, 0, 1500}, 0, -1}}, []int{2}},
		{"nothing is there", 9999, []bwe.Stream{{[]int{0, 0}, 1, 0}, {nil, 0, -1}}, []int{-1, -1}},
		{"Max beyond the layers", 9999, []bwe.Stream{{camera, 9, -1}}, []int{2}},
		{"the first gets more first", 1000, []bwe.Stream{{camera, 2, -1}, {camera, 2, -1}}, []int{1, 0}},
		{"the first takes it from the second", 2070, []bwe.Stream{{camera, 2, -1}, {camera, 2, 0}}, []int{2, 0}},
		{"and leaves it what fits", 2070, []bwe.Stream{{camera, 2, -1}, {camera, 2, 2}}, []int{2, 1}},
		{"what the first leaves goes to the second", 2600, []bwe.Stream{{camera, 2, -1}, {camera, 2, -1}}, []int{2, 1}},
		{"everybody gets the lowest first", 760, []bwe.Stream{{camera, 2, 1}, {camera, 2, -1}, {camera, 2, -1}}, []int{0, 0, 0}},
	} {
		if got := bwe.Choose(c.rate, c.streams); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// randomStreams returns random streams, most of them like those of a lesson.
func randomStreams(r *rand.Rand) []bwe.Stream {
	streams := make([]bwe.Stream, r.IntN(7))
	for i := range streams {
		s := bwe.Stream{Rates: make([]int, r.IntN(4))}
		at := 0
		for l := range s.Rates {
			at += r.IntN(1_000_000)
			if s.Rates[l] = at; r.IntN(5) == 0 {
				s.Rates[l] = 0
			}
		}
		s.Max, s.Now = r.IntN(5)-1, r.IntN(5)-1
		streams[i] = s
	}
	return streams
}

// brokenPromises lists the promises of Choose that an answer breaks.
func brokenPromises(rate int, streams []bwe.Stream, layers []int) (broken []string) {
	total, lowest := 0, true
	for i, l := range layers {
		s := streams[i]
		if l < 0 {
			continue
		}
		total += s.Rates[l]
		first := slices.IndexFunc(s.Rates, func(r int) bool { return r > 0 })
		if lowest = lowest && l == first; s.Rates[l] == 0 {
			broken = append(broken, "a layer that is not there")
		}
		if l > s.Max && l != first {
			broken = append(broken, "more than can be shown")
		}
		if s.Max < 0 {
			broken = append(broken, "a picture out of sight")
		}
	}
	if total > rate && !lowest {
		broken = append(broken, "above the rate")
	}
	if again := bwe.Choose(rate, streams); !slices.Equal(again, layers) {
		broken = append(broken, "not the same again")
	}
	return broken
}

func TestChooseKeepsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		streams, rate := randomStreams(r), r.IntN(8_000_000)
		layers := bwe.Choose(rate, streams)
		if broken := brokenPromises(rate, streams, layers); broken != nil {
			t.Fatalf("%v: rate %d, %+v: %v", broken, rate, streams, layers)
		}
		// More rate never lowers the layer of the first stream that changes.
		if more := bwe.Choose(rate+r.IntN(2_000_000), streams); slices.Compare(more, layers) < 0 {
			t.Fatalf("more than %d gave %v in place of %v: %+v", rate, more, layers, streams)
		}
		// The choice is kept while nothing changes.
		for i := range streams {
			streams[i].Now = layers[i]
		}
		if kept := bwe.Choose(rate, streams); !slices.Equal(kept, layers) {
			t.Fatalf("rate %d: %v swung to %v: %+v", rate, layers, kept, streams)
		}
	}
}

func FuzzChoose(f *testing.F) {
	f.Add(uint64(1), 400_000)
	f.Add(uint64(2), 0)
	f.Add(uint64(3), -1)
	f.Fuzz(func(t *testing.T, seed uint64, rate int) {
		streams := randomStreams(rand.New(rand.NewPCG(seed, seed)))
		layers := bwe.Choose(rate, streams)
		if broken := brokenPromises(rate, streams, layers); broken != nil {
			t.Errorf("%v: rate %d, %+v: %v", broken, rate, streams, layers)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add(int64(1e9), 0.5, 100_000, 100_000)
	f.Add(int64(-1), math.Inf(1), -5, math.MaxInt)
	f.Add(int64(math.MaxInt64), math.NaN(), math.MaxInt, -1)
	f.Fuzz(func(t *testing.T, at int64, loss float64, remb, sent int) {
		e := bwe.New(sent)
		for i := range int64(3) {
			e.Report(bwe.Report{At: time.Duration(at * i), Loss: loss, REMB: remb, Sent: sent})
			if r := e.Rate(); r < bwe.Floor || r > bwe.Ceiling {
				t.Errorf("rate %d is out of bounds", r)
			}
		}
	})
}
