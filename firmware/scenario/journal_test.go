package scenario

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/journal"
)

// openJournal opens the journal of a stopped box, with the key of the box. The caller closes it.
func openJournal(tb testing.TB, dir string) *journal.Journal {
	tb.Helper()
	found, _, err := datafolder.LoadKey(dir, nil)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := journal.Config{
		Path: filepath.Join(dir, datafolder.JournalFile), NoBallast: true, Pace: -1, Sealer: found.Key.For(datafolder.JournalFile),
	}
	j, err := journal.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	return j
}
