package ui

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// budget is the size limit of a pupil's page, gzipped, in bytes.
const budget = 70_000

// TestAPupilsPageIsLight adds up all files that the browser loads for a pupil: the page, its style
// sheet, its script with its first imports, and the lesson.
func TestAPupilsPageIsLight(t *testing.T) {
	seen := map[string]int{}
	var load func(name string)
	load = func(name string) {
		if _, ok := seen[name]; ok {
			return
		}
		data, err := fs.ReadFile(Pages(), name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(data); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		seen[name] = b.Len()
		for _, m := range regexp.MustCompile(`(?:from|import)"\./([^"]+\.js)"|(?:href|src)="/(assets/[^"]+)"`).FindAllStringSubmatch(string(data), -1) {
			if m[1] != "" {
				m[2] = "assets/" + m[1]
			}
			load(m[2])
		}
	}
	load("index.html")
	lesson, err := fs.Glob(Pages(), "assets/lesson-*.js")
	if err != nil || len(lesson) != 1 {
		t.Fatalf("%v: %v", lesson, err)
	}
	load(lesson[0])
	sum := 0
	for _, n := range seen {
		sum += n
	}
	t.Logf("%d files, %d bytes gzipped of %d", len(seen), sum, budget)
	if sum > budget || len(seen) < 3 {
		t.Errorf("%d bytes in %v", sum, seen)
	}
}

// TestFontsAreLight adds up the fonts: an Arabic page loads them all.
func TestFontsAreLight(t *testing.T) {
	fonts, err := fs.Glob(os.DirFS("src/fonts"), "*.woff2")
	if err != nil || len(fonts) != 2 {
		t.Fatalf("%q: %v", fonts, err)
	}
	sum := 0
	for _, name := range fonts {
		data, err := os.ReadFile("src/fonts/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum += len(data)
	}
	if sum > 60_000 {
		t.Errorf("the fonts have %d bytes, at most 60,000", sum)
	}
}

func TestThePageHoldsNothingThatThePolicyForbids(t *testing.T) {
	data, err := fs.ReadFile(Pages(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	if strings.Contains(page, "<style") || strings.Contains(page, "style=") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) {
		t.Error("inline style or script in index.html")
	}
}

func TestTheLockFileNamesNoHost(t *testing.T) {
	data, err := os.ReadFile("package-lock.json")
	if err != nil || bytes.Contains(data, []byte(`"resolved"`)) {
		t.Errorf("%v, or a download address in package-lock.json", err)
	}
}
