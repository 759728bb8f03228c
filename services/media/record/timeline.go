package record

import "time"

const (
	anchorWindow  = time.Second              // search time for the earliest arrival
	driftInterval = 10 * time.Second         // between corrections of drift
	maxSlew       = 2 * time.Millisecond     // of one correction: 200 ppm, more than clocks differ
	maxAhead      = time.Second              // ahead of its arrival: the publisher's clock has jumped
	maxBehind     = 10 * time.Second         // behind it: likewise
	noArrival     = time.Duration(1<<63 - 1) // no packet in this period
)

// timeline turns RTP timestamps into times since the recording of the lesson began.
//
// The first packet's time of arrival anchors it. A packet cannot have been sent after it
// arrived, so within the first second an earlier arrival moves the anchor: the content of a
// buffer comes in one burst, and only its newest packet has the right time. Later the anchor
// follows the publisher's clock, so slowly that jitter does not show. Sound and picture of one
// person have different clocks and would come apart by 0.2 s an hour.
type timeline struct {
	clock          uint32 // Hz
	running        bool
	last           uint32        // the latest timestamp
	ticks          int64         // of last since the anchor, unwrapped
	anchor         time.Duration // of tick 0
	anchoredAt     time.Duration // when it was set
	earliestAnchor time.Duration // earliest anchor that an arrival of this period allows
	periodEnd      time.Duration // end of this period
}

// resetClock forgets the publisher's clock: the next packet is a new anchor.
func (t *timeline) resetClock() { t.running = false }

// recordArrival notes a packet's timestamp and when it came.
func (t *timeline) recordArrival(ts uint32, now time.Duration) {
	if t.running {
		t.ticks += int64(int32(ts - t.last)) // RFC 3550 5.1: timestamps wrap
		t.last = ts
		ahead := t.timeOf(ts) - now
		if ahead <= maxAhead && ahead >= -maxBehind {
			t.followClock(now)
			return
		}
	}
	*t = timeline{clock: t.clock, running: true, last: ts, anchor: now, anchoredAt: now, earliestAnchor: noArrival, periodEnd: now + anchorWindow}
}

func (t *timeline) followClock(now time.Duration) {
	earliest := now - t.ticksDuration(t.ticks)
	if now-t.anchoredAt < anchorWindow {
		t.anchor = min(t.anchor, earliest)
		return
	}
	if now >= t.periodEnd {
		if t.earliestAnchor != noArrival {
			t.anchor += min(max(t.earliestAnchor-t.anchor, -maxSlew), maxSlew)
		}
		t.earliestAnchor, t.periodEnd = noArrival, now+driftInterval
	}
	t.earliestAnchor = min(t.earliestAnchor, earliest)
}

// timeOf is the time of a timestamp near the latest.
func (t *timeline) timeOf(ts uint32) time.Duration {
	return t.anchor + t.ticksDuration(t.ticks+int64(int32(ts-t.last)))
}

func (t *timeline) ticksDuration(ticks int64) time.Duration {
	c := int64(t.clock)
	return time.Duration(ticks/c)*time.Second + time.Duration(ticks%c)*time.Second/time.Duration(c)
}
