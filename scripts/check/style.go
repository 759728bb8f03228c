package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"unicode"
)

// Limits of the words of the project. Well-kept Go projects have 12 to 36 % of functions
// with a name of one word, and at most 9 of a marker in 100,000 words of comments.
const (
	maxOneWordPercent = 40
	maxMarkerRate     = 10 // in 100,000 words of comments
)

// markers are words of stories. Where they appear often, comments are hard to read.
var markers = []string{"tells", "told", "what is", "nobody", "stands", "anew", "whoever", "beside", "goes on"}

// wording counts the names of functions and the words of comments. Tests count for
// comments only.
type wording struct {
	functions, oneWord, words int
	found                     map[string][]string // by marker: where
}

// checkWording keeps names and comments in plain words.
func checkWording(_ context.Context, r *runner) {
	files, err := goFiles()
	w := wording{found: map[string][]string{}}
	for _, f := range files {
		if err == nil {
			err = w.readFile(f)
		}
	}
	if err != nil {
		r.countCheck("names and comments", "", err)
		return
	}
	r.countCheck("names of functions", "", w.checkNames())
	r.countCheck("words of comments", "", w.checkComments())
}

func (w *wording) readFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return w.read(path, text)
}

func (w *wording) read(path string, text []byte) error {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && !strings.HasSuffix(path, "_test.go") {
			w.countName(fn.Name.Name)
		}
	}
	for _, group := range f.Comments {
		w.countWords(files.Position(group.Pos()).String(), group.Text())
	}
	return nil
}

func (w *wording) countName(name string) {
	w.functions++
	if !strings.ContainsFunc(name[1:], unicode.IsUpper) {
		w.oneWord++
	}
}

func (w *wording) countWords(where, text string) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
	w.words += len(words)
	plain := " " + strings.Join(words, " ") + " "
	for _, m := range markers {
		for range strings.Count(plain, " "+m+" ") {
			w.found[m] = append(w.found[m], where)
		}
	}
}

func (w *wording) checkNames() error {
	if percent := 100 * w.oneWord / max(1, w.functions); percent > maxOneWordPercent {
		return fmt.Errorf("%d %% of %d functions have a name of one word, at most %d %%: name them by a verb and a noun", percent, w.functions, maxOneWordPercent)
	}
	return nil
}

func (w *wording) checkComments() error {
	for _, m := range markers {
		if n := len(w.found[m]); n*100_000 > maxMarkerRate*w.words {
			return fmt.Errorf("%q is %d times in %d words of comments, at most %d in 100,000: %s", m, n, w.words, maxMarkerRate, strings.Join(w.found[m], ", "))
		}
	}
	return nil
}
