package hal

import "time"

// Step is a part of a pattern.
type Step struct {
	On  bool
	For time.Duration
}

// Each pattern differs from the others in its rhythm alone, so that a light of any colour
// tells them apart, and none blinks faster than three times a second (WCAG 2.2, 2.3.1).
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
}

// Steps are what a light does for p, over and over. One step is a steady light; none is off.
func (p Pattern) Steps() []Step {
	if int(p) >= len(steps) {
		return nil
	}
	return steps[p]
}
