package scenario

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soakSample is what a box uses at one moment, by the name of the figure.
type soakSample struct {
	at      time.Time
	figures map[string]float64
}

// String prints the figures for a person.
func (s soakSample) String() string {
	var b strings.Builder
	for _, f := range soakFigures {
		fmt.Fprintf(&b, "%s %.1f, ", f.name, s.figures[f.name])
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// soakFigure is a figure and the slope that it may have. The bound is far below a leak that a school
// would notice in a week without a restart, and above what the regression of two hours tells from 0.
type soakFigure struct {
	name  string
	unit  string
	bound float64 // in units an hour; 0: only printed
}

var soakFigures = []soakFigure{
	{"core memory", "MiB", 4}, // anonymous: pages of the databases' files come and go with the kernel's wish
	{"core resident", "MiB", 0},
	{"core heap", "MiB", 4},
	{"core descriptors", "", 4}, // besides the members' sockets
	{"core goroutines", "", 20},
	{"core threads", "", 2},
	{"media memory", "MiB", 4},
	{"media descriptors", "", 4},
	{"processes", "", 1},
}

// takeSample waits until nobody is on the way in or out and reads the figures.
func (s *soak) takeSample() soakSample {
	members := 0
	for _, l := range s.lessons {
		members += len(l.people) - len(l.away)
	}
	time.Sleep(100 * time.Millisecond) // the box notices who left; one more or less is no slope
	x := soakSample{time.Now(), map[string]float64{}}
	readProcess(x.figures, "core", s.box.PID())
	x.figures["core descriptors"] -= float64(members)
	for pid, line := range family(s.box.PID()) {
		x.figures["processes"]++
		if strings.Contains(line, " media ") {
			readProcess(x.figures, "media", pid)
		}
	}
	for name, metric := range map[string]string{"core goroutines": "go_goroutines", "core heap": "go_memstats_heap_alloc_bytes"} {
		x.figures[name] = s.readMetric(metric)
	}
	x.figures["core heap"] /= 1 << 20
	return x
}

// readProcess adds the figures of a process. One that has just been killed has none.
func readProcess(figures map[string]float64, who string, pid int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch key {
		case "RssAnon":
			figures[who+" memory"] += n / 1024
		case "VmRSS":
			figures[who+" resident"] += n / 1024
		case "Threads":
			figures[who+" threads"] += n
		}
	}
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	figures[who+" descriptors"] += float64(len(fds))
}

// readMetric returns a metric of the box without labels.
func (s *soak) readMetric(name string) float64 {
	resp, err := http.Get("http://" + s.box.HTTP + "/metrics")
	if err != nil {
		s.t.Error(err)
		return math.NaN()
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Error(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body) // the connection is used again
			return n
		}
	}
	s.t.Errorf("no metric %s", name)
	return math.NaN()
}

// settlePatience is the longest wait for a box to be idle. Workers with the lowest priority make the
// results of the last lessons.
const settlePatience = 30 * time.Minute

// settle waits until no worker runs and the goroutines stay as they are. With before, it waits until an
// idle box has no more goroutines and descriptors than it had then.
func (s *soak) settle(before *soakSample) (x soakSample) {
	s.t.Helper()
	steady, last := 0, -1.0
	for began := time.Now(); time.Since(began) < settlePatience; {
		http.DefaultClient.CloseIdleConnections()
		x = s.takeSample()
		now := x.figures["core goroutines"]
		if steady++; now != last || x.figures["processes"] > 2 {
			steady, last = 0, now
		}
		if steady >= 20 && (before == nil || now <= before.figures["core goroutines"] && x.figures["core descriptors"] <= before.figures["core descriptors"]) {
			return x
		}
		time.Sleep(50 * time.Millisecond) // the box goes to rest
	}
	s.t.Fatalf("not idle in %v: %v", settlePatience, x)
	return x
}

// slope is a linear regression of a figure over time.
type slope struct {
	perHour float64
	margin  float64 // of the interval that holds the slope with a probability of 95 %
	mean    float64
}

// fitSlope fits a line through n points (hours, value) by least squares. Samples that follow each
// other resemble each other, so the margin counts n(1-r)/(1+r) of them, where r is the
// autocorrelation of what the line leaves (Santer and others 2000, section 4).
func fitSlope(hours, values []float64) slope {
	n := float64(len(hours))
	var mx, my, sxx, sxy float64
	for i := range hours {
		mx, my = mx+hours[i]/n, my+values[i]/n
	}
	for i := range hours {
		sxx += (hours[i] - mx) * (hours[i] - mx)
		sxy += (hours[i] - mx) * (values[i] - my)
	}
	b := sxy / sxx
	var rss, lag, previous float64
	for i := range hours {
		rest := values[i] - my - b*(hours[i]-mx)
		rss += rest * rest
		lag += rest * previous
		previous = rest
	}
	if rss == 0 {
		return slope{perHour: b, mean: my}
	}
	r := max(0, lag/rss)
	effective := max(n*(1-r)/(1+r), 3)
	return slope{perHour: b, margin: 2 * math.Sqrt(rss/(effective-2)/sxx), mean: my}
}

// checkSlopes prints the slope of each figure and fails if one may be above its bound.
func checkSlopes(t *testing.T, samples []soakSample) {
	t.Helper()
	if len(samples) < 100 {
		t.Fatalf("%d samples, at least 100 make a slope", len(samples))
	}
	for _, f := range soakFigures {
		var hours, values []float64
		for _, x := range samples {
			hours = append(hours, x.at.Sub(samples[0].at).Hours())
			values = append(values, x.figures[f.name])
		}
		s := fitSlope(hours, values)
		t.Logf("%-18s mean %8.1f %-3s slope %+7.2f ± %.2f an hour, bound %g", f.name, s.mean, f.unit, s.perHour, s.margin, f.bound)
		if f.bound > 0 && s.perHour+s.margin > f.bound {
			t.Errorf("%s: may rise by %.2f %s an hour, at most %g", f.name, s.perHour+s.margin, f.unit, f.bound)
		}
	}
}

func TestSlopeOfALeakIsFoundInNoise(t *testing.T) {
	var hours, flat, leak []float64
	noise := uint32(1)
	for i := range 480 {
		noise = noise*1664525 + 1013904223 // Numerical Recipes
		x := float64(i) / 240
		hours, flat = append(hours, x), append(flat, 200+float64(noise>>24)/16)
		leak = append(leak, flat[i]+6*x)
	}
	if s := fitSlope(hours, flat); math.Abs(s.perHour) > s.margin || s.margin > 1.5 {
		t.Errorf("flat: %+v", s)
	}
	if s := fitSlope(hours, leak); math.Abs(s.perHour-6) > s.margin || s.perHour-s.margin < 4 {
		t.Errorf("a leak of 6 an hour: %+v", s)
	}
}
