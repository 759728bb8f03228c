// Package rehearse finds out what a lesson's media costs on this machine: it seals and sends
// packets as media/forward does for a fifth of a second, and tells for how many watchers
// that would be enough.
package rehearse

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/livelearn/box/services/errs"
)

// What a watcher of one picture of 1.5 Mbit/s with sound gets: measured of browsers.
const (
	payload    = 1160         // bytes of a video packet that are sealed
	packet     = payload + 28 // bytes on the socket: a header of RTP (RFC 3550 5.1) and a tag of GCM (RFC 7714)
	burst      = 6            // packets of a frame, which one send takes
	pictures   = 184          // packets of the picture in a second
	sounds     = 50           // packets of sound, each sent alone
	perWatcher = pictures + sounds
)

// Share of the processor that media may have: the rest is for lessons, the kernel's work on
// what comes in, and a day that is hotter than today.
const Share = 0.5

// overhead is how many times of sealing and sending a packet costs in the whole program:
// headers, wake-ups, RTCP and what comes in (the benchmark of media/peer tells).
const overhead = 2

// Length is how long a measurement takes by default: long enough for its noise to be under a
// tenth, short enough for a start.
const Length = 200 * time.Millisecond

// Result is what one packet costs on one core.
type Result struct {
	GCM, CM    time.Duration // sealing 1160 bytes by AES-128-GCM, and by AES-CM with HMAC-SHA1
	Burst      time.Duration // sending one of six packets in one send
	Single     time.Duration // sending one packet alone
	Segmented  bool          // UDP_SEGMENT works here; otherwise Burst is Single
	Took       time.Duration
	Iterations int // bursts that were sent
}

// PreferGCM tells that AES-GCM is the cheaper profile of SRTP, which it is where the
// processor has instructions for AES.
func (r Result) PreferGCM() bool { return r.GCM <= r.CM }

// Profile is the preferred protection profile's name (RFC 7714 14.2, RFC 5764 4.1.2).
func (r Result) Profile() string {
	if r.PreferGCM() {
		return "AEAD_AES_128_GCM"
	}
	return "AES128_CM_HMAC_SHA1_80"
}

// PerWatcher is the time of one core that one watcher takes in a second.
func (r Result) PerWatcher() time.Duration {
	seal := min(r.GCM, r.CM)
	return overhead * (pictures*(seal+r.Burst) + sounds*(seal+r.Single))
}

// Capacity is how many watchers of one picture of 1.5 Mbit/s with sound these cores carry
// with a part of their time (0 to 1, such as Share). A measured machine carries at least one.
func (r Result) Capacity(cores int, cpuShare float64) int {
	each := r.PerWatcher()
	if each <= 0 || cores <= 0 {
		return 0
	}
	n := float64(cores) * min(max(cpuShare, 0), 1) * float64(time.Second) / float64(each)
	return max(1, int(n))
}

// Measure works for d on the calling thread, on loopback: nothing leaves the machine. It
// ends early with ctx, whose error it then gives. Down: no socket could be had.
func Measure(ctx context.Context, d time.Duration) (Result, error) {
	if d <= 0 {
		d = Length
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	w, err := newWorks()
	if err != nil {
		return Result{}, errs.New("rehearse", errs.Down, err)
	}
	r := Result{Segmented: w.segmented}
	part := d / 4
	r.GCM, _, err = repeat(ctx, part, w.sealGCM)
	for _, m := range []struct {
		to   *time.Duration
		each time.Duration // packets of one turn
		turn func() error
	}{{&r.CM, 1, w.sealCM}, {&r.Single, 1, w.sendOne}, {&r.Burst, burst, w.sendBurst}} {
		if err != nil {
			break
		}
		var cost time.Duration
		cost, r.Iterations, err = repeat(ctx, part, m.turn)
		*m.to = cost / m.each
	}
	r.Took = time.Since(start)
	if err = errors.Join(err, w.close()); err != nil {
		return Result{}, err
	}
	return r, nil
}

// turns between two looks at the clock: one look costs what a twentieth of a packet does.
const turns = 16

// repeat is the time of one turn: of the fastest third of the looks, so that what else the
// machine did meanwhile does not count.
func repeat(ctx context.Context, d time.Duration, turn func() error) (cost time.Duration, n int, err error) {
	var looks []time.Duration
	for start := time.Now(); len(looks) < 3 || time.Since(start) < d; {
		if err := ctx.Err(); err != nil {
			return 0, n, err
		}
		from := time.Now()
		for range turns {
			if err := turn(); err != nil {
				return 0, n, err
			}
		}
		n += turns
		looks = append(looks, time.Since(from))
	}
	return third(looks) / turns, n, nil
}
