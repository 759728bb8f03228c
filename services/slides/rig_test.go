package slides

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) {
	cache, err := os.MkdirTemp("", "slides-cache-*") // one compilation for all tests
	if err != nil {
		panic(err)
	}
	testCache = cache
	if err := compileCache(cache); err != nil {
		fmt.Fprintln(os.Stderr, "the code is compiled by the first test:", err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(cache)
		os.Exit(code)
	}))
}

var testCache string

// compileCache compiles PDFium and the decoders in a program without the race detector, because that takes minutes
// with it.
func compileCache(cache string) error {
	dir, err := os.MkdirTemp("", "slides-compile-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	in := filepath.Join(dir, "in")
	if err := errors.Join(os.Mkdir(in, 0o700), os.WriteFile(filepath.Join(in, "0000"), pdfOf(960, 540, "One"), 0o600)); err != nil {
		return err
	}
	for _, name := range []string{"corners.heic", "corners.avif", "pictures/svg-corners.svg"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err := errors.Join(err, os.WriteFile(filepath.Join(in, filepath.Base(name)), data, 0o600)); err != nil {
			return err
		}
	}
	// The cache depends on wazero's version, which test programs do not have in their build info.
	const version = "-ldflags=-X=github.com/tetratelabs/wazero/internal/version.version=dev"
	out, err := exec.Command("go", "run", version, "./testdata/compile", in, filepath.Join(dir, "out"), cache).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// writePDF writes a PDF by hand: objects, their places, the trailer.
func writePDF(extra string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	places := make([]int, len(objects))
	for i, o := range objects {
		places[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, extra, start)
	return b.Bytes()
}

// pdfOf is a PDF with one page for each text, of the given size in points.
func pdfOf(w, h float64, texts ...string) []byte {
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"}
	var kids []string
	for _, text := range texts {
		content := fmt.Sprintf("0.9 0.2 0.1 rg 40 40 200 100 re f 0 g BT /F1 36 Tf 60 300 Td (%s) Tj ET", text)
		n := len(objects) + 1
		objects = append(objects,
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", w, h, n+1),
			fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
		kids = append(kids, fmt.Sprintf("%d 0 R", n))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(kids), strings.Join(kids, " "))
	return writePDF("", objects...)
}

// putFiles writes the files and gives the Spec for them.
func putFiles(t testing.TB, files ...[]byte) Spec {
	t.Helper()
	dir := t.TempDir()
	s := Spec{In: filepath.Join(dir, "in"), Out: filepath.Join(dir, "out"), Cache: testCache}
	checkError(t, os.Mkdir(s.In, 0o700))
	for i, data := range files {
		checkError(t, os.WriteFile(filepath.Join(s.In, fmt.Sprintf("%04d", i)), data, 0o600))
	}
	return s
}

func mustRasterise(t testing.TB, s Spec) []Page {
	t.Helper()
	pages, err := Rasterise(t.Context(), s, nil)
	checkError(t, err)
	return pages
}

// refusedWith returns the code of the refusal. The folder must be empty after it.
func refusedWith(t testing.TB, s Spec) *errs.Error {
	t.Helper()
	pages, err := Rasterise(t.Context(), s, nil)
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Kind != errs.Invalid {
		t.Fatalf("got %v, %v, want a refusal", pages, err)
	}
	left, err := os.ReadDir(s.Out)
	checkError(t, err)
	if len(left) > 0 {
		t.Errorf("a refused deck left %d files", len(left))
	}
	return e
}

// loadImage reads the image of a page.
func loadImage(t testing.TB, s Spec, p Page, width int) image.Image {
	t.Helper()
	f, err := os.Open(filepath.Join(s.Out, fmt.Sprintf("%s-%d.%s", p.Key, width, p.Ext)))
	checkError(t, err)
	defer func() { _ = f.Close() }()
	img, _, err := image.Decode(f)
	checkError(t, err)
	return img
}

// cornersPicture is a picture with a red, a green, a blue and a white quarter.
func cornersPicture(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	quarters := [2][2]color.RGBA{
		{{255, 0, 0, 255}, {0, 255, 0, 255}},
		{{0, 0, 255, 255}, {255, 255, 255, 255}},
	}
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, quarters[y*2/h][x*2/w])
		}
	}
	return img
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	checkError(t, png.Encode(&b, img))
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	checkError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

func checkError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
