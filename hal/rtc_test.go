package hal

import (
	"errors"
	"testing"
	"testing/quick"
	"time"

	"golang.org/x/sys/unix"
)

func TestClockShowsWhatItWasSetTo(t *testing.T) {
	err := quick.Check(func(s uint32) bool {
		want := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(s%2_400_000_000) * time.Second)
		got, err := fromRTCTime(toRTCTime(want))
		return err == nil && got.Equal(want)
	}, nil)
	if err != nil {
		t.Error(err)
	}
	for _, year := range []int32{70, 100, 119, 200, 300} {
		if _, err := fromRTCTime(&unix.RTCTime{Year: year, Mday: 1}); !errors.Is(err, ErrUnset) {
			t.Errorf("a clock in %d: got %v, want unset", year+1900, err)
		}
	}
}
