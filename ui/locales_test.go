package ui

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plurals are the CLDR categories for whole numbers, by language.
var plurals = map[string][]string{
	"en": {"one", "other"},
	"fr": {"many", "one", "other"},
	"es": {"many", "one", "other"},
	"ar": {"few", "many", "one", "other", "two", "zero"},
}

// locale returns all texts of a language. Each key is in one area only.
func locale(t *testing.T, lang string) map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("src", "locales", lang, "*.json"))
	if english, _ := filepath.Glob(filepath.Join("src", "locales", "en", "*.json")); err != nil || len(files) == 0 || len(files) != len(english) {
		t.Fatalf("%s: %d areas, English has %d: %v", lang, len(files), len(english), err)
	}
	all := map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]any
		if err := json.Unmarshal(data, &texts); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for key, text := range texts {
			if _, twice := all[key]; twice {
				t.Errorf("%s: %q is in another area too", file, key)
			}
			all[key] = text
		}
	}
	return all
}

// holes returns the {names} in a text that the page fills.
func holes(text string) []string {
	list := regexp.MustCompile(`\{\w+\}`).FindAllString(text, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

func TestEveryLanguageHasEveryText(t *testing.T) {
	en := locale(t, "en")
	for lang, forms := range plurals {
		texts := locale(t, lang)
		if d := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(texts))); d != "" {
			t.Errorf("%s: keys differ from en: %s", lang, d)
		}
		for key, v := range texts {
			text, plain := v.(string)
			want, wasPlain := en[key].(string)
			switch {
			case plain != wasPlain:
				t.Errorf("%s %s: plural in one language only", lang, key)
			case plain && strings.TrimSpace(text) == "":
				t.Errorf("%s %s: empty", lang, key)
			case plain && cmp.Diff(holes(want), holes(text)) != "":
				t.Errorf("%s %s: holes %v, want %v", lang, key, holes(text), holes(want))
			case !plain:
				if d := cmp.Diff(forms, slices.Sorted(maps.Keys(v.(map[string]any)))); d != "" {
					t.Errorf("%s %s: plural forms: %s", lang, key, d)
				}
			}
		}
	}
}

func TestEveryTextThatAPageAsksForExists(t *testing.T) {
	en := locale(t, "en")
	asked := regexp.MustCompile(`\bt\("([^"]+)"`)
	err := filepath.WalkDir("src", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(filepath.Ext(path), ".ts") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range asked.FindAllStringSubmatch(string(data), -1) {
			if _, ok := en[m[1]]; !ok {
				t.Errorf("%s asks for %q", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
