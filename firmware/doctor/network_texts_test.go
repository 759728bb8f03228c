package doctor

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePagesSayWhatTheDoctorSays compares the texts of the admin page with those of the command, and
// the parts of the guide with those that the guide has. Only the first letter, the full stop and the
// form of an apostrophe differ.
func TestThePagesSayWhatTheDoctorSays(t *testing.T) {
	data, err := os.ReadFile("../../ui/src/locales/en/after.json")
	if err != nil {
		t.Fatal(err)
	}
	page := map[string]any{}
	if err := json.Unmarshal(data, &page); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../ui/build/guide.go")
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`guideParts = .*`).FindString(string(source))
	plain := func(text string) string {
		text = strings.TrimSuffix(strings.ReplaceAll(text, "’", "'"), ".")
		return strings.ToLower(text[:min(1, len(text))]) + text[min(1, len(text)):]
	}
	for code, text := range networkTexts {
		for key, want := range map[string]string{"admin.netCheck." + code: text.what, "admin.netCheck." + code + ".do": text.remedy} {
			got, _ := page[key].(string)
			if plain(got) != plain(want) {
				t.Errorf("%s: the page says %q, the doctor %q", key, got, want)
			}
		}
		if text.guide != "" && !strings.Contains(parts, `"`+text.guide+`"`) {
			t.Errorf("%s: the guide has no part %q: %s", code, text.guide, parts)
		}
	}
}

// TestEveryFindingOfTheNetworkHasTextsForItsCode finds the codes in the source, because each is made in one place.
func TestEveryFindingOfTheNetworkHasTextsForItsCode(t *testing.T) {
	source, err := os.ReadFile("network.go")
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, m := range regexp.MustCompile(`networkFinding\("(\w+)"([^\n]*)`).FindAllStringSubmatch(string(source), -1) {
		made = append(made, m[1])
		for _, v := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(networkTexts[m[1]].what, -1) {
			if !strings.Contains(m[2], `"`+v[1]+`"`) {
				t.Errorf("%s: nothing fills {%s}", m[1], v[1])
			}
		}
	}
	for code := range networkTexts {
		if !slices.Contains(made, code) {
			t.Errorf("no check makes %s", code)
		}
	}
	for _, code := range made {
		if networkTexts[code].what == "" {
			t.Errorf("%s has no text", code)
		}
	}
}
