// Package logging makes the logger of the program and keeps its last lines for the admin page.
// The command line and the media processes call it.
package logging

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/livelearn/box/services/errs"
)

// Config is how much the box says, and in which form.
type Config struct {
	Format string // "text" or "json"; empty: text on a terminal, JSON otherwise
	Level  string // "debug", "info", "warn" or "error"; default "info"
}

// Validate refuses unknown words.
func (l Config) Validate() error {
	if !slices.Contains([]string{"", "text", "json"}, l.Format) {
		return errs.NewField("", "log.format", "unknown", 0, `must be "text" or "json"`)
	}
	var level slog.Level
	if l.Level != "" && level.UnmarshalText([]byte(l.Level)) != nil {
		return errs.NewField("", "log.level", "unknown", 0, `must be "debug", "info", "warn" or "error"`)
	}
	return nil
}

// WithDefaults fills empty fields.
func (l Config) WithDefaults() Config {
	if l.Level == "" {
		l.Level = slog.LevelInfo.String()
	}
	l.Level = strings.ToLower(l.Level)
	return l
}

// MaxLines is how much of the log the admin page can see.
const MaxLines = 500

// Ring holds the last lines of the log, each a JSON object, for the admin page. It is an
// io.Writer and drops the oldest line.
type Ring struct {
	mu     sync.Mutex
	lines  []string // guarded by mu
	oldest int      // guarded by mu
}

// Write keeps what p holds, which is whole lines.
func (r *Ring) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(p) {
		text := string(bytes.TrimRight(line, "\n"))
		if len(r.lines) < MaxLines {
			r.lines = append(r.lines, text)
			continue
		}
		r.lines[r.oldest] = text
		r.oldest = (r.oldest + 1) % MaxLines
	}
	return len(p), nil
}

// Lines are the lines kept, oldest first.
func (r *Ring) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append([]string{}, r.lines[r.oldest:]...), r.lines[:r.oldest]...)
}

// New makes the logger of the program and the ring that it fills as well. Terminal
// means that a person reads out.
func New(cfg Config, out io.Writer, terminal bool) (*slog.Logger, *Ring) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // Validate refuses bad ones; empty is info
	opts := &slog.HandlerOptions{Level: level}
	var shown slog.Handler = slog.NewJSONHandler(out, opts)
	if cfg.Format == "text" || cfg.Format == "" && terminal {
		shown = slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: shortenTime})
	}
	ring := &Ring{}
	return slog.New(slog.NewMultiHandler(shown, slog.NewJSONHandler(ring, opts))), ring
}

// shortenTime leaves the date out of what a person reads.
func shortenTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}
