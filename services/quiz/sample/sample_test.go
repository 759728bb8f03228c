package sample

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/gift"
	"github.com/livelearn/box/services/quiz/item"
)

var update = flag.Bool("update", false, "write the archive of the folder quizzes")

// maxArchive is how many bytes the samples may add to the program.
const maxArchive = 120 << 10

// eachSample runs a test for each sample of each language.
func eachSample(t *testing.T, test func(t *testing.T, lang string, s Sample)) {
	t.Helper()
	for _, lang := range Langs {
		list, err := List(lang)
		if err != nil || len(list) != len(Subjects)*len(Levels) {
			t.Fatalf("%s: %d samples, %v", lang, len(list), err)
		}
		for _, s := range list {
			t.Run(lang+"/"+s.ID, func(t *testing.T) { test(t, lang, s) })
		}
	}
}

func TestTheArchiveHoldsTheFolder(t *testing.T) {
	folder := readAll(t, os.DirFS("quizzes"))
	if *update {
		writeArchive(t, folder)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(folder, readAll(t, files)); diff != "" {
		t.Errorf("run go test -update in services/quiz/sample; -folder +archive\n%s", diff)
	}
	if len(folder) != len(Langs)*len(Subjects)*len(Levels) || len(archive) > maxArchive {
		t.Errorf("%d files in %d bytes, at most %d", len(folder), len(archive), maxArchive)
	}
}

func readAll(t *testing.T, files fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// writeArchive writes the archive with no times in it, so that the same files give the same bytes.
func writeArchive(t *testing.T, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[path])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive = b.Bytes()
	if err := os.WriteFile("quizzes.zip", archive, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEverySampleIsReadyToTeach(t *testing.T) {
	titles := map[string]string{}
	eachSample(t, func(t *testing.T, lang string, s Sample) {
		if at := titles[lang+s.Quiz.Title]; at != "" || s.Quiz.Title == "" {
			t.Errorf("%q is the title of %s too", s.Quiz.Title, at)
		}
		titles[lang+s.Quiz.Title] = s.ID
		if n := len(s.Quiz.Items); n < 6 || n > 8 {
			t.Errorf("%d questions, must be 6 to 8", n)
		}
		kinds, texts := map[item.Kind]bool{}, map[string]bool{}
		for _, a := range s.Quiz.Items {
			kinds[a.Kind] = true
			if texts[a.Text] {
				t.Errorf("%q is asked twice", a.Text)
			}
			texts[a.Text] = true
			checkQuestion(t, a)
		}
		if len(kinds) < 4 {
			t.Errorf("only the kinds %v", kinds)
		}
		if last := s.Quiz.Items[len(s.Quiz.Items)-1]; last.Kind != item.Poll && len(last.Key.Texts) > 0 {
			t.Errorf("the end asks for an answer that is right or wrong: %q", last.Text)
		}
	})
}

func checkQuestion(t *testing.T, a item.Authored) {
	t.Helper()
	for _, list := range [][]item.Option{a.Options, a.Choices} {
		seen := map[string]bool{}
		for _, o := range list {
			folded := item.FoldText(o.Text)
			if a.Kind != item.TrueFalse && (folded == "" || seen[folded]) {
				t.Errorf("%q: %q is empty or there twice", a.Text, o.Text)
			}
			seen[folded] = true
		}
	}
	isOpen := a.Kind == item.Poll || a.Kind == item.Text && len(a.Key.Texts) == 0
	if !isOpen && a.Key.General == "" {
		t.Errorf("%q has no explanation", a.Text)
	}
	for _, r := range rightResponses(a) {
		if err := item.CheckResponse("test", a.Item, r); err != nil {
			t.Errorf("%q: %+v: %v", a.Text, r, err)
		}
		if got := item.Grade(a.Item, a.Key, r); !isOpen && got != 1 {
			t.Errorf("%q: %+v is worth %v", a.Text, r, got)
		}
	}
	if a.Kind == item.Slide {
		t.Errorf("%q has no answers", a.Text)
	}
}

// rightResponses returns what a pupil answers who knows everything: each accepted answer once.
func rightResponses(a item.Authored) (list []item.Response) {
	switch a.Kind {
	case item.Order:
		return []item.Response{{Order: a.Key.Order}}
	case item.Match:
		return []item.Response{{Pairs: a.Key.Pairs}}
	case item.Multi:
		return []item.Response{{Options: item.RevealKey(a.Item, a.Key).Right}}
	case item.Poll:
		return []item.Response{{Options: []string{"a"}}}
	case item.Numeric:
		for _, n := range a.Key.Numbers {
			list = append(list, item.Response{Text: fmt.Sprint(n.Value)})
		}
	case item.Text:
		for _, accepted := range a.Key.Texts {
			list = append(list, item.Response{Text: strings.ReplaceAll(accepted.Text, "*", "x")})
		}
		if len(list) == 0 {
			list = []item.Response{{Text: "A word"}}
		}
	default:
		list = []item.Response{{Options: item.RevealKey(a.Item, a.Key).Right}}
	}
	return list
}

func TestEveryChoiceHasAWrongAnswer(t *testing.T) {
	eachSample(t, func(t *testing.T, _ string, s Sample) {
		for _, a := range s.Quiz.Items {
			right := len(item.RevealKey(a.Item, a.Key).Right)
			switch {
			case a.Kind == item.Single && (right != 1 || len(a.Options) < 3):
				t.Errorf("%q: %d of %d are right", a.Text, right, len(a.Options))
			case a.Kind == item.Multi && (right < 2 || right == len(a.Options)):
				t.Errorf("%q: %d of %d are right", a.Text, right, len(a.Options))
			case a.Kind == item.Multi && item.Grade(a.Item, a.Key, item.Response{Options: everyOption(a)}) == 1:
				t.Errorf("%q: all together are right", a.Text)
			}
		}
	})
}

func everyOption(a item.Authored) (ids []string) {
	for _, o := range a.Options {
		ids = append(ids, o.ID)
	}
	return ids
}

func TestEverySampleSurvivesGIFT(t *testing.T) {
	eachSample(t, func(t *testing.T, _ string, s Sample) {
		back, problems := gift.Parse(gift.Format(s.Quiz.Items))
		if diff := cmp.Diff(s.Quiz.Items, back); diff != "" || len(problems) > 0 {
			t.Errorf("%v; -want +got\n%s", problems, diff)
		}
	})
}

func TestASampleThatIsNotThereIsNamed(t *testing.T) {
	if _, err := Find("de", "science-7-9"); errs.KindOf(err) != errs.Invalid || errs.BodyOf(err).Field != "lang" {
		t.Errorf("got %v", err)
	}
	for _, id := range []string{"", "science", "science-7", "../en/science-7-9", "art-7-9"} {
		if _, err := Find("en", id); err == nil || errs.KindOf(err) != errs.Missing {
			t.Errorf("%q: got %v", id, err)
		}
	}
}
