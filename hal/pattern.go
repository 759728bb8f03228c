package hal

import "time"

// Step is a part of a pattern.
type Step struct {
	On  bool
	For time.Duration
}

// The patterns differ in rhythm only, so a light of any colour can show them. None blinks faster
// than three times a second (WCAG 2.2, 2.3.1).
var steps = [...][]Step{
	Booting:   {{true, time.Second}, {false, time.Second}},
	Ready:     {{true, time.Second}},
	Lesson:    {{true, 2700 * time.Millisecond}, {false, 300 * time.Millisecond}},
	Attention: {{true, 200 * time.Millisecond}, {false, 200 * time.Millisecond}},
	Updating: {
		{true, 200 * time.Millisecond},
		{false, 200 * time.Millisecond},
		{true, 200 * time.Millisecond},
		{false, 1400 * time.Millisecond},
	},
	NoNetwork: {{true, 200 * time.Millisecond}, {false, 1800 * time.Millisecond}},
	NoAddress: {
		{true, 200 * time.Millisecond},
		{false, 200 * time.Millisecond},
		{true, 200 * time.Millisecond},
		{false, 200 * time.Millisecond},
		{true, 200 * time.Millisecond},
		{false, 1000 * time.Millisecond},
	},
	ClaimMe: {
		{true, 1400 * time.Millisecond},
		{false, 200 * time.Millisecond},
		{true, 200 * time.Millisecond},
		{false, 200 * time.Millisecond},
	},
}

// Steps returns the steps of p, which a light repeats. A single step is a steady light. An empty
// list is a light that is off.
func (p Pattern) Steps() []Step {
	if int(p) >= len(steps) {
		return nil
	}
	return steps[p]
}
