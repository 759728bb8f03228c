package cloud

import "time"

// Quick is a Config whose pauses are short.
func (c Config) Quick() Config {
	c.pause = 20 * time.Millisecond
	return c
}
