package scenario

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/seal"
)

// openJournal opens the journal of a stopped box, with the key of the box. The caller closes it.
func openJournal(tb testing.TB, dir string) *journal.Journal {
	tb.Helper()
	cfg := journal.Config{
		Path: filepath.Join(dir, datafolder.JournalFile), NoBallast: true, Pace: -1, Sealer: loadSealer(tb, dir, datafolder.JournalFile),
	}
	j, err := journal.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	return j
}

// loadSealer returns what opens the values of a database of a stopped box.
func loadSealer(tb testing.TB, dir, file string) *seal.Sealer {
	tb.Helper()
	found, _, err := datafolder.LoadKey(dir, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return found.Key.For(file)
}

// readValues returns a database of a stopped box with its values opened.
func readValues(tb testing.TB, dir, file string) []byte {
	tb.Helper()
	opts := checkedkv.DBOptions{Sealer: loadSealer(tb, dir, file)}
	db, _, err := checkedkv.OpenDB(filepath.Join(dir, file), opts, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	var opened bytes.Buffer
	if err := errors.Join(checkedkv.BackupDB(db, &opened), db.Close()); err != nil {
		tb.Fatal(err)
	}
	return opened.Bytes()
}
