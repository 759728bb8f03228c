package deck

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

const maxBody = slides.MaxFile + 1<<20 // bytes of a form with files

// Upload holds the files of a deck during an upload. One goroutine uses it and ends it with
// AddDeck or Discard.
type Upload struct {
	store     *Store
	dir       string // in the store's folder, or empty after the end
	bytesLeft int64  // that may still follow
	files     int    // so far
}

// NewUpload makes a folder for the files of an upload.
func (s *Store) NewUpload() (*Upload, error) {
	dir := filepath.Join(incomingDir, "."+checkedkv.NewID("upload-"))
	if err := s.root.Mkdir(dir, 0o700); err != nil {
		return nil, checkedkv.WrapError("deck.NewUpload", err)
	}
	return &Upload{store: s, dir: dir, bytesLeft: slides.MaxFile}, nil
}

// AddFile copies one file to disk without holding it in memory. It refuses a file that is neither
// a PDF nor a picture by its first bytes (unknown_type), and more than 64 MB in all at the byte
// that exceeds them (too_large). It returns an error of r unchanged.
func (u *Upload) AddFile(r io.Reader) error {
	const op = "deck.Upload"
	if u.files == slides.MaxPages {
		return errs.NewField(op, "file", "too_many_pages", slides.MaxPages, "more than %d files", slides.MaxPages)
	}
	head := make([]byte, slides.HeadLen)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := slides.CheckKind(head[:n]); err != nil {
		return err
	}
	f, err := u.store.root.OpenFile(fmt.Sprintf("%s/%04d", u.dir, u.files+1), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return checkedkv.WrapError(op, err)
	}
	err = u.copyFile(f, head[:n], r)
	if err == nil {
		err = checkedkv.WrapError(op, f.Sync())
	}
	if e := f.Close(); err == nil {
		err = checkedkv.WrapError(op, e)
	}
	u.files++
	return err
}

func (u *Upload) copyFile(f *os.File, head []byte, r io.Reader) error {
	if _, err := f.Write(head); err != nil {
		return checkedkv.WrapError("deck.Upload", err)
	}
	u.bytesLeft -= int64(len(head))
	n, err := copyTo(f, io.LimitReader(r, u.bytesLeft+1))
	if u.bytesLeft -= n; err == nil && u.bytesLeft < 0 {
		err = errTooLarge()
	}
	return err
}

// copyTo wraps errors of the disk, and returns errors of r unchanged.
func copyTo(f *os.File, r io.Reader) (sum int64, err error) {
	for buf := make([]byte, 64<<10); ; {
		n, err := r.Read(buf)
		if _, werr := f.Write(buf[:n]); werr != nil {
			return sum, checkedkv.WrapError("deck.Upload", werr)
		}
		sum += int64(n)
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

// Discard removes an upload that did not become a deck.
func (u *Upload) Discard() {
	if u.dir != "" {
		_ = u.store.root.RemoveAll(u.dir) // the next start sweeps the rest
		u.dir = ""
	}
}

// moveToDeck renames the upload's folder to the id of its deck.
func (u *Upload) moveToDeck(id string) error {
	if err := u.store.syncDir(u.dir); err != nil {
		return err
	}
	if err := u.store.root.Rename(u.dir, incomingDir+"/"+id); err != nil {
		return err
	}
	u.dir = ""
	return u.store.syncDir(incomingDir)
}

// addBody stores the body of a request, or the files of its form.
func (u *Upload) addBody(r *http.Request) error {
	err := errTooLarge()
	if r.ContentLength <= maxBody {
		err = u.addFiles(r)
	}
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return errTooLarge()
	}
	if _, ours := errors.AsType[*errs.Error](err); err != nil && !ours {
		return errs.NewCode("deck.Receive", errs.Invalid, "broken_off", "the upload broke off")
	}
	return err
}

func (u *Upload) addFiles(r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return u.AddFile(r.Body)
	}
	form := multipart.NewReader(http.MaxBytesReader(nil, r.Body, maxBody), params["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if part.FileName() == "" {
			continue // a field of the form
		}
		if err := u.AddFile(part); err != nil {
			return err
		}
	}
}

func errTooLarge() error {
	return errs.NewField("deck.Upload", "file", "too_large", slides.MaxFile, "more than %d MB", slides.MaxFile>>20)
}
