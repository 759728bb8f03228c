package cloud

import "time"

// Quick returns a Config with short pauses.
func (c Config) Quick() Config {
	c.pause = 20 * time.Millisecond
	return c
}
