// Package slides makes page images, in sizes fit for phones, of a PDF or of pictures.
//
// It is meant to run in a worker process (`livelearn work slides`): a file from outside
// is taken apart here, which costs memory and may cost the process. PDFium runs as
// WebAssembly in a sandbox without files, network or more than maxSandbox of memory;
// pictures are decoded by Go.
//
//	PDF      -> PDFium draws the page once for each width ─┐
//	picture  -> size check -> decode -> scale -> turn ─────┴-> JPEG or PNG -> <key>-<width>.<ext>
//
// Promises:
//   - A file that cannot be used is errs.Invalid with the code broken_file, encrypted,
//     too_many_pages, too_large, unknown_type or empty; field names the file or page.
//   - No picture is decoded before its size is known to be bearable.
//   - A page image has its name only when it is whole.
//   - A page's key is 128 random bits: who knows it may see the page.
package slides

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Limits of what is made into pages.
const (
	MaxFile  = 64 << 20 // bytes of all files together
	MaxPages = 200      // of a deck, unless the Spec says otherwise
	MaxText  = 2000     // characters of a page's text
	maxSide  = 4        // a page is at most so many times as high as wide when drawn
)

// Spec is the order for one deck.
type Spec struct {
	In       string `json:"in"`                  // a file, or a folder whose files are taken in the order of their names
	Kind     string `json:"kind,omitempty"`      // media type or "pdf", "png", "jpeg", "gif", "webp"; empty: by content
	Out      string `json:"out"`                 // folder of the page images; made when it is not there
	Cache    string `json:"cache,omitempty"`     // folder for compiled code; empty: compile each time
	MaxPages int    `json:"max_pages,omitempty"` // 0: MaxPages
	Widths   []int  `json:"widths,omitempty"`    // of the images, in pixels; empty: 640, 1280, 1920
}

// Page is one page that was made. Its images are <key>-<width>.<ext> in Spec.Out.
type Page struct {
	Key    string `json:"key"`    // 128 random bits in hex
	W      int    `json:"w"`      // size of the largest image in pixels
	H      int    `json:"h"`      //
	Widths []int  `json:"widths"` // of its images, ascending
	Ext    string `json:"ext"`    // "jpg" or "png"
	Text   string `json:"text,omitempty"`
}

const op = "slides.Rasterise"

// maker is one run of Rasterise.
type maker struct {
	Spec
	ctx      context.Context
	progress func(done, total int64)
	sandbox  *sandbox // nil until a PDF needs it
	pages    []Page
	names    []string // of what was written, removed when the deck fails
}

// Rasterise makes the page images of a deck and tells how far it is after each page.
// When it fails it leaves no image behind. It looks at ctx between pages; a page that
// never ends is for the caller's time limit on the process.
func Rasterise(ctx context.Context, spec Spec, progress func(done, total int64)) ([]Page, error) {
	spec.MaxPages = cmp.Or(spec.MaxPages, MaxPages)
	if len(spec.Widths) == 0 {
		spec.Widths = []int{640, 1280, 1920}
	}
	spec.Widths = slices.Sorted(slices.Values(spec.Widths))
	if spec.Widths[0] < 16 || spec.Widths[len(spec.Widths)-1] > 4096 {
		return nil, errs.Field(op, "widths", "out_of_range", 4096, "widths must be 16 to 4096 pixels")
	}
	m := &maker{Spec: spec, ctx: ctx, progress: progress}
	defer m.close()
	if err := os.MkdirAll(spec.Out, 0o700); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	err := m.files()
	if err == nil && len(m.pages) == 0 {
		err = errs.Field(op, "file", "empty", 0, "there is no page in it")
	}
	if err != nil {
		m.undo()
		return nil, err
	}
	return m.pages, nil
}

func (m *maker) close() {
	if m.sandbox != nil {
		m.sandbox.close()
	}
}

// undo removes what was written. What stays is swept by the library, which knows the keys.
func (m *maker) undo() {
	for _, name := range m.names {
		_ = os.Remove(name)
	}
}

// files makes the pages of each file.
func (m *maker) files() error {
	list, err := inputs(m.In)
	if err != nil {
		return err
	}
	if len(list) > m.MaxPages {
		return tooMany("file", m.MaxPages)
	}
	for i, path := range list {
		if err := m.file(path, len(list)-i-1); err != nil {
			return err
		}
	}
	return nil
}

// inputs are the files to take, in order.
func inputs(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, missing(err)
	}
	list := []string{path}
	if info.IsDir() {
		entries, err := os.ReadDir(path) // sorted by name
		if err != nil {
			return nil, missing(err)
		}
		list = list[:0]
		for _, e := range entries {
			if e.Type().IsRegular() {
				list = append(list, filepath.Join(path, e.Name()))
			}
		}
	}
	var sum int64
	for _, name := range list {
		info, err := os.Stat(name)
		if err != nil {
			return nil, missing(err)
		}
		if sum += info.Size(); sum > MaxFile {
			return nil, errs.Field(op, "file", "too_large", MaxFile, "more than %d MB", MaxFile>>20)
		}
	}
	return list, nil
}

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errs.New(op, errs.Missing, err)
	}
	return errs.New(op, errs.Down, err)
}

// file makes the pages of one file; rest files follow it.
func (m *maker) file(path string, rest int) error {
	f, err := os.Open(path)
	if err != nil {
		return missing(err)
	}
	defer func() { _ = f.Close() }()
	kind, err := kindOf(f, m.Kind)
	switch {
	case err != nil:
		return err
	case kind == "pdf":
		return m.pdf(f, rest)
	}
	return m.picture(f, kind, rest)
}

// done notes a page and tells how many of how many there are; rest is still to come.
func (m *maker) done(p Page, rest int) error {
	m.pages = append(m.pages, p)
	if m.progress != nil {
		m.progress(int64(len(m.pages)), int64(len(m.pages)+rest))
	}
	return m.ctx.Err()
}

// NewKey is the key of a page: 128 random bits in hex.
func NewKey() string {
	b := make([]byte, 16)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return hex.EncodeToString(b)
}

func tooMany(field string, limit int) error {
	return errs.Field(op, field, "too_many_pages", int64(limit), "more than %d pages", limit)
}

// broken is the first line of what is wrong: a fault in the sandbox comes with its stack.
func broken(field, format string, args ...any) error {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	return errs.Field(op, field, "broken_file", 0, "%s", text)
}
