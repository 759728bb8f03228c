package firmware

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// names are the names that a package declares: functions, methods, types, variables. The key is
// the last part of its path, and "ui" for the pages.
type names map[string]map[string]bool

func (n names) add(pkg, name string) {
	if n[pkg] == nil {
		n[pkg] = map[string]bool{}
	}
	n[pkg][name] = true
}

var (
	pageNames = regexp.MustCompile(`(?m)^ *(?:export |async )*(?:const |function )?(\w+)(?: =|\()`)
	sqlNames  = regexp.MustCompile(`(?m)^create (?:or replace )?(?:function|view) livelearn\.(\w+)`)
	goTexts   = regexp.MustCompile(`"([a-z]+\.[a-z]+)"`)
)

// readNames reads the product's code. It also returns the texts in it that look like the kind of a
// fact or the name of a command.
func readNames(t *testing.T) (names, map[string]bool) {
	all, texts := names{}, map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{"node_modules", "testdata", "build", "dist", ".git"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, ".test.ts") {
			return nil
		}
		pkg, pattern := filepath.Base(filepath.Dir(path)), (*regexp.Regexp)(nil)
		switch filepath.Ext(path) {
		case ".go":
		case ".ts", ".tsx":
			pkg, pattern = "ui", pageNames
		case ".sql":
			pkg, pattern = "livelearn", sqlNames
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if pattern != nil {
			for _, m := range pattern.FindAllSubmatch(text, -1) {
				all.add(pkg, string(m[1]))
			}
			return nil
		}
		for _, m := range goTexts.FindAllSubmatch(text, -1) {
			texts[string(m[1])] = true
		}
		return all.addFile(pkg, path, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, texts
}

func (n names) addFile(pkg, path string, text []byte) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			n.add(pkg, d.Name.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					n.add(pkg, s.Name.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						n.add(pkg, name.Name)
					}
				}
			}
		}
	}
	return nil
}

// journey is one drawing. Steps are "package.Name".
type journey struct {
	title string
	old   bool // drawn as it was in 0.1.0
	steps []string
}

// readJourneys reads the drawings of ARCHITECTURE.md.
func readJourneys(text string) (list []journey) {
	title, old, inside := "", false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if t, ok := strings.CutPrefix(line, "### "); ok {
			title, old = t, false
		}
		old = old || strings.HasPrefix(line, "In 0.1.0")
		drawn := title != "" && strings.HasPrefix(line, "    ")
		if strings.HasPrefix(line, "## ") {
			title = ""
		}
		if drawn && !inside {
			list = append(list, journey{title: title, old: old})
		}
		inside = drawn
		if !drawn {
			continue
		}
		j := &list[len(list)-1]
		for step := range strings.SplitSeq(strings.TrimPrefix(strings.TrimSpace(line), "> "), " > ") {
			if !strings.Contains(step, ".") && len(j.steps) > 0 {
				pkg, _, _ := strings.Cut(j.steps[len(j.steps)-1], ".")
				step = pkg + "." + step
			}
			j.steps = append(j.steps, step)
		}
	}
	return list
}

// countSteps counts the packages of a journey, and the steps into one that it had left.
func countSteps(steps []string) (packages, returns int) {
	seen, at := map[string]bool{}, ""
	for _, s := range steps {
		pkg, _, _ := strings.Cut(s, ".")
		if slices.Contains([]string{"staff", "pupil", "adminapi"}, pkg) {
			pkg = "gateway"
		}
		if pkg != at && seen[pkg] {
			returns++
		}
		seen[pkg], at = true, pkg
	}
	return len(seen), returns
}

// checkJourneys returns what is wrong with the drawings of a text and with the table of their figures.
func checkJourneys(text string, code names) (faults []string) {
	now, before := map[string][2]int{}, map[string][2]int{}
	var order []string
	for _, j := range readJourneys(text) {
		packages, returns := countSteps(j.steps)
		if j.old {
			before[j.title] = [2]int{packages, returns}
			continue
		}
		order = append(order, j.title)
		now[j.title] = [2]int{packages, returns}
		for _, s := range j.steps {
			if pkg, name, _ := strings.Cut(s, "."); !code[pkg][name] {
				faults = append(faults, j.title+": no "+s+" in the code")
			}
		}
	}
	for _, title := range order {
		was, ok := before[title]
		if !ok {
			was = now[title]
		}
		row := fmt.Sprintf("| %d | %d | %d | %d |\n", was[0], was[1], now[title][0], now[title][1])
		if !strings.Contains(strings.ToLower(text), "| "+strings.ToLower(title)+" "+row) {
			faults = append(faults, title+": the table must say "+row)
		}
	}
	return faults
}

func TestTheJourneysAreThoseOfTheCode(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	code, _ := readNames(t)
	if n := len(readJourneys(string(text))); n < 7 {
		t.Errorf("%d drawings, want at least 7", n)
	}
	for _, f := range checkJourneys(string(text), code) {
		t.Error(f)
	}
}

func TestTheCheckOfJourneysBites(t *testing.T) {
	code := names{"a": {"Run": true, "loadList": true}, "b": {"Write": true}}
	const table, drawing = "| walk | 2 | 1 | 2 | 1 |\n", "### Walk\n\n    a.Run > loadList > b.Write\n    a.Run\n"
	for text, good := range map[string]bool{
		table + drawing: true,
		table + drawing + "\nThen.\n\n    a.Run\n":   false, // of the second drawing
		"| walk | 2 | 1 | 2 | 0 |\n" + drawing:       false,
		table + drawing + "        > a.readList\n":   false,
		table + drawing + "        > Write\n":        false, // of a
		table + "\nIn 0.1.0 so:\n\n    x.y\n":        true,  // no drawing without a title
		table + drawing + "In 0.1.0:\n\n    a.old\n": false, // 1 package, no return
	} {
		if got := checkJourneys(text, code); (len(got) == 0) != good {
			t.Errorf("%q: found %q", text, got)
		}
	}
}

var (
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	dottedName = regexp.MustCompile(`^([a-z]\w*)\.(?:\w+\.)?(\w+)$`)
	pathName   = regexp.MustCompile(`^[\w.-]+(?:/[\w.-]+)+$`)
	roots      = []string{"../", "../services/", "../ui/src/"} // of the paths in documents
	linkTarget = regexp.MustCompile(`\]\(([^):#]+)\)`)
)

// checkMentions returns the names, paths and links of a text in folder dir that lead nowhere. A name
// is one of Go, or the kind of a fact, a command or a key of the settings.
func checkMentions(dir, text string, code names, texts map[string]bool) (faults []string) {
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		name := m[1]
		d := dottedName.FindStringSubmatch(name)
		switch {
		case d != nil && code[d[1]] != nil:
			if !code[d[1]][d[2]] && !texts[name] {
				faults = append(faults, name)
			}
		case pathName.MatchString(name):
			first, _, _ := strings.Cut(name, "/")
			ours := func(root string) bool { return exists(root + first) }
			if slices.ContainsFunc(roots, ours) && !slices.ContainsFunc(roots, func(root string) bool { return exists(root + name) }) {
				faults = append(faults, name)
			}
		}
	}
	for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
		if !exists(filepath.Join(dir, m[1])) {
			faults = append(faults, m[1])
		}
	}
	return faults
}

func TestWhatTheDocumentsNameIsInTheCode(t *testing.T) {
	code, texts := readNames(t)
	for _, path := range []string{"../README.md", "ARCHITECTURE.md", "../services/wire/PROTOCOL.md", "../.github/CONTRIBUTING.md", "../services/cloud/OPERATING.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if list := checkMentions(filepath.Dir(path), string(text), code, texts); len(list) > 0 {
			t.Errorf("%s names what is not there: %s", path, strings.Join(list, ", "))
		}
	}
	const bad = "`journal.Appendix` `services/nothing` [it](nothing.md) `quiz.answering` "
	const good = "`journal.Append` `services/journal` [it](ARCHITECTURE.md) `quiz.answered` `application/json;a` `livelearn.toml`"
	if got := checkMentions(".", bad+good, code, texts); len(got) != 4 {
		t.Errorf("found %q, want 4", got)
	}
}
