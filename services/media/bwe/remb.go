package bwe

import "time"

// A receiver's estimator does not go above 1.5 times what it receives
// (draft-ietf-rmcat-gcc-02 section 5.5). A REMB that is this near to it tells what we sent
// and not what the link carries.
const echo = 1.35

const (
	rembLives = 3 * time.Second // receivers send one each second
	patience  = 3               // REMBs in a row that stay under what is sent
)

// remb is what the receiver said last.
type remb struct {
	rate  float64 // bits/s; 0: nothing yet
	at    time.Duration
	under int  // how many in a row were under what was sent and did not rise
	rises bool // it says nothing yet
	holds bool // the estimate may stay above rate, but not grow
}

// told takes a REMB and tells that it asks for less than is sent. One that is under that
// but rises is an estimator that follows (8 % a second) after a picture went up a layer: no
// complaint, and no limit.
func (m *remb) told(at time.Duration, rate, sent float64) bool {
	fell := m.rate > 0 && rate < 0.97*m.rate
	m.rises = m.rate > 0 && rate > 1.02*m.rate
	m.rate, m.at = rate, at
	if m.under++; m.rises || rate >= 0.9*sent {
		m.under = 0
	}
	less := m.under > 0 && (fell || m.under >= patience)
	m.holds = m.under > 0 && !less
	return less
}

// limit is what the last REMB allows an estimate that was old, in bits/s.
func (m *remb) limit(now time.Duration, old, sent float64) float64 {
	switch {
	case m.rises || m.rate == 0 || now-m.at > rembLives || m.rate >= echo*sent:
		return Ceiling
	case m.holds:
		return max(m.rate, old)
	}
	return m.rate
}
