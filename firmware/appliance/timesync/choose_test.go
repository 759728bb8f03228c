package timesync

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func atYear(year int) time.Time { return time.Date(year, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestTheTimeToStartWith(t *testing.T) {
	for name, c := range map[string]struct {
		system, rtc, floor, want time.Time
		from                     string
	}{
		"no clock":                  {atYear(1970), time.Time{}, atYear(2026), atYear(2026), FromFloor},
		"a good clock":              {atYear(1970), atYear(2027), atYear(2026), atYear(2027), FromRTC},
		"a clock behind the floor":  {atYear(1970), atYear(2025), atYear(2026), atYear(2026), FromFloor},
		"the kernel read it itself": {atYear(2027), time.Time{}, atYear(2026), atYear(2027), FromRTC},
		"a clock gone mad":          {atYear(1970), atYear(2050), atYear(2026), atYear(2026), FromFloor},
		"both gone mad":             {atYear(2050), atYear(2050), atYear(2026), atYear(2026), FromFloor},
	} {
		got, from := ChooseTime(c.system, c.rtc, c.floor)
		if !got.Equal(c.want) || from != c.from {
			t.Errorf("%s: %v from %s", name, got, from)
		}
	}
}

func TestNoStartIsBeforeTheFloor(t *testing.T) {
	for range 10_000 {
		pick := func() time.Time { return time.Unix(rand.Int64N(8e9), 0) }
		system, rtc, floor := pick(), pick(), pick()
		got, from := ChooseTime(system, rtc, floor)
		if got.Before(floor) || from == FromRTC && got.After(latestCredible) {
			t.Fatalf("%v, %v, floor %v: got %v", system, rtc, floor, got)
		}
	}
}

func TestMostServersMustAgree(t *testing.T) {
	h, far := time.Hour, time.Duration(math.MaxInt64)
	for _, c := range []struct {
		offsets []time.Duration
		want    time.Duration
		ok      bool
	}{
		{nil, 0, false},
		{[]time.Duration{h}, 0, false},
		{[]time.Duration{h, 2 * h}, 0, false},
		{[]time.Duration{h, h + time.Second}, h + time.Second/2, true},
		{[]time.Duration{h, -1000 * h, h}, h, true},
		{[]time.Duration{far, -far, h}, 0, false},
		{[]time.Duration{-far, far}, 0, false},
		{[]time.Duration{0, 0, h, h}, 0, false}, // there is no majority
		{[]time.Duration{0, h, h, h, 0}, h, true},
		{[]time.Duration{0, 3 * time.Second / 2, 3 * time.Second}, 3 * time.Second / 4, true},
	} {
		if got, ok := AgreedOffset(c.offsets, tolerance); got != c.want || ok != c.ok {
			t.Errorf("%v: got %v, %v", c.offsets, got, ok)
		}
	}
}

func TestAMinorityThatLiesChangesNothing(t *testing.T) {
	for range 10_000 {
		truth := time.Duration(rand.Int64N(1e18) - 5e17)
		n := 3 + rand.IntN(6)
		var offsets []time.Duration
		for i := range n {
			o := truth + time.Duration(rand.Int64N(int64(tolerance)))
			if i < (n-1)/2 {
				o = time.Duration(rand.Int64())
			}
			offsets = append(offsets, o)
		}
		got, ok := AgreedOffset(offsets, tolerance)
		if d := got - truth; !ok || d.Abs() > 2*tolerance {
			t.Fatalf("%v: got %v, the truth is %v", offsets, got, truth)
		}
	}
}

func TestABadFloorIsNone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "floor")
	for _, text := range []string{"99999999999999999999", "", "x", "1 2 3", "-1", "1790000000 x"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := New(Config{FloorFile: name, Release: atYear(2026)}).loadFloors(); !got.seen.Equal(atYear(2026)) || !got.proven.Equal(atYear(2026)) {
			t.Error(text, got)
		}
	}
}

func FuzzFloors(f *testing.F) {
	f.Add("1790000000\n")
	f.Add("1790000000 1780000000\n")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseFloors(text)
		if ok && (got.seen.Year() < 1970 || got.seen.After(latestCredible) || got.proven.After(latestCredible)) {
			t.Error(got)
		}
	})
}
