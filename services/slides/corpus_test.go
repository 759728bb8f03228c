package slides

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is expected of testdata; read the difference")

const corpusWidth = 320 // of the pages of the corpus, in pixels

// corpusPage is what a page of the corpus must be.
type corpusPage struct {
	W    int    `json:"w"`
	H    int    `json:"h"`
	Text string `json:"text"`
}

func listCorpus(t testing.TB, pattern string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	checkError(t, err)
	for _, f := range files {
		if filepath.Ext(f) != ".json" {
			list = append(list, f)
		}
	}
	return list
}

// readGolden returns the JSON beside a file. With -update it writes got there.
func readGolden[T any](t testing.TB, file string, got T) (want T) {
	t.Helper()
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		checkError(t, e.Encode(got))
		checkError(t, os.WriteFile(file+".json", b.Bytes(), 0o644))
	}
	data, err := os.ReadFile(file + ".json")
	checkError(t, err)
	checkError(t, json.Unmarshal(data, &want))
	return want
}

// drawCorpus draws all PDFs of the corpus as one deck. It returns the pages of each.
func drawCorpus(t testing.TB, files []string) (Spec, [][]Page) {
	t.Helper()
	list := make([][]byte, len(files))
	for i, f := range files {
		data, err := os.ReadFile(f)
		checkError(t, err)
		list[i] = data
	}
	s := putFiles(t, list...)
	s.Widths = []int{corpusWidth}
	pages := mustRasterise(t, s)
	each := make([][]Page, len(files))
	for i, f := range files {
		n := 1
		if strings.HasSuffix(f, "three-pages.pdf") {
			n = 3
		}
		if len(pages) < n {
			t.Fatal("pages are missing from", f)
		}
		each[i], pages = pages[:n], pages[n:]
	}
	if len(pages) > 0 {
		t.Fatalf("%d pages too many", len(pages))
	}
	return s, each
}

func TestEveryPDFOfTheCorpusIsReadAsItSays(t *testing.T) {
	files := listCorpus(t, "testdata/pdf/*")
	if len(files) < 57 {
		t.Fatalf("%d files", len(files))
	}
	_, decks := drawCorpus(t, files)
	for i, f := range files {
		var got []corpusPage
		for _, p := range decks[i] {
			got = append(got, corpusPage{p.W, p.H, p.Text})
		}
		if diff := cmp.Diff(readGolden(t, f, got), got); diff != "" {
			t.Errorf("%s: -want +got\n%s", f, diff)
		}
	}
}

// likeness is the least likeness of a page to that of poppler, from 0 to 1.
const likeness = 0.93

// explained are pages below the bar that were looked at, with their least likeness and the reason.
var explained = map[string]struct {
	least  float64
	reason string
}{
	"font-arabic":              {0.8, ownLetters},
	"font-chinese":             {0.7, ownLetters},
	"font-chinese-traditional": {0.7, ownLetters},
	"font-cyrillic":            {0.8, ownLetters},
	"font-czech":               {0.8, ownLetters},
	"font-greek":               {0.8, ownLetters},
	"font-hebrew":              {0.8, ownLetters},
	"font-japanese":            {0.7, ownLetters},
	"font-korean":              {0.7, ownLetters},
	"font-polish":              {0.8, ownLetters},
	"font-turkish":             {0.8, ownLetters},
}

const ownLetters = "poppler takes letters from the machine's fonts, or draws boxes and nothing; here each letter is there"

// lettersOf are the PDFs without fonts: how many letters a line has, how wide one is and where it begins,
// in points.
var lettersOf = map[string]struct {
	count       int
	width, left float64
	base        float64
}{
	"font-arabic": {6, 20, 30, 120}, "font-cyrillic": {7, 20, 30, 120}, "font-czech": {8, 20, 30, 120}, "font-greek": {8, 20, 30, 120},
	"font-hebrew": {5, 20, 30, 120}, "font-polish": {9, 20, 30, 120}, "font-turkish": {6, 20, 30, 120},
	"font-chinese": {6, 40, 30, 110}, "font-chinese-traditional": {5, 40, 30, 110}, "font-japanese": {5, 40, 30, 110}, "font-korean": {4, 40, 30, 110},
}

// ISO 32000-1, 9.8: a reader takes another font for one that is not in the file.
func TestLettersWithoutAFontInTheFileAreDrawn(t *testing.T) {
	var files []string
	for name := range lettersOf {
		files = append(files, "testdata/pdf/"+name+".pdf")
	}
	s, decks := drawCorpus(t, files)
	for i, f := range files {
		page := greyOf(loadImage(t, s, decks[i][0], corpusWidth))
		scale := float64(page.Rect.Dx()) / 400
		l := lettersOf[strings.TrimSuffix(filepath.Base(f), ".pdf")]
		for n := range l.count {
			x := (l.left + l.width*float64(n)) * scale
			top, foot := (225-l.base-35)*scale, (225-l.base+10)*scale
			if !hasInk(page, image.Rect(int(x), int(top), int(x+l.width*scale), int(foot))) {
				t.Errorf("%s: letter %d is not there", f, n+1)
			}
		}
	}
}

func hasInk(page *image.Gray, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if page.GrayAt(x, y).Y < 140 {
				return true
			}
		}
	}
	return false
}

// TestPagesLookAsPopplerDrawsThem compares the pages with those of another renderer.
func TestPagesLookAsPopplerDrawsThem(t *testing.T) {
	poppler, err := exec.LookPath("pdftoppm")
	if err != nil {
		t.Skip("pdftoppm is not there (apt-get install poppler-utils)")
	}
	files := listCorpus(t, "testdata/pdf/*")
	s, decks := drawCorpus(t, files)
	for i, f := range files {
		out, err := exec.CommandContext(t.Context(), poppler, "-q", "-png", "-cropbox", "-f", "1", "-l", "1",
			"-scale-to", fmt.Sprint(max(decks[i][0].W, decks[i][0].H)), f).Output()
		checkError(t, err)
		theirs, err := png.Decode(bytes.NewReader(out))
		checkError(t, err)
		ours := loadImage(t, s, decks[i][0], decks[i][0].W)
		least := likeness
		e, ok := explained[strings.TrimSuffix(filepath.Base(f), ".pdf")]
		if ok {
			least = e.least
		}
		got := measureSSIM(greyOf(ours), greyOf(theirs))
		t.Logf("%-28s %.3f", filepath.Base(f), got)
		if got < least {
			t.Errorf("%s: %.3f like poppler's page, want %.2f (%s)", f, got, least, e.reason)
			keepBoth(t, filepath.Base(f), ours, theirs)
		}
	}
}

// keepBoth keeps two pages to be looked at.
func keepBoth(t *testing.T, name string, ours, theirs image.Image) {
	t.Helper()
	for who, img := range map[string]image.Image{"ours": ours, "theirs": theirs} {
		checkError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+"-"+who+".png"), pngOf(t, img), 0o644))
	}
}

// greyOf returns the light of a picture at a quarter of its size: the edges of letters count less.
func greyOf(img image.Image) *image.Gray {
	b := img.Bounds()
	out := image.NewGray(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sum := 0
			for i := range 4 {
				g, _ := color.GrayModel.Convert(img.At(b.Min.X+2*x+i%2, b.Min.Y+2*y+i/2)).(color.Gray)
				sum += int(g.Y)
			}
			out.Pix[out.PixOffset(x, y)] = uint8(sum / 4)
		}
	}
	return out
}

// measureSSIM returns the mean structural similarity of two pictures of about one size, in
// windows of 8 x 8 (Wang et al., Image Quality Assessment, 2004). Equal pictures have 1.
func measureSSIM(a, b *image.Gray) float64 {
	size := a.Rect.Intersect(b.Rect)
	if big := a.Rect.Union(b.Rect); big.Dx() > size.Dx()+1 || big.Dy() > size.Dy()+1 {
		return 0 // not the same size, up to rounding
	}
	const side, c1, c2 = 8, (0.01 * 255) * (0.01 * 255), (0.03 * 255) * (0.03 * 255)
	sum, n := 0.0, 0.0
	for y := 0; y+side <= size.Dy(); y += side / 2 {
		for x := 0; x+side <= size.Dx(); x += side / 2 {
			var sa, sb, aa, bb, ab float64
			for i := range side * side {
				va, vb := float64(a.GrayAt(x+i%side, y+i/side).Y), float64(b.GrayAt(x+i%side, y+i/side).Y)
				sa, sb, aa, bb, ab = sa+va, sb+vb, aa+va*va, bb+vb*vb, ab+va*vb
			}
			const k = side * side
			ma, mb := sa/k, sb/k
			va, vb, cov := aa/k-ma*ma, bb/k-mb*mb, ab/k-ma*mb
			sum += (2*ma*mb + c1) * (2*cov + c2) / ((ma*ma + mb*mb + c1) * (va + vb + c2))
			n++
		}
	}
	return sum / max(n, 1)
}
