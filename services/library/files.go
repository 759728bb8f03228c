package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
	"github.com/livelearn/box/services/slides"
)

// Folders in Config.Folder.
const (
	decksDir    = "decks"    // <deck>/<key>-<width>.<ext>
	incomingDir = "incoming" // <deck>/0001...; .upload-* while it is coming in
)

var (
	deckID    = regexp.MustCompile(`^d_[a-z0-9]{1,32}$`)
	imageFile = regexp.MustCompile(`^([0-9a-f]{32})-([0-9]{1,4})\.(jpg|png)$`)
)

func imageName(p slides.Page, width int) string { return fmt.Sprintf("%s-%d.%s", p.Key, width, p.Ext) }

// Order is what the worker is told to make the pages of a deck; cache is the folder for
// compiled code.
func (l *Library) Order(id, cache string) slides.Spec {
	return slides.Spec{
		In:    filepath.Join(l.cfg.Folder, incomingDir, id),
		Out:   filepath.Join(l.cfg.Folder, decksDir, id),
		Cache: cache,
	}
}

// Image opens the image of a page by its name "<key>-<width>.<ext>". Who knows a key may
// ask for any width and extension: there is one extension for each page, and of the
// widths that it has the next smaller one is given, or else its smallest. errs.Missing:
// there is no such page.
func (l *Library) Image(deck, file string) (*os.File, error) {
	none := errs.Code("library.Image", errs.Missing, "missing", "no such page")
	m := imageFile.FindStringSubmatch(file)
	if !deckID.MatchString(deck) || m == nil {
		return nil, none
	}
	dir := decksDir + "/" + deck + "/"
	f, err := l.root.Open(dir + file)
	if err == nil {
		return f, nil
	}
	want, _ := strconv.Atoi(m[2]) // digits, by the pattern
	name := l.nearest(dir, m[1], want)
	if name == "" {
		return nil, none
	}
	if f, err = l.root.Open(dir + name); err != nil {
		return nil, none
	}
	return f, nil
}

// nearest is the image of a page that fits best, or "".
func (l *Library) nearest(dir, key string, want int) string {
	entries, err := fs.ReadDir(l.root.FS(), strings.TrimSuffix(dir, "/"))
	if err != nil {
		return ""
	}
	best, name := 0, ""
	for _, e := range entries {
		m := imageFile.FindStringSubmatch(e.Name())
		if m == nil || m[1] != key {
			continue
		}
		w, _ := strconv.Atoi(m[2])
		switch {
		case name == "", w <= want && (best > want || w > best), w > want && best > want && w < best:
			best, name = w, e.Name()
		}
	}
	return name
}

// Upload is a deck's files on their way in. It is used by one goroutine, and ends by
// AddDeck or Discard.
type Upload struct {
	l     *Library
	dir   string // in the library's folder; empty when it is used up
	left  int64  // bytes that may still come
	kinds []string
}

// NewUpload makes room for files that come in.
func (l *Library) NewUpload() (*Upload, error) {
	dir := filepath.Join(incomingDir, "."+newID("upload-"))
	if err := l.root.Mkdir(dir, 0o700); err != nil {
		return nil, records.Fault("library.NewUpload", err)
	}
	return &Upload{l: l, dir: dir, left: slides.MaxFile}, nil
}

// Add takes one file in, without holding it in memory. A file that is neither a PDF nor
// a picture is refused by its first bytes (unknown_type), and one that would make it more
// than 64 MB in all when it does (too_large). An error of r is given back as it is.
func (u *Upload) Add(r io.Reader) error {
	const op = "library.Upload"
	if len(u.kinds) == slides.MaxPages {
		return errs.Field(op, "file", "too_many_pages", slides.MaxPages, "more than %d files", slides.MaxPages)
	}
	head := make([]byte, 1024)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	kind := slides.Sniff(head[:n])
	switch {
	case n == 0:
		return errs.Field(op, "file", "empty", 0, "the file is empty")
	case kind == "":
		return errs.Field(op, "file", "unknown_type", 0, "neither a PDF nor a PNG, JPEG, GIF or WebP picture")
	}
	f, err := u.l.root.OpenFile(fmt.Sprintf("%s/%04d", u.dir, len(u.kinds)+1), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return records.Fault(op, err)
	}
	err = u.fill(f, head[:n], r)
	if err == nil {
		err = records.Fault(op, f.Sync())
	}
	if e := f.Close(); err == nil {
		err = records.Fault(op, e)
	}
	u.kinds = append(u.kinds, kind)
	return err
}

func (u *Upload) fill(f *os.File, head []byte, r io.Reader) error {
	if _, err := f.Write(head); err != nil {
		return records.Fault("library.Upload", err)
	}
	u.left -= int64(len(head))
	n, err := copyTo(f, io.LimitReader(r, u.left+1))
	if u.left -= n; err == nil && u.left < 0 {
		err = errs.Field("library.Upload", "file", "too_large", slides.MaxFile, "more than %d MB", slides.MaxFile>>20)
	}
	return err
}

// copyTo tells the reader's errors from the disk's.
func copyTo(f *os.File, r io.Reader) (sum int64, err error) {
	for buf := make([]byte, 64<<10); ; {
		n, err := r.Read(buf)
		if _, werr := f.Write(buf[:n]); werr != nil {
			return sum, records.Fault("library.Upload", werr)
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

// Discard removes an upload that was not taken over.
func (u *Upload) Discard() {
	if u.dir != "" {
		_ = u.l.root.RemoveAll(u.dir) // what stays is swept by the next Open
		u.dir = ""
	}
}

// keep gives an upload the name of its deck.
func (u *Upload) keep(id string) error {
	if err := u.l.sync(u.dir); err != nil {
		return err
	}
	if err := u.l.root.Rename(u.dir, incomingDir+"/"+id); err != nil {
		return err
	}
	u.dir = ""
	return u.l.sync(incomingDir)
}

// sync makes the names in a folder last.
func (l *Library) sync(dir string) error {
	f, err := l.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// tidy removes a deck's upload, and its images but those to keep.
func (l *Library) tidy(id string, keep map[string]bool) {
	_ = l.root.RemoveAll(incomingDir + "/" + id) // what stays is swept by the next Open
	entries, err := fs.ReadDir(l.root.FS(), decksDir+"/"+id)
	if err != nil {
		return // none were made
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			_ = l.root.RemoveAll(decksDir + "/" + id + "/" + e.Name())
		}
	}
}

func (l *Library) removeFiles(id string) {
	for _, dir := range []string{incomingDir, decksDir} {
		if err := l.root.RemoveAll(dir + "/" + id); err != nil {
			l.log.Warn("a deck's files stay until the next start", "id", id, "err", err)
		}
	}
}

// sweep removes files that no deck has: a cut came between them and their record. What a
// damaged record has stays.
func (l *Library) sweep() error {
	const op = "library.Open"
	decks, damaged := map[string]Deck{}, false
	err := l.view(op, func(tx *bbolt.Tx) error {
		for _, d := range all[Deck](l, tx, bucketDecks) {
			decks[d.ID] = d
		}
		damaged = tx.Bucket([]byte(bucketDecks)).Stats().KeyN != len(decks)
		return nil
	})
	if err != nil || damaged {
		return err
	}
	for _, dir := range []string{incomingDir, decksDir} {
		entries, err := fs.ReadDir(l.root.FS(), dir)
		if err != nil {
			return records.Fault(op, err)
		}
		for _, e := range entries {
			if d, known := decks[e.Name()]; known && (dir == decksDir || d.State == Making) {
				continue
			}
			if err := l.root.RemoveAll(dir + "/" + e.Name()); err != nil {
				return records.Fault(op, err)
			}
		}
	}
	return nil
}
