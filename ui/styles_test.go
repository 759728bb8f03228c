package ui

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// globalSheets are the only style sheets whose classes are the same on all pages.
var globalSheets = []string{"components/tokens.css", "components/base.css", "components/fonts.css"}

// TestClassesOfAllPagesAreUsed checks that a component, or the page itself, has each class of base.css.
func TestClassesOfAllPagesAreUsed(t *testing.T) {
	sheet, err := os.ReadFile("src/components/base.css")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("build/main.go")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(regexp.MustCompile(`[^\w-]+`).ReplaceAllString(string(page), " "))
	err = fs.WalkDir(os.DirFS("src"), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".tsx" {
			return err
		}
		script, err := os.ReadFile("src/" + name)
		for _, m := range regexp.MustCompile(`class[=:].*`).FindAllString(string(script), -1) {
			words = append(words, strings.Fields(regexp.MustCompile(`\w+\.\w+|[^\w-]+`).ReplaceAllString(m, " "))...) // css.name is a module's
		}
		return err
	})
	list := classesOf(string(sheet))
	if err != nil || len(list) < 10 {
		t.Fatalf("%q: %v", list, err)
	}
	for _, c := range list {
		if !slices.Contains(words, strings.TrimRight(c, "0123456789")) { // hue0 to hue3 are `hue${n}`
			t.Errorf("base.css: no component uses the class %s", c)
		}
	}
}

// TestACheckboxStandsBesideItsWords checks that each checkbox is in a label of the class check. Without it, a checkbox
// is as wide as a text field.
func TestACheckboxStandsBesideItsWords(t *testing.T) {
	label := regexp.MustCompile(`(?s)<label[^>]*class="check[^>]*>\s*$`)
	found := 0
	err := fs.WalkDir(os.DirFS("src"), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".tsx" {
			return err
		}
		script, err := os.ReadFile("src/" + name)
		parts := strings.Split(string(script), `type="checkbox"`)
		for _, before := range parts[:len(parts)-1] {
			found++
			if at := strings.LastIndex(before, "<input"); at < 0 || !label.MatchString(before[:at]) {
				t.Errorf("%s: a checkbox is not in <label class=\"check\">", name)
			}
		}
		return err
	})
	if err != nil || found < 10 {
		t.Fatalf("%d checkboxes: %v", found, err)
	}
}

// TestComponentsOwnTheirStyles checks that style sheets are modules, and that a module and the
// components that import it name the same classes.
func TestComponentsOwnTheirStyles(t *testing.T) {
	src := os.DirFS("src")
	classes, used, open := map[string][]string{}, map[string][]string{}, map[string]bool{}
	scripts := map[string]string{}
	err := fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(src, name)
		switch {
		case strings.HasSuffix(name, ".module.css"):
			classes[name] = classesOf(string(data))
		case strings.HasSuffix(name, ".css") && !slices.Contains(globalSheets, name):
			t.Errorf("%s is a style sheet of all pages: name it %s.module.css", name, strings.TrimSuffix(name, ".css"))
		case strings.HasSuffix(name, ".tsx"):
			scripts[name] = string(data)
		}
		return err
	})
	if err != nil || len(classes) < 50 || len(scripts) < 50 {
		t.Fatalf("%d modules, %d scripts: %v", len(classes), len(scripts), err)
	}
	for name, script := range scripts {
		for _, m := range regexp.MustCompile(`import (\w+) from "([^"]+\.module\.css)"`).FindAllStringSubmatch(script, -1) {
			sheet := path.Join(path.Dir(name), m[2])
			open[sheet] = open[sheet] || strings.Contains(script, m[1]+"[")
			for _, c := range regexp.MustCompile(`\b`+m[1]+`\.(\w+)`).FindAllStringSubmatch(script, -1) {
				used[sheet] = append(used[sheet], c[1])
				if !slices.Contains(classes[sheet], c[1]) {
					t.Errorf("%s: %s has no class %s", name, sheet, c[1])
				}
			}
		}
	}
	for sheet, list := range classes {
		for _, c := range list {
			if !open[sheet] && !slices.Contains(used[sheet], c) { // css[name] may be any class
				t.Errorf("%s: no component uses the class %s", sheet, c)
			}
		}
	}
}

// classesOf returns the classes in the selectors of a module.
func classesOf(sheet string) []string {
	sheet = regexp.MustCompile(`(?s)/\*.*?\*/|:global\([^)]*\)`).ReplaceAllString(sheet, "")
	var list []string
	for _, rule := range regexp.MustCompile(`([^{};]+)\{`).FindAllStringSubmatch(sheet, -1) {
		for _, c := range regexp.MustCompile(`\.([A-Za-z][\w-]*)`).FindAllStringSubmatch(rule[1], -1) {
			list = append(list, c[1])
		}
	}
	return list
}
