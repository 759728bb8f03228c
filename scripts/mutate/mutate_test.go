package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The daily run does not mutate. It checks that each wall and each test of the table still exists.
func TestEachWallAndItsTestExist(t *testing.T) {
	t.Chdir("../..")
	if len(mutations) < 24 {
		t.Errorf("%d mutations", len(mutations))
	}
	for _, m := range mutations {
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Error(err)
			continue
		}
		if text, err := m.apply(string(source)); err != nil || text == string(source) {
			t.Errorf("%s: %v", m.name, err)
		}
		if !hasTest(t, m.pkg, m.test) {
			t.Errorf("%s: %s has no test %s", m.name, m.pkg, m.test)
		}
	}
}

// The table of the security standard names tests, and a renamed one must not stay there.
func TestTheTableOfTheStandardNamesRealTests(t *testing.T) {
	t.Chdir("../..")
	table, err := os.ReadFile(".github/SECURITY-ASVS.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "build") {
			return skipOr(err)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		for _, m := range testFunction.FindAllStringSubmatch(string(data), -1) {
			known[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := testName.FindAllString(string(table), -1)
	if len(named) < 40 {
		t.Errorf("the table names %d tests", len(named))
	}
	for _, name := range named {
		if !known[strings.Trim(name, "`")] {
			t.Errorf("the table names %s, and there is no such test", name)
		}
	}
}

var (
	testName     = regexp.MustCompile("`Test[A-Za-z0-9]+`")
	testFunction = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
)

// skipOr returns err, or the sign to leave a folder out.
func skipOr(err error) error {
	if err == nil {
		return filepath.SkipDir
	}
	return err
}

func hasTest(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(pkg + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "func "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
