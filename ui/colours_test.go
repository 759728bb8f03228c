package ui

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestColoursAreTokens keeps colour values in tokens.css, where each has its light and dark value.
func TestColoursAreTokens(t *testing.T) {
	colour := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\(`)
	seen := 0
	err := filepath.WalkDir("src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".css" {
			return err
		}
		data, err := os.ReadFile(path)
		found := colour.FindAllString(string(data), -1)
		if filepath.Base(path) == "tokens.css" {
			seen = len(found)
		} else if len(found) > 0 {
			t.Errorf("%s: %v: name the colour in components/tokens.css", path, found)
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Fatalf("%d colours in tokens.css: %v", seen, err)
	}
}
