package slides

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	pdfium "github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/livelearn/box/services/errs"
)

// maxSandbox bounds the memory of PDFium, in bytes.
const maxSandbox = 384 << 20

// sandbox is a compiled and running PDFium.
type sandbox struct {
	pool  pdfium.Pool
	cache wazero.CompilationCache
	pdfium.Pdfium
}

// newSandbox compiles PDFium. That takes seconds and hundreds of megabytes the first time, and
// nearly nothing with a cache. The sandbox sees no files but the fonts: pages come from a reader.
func newSandbox(ctx context.Context, cache string) (*sandbox, error) {
	conf := wazero.NewRuntimeConfig().WithMemoryLimitPages(maxSandbox >> 16).
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	s := &sandbox{}
	if cache != "" {
		if err := os.MkdirAll(cache, 0o700); err != nil {
			return nil, errs.New(op, errs.Down, err)
		}
		var err error
		if s.cache, err = wazero.NewCompilationCacheWithDir(cache); err != nil {
			return nil, errs.New(op, errs.Down, err)
		}
		conf = conf.WithCompilationCache(s.cache)
	}
	var err error
	s.pool, err = webassembly.Init(webassembly.Config{
		Context: experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(reserveMemory)), MaxIdle: 1, MaxTotal: 1, RuntimeConfig: conf,
		FSConfig: wazero.NewFSConfig().WithFSMount(fontFiles(), "/"), Stdout: io.Discard, Stderr: io.Discard,
	})
	if err == nil {
		s.Pdfium, err = s.pool.GetInstance(time.Minute)
	}
	if err != nil {
		s.close()
		return nil, errs.New(op, errs.Internal, fmt.Errorf("pdfium: %w", err))
	}
	return s, nil
}

func (s *sandbox) close() {
	if s.Pdfium != nil {
		_ = s.Pdfium.Close() // the process ends soon, and with it all of this
	}
	if s.pool != nil {
		_ = s.pool.Close()
	}
	if s.cache != nil {
		_ = s.cache.Close(context.Background())
	}
}

// makePDFPages makes the pages of a PDF.
func (m *deckMaker) makePDFPages(f *os.File, rest int) error {
	if m.sandbox == nil {
		s, err := newSandbox(m.ctx, m.Cache)
		if err != nil {
			return err
		}
		m.sandbox = s
	}
	info, err := f.Stat()
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	doc, err := m.sandbox.OpenDocument(&requests.OpenDocument{FileReader: f, FileReaderSize: info.Size()})
	if err != nil {
		return openError(err)
	}
	defer func() {
		_, _ = m.sandbox.FPDF_CloseDocument(&requests.FPDF_CloseDocument{Document: doc.Document})
	}()
	count, err := m.sandbox.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return errBrokenFile("file", "the PDF cannot be read: %v", err)
	}
	if len(m.pages)+count.PageCount+rest > m.MaxPages {
		return errTooMany("file", m.MaxPages)
	}
	for i := range count.PageCount {
		p, err := m.drawPDFPage(doc.Document, i)
		if err != nil {
			return err
		}
		if err := m.addPage(p, count.PageCount-i-1+rest); err != nil {
			return err
		}
	}
	return nil
}

// openError explains why a PDF does not open.
func openError(err error) error {
	if errors.Is(err, pdferrors.ErrPassword) || errors.Is(err, pdferrors.ErrSecurity) {
		return errs.NewField(op, "file", "encrypted", 0, "the PDF has a password; save it without one")
	}
	return errBrokenFile("file", "the PDF is damaged: %v", err)
}

// drawPDFPage draws a page at each width.
func (m *deckMaker) drawPDFPage(doc references.FPDF_DOCUMENT, index int) (Page, error) {
	field := fmt.Sprintf("pages[%d]", index)
	page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: index}}
	size, err := m.sandbox.GetPageSize(&requests.GetPageSize{Page: page})
	if err != nil {
		return Page{}, errBrokenFile(field, "page %d is damaged: %v", index+1, err)
	}
	if !(size.Width > 0 && size.Height > 0) {
		return Page{}, errBrokenFile(field, "page %d has no size", index+1)
	}
	p := Page{Key: NewKey()}
	for _, width := range m.Widths {
		r, err := m.sandbox.RenderPageInPixels(&requests.RenderPageInPixels{
			Page: page, Width: width, Height: maxSide * width, Document: &doc,
			RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT, RenderForm: true,
		})
		if err != nil {
			return Page{}, errBrokenFile(field, "page %d cannot be drawn: %v", index+1, err)
		}
		if len(p.Widths) == 0 || r.Result.Width > p.W { // a strip may reach its height first
			img, _ := r.Result.RenderedImage.(*image.RGBA)
			err = m.saveImage(&p, fillWhite(img))
		}
		r.Cleanup()
		if err != nil {
			return Page{}, err
		}
	}
	// A page with unreadable text is still a page.
	if text, err := m.sandbox.GetPageText(&requests.GetPageText{Page: page}); err == nil {
		p.Text, p.Undrawn = squeezeText(text.Text), m.sandbox.findUndrawn(page, text.Text)
	}
	return p, nil
}

// squeezeText puts a page's text on one line: no control characters, single spaces, at most
// MaxText characters.
func squeezeText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == unicode.ReplacementChar:
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	runes := []rune(strings.Join(strings.Fields(text), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), MaxText)]))
}
