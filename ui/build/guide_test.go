package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const guideFolder = "../../image"

func buildGuide(t *testing.T, from string) (string, error) {
	t.Helper()
	out := t.TempDir()
	if err := os.Mkdir(filepath.Join(out, "assets"), 0o755); err != nil {
		t.Fatal(err)
	}
	return out, writeGuide(from, out, "assets/guide-X.css")
}

// TestTheGuideHasTheSamePartsInEveryLanguage compares headings, pictures and settings. A page has no
// script and no style of its own, because the policy of the box forbids both, and its links stay on
// the box.
func TestTheGuideHasTheSamePartsInEveryLanguage(t *testing.T) {
	out, err := buildGuide(t, guideFolder)
	if err != nil {
		t.Fatal(err)
	}
	var english []string
	for _, l := range guideLanguages {
		data, err := os.ReadFile(filepath.Join(out, "guide", l.Code+".html"))
		if err != nil {
			t.Fatal(err)
		}
		page := string(data)
		parts := regexp.MustCompile(`<h[1-6]( id="[a-z-]+")?>|<pre>|src="/assets/[^"]+"`).FindAllString(page, -1)
		if english == nil {
			english = parts
		}
		if diff := cmp.Diff(english, parts); diff != "" || len(parts) < 20 {
			t.Errorf("%s: %s", l.file, diff)
		}
		for _, m := range regexp.MustCompile(`src="/(assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
			if info, err := os.Stat(filepath.Join(out, m[1])); err != nil || info.Size() > 5_000 {
				t.Errorf("%s: %v: %v", l.file, m[1], err)
			}
		}
		if found := regexp.MustCompile(`<script|<style|style=|(?:href|src)="[^/]`).FindString(page); found != "" {
			t.Errorf("%s: %s", l.file, found)
		}
		if want := `<html lang="` + l.Code + `" dir="` + l.Dir + `">`; !strings.Contains(page, want) {
			t.Errorf("%s: no %s", l.file, want)
		}
	}
}

func TestAPictureOfTheGuideNeedsADescription(t *testing.T) {
	for text, want := range map[string]string{
		"# Guide\n\n![](guide/own.svg)\n":                      "has a description",
		"# Guide\n\n![A box](http://example.org/x.png)\n":      "is in image/guide",
		"# Guide\n\nLook: ![A box](guide/own.svg) and go on\n": "is a line of its own",
		"# Guide\n\n![A box](guide/none.svg)\n":                "none.svg",
		"Without a title\n":                                    "has no title",
	} {
		from := t.TempDir()
		if err := os.CopyFS(filepath.Join(from, "guide"), os.DirFS(filepath.Join(guideFolder, "guide"))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, "GUIDE.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := buildGuide(t, from); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "GUIDE.md") && want != "none.svg" {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
