package peer

import (
	"testing"
)

func TestPictureAndSoundReachAWatcher(t *testing.T) {
	for name, cfg := range map[string]Config{"fast": {}, "plain": {Plain: true}, "one by one": {NoGSO: true}} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, cfg)
			publish(t, n, "c1", "ada", true)
			v := watch(t, n, "c1", "ben", 1, 2)
			until(t, "a hundred packets", func() bool { return v.seen("video0").packets > 100 && v.seen("audio0").packets > 20 })
			if c := v.seen("video0"); c.gaps != 0 {
				t.Errorf("%d gaps in %d packets", c.gaps, c.packets)
			}
		})
	}
}
