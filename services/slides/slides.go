// Package slides makes page images, in sizes for phones, of a PDF or of pictures.
//
// It runs in a worker process (`livelearn task slides`): parsing a file from outside costs
// memory and may crash the process. PDFium runs as WebAssembly in a sandbox without files,
// without network and with at most maxSandbox of memory, and so do the decoders of HEIC and AVIF. Go
// decodes the other pictures.
//
//	PDF      -> PDFium draws the page once for each width ─┐
//	picture  -> size check -> decode -> scale -> turn ─────┴-> JPEG or PNG -> <key>-<width>.<ext>
//
// Promises:
//   - An unusable file is errs.Invalid with the code broken_file, encrypted, too_many_pages,
//     too_large, unknown_type or empty. The field names the file or the page.
//   - A picture is decoded only if its size is within the limits.
//   - A page image gets its name only when it is complete.
//   - A page's key is 128 random bits: a client that knows it may see the page.
package slides

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Limits of the input.
const (
	MaxFile  = 64 << 20 // bytes of all files together
	MaxPages = 300      // of a deck, unless the Spec has another limit
	MaxText  = 2000     // characters of a page's text
	maxSide  = 4        // a drawn page is at most so many times as high as wide
)

// Spec is the order for one deck.
type Spec struct {
	In       string `json:"in"`                  // a file, or a folder whose files are taken in the order of their names
	Out      string `json:"out"`                 // folder of the page images, created if it does not exist
	Cache    string `json:"cache,omitempty"`     // folder for compiled code, or empty: compile each time
	MaxPages int    `json:"max_pages,omitempty"` // 0: MaxPages
	Widths   []int  `json:"widths,omitempty"`    // of the images, in pixels (empty: 640, 1280, 1920)
}

// Page is one finished page. Its images are <key>-<width>.<ext> in Spec.Out.
type Page struct {
	Key    string `json:"key"`    // 128 random bits in hex
	W      int    `json:"w"`      // size of the largest image in pixels
	H      int    `json:"h"`      //
	Widths []int  `json:"widths"` // of its images, ascending
	Ext    string `json:"ext"`    // "jpg" or "png"
	Text   string `json:"text,omitempty"`
	// Undrawn are letters of the page that are not on its images, because neither the file nor the box
	// has them in a font: the first ones, at most 12.
	Undrawn string `json:"undrawn,omitempty"`
}

const op = "slides.Rasterise"

// deckMaker is one run of Rasterise.
type deckMaker struct {
	Spec
	ctx      context.Context
	progress func(done, total int64)
	sandbox  *sandbox // nil until a PDF needs it
	pages    []Page
	written  []string // the written files, removed when the deck fails
}

// Rasterise makes the page images of a deck and reports progress after each page. If it fails, it
// leaves no image behind. It checks ctx between pages. The caller's time limit on the process
// stops a page that never ends.
func Rasterise(ctx context.Context, spec Spec, progress func(done, total int64)) ([]Page, error) {
	spec.MaxPages = cmp.Or(spec.MaxPages, MaxPages)
	if len(spec.Widths) == 0 {
		spec.Widths = []int{640, 1280, 1920}
	}
	spec.Widths = slices.Sorted(slices.Values(spec.Widths))
	if spec.Widths[0] < 16 || spec.Widths[len(spec.Widths)-1] > 4096 {
		return nil, errs.NewField(op, "widths", "out_of_range", 4096, "widths must be 16 to 4096 pixels")
	}
	m := &deckMaker{Spec: spec, ctx: ctx, progress: progress}
	defer m.close()
	if err := os.MkdirAll(spec.Out, 0o700); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	err := m.makeAll()
	if err == nil && len(m.pages) == 0 {
		err = errs.NewField(op, "file", "empty", 0, "there is no page in it")
	}
	if err != nil {
		m.removeWritten()
		return nil, err
	}
	return m.pages, nil
}

// RunTask is the task of a worker process: spec is a Spec, and the answer is a list of Pages.
func RunTask(ctx context.Context, spec json.RawMessage, _ io.Reader, progress func(phase string, done, total int64)) (any, error) {
	var s Spec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("task slides", errs.Invalid, err)
	}
	debug.SetGCPercent(25) // pictures are large: less garbage is worth some processor time
	progress("opening", 0, 0)
	return Rasterise(ctx, s, func(done, total int64) { progress("pages", done, total) })
}

func (m *deckMaker) close() {
	if m.sandbox != nil {
		m.sandbox.close()
	}
}

// removeWritten removes the written images. Package deck, which knows the keys, sweeps the rest.
func (m *deckMaker) removeWritten() {
	for _, name := range m.written {
		_ = os.Remove(name)
	}
}

// makeAll makes the pages of each file.
func (m *deckMaker) makeAll() error {
	list, err := listInputs(m.In)
	if err != nil {
		return err
	}
	if len(list) > m.MaxPages {
		return errTooMany("file", m.MaxPages)
	}
	for i, path := range list {
		if err := m.makeFile(path, len(list)-i-1); err != nil {
			return err
		}
	}
	return nil
}

// listInputs returns the input files, in order.
func listInputs(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, readError(err)
	}
	list := []string{path}
	if info.IsDir() {
		entries, err := os.ReadDir(path) // sorted by name
		if err != nil {
			return nil, readError(err)
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
			return nil, readError(err)
		}
		if sum += info.Size(); sum > MaxFile {
			return nil, errs.NewField(op, "file", "too_large", MaxFile, "more than %d MB", MaxFile>>20)
		}
	}
	return list, nil
}

func readError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errs.New(op, errs.Missing, err)
	}
	return errs.New(op, errs.Down, err)
}

// makeFile makes the pages of one file. rest files follow it.
func (m *deckMaker) makeFile(path string, rest int) error {
	f, err := os.Open(path)
	if err != nil {
		return readError(err)
	}
	defer func() { _ = f.Close() }()
	kind, err := kindOf(f)
	switch {
	case err != nil:
		return err
	case kind == "pdf":
		return m.makePDFPages(f, rest)
	}
	return m.makePicturePage(f, kind, rest)
}

// addPage adds a page and reports progress. rest files are still to come.
func (m *deckMaker) addPage(p Page, rest int) error {
	m.pages = append(m.pages, p)
	if m.progress != nil {
		m.progress(int64(len(m.pages)), int64(len(m.pages)+rest))
	}
	return m.ctx.Err()
}

// NewKey returns the key of a page: 128 random bits in hex.
func NewKey() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func errTooMany(field string, limit int) error {
	return errs.NewField(op, field, "too_many_pages", int64(limit), "more than %d pages", limit)
}

// errBrokenFile has only the first line of err: a fault in the sandbox comes with its stack.
func errBrokenFile(field, format string, args ...any) error {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	return errs.NewField(op, field, "broken_file", 0, "%s", text)
}
