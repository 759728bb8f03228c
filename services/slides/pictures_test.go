package slides

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

// corpusPicture is what a picture of the corpus must be: its size and the colours of its quarters.
type corpusPicture struct {
	W       int    `json:"w"`
	H       int    `json:"h"`
	Colours string `json:"colours"`
}

func TestEveryPictureOfTheCorpusIsReadAsItSays(t *testing.T) {
	files := listCorpus(t, "testdata/pictures/*")
	if len(files) < 50 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		checkError(t, err)
		made, err := PictureSpec{Cache: testCache}.Make(data)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
			continue
		}
		got := corpusPicture{made.W, made.H, quarterColours(decodePicture(t, made))}
		if diff := cmp.Diff(readGolden(t, f, got), got); diff != "" {
			t.Errorf("%s: -want +got\n%s", f, diff)
		}
	}
}

func TestTheWordsOfADrawingAreDrawn(t *testing.T) {
	data := readTestFile(t, "pictures/svg-text.svg") // five words, in letters of five kinds
	made, err := PictureSpec{Cache: testCache}.Make(data)
	checkError(t, err)
	page := greyOf(decodePicture(t, made))
	words, blank := 0, 100
	for x := range page.Rect.Dx() {
		column := page.Rect
		column.Min.X, column.Max.X = x, x+1
		if !hasInk(page, column) {
			blank++
			continue
		}
		if blank > 12 {
			words++
		}
		blank = 0
	}
	if words != 5 {
		t.Errorf("%d words", words)
	}
}

func TestADrawingThatCannotBeShownWholeIsRefusedWithTheReason(t *testing.T) {
	const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20">`
	nest := strings.Repeat("<g>", 50_000) + strings.Repeat("</g>", 50_000)
	var bomb strings.Builder
	bomb.WriteString(`<!DOCTYPE svg [<!ENTITY a "xxxxxxxxxx">`)
	for c := 'b'; c < 'n'; c++ {
		bomb.WriteString("<!ENTITY " + string(c) + ` "` + strings.Repeat("&"+string(c-1)+";", 10) + `">`)
	}
	for name, c := range map[string]struct{ data, part string }{
		"picture elsewhere": {head + `<image href="http://x.example/a/map.png" width="9" height="9"/></svg>`, "map.png"},
		"file elsewhere":    {head + `<image href="file:///etc/hostname" width="9" height="9"/></svg>`, "hostname"},
		"web page":          {head + `<foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject></svg>`, "foreignObject"},
		"cut":               {head + `<g><rect`, ""},
		"strip":             {`<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="2"/>`, "strip"},
		"no size":           {`<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"/>`, ""},
		"deep":              {head + nest + "</svg>", ""},
		"elements":          {head + strings.Repeat("<g/>", maxSVGNodes) + "</svg>", "elements"},
		"entities":          {bomb.String() + "]>" + head + "<text>&m;</text></svg>", ""},
		"too large":         {head + strings.Repeat(" ", maxSVG) + "</svg>", "MB"},
	} {
		_, err := PictureSpec{Cache: testCache}.Make([]byte(c.data))
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != "svg" || !strings.Contains(e.Err.Error(), c.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A drawing that uses itself has an end.
func TestADrawingThatUsesItselfEnds(t *testing.T) {
	_, err := PictureSpec{Cache: testCache}.Make([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2"><g id="a"><use href="#a"/><rect width="2" height="2"/></g></svg>`))
	if err != nil && errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
}

func FuzzSVG(f *testing.F) {
	for _, name := range listCorpus(f, "testdata/pictures/*.svg") {
		data, err := os.ReadFile(name)
		checkError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := decodeSVG(bytes.NewReader(data), testCache)
		if err != nil {
			return
		}
		if b := img.Bounds(); b.Dx() < 1 || b.Dy() < 1 || b.Dx() > svgSide+1 || b.Dy() > svgSide+1 {
			t.Errorf("%v", b)
		}
	})
}
