// Package bwe chooses the simulcast layer for one watcher from what its receiver reports. It
// is pure: time is given, nothing is kept but its own state, and nobody else calls it at once.
package bwe

import "time"

// Report is what RTCP told about one connection.
type Report struct {
	At   time.Duration // monotonic
	Loss float64       // fraction lost since the last report, 0 to 1 (RFC 3550 6.4.1)
	REMB int           // bits/s that the receiver thinks it can take; 0: it said nothing
	Sent int           // bits/s that were sent since the last report
}

// Estimator keeps the bit rate that a link seems to carry.
type Estimator struct{}

// New starts at the given bits/s.
func New(start int) *Estimator { panic("later") }

// Report folds one report in.
func (e *Estimator) Report(r Report) { panic("later") }

// Rate is the estimate in bits/s.
func (e *Estimator) Rate() int { panic("later") }

// Stream is one picture of a watcher: the bit rates of its layers, low to high, and the
// highest layer that its page can show. 0 bits/s: the layer is not there at present.
type Stream struct {
	Rates []int
	Max   int // index into Rates; -1: out of sight
	Now   int // the layer sent at present; -1: none
}

// Choose gives each stream a layer (-1: none) within rate bits/s: streams are in order of
// importance; everybody gets the lowest before anybody gets more. It goes down at once and
// up only with room to spare, so that it does not swing.
func Choose(rate int, streams []Stream) []int { panic("later") }
