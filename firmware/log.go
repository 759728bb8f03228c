package firmware

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
)

// keptLines is how much of the log the admin page can see.
const keptLines = 500

// Ring holds the last lines of the log, each a JSON object, for the admin page. It is an
// io.Writer and drops the oldest line.
type Ring struct {
	mu    sync.Mutex
	lines []string // guarded by mu
	next  int      // guarded by mu
}

// Write keeps what p holds, which is whole lines.
func (r *Ring) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(p) {
		text := string(bytes.TrimRight(line, "\n"))
		if len(r.lines) < keptLines {
			r.lines = append(r.lines, text)
			continue
		}
		r.lines[r.next] = text
		r.next = (r.next + 1) % keptLines
	}
	return len(p), nil
}

// Lines are the lines kept, oldest first.
func (r *Ring) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append([]string{}, r.lines[r.next:]...), r.lines[:r.next]...)
}

// NewLog makes the logger of the program and the ring that it fills as well. Terminal
// tells that a person reads out.
func NewLog(cfg Log, out io.Writer, terminal bool) (*slog.Logger, *Ring) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // Validate refuses bad ones; empty is info
	opts := &slog.HandlerOptions{Level: level}
	var shown slog.Handler = slog.NewJSONHandler(out, opts)
	if cfg.Format == "text" || cfg.Format == "" && terminal {
		shown = slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: shortTime})
	}
	ring := &Ring{}
	return slog.New(slog.NewMultiHandler(shown, slog.NewJSONHandler(ring, opts))), ring
}

// shortTime leaves the date out of what a person reads.
func shortTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}
