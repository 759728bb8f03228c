//go:build qemu

package qemutest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// cutMoments are the moments of an update on a drive: before its first byte, after its last one, and
// after the commit. The cookie is that of the admin.
type cutMoments struct {
	from, received, to int
	cookie             string
}

// cutPower starts a machine from disks as power cuts at random moments of an update leave them.
func cutPower(t *testing.T, d *Drive, c cutMoments) {
	cuts, first := 1, drawTurn(t, 2)
	if n, err := strconv.Atoi(os.Getenv("LIVELEARN_CUTS")); err == nil {
		cuts = n
	}
	t.Logf("%d writes and flushes from the first byte to the commit, %d of them after it was received", c.to-c.from, c.to-c.received)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	seen := map[string]int{}
	for i := range cuts {
		dice := rand.New(rand.NewPCG(seed, uint64(i)))
		at := c.from + dice.IntN(c.to-c.from)
		if (i+first)%2 == 1 { // few moments matter most: those after the bundle was received
			at = c.received + dice.IntN(c.to-c.received)
		}
		disk := filepath.Join(t.TempDir(), "cut.img")
		if err := d.ImageAfter(at, disk, dice); err != nil {
			t.Fatal(err)
		}
		ok := t.Run(fmt.Sprint("moment ", at-c.from), func(t *testing.T) {
			m := New(t, Config{Disk: disk, Raw: true})
			m.WaitReady(starts)
			b := &admin{t: t, m: m, cookie: c.cookie}
			s := b.readStatus()
			if s.Version != "0.5.0" && s.Version != "0.6.0" || !b.hasClass("7B") {
				t.Errorf("it starts %+v, the class is there: %v", s, b.hasClass("7B"))
			}
			seen[s.Version]++
		})
		_ = os.Remove(disk)
		if !ok {
			t.Logf("cut %d of %d, moment %d", i+1, cuts, at)
		}
	}
	t.Logf("%d cuts: the machine always started, %v", cuts, seen)
}
