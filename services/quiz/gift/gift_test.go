package gift

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/quiz/item"
)

var update = flag.Bool("update", false, "write what is expected of testdata anew; read the difference")

// expectedFile is a file of testdata with the expected result for another one.
type expectedFile struct {
	Items    []item.Authored `json:"items"`
	Problems []Problem       `json:"problems"`
}

func TestEveryFileOfTheCorpusIsReadAsItSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.gift")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			items, problems := Parse(string(text))
			if err := e.Encode(expectedFile{items, problems}); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".gift") + ".json"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			checkRoundTrip(t, items)
		})
	}
}

// checkRoundTrip fails if questions change by being written and read.
func checkRoundTrip(t *testing.T, items []item.Authored) {
	t.Helper()
	text := Format(items)
	back, problems := Parse(text)
	if diff := cmp.Diff(items, back); diff != "" || len(problems) > 0 {
		t.Fatalf("-want +got\n%s\n%v\n%s", diff, problems, text)
	}
}

func TestLinesEndAsOnAnySystem(t *testing.T) {
	text, err := os.ReadFile("testdata/documentation.gift")
	if err != nil {
		t.Fatal(err)
	}
	items, problems := Parse(string(text))
	for _, end := range []string{"\r\n", "\r"} {
		gotItems, gotProblems := Parse(byteOrderMark + strings.ReplaceAll(string(text), "\n", end))
		if diff := cmp.Diff(items, gotItems) + cmp.Diff(problems, gotProblems); diff != "" {
			t.Errorf("%q: -want +got\n%s", end, diff)
		}
	}
}

func TestAFileOfTwoHundredQuestionsEndsAtTheLimit(t *testing.T) {
	items, problems := Parse(strings.Repeat("The Earth is round.{T}\n\n", 200))
	if len(items) != item.MaxItems || len(problems) != 1 || problems[0].Code != "too_many" || problems[0].Line != 2*item.MaxItems+1 {
		t.Errorf("got %d items, %v", len(items), problems)
	}
	items, problems = Parse(strings.Repeat("{\n\n", 2000))
	if len(items) != 0 || len(problems) != maxProblems+1 {
		t.Errorf("got %d items, %d problems", len(items), len(problems))
	}
}

func TestAQuestionWithAnImageInItIsRefusedOrReadWithoutIt(t *testing.T) {
	image := `<img src="data:image/png;base64,` + strings.Repeat("A", 200_000) + `" alt="a cell">`
	items, problems := Parse("[html]<p>What is this?</p>" + strings.ReplaceAll(image, "=", `\=`) + "{=cell ~rock}")
	if len(problems) > 0 || items[0].Text != "What is this?\na cell" {
		t.Errorf("got %v, %v", items, problems)
	}
	_, problems = Parse(strings.Repeat("A", maxBlock) + "{T}")
	if len(problems) != 1 || problems[0].Code != "too_long" || len(problems[0].Text) > 200 {
		t.Errorf("got %v", problems)
	}
}

func TestTooManyAnswersDoNotEndTheReading(t *testing.T) {
	items, problems := Parse("Which?{=a" + strings.Repeat(" ~b", item.MaxOptions) + "}\n\nThe Earth is round.{T}\n")
	if len(items) != 1 || len(problems) != 1 || problems[0].Code != "too_many_answers" || problems[0].Line != 1 {
		t.Errorf("got %d items, %v", len(items), problems)
	}
}

// Markup without an end must not take forever.
func TestHostileMarkupIsReadAtOnce(t *testing.T) {
	for _, s := range []string{"<a", "<", "<!--", "<script>", "</", "&", "[", "*a", "_a", "<b x='", "->", "#", "\\", "%", "<sup>"} {
		for _, f := range []string{"", "[html]", "[markdown]", "[moodle]"} {
			Parse(f + strings.Repeat(s, 200_000/len(s)) + "{T}")
			Parse("Q{" + f + strings.Repeat(s, 200_000/len(s)) + "}")
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.gift")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, problems := Parse(text)
		for _, p := range problems {
			if p.Line < 1 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 || p.Code == "" || p.Message == "" || p.Text == "" {
				t.Fatalf("%+v", p)
			}
		}
		checkRoundTrip(t, items)
	})
}
