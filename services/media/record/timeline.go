package record

import "time"

const (
	settle  = time.Second              // how long the earliest arrival is looked for
	period  = 10 * time.Second         // between corrections of drift
	slew    = 2 * time.Millisecond     // that one correction may be: 200 ppm, more than clocks differ
	tooSoon = time.Second              // ahead of its arrival: the publisher's clock has jumped
	tooLate = 10 * time.Second         // behind it: likewise
	none    = time.Duration(1<<63 - 1) // no packet in this period
)

// timeline turns RTP timestamps into times since the recording of the lesson began.
//
// The first packet's time of arrival anchors it. A packet cannot have been sent after it
// arrived, so within the first second an earlier arrival moves the anchor: what a buffer
// had kept comes in one burst, and only its newest packet tells the time. Later the anchor
// follows the publisher's clock, so slowly that jitter does not show; sound and picture of
// one person have different clocks and would come apart by 0.2 s an hour.
type timeline struct {
	clock   uint32 // Hz
	running bool
	last    uint32        // the latest timestamp
	ticks   int64         // of last since the anchor, unwrapped
	anchor  time.Duration // of tick 0
	since   time.Duration // when it was set
	low     time.Duration // earliest anchor that an arrival of this period allows
	until   time.Duration // end of this period
}

// restart forgets the publisher's clock: the next packet anchors it anew.
func (t *timeline) restart() { t.running = false }

// arrive notes a packet's timestamp and when it came.
func (t *timeline) arrive(ts uint32, now time.Duration) {
	if t.running {
		t.ticks += int64(int32(ts - t.last)) // RFC 3550 5.1: timestamps wrap
		t.last = ts
		ahead := t.of(ts) - now
		if ahead <= tooSoon && ahead >= -tooLate {
			t.follow(now)
			return
		}
	}
	*t = timeline{clock: t.clock, running: true, last: ts, anchor: now, since: now, low: none, until: now + settle}
}

func (t *timeline) follow(now time.Duration) {
	earliest := now - t.duration(t.ticks)
	if now-t.since < settle {
		t.anchor = min(t.anchor, earliest)
		return
	}
	if now >= t.until {
		if t.low != none {
			t.anchor += min(max(t.low-t.anchor, -slew), slew)
		}
		t.low, t.until = none, now+period
	}
	t.low = min(t.low, earliest)
}

// of is the time of a timestamp near the latest.
func (t *timeline) of(ts uint32) time.Duration {
	return t.anchor + t.duration(t.ticks+int64(int32(ts-t.last)))
}

func (t *timeline) duration(ticks int64) time.Duration {
	c := int64(t.clock)
	return time.Duration(ticks/c)*time.Second + time.Duration(ticks%c)*time.Second/time.Duration(c)
}
