//go:build qemu

package qemutest

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// serialTail is the length of the serial text that a failed test shows, in bytes.
const serialTail = 6000

// escapes matches the control sequences of firmware on a serial terminal.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00\x07\x0f\r]")

// Serial collects the serial text of a machine over all its starts.
type Serial struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu, grows
	more chan struct{}   // closed when text arrives
}

func newSerial() *Serial { return &Serial{more: make(chan struct{})} }

// Write implements io.Writer for the emulator's output.
func (s *Serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	close(s.more)
	s.more = make(chan struct{})
	return len(p), nil
}

func (s *Serial) snapshot() (text string, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.more
}

// String returns the text without the control sequences.
func (s *Serial) String() string {
	text, _ := s.snapshot()
	return escapes.ReplaceAllString(text, "")
}

// Len returns the length of the raw text, for WaitFor.
func (s *Serial) Len() int {
	text, _ := s.snapshot()
	return len(text)
}

// Tail returns the end of the text, which helps people to read a failed test.
func (s *Serial) Tail() string {
	text := s.String()
	return "the end of the serial line:\n" + text[max(0, len(text)-serialTail):]
}

// WaitFor waits until the text after index from (a result of Len, or 0 for all) matches, and
// returns the match and its groups. It checks a few times a second, because firmware writes single
// characters.
func (s *Serial) WaitFor(ctx context.Context, from int, pattern *regexp.Regexp) ([]string, error) {
	for {
		text, more := s.snapshot()
		if match := pattern.FindStringSubmatch(escapes.ReplaceAllString(text[from:], "")); match != nil {
			return match, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waited for %q: %w\n%s", pattern, ctx.Err(), s.Tail())
		case <-more:
			time.Sleep(200 * time.Millisecond) // an emulated machine works
		}
	}
}
