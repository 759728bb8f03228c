package listimport

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected results of the corpus again, to be read by eye")

// readResult is the expected result of a list of the corpus. Each list has one in a file.
type readResult struct {
	Classes  map[string][]string `json:"classes"`
	Problems []string            `json:"problems,omitempty"`
}

func resultOf(tab Table) readResult {
	r := readResult{Classes: map[string][]string{}}
	for _, c := range tab.Classes {
		for _, p := range c.Pupils {
			r.Classes[c.Name] = append(r.Classes[c.Name], p.Name)
		}
	}
	for _, p := range tab.Problems {
		r.Problems = append(r.Problems, fmt.Sprintf("%d %s", p.Line, p.Code))
	}
	return r
}

func TestTheCorpusOfListsIsReadRight(t *testing.T) {
	files, err := filepath.Glob("testdata/lists/*.*")
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".json" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tab, err := Parse(filepath.Base(file), data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		beside := strings.TrimSuffix(file, filepath.Ext(file)) + ".json"
		if *update {
			out, _ := json.MarshalIndent(resultOf(tab), "", " ")
			if err := os.WriteFile(beside, append(out, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var want readResult
		text, err := os.ReadFile(beside)
		if err == nil {
			err = json.Unmarshal(text, &want)
		}
		if err != nil {
			t.Errorf("%s: %v", beside, err)
			continue
		}
		if diff := cmp.Diff(resultOf(tab), want); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}
