// Package capacity measures the cost of a lesson's media on this machine. It seals and sends
// packets as media/forward does for a fifth of a second, and computes how many watchers the
// machine can serve.
package capacity

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/livelearn/box/services/errs"
)

// The packets for a watcher of one picture of 1.5 Mbit/s with sound, measured with browsers.
const (
	payloadSize       = 1160             // bytes of a video packet that are sealed
	packetSize        = payloadSize + 28 // bytes on the socket: an RTP header (RFC 3550 5.1) and a GCM tag (RFC 7714) added
	burstPackets      = 6                // packets of a frame, sent in one call
	videoPerSecond    = 184              // packets of the picture in a second
	audioPerSecond    = 50               // packets of sound, each sent alone
	packetsPerWatcher = videoPerSecond + audioPerSecond
)

// CPUShare is the part of the processor that media may use. The rest is for lessons, the
// kernel's work on incoming packets, and hotter days.
const CPUShare = 0.5

// overheadFactor is the cost of a packet in the whole program as a multiple of sealing and
// sending it: headers, wake-ups, RTCP and incoming packets (measured by the benchmark of
// media/peer).
const overheadFactor = 2

// DefaultLength is the default length of a measurement: long enough for noise under a tenth,
// short enough for a start.
const DefaultLength = 200 * time.Millisecond

// Result holds the cost of one packet on one core.
type Result struct {
	GCM, CM    time.Duration // sealing 1160 bytes by AES-128-GCM, and by AES-CM with HMAC-SHA1
	Burst      time.Duration // sending one of six packets in one call
	Single     time.Duration // sending one packet alone
	Segmented  bool          // UDP_SEGMENT works here, otherwise Burst is Single
	Took       time.Duration
	Iterations int // bursts that were sent
}

// PreferGCM reports whether AES-GCM is the cheaper profile of SRTP. It is if the processor has
// instructions for AES.
func (r Result) PreferGCM() bool { return r.GCM <= r.CM }

// Profile is the preferred protection profile's name (RFC 7714 14.2, RFC 5764 4.1.2).
func (r Result) Profile() string {
	if r.PreferGCM() {
		return "AEAD_AES_128_GCM"
	}
	return "AES128_CM_HMAC_SHA1_80"
}

// PerWatcher is the time of one core that one watcher costs in a second.
func (r Result) PerWatcher() time.Duration {
	seal := min(r.GCM, r.CM)
	return overheadFactor * (videoPerSecond*(seal+r.Burst) + audioPerSecond*(seal+r.Single))
}

// Capacity is how many watchers of one picture of 1.5 Mbit/s with sound these cores carry with
// a part of their time (0 to 1, such as CPUShare). A measured machine carries at least one.
func (r Result) Capacity(cores int, cpuShare float64) int {
	each := r.PerWatcher()
	if each <= 0 || cores <= 0 {
		return 0
	}
	n := float64(cores) * min(max(cpuShare, 0), 1) * float64(time.Second) / float64(each)
	return max(1, int(n))
}

// Measure works for d on the calling thread, on loopback: no packet leaves the machine. When
// ctx ends, it returns early with the error of ctx. errs.Down: no socket could be opened.
func Measure(ctx context.Context, d time.Duration) (Result, error) {
	if d <= 0 {
		d = DefaultLength
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	w, err := newPacketSender()
	if err != nil {
		return Result{}, errs.New("rehearse", errs.Down, err)
	}
	r := Result{Segmented: w.segmented}
	part := d / 4
	r.GCM, _, err = timeTurns(ctx, part, w.sealGCM)
	for _, m := range []struct {
		to   *time.Duration
		each time.Duration // packets of one turn
		turn func() error
	}{{&r.CM, 1, w.sealCM}, {&r.Single, 1, w.sendOne}, {&r.Burst, burstPackets, w.sendBurst}} {
		if err != nil {
			break
		}
		var cost time.Duration
		cost, r.Iterations, err = timeTurns(ctx, part, m.turn)
		*m.to = cost / m.each
	}
	r.Took = time.Since(start)
	if err = errors.Join(err, w.closeSockets()); err != nil {
		return Result{}, err
	}
	return r, nil
}

// turnsPerSample is the number of turns between two readings of the clock. One reading costs a
// twentieth of a packet.
const turnsPerSample = 16

// timeTurns is the time of one turn. It takes the fastest third of the samples, so that other
// work of the machine does not count.
func timeTurns(ctx context.Context, d time.Duration, turn func() error) (cost time.Duration, n int, err error) {
	var looks []time.Duration
	for start := time.Now(); len(looks) < 3 || time.Since(start) < d; {
		if err := ctx.Err(); err != nil {
			return 0, n, err
		}
		from := time.Now()
		for range turnsPerSample {
			if err := turn(); err != nil {
				return 0, n, err
			}
		}
		n += turnsPerSample
		looks = append(looks, time.Since(from))
	}
	return meanOfFastest(looks) / turnsPerSample, n, nil
}
