package slides

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPDFBecomesPagesInThreeSizesWithTheirText(t *testing.T) {
	s := putFiles(t, pdfOf(960, 540, "The Sun", "The planets"))
	var seen []string
	pages, err := Rasterise(t.Context(), s, func(done, total int64) { seen = append(seen, fmt.Sprint(done, "/", total)) })
	checkError(t, err)
	if want := []string{"1/2", "2/2"}; !cmp.Equal(seen, want) {
		t.Errorf("progress was %v, want %v", seen, want)
	}
	for i, want := range []string{"The Sun", "The planets"} {
		p := pages[i]
		if p.Text != want || len(p.Key) != 32 || p.W != 1920 || p.H != 1080 || !cmp.Equal(p.Widths, []int{640, 1280, 1920}) {
			t.Errorf("page %d is %+v", i, p)
		}
		for _, w := range p.Widths {
			img := loadImage(t, s, p, w)
			if got := img.Bounds().Size(); got.X != w || got.Y != w*540/960 {
				t.Errorf("image for %d is %v", w, got)
			}
			r, g, b, _ := img.At(w*140/960, w*450/960).RGBA() // inside the limits
			if r>>8 < 200 || g>>8 > 80 || b>>8 > 60 {
				t.Errorf("the box is %d %d %d", r>>8, g>>8, b>>8)
			}
			if r, _, _, _ := img.At(w-5, 5).RGBA(); r>>8 != 255 {
				t.Error("the paper is not white")
			}
		}
		if p.Ext != "png" {
			t.Errorf("a drawn page is %s", p.Ext)
		}
	}
	if pages[0].Key == pages[1].Key {
		t.Error("two pages have one key")
	}
}

func TestTransparentPageIsOnWhitePaper(t *testing.T) {
	content := "/G gs 0 0 1 rg 0 0 100 100 re f"
	s := putFiles(t, writePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Group << /S /Transparency >> /Resources << /ExtGState << /G << /ca 0.5 >> >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)))
	p := mustRasterise(t, s)[0]
	img := loadImage(t, s, p, 640)
	if r, g, b, _ := img.At(600, 20).RGBA(); r>>8 != 255 || g>>8 != 255 || b>>8 != 255 {
		t.Errorf("the paper is %d %d %d", r>>8, g>>8, b>>8)
	}
	if r, _, b, _ := img.At(20, 470).RGBA(); r>>8 < 120 || r>>8 > 135 || b>>8 != 255 {
		t.Errorf("the half blue box is %d . %d", r>>8, b>>8)
	}
}

func TestFilesOfAFolderFollowTheirNames(t *testing.T) {
	s := putFiles(t, pngOf(t, cornersPicture(700, 400)), pdfOf(400, 300, "Second", "Third"), jpegOf(t, cornersPicture(300, 200)))
	pages := mustRasterise(t, s)
	var got []string
	for _, p := range pages {
		got = append(got, fmt.Sprintf("%dx%d %s", p.W, p.H, p.Text))
	}
	want := []string{"640x366 ", "1920x1440 Second", "1920x1440 Third", "300x200 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHostilePDFIsRefusedWithAReason(t *testing.T) {
	good := pdfOf(960, 540, "One", "Two")
	many := make([]string, 10_000)
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"broken":      {append([]byte("%PDF-1.7\n"), strings.Repeat("\x00garbage", 1000)...), "broken_file"},
		"head only":   {[]byte("%PDF-1.7"), "broken_file"},
		"cut":         {good[:len(good)/8], "broken_file"},
		"encrypted":   {encryptedPDF(), "encrypted"},
		"10000 pages": {pdfOf(100, 100, many...), "too_many_pages"},
		"no pages":    {writePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 0 /Kids [] >>"), "empty"},
		"a lie":       {writePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 3 /Kids [9 0 R 8 0 R 7 0 R] >>"), "broken_file"},
		"loop":        {writePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 2 /Kids [2 0 R 2 0 R] >>"), "broken_file"},
		"empty":       {nil, "empty"},
		"text":        {[]byte("Hello"), "unknown_type"},
		"zip":         {[]byte("PK\x03\x04"), "office"},
	} {
		t.Run(name, func(t *testing.T) {
			e := refusedWith(t, putFiles(t, c.data))
			if e.Code != c.code || e.Field == "" {
				t.Errorf("got %q at %q (%v), want %q", e.Code, e.Field, e, c.code)
			}
		})
	}
}

// encryptedPDF is a PDF whose password is not the empty one.
func encryptedPDF() []byte {
	id := strings.Repeat("01", 16)
	return writePDF("/Encrypt 4 0 R /ID [<"+id+"> <"+id+">]", "<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Count 1 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>",
		"<< /Filter /Standard /V 1 /R 2 /P -4 /O <"+strings.Repeat("ab", 32)+"> /U <"+strings.Repeat("cd", 32)+"> >>")
}

func TestHugeAndNarrowPagesStayWithinTheirPixels(t *testing.T) {
	for _, c := range []struct {
		w, h   float64
		widths []int
	}{
		{14400, 14400, []int{640, 1280, 1920}},
		{1e6, 1e6, []int{640, 1280, 1920}},
		{14400, 10, []int{640, 1280, 1920}},
		{100, 14400, nil}, // a strip: its height is bounded
	} {
		p := mustRasterise(t, putFiles(t, pdfOf(c.w, c.h, "Big")))[0]
		if c.widths != nil && !cmp.Equal(p.Widths, c.widths) || p.W*p.H > 1920*1920*maxSide || p.W < 1 || p.H < 1 {
			t.Errorf("%v x %v became %+v", c.w, c.h, p)
		}
	}
}

func TestDeckOfTwoFilesCountsAllItsPages(t *testing.T) {
	s := putFiles(t, pdfOf(100, 100, "1", "2", "3"), pngOf(t, cornersPicture(20, 20)))
	s.MaxPages = 3
	if e := refusedWith(t, s); e.Code != "too_many_pages" || e.Limit != 3 {
		t.Errorf("got %v", e)
	}
	s.MaxPages = 4
	if pages := mustRasterise(t, s); len(pages) != 4 {
		t.Errorf("got %d pages", len(pages))
	}
}

func TestCancelledRunStopsBetweenPagesAndLeavesNothing(t *testing.T) {
	s := putFiles(t, pdfOf(960, 540, "One", "Two", "Three"))
	ctx, cancel := context.WithCancel(t.Context())
	pages, err := Rasterise(ctx, s, func(done, _ int64) { cancel() })
	if !errors.Is(err, context.Canceled) || pages != nil {
		t.Errorf("got %v, %v", pages, err)
	}
	if left, _ := os.ReadDir(s.Out); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestSecondRunFindsTheCompiledCode(t *testing.T) {
	s := putFiles(t, pdfOf(960, 540, "One"))
	mustRasterise(t, s)
	before := compiledCode(t)
	mustRasterise(t, s)
	if after := compiledCode(t); len(before) == 0 || !maps.Equal(before, after) {
		t.Errorf("the cache holds %v, and then %v", before, after)
	}
}

// compiledCode returns the files of the cache and the time of each.
func compiledCode(t *testing.T) map[string]time.Time {
	t.Helper()
	list := map[string]time.Time{}
	files, err := filepath.Glob(filepath.Join(testCache, "*", "*"))
	checkError(t, err)
	for _, name := range files {
		info, err := os.Stat(name)
		checkError(t, err)
		list[name] = info.ModTime()
	}
	return list
}

func TestSqueezeMakesOneShortLine(t *testing.T) {
	got := squeezeText("  The\r\nSun\x00\u0002 is\t\ta \xff star " + strings.Repeat("x", 3000))
	if !strings.HasPrefix(got, "The Sun is a star x") || len([]rune(got)) != MaxText {
		t.Errorf("got %d characters: %.40q", len([]rune(got)), got)
	}
}

func TestWidthsOutOfRangeAreRefused(t *testing.T) {
	s := putFiles(t, pngOf(t, cornersPicture(20, 20)))
	s.Widths = []int{640, 100_000}
	if _, err := Rasterise(t.Context(), s, nil); err == nil {
		t.Error("took a width of 100000")
	}
}

// markedPDF is a page with a red pen stroke and a form field with a blue ground.
func markedPDF() []byte {
	return writePDF("",
		"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>",
		"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Annots [4 0 R 6 0 R] >>",
		"<< /Type /Annot /Subtype /Ink /F 4 /Rect [0 0 200 200] /InkList [[0 100 200 100]] /C [1 0 0] /AP << /N 5 0 R >> >>",
		"<< /Type /XObject /Subtype /Form /BBox [0 0 200 200] /Length 39 >>\nstream\n1 0 0 RG 200 w 0 100 m 200 100 l S     \nendstream",
		"<< /Type /Annot /Subtype /Widget /FT /Tx /T (answer) /V (x) /F 4 /Rect [200 0 400 200] /AP << /N 7 0 R >> >>",
		"<< /Type /XObject /Subtype /Form /BBox [0 0 200 200] /Length 26 >>\nstream\n0 0 1 rg 0 0 200 200 re f \nendstream",
	)
}

// ISO 32000-1, 12.5.5: a reader draws the appearance of annotations, and those of form fields.
func TestAnnotationsAndFormFieldsAreDrawn(t *testing.T) {
	s := putFiles(t, markedPDF())
	p := mustRasterise(t, s)[0]
	for _, w := range p.Widths {
		img := loadImage(t, s, p, w)
		b := img.Bounds()
		pen, field := color.RGBAModel.Convert(img.At(b.Dx()/4, b.Dy()/2)), color.RGBAModel.Convert(img.At(3*b.Dx()/4, b.Dy()/2))
		if r, _ := pen.(color.RGBA); r.R < 200 || r.G > 60 {
			t.Errorf("%d: the pen is %v", w, pen)
		}
		if f, _ := field.(color.RGBA); f.B < 150 || f.R > 220 && f.G > 240 {
			t.Errorf("%d: the field is %v", w, field)
		}
	}
}
