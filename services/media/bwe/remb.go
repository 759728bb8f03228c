package bwe

import "time"

// A receiver's estimator does not go above 1.5 times the bits it receives
// (draft-ietf-rmcat-gcc-02 section 5.5). A REMB so near to it reflects the bits we sent and not
// the capacity of the link.
const echoFactor = 1.35

const (
	rembLifetime = 3 * time.Second // receivers send one each second
	maxLowREMBs  = 3               // REMBs in a row that stay below the bits sent
)

// rembState is the receiver's last REMB.
type rembState struct {
	rate  float64 // bits/s, 0: no REMB yet
	at    time.Duration
	under int  // REMBs in a row that were below the bits sent and did not rise
	rises bool // its rise is no limit
	holds bool // the estimate may stay above rate, but not grow
}

// recordREMB takes a REMB and reports whether it asks for less than is sent. After a picture
// went up a layer, the receiver's estimator follows (8 % a second). A REMB that is lower but
// rises is therefore no limit.
func (m *rembState) recordREMB(at time.Duration, rate, sent float64) bool {
	fell := m.rate > 0 && rate < 0.97*m.rate
	m.rises = m.rate > 0 && rate > 1.02*m.rate
	m.rate, m.at = rate, at
	if m.under++; m.rises || rate >= 0.9*sent {
		m.under = 0
	}
	less := m.under > 0 && (fell || m.under >= maxLowREMBs)
	m.holds = m.under > 0 && !less
	return less
}

// limitRate is the part of the old estimate that the last REMB allows, in bits/s.
func (m *rembState) limitRate(now time.Duration, old, sent float64) float64 {
	switch {
	case m.rises || m.rate == 0 || now-m.at > rembLifetime || m.rate >= echoFactor*sent:
		return Ceiling
	case m.holds:
		return max(m.rate, old)
	}
	return m.rate
}
