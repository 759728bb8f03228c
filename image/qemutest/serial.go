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

// serialTail is how much of the serial line a failed test shows, in bytes.
const serialTail = 6000

// escapes are the ways in which firmware paints a serial terminal.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00\x07\x0f\r]")

// Serial is all that a machine wrote to its serial line, over all its starts.
type Serial struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu, as more is
	more chan struct{}   // closed when something is added
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

func (s *Serial) now() (text string, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.more
}

// String is the text without the terminal's control sequences.
func (s *Serial) String() string {
	text, _ := s.now()
	return escapes.ReplaceAllString(text, "")
}

// Len is a place in the raw text, for WaitFor.
func (s *Serial) Len() int {
	text, _ := s.now()
	return len(text)
}

// Tail is the end of the text, for people who read why a test failed.
func (s *Serial) Tail() string {
	text := s.String()
	return "the end of the serial line:\n" + text[max(0, len(text)-serialTail):]
}

// WaitFor waits until the text after place from (of Len; 0: all) matches, and gives the
// match and its groups. It looks a few times a second: firmware writes by the character.
func (s *Serial) WaitFor(ctx context.Context, from int, pattern *regexp.Regexp) ([]string, error) {
	for {
		text, more := s.now()
		if match := pattern.FindStringSubmatch(escapes.ReplaceAllString(text[from:], "")); match != nil {
			return match, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waited for %q: %w\n%s", pattern, ctx.Err(), s.Tail())
		case <-more:
			time.Sleep(200 * time.Millisecond)
		}
	}
}
