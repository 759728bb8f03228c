package firmware

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/roster"
)

const (
	journalFile = "journal.db"
	rosterFile  = "roster.db"
	libraryFile = "library.db"
	libraryDir  = "library" // beside it: uploads and page images
)

// databases are those of a box, which may be nil when nothing is to be backed up.
func databases(b *Box) []database {
	return []database{
		{
			name:    journalFile,
			backup:  func(w io.Writer) error { return b.journal.Backup(w) },
			restore: journal.Restore,
			check:   checkJournal,
		},
		{
			name:    rosterFile,
			backup:  func(w io.Writer) error { return journal.BackupDB(b.roster.DB(), w) },
			restore: restoreRoster,
			check:   checkRoster,
		},
		{
			name:    libraryFile,
			backup:  func(w io.Writer) error { return b.library.Backup(w) },
			restore: func(r io.Reader, path string) error { return library.Restore(r, libraryAt(path)) },
			check:   checkLibrary,
			young:   true,
		},
	}
}

// libraryAt is the library whose database is at path, without the secret for its keys.
func libraryAt(path string) library.Config {
	return library.Config{Path: path, Folder: filepath.Join(filepath.Dir(path), libraryDir)}
}

func restoreRoster(r io.Reader, path string) error {
	return journal.RestoreDB(r, path, func(*bbolt.Tx) error { return nil })
}

func checkJournal(path string, log *slog.Logger) error {
	j, err := journal.Open(journal.Config{Path: path, NoBallast: true}, log, nil)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	if f := j.Found(); f.SetAside != "" {
		return fmt.Errorf("%s", f.Reason)
	}
	s, err := j.Scrub(context.Background())
	if err == nil && len(s.Damaged) > 0 {
		err = fmt.Errorf("%d of %d values are damaged, the first: %s", len(s.Damaged), s.Values, s.Damaged[0])
	}
	return err
}

func checkRoster(path string, log *slog.Logger) error {
	r, err := roster.Open(roster.Config{Path: path}, log)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if f := r.Found(); f.SetAside != "" {
		return fmt.Errorf("%s", f.Reason)
	}
	return nil
}

func checkLibrary(path string, log *slog.Logger) error {
	l, err := library.Open(libraryAt(path), log)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	if f := l.Found(); f.SetAside != "" {
		return fmt.Errorf("%s", f.Reason)
	}
	return nil
}

// journal and roster are the packages' Configs with their places in the data folder.
func (c Config) journal() journal.Config {
	c.Journal.Path = filepath.Join(c.Data, journalFile)
	return c.Journal
}

func (c Config) roster() roster.Config {
	c.Roster.Path = filepath.Join(c.Data, rosterFile)
	return c.Roster
}
