package library

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/records"
)

// A backup of the library is the database in journal's format, then the page images as a
// tar archive, then the SHA-256 of the archive.

// Backup writes the library while it serves. A deck that is deleted meanwhile may be in
// it without its images.
func (l *Library) Backup(w io.Writer) error {
	if err := journal.BackupDB(l.db, w); err != nil {
		return err
	}
	decks, err := l.Decks()
	if err != nil {
		return err
	}
	sum := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(w, sum))
	for _, d := range decks {
		for _, p := range d.Pages {
			for _, width := range p.Widths {
				if err := l.pack(archive, d.ID+"/"+imageName(p, width)); err != nil {
					return records.Fault("library.Backup", err)
				}
			}
		}
	}
	err = archive.Close()
	if err == nil {
		_, err = w.Write(sum.Sum(nil))
	}
	return records.Fault("library.Backup", err)
}

// pack adds an image, unless it was deleted since.
func (l *Library) pack(archive *tar.Writer, name string) error {
	f, err := l.root.Open(decksDir + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o600}); err != nil {
		return err
	}
	_, err = io.CopyN(archive, f, info.Size())
	return err
}

// Restore makes the files of a library from a backup; neither may be there. It reads as
// far as the backup goes. errs.Invalid: this is no backup, or not a whole one.
func Restore(r io.Reader, c Config) error {
	const op = "library.Restore"
	if err := journal.RestoreDB(r, c.Path, usable); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Folder+"/"+decksDir, 0o700); err != nil {
		return records.Fault(op, err)
	}
	root, err := os.OpenRoot(c.Folder + "/" + decksDir)
	if err != nil {
		return records.Fault(op, err)
	}
	defer func() { _ = root.Close() }()
	sum := sha256.New()
	if err := unpack(root, tar.NewReader(io.TeeReader(r, sum))); err != nil {
		return err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, want); err != nil {
		return cut()
	} else if !bytes.Equal(want, sum.Sum(nil)) {
		return altered("the checksum of the page images is wrong")
	}
	syscall.Sync() // once: thousands of files, each with its own, take minutes on a card
	return nil
}

func unpack(root *os.Root, archive *tar.Reader) error {
	const op = "library.Restore"
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return cut()
		}
		if err != nil {
			return altered("the page images: %v", err)
		}
		deck, file, _ := strings.Cut(h.Name, "/")
		if h.Typeflag != tar.TypeReg || !deckID.MatchString(deck) || !imageFile.MatchString(file) {
			return altered("it holds %q, which no box writes", h.Name)
		}
		if err := root.MkdirAll(deck, 0o700); err != nil {
			return records.Fault(op, err)
		}
		f, err := root.OpenFile(h.Name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return records.Fault(op, err)
		}
		n, err := io.Copy(f, archive)
		if e := f.Close(); err == nil {
			err = e
		}
		switch {
		case n != h.Size:
			return cut()
		case err != nil:
			return records.Fault(op, err)
		}
	}
}

func cut() error {
	return errs.Code("library.Restore", errs.Invalid, "truncated", "the backup is not whole: the page images are cut off")
}

func altered(format string, args ...any) error {
	return errs.Code("library.Restore", errs.Invalid, "altered", "the backup was altered: "+format, args...)
}
