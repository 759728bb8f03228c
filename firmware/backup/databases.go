package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/seal"
)

// Databases are the open databases of a box.
type Databases struct {
	Journal *journal.Journal
	Roster  *roster.Roster
	Library *library.Library
}

// listDatabases are those of a box. The fields may be nil when nothing is to be backed up.
func listDatabases(s Databases) []database {
	return []database{
		{
			name:    datafolder.JournalFile,
			backup:  func(w io.Writer) error { return s.Journal.Backup(w) },
			restore: journal.Restore,
		},
		{
			name:    datafolder.RosterFile,
			backup:  func(w io.Writer) error { return checkedkv.BackupDB(s.Roster.DB(), w) },
			restore: restoreRoster,
		},
		{
			name:     datafolder.LibraryFile,
			backup:   func(w io.Writer) error { return s.Library.Backup(w) },
			restore:  func(r io.Reader, path string) error { return library.Restore(r, LibraryConfig(path)) },
			optional: true,
		},
	}
}

// LibraryConfig is the library whose database is at path, without the secret for its keys.
func LibraryConfig(path string) library.Config {
	return library.Config{Path: path, Folder: filepath.Join(filepath.Dir(path), datafolder.LibraryDir)}
}

// restoreRoster opens the roster once, which writes the copy of its owner: the one in the
// folder is of the box before.
func restoreRoster(r io.Reader, path string) error {
	if err := checkedkv.RestoreDB(r, path, func(*checkedkv.Tx) error { return nil }); err != nil {
		return err
	}
	people, err := roster.Open(roster.Config{Path: path}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if f := people.OpenResult(); f.SetAside != "" {
		err = errs.NewCode("restore", errs.Invalid, "altered", "the backup's roster is of no use: %s", f.Reason)
	}
	return errors.Join(err, people.Close())
}

// Check opens a copy of a database and reads it. The copy may change.
type Check struct {
	File string // in the data folder
	Run  func(path string, key *seal.Key, log *slog.Logger) error
}

// Checks are the checks of all databases of a box, in the order of a backup.
func Checks() []Check {
	return []Check{
		{datafolder.JournalFile, checkJournal},
		{datafolder.RosterFile, checkRoster},
		{datafolder.LibraryFile, checkLibrary},
		{datafolder.CloudFile, checkCloud},
	}
}

func checkJournal(path string, key *seal.Key, log *slog.Logger) error {
	j, err := journal.Open(journal.Config{Path: path, NoBallast: true, Sealer: key.For(datafolder.JournalFile)}, log, nil)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	if f := j.OpenResult(); f.SetAside != "" {
		return fmt.Errorf("%s", f.Reason)
	}
	s, err := j.Scrub(context.Background())
	if err == nil && len(s.Damaged) > 0 {
		err = fmt.Errorf("%d of %d values are damaged, the first: %s", len(s.Damaged), s.Values, s.Damaged[0])
	}
	return err
}

func checkRoster(path string, key *seal.Key, log *slog.Logger) error {
	r, err := roster.Open(roster.Config{Path: path, Sealer: key.For(datafolder.RosterFile)}, log)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if f := r.OpenResult(); f.SetAside != "" {
		return fmt.Errorf("%s", f.Reason)
	}
	locked, err := r.Locked()
	if locked {
		err = errs.NewCode("roster", errs.Stale, "owner_lost", "the box has an owner and no admin can sign in")
	}
	return err
}

func checkCloud(path string, _ *seal.Key, log *slog.Logger) error {
	db, found, err := checkedkv.OpenDB(path, checkedkv.DBOptions{InitialMmap: 4 << 20}, log)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil || found.SetAside == "" {
		return err
	}
	return fmt.Errorf("%s", found.Reason)
}

func checkLibrary(path string, key *seal.Key, log *slog.Logger) error {
	cfg := LibraryConfig(path)
	cfg.Sealer = key.For(datafolder.LibraryFile)
	l, err := library.Open(cfg, log)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	if f := l.OpenResult(); f.SetAside != "" {
		return fmt.Errorf("%s", f.Reason)
	}
	return nil
}
