package deck

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"syscall"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// PicturesDir holds the pictures of questions, next to the decks. They share the archive of a backup.
const PicturesDir = "images"

var pictureFile = regexp.MustCompile(`^[0-9a-f]{32}\.(jpg|png)$`)

// archivedPath is the place in the library's folder of an image in the archive. No deck is called as
// PicturesDir is.
func archivedPath(name string) string {
	if strings.HasPrefix(name, PicturesDir+"/") {
		return name
	}
	return decksDir + "/" + name
}

// BackupImages writes the page images and the pictures of questions as a tar archive, and then the
// SHA-256 of the archive. A deck that is deleted meanwhile may be missing.
func (s *Store) BackupImages(w io.Writer) error {
	decks, err := s.Decks()
	if err != nil {
		return err
	}
	sum := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(w, sum))
	for _, d := range decks {
		for _, p := range d.Pages {
			for _, width := range p.Widths {
				if err := s.addImage(archive, d.ID+"/"+imageName(p, width)); err != nil {
					return checkedkv.WrapError("deck.BackupImages", err)
				}
			}
		}
	}
	pictures, err := fs.ReadDir(s.root.FS(), PicturesDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return checkedkv.WrapError("deck.BackupImages", err)
	}
	for _, e := range pictures {
		if !pictureFile.MatchString(e.Name()) {
			continue
		}
		if err := s.addImage(archive, PicturesDir+"/"+e.Name()); err != nil {
			return checkedkv.WrapError("deck.BackupImages", err)
		}
	}
	err = archive.Close()
	if err == nil {
		_, err = w.Write(sum.Sum(nil))
	}
	return checkedkv.WrapError("deck.BackupImages", err)
}

// addImage adds an image to the archive, unless it was deleted since.
func (s *Store) addImage(archive *tar.Writer, name string) error {
	f, err := s.root.Open(archivedPath(name))
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

// RestoreImages creates the page images from a backup in a folder that has none. It reads r up to the
// end of the backup. errs.Invalid: the data is not a backup, or not a complete one.
func RestoreImages(r io.Reader, folder string) error {
	const op = "deck.RestoreImages"
	if err := os.MkdirAll(folder+"/"+decksDir, 0o700); err != nil {
		return checkedkv.WrapError(op, err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return checkedkv.WrapError(op, err)
	}
	defer func() { _ = root.Close() }()
	sum := sha256.New()
	if err := unpackImages(root, tar.NewReader(io.TeeReader(r, sum))); err != nil {
		return err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, want); err != nil {
		return errTruncated()
	} else if !bytes.Equal(want, sum.Sum(nil)) {
		return errAltered("the checksum of the page images is wrong")
	}
	syscall.Sync() // once: an fsync for each of thousands of files takes minutes on a card
	return nil
}

func unpackImages(root *os.Root, archive *tar.Reader) error {
	const op = "deck.RestoreImages"
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errTruncated()
		}
		if err != nil {
			return errAltered("the page images: %v", err)
		}
		deck, file, _ := strings.Cut(h.Name, "/")
		ofDeck := deckID.MatchString(deck) && imageFile.MatchString(file)
		ofQuiz := deck == PicturesDir && pictureFile.MatchString(file)
		if h.Typeflag != tar.TypeReg || !ofDeck && !ofQuiz {
			return errAltered("it holds %q, which no box writes", h.Name)
		}
		name := archivedPath(h.Name)
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return checkedkv.WrapError(op, err)
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return checkedkv.WrapError(op, err)
		}
		n, err := io.Copy(f, archive)
		if e := f.Close(); err == nil {
			err = e
		}
		switch {
		case n != h.Size:
			return errTruncated()
		case err != nil:
			return checkedkv.WrapError(op, err)
		}
	}
}

func errTruncated() error {
	return errs.NewCode("deck.RestoreImages", errs.Invalid, "truncated", "the backup is not whole: the page images are cut off")
}

func errAltered(format string, args ...any) error {
	return errs.NewCode("deck.RestoreImages", errs.Invalid, "altered", "the backup was altered: "+format, args...)
}
