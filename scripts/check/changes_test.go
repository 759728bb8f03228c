package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestABrokenChangeLogIsFound(t *testing.T) {
	const head = "# Changes\n\nFree text\n\n"
	for name, c := range map[string]struct{ text, want string }{
		"good":                   {head + "## Not released\n\n- One.\n- Two\n  lines.\n\n## 0.1.0\n\n- First.\n", ""},
		"only the version":       {head + "## 0.2.0\n\n- One.\n", ""},
		"nothing new":            {head + "## Not released\n\n## 0.1.0\n", ""},
		"as long as allowed":     {head + "## Not released\n- " + strings.Repeat("ä", maxChange-1) + ".", ""},
		"no section":             {head, `no section "## Not released" or "## 0.2.0"`},
		"only an older version":  {head + "## 0.1.0\n\n- One.\n", `no section "## Not released" or "## 0.2.0"`},
		"no dash":                {head + "## Not released\n\nOne.\n", `line 7: an entry begins with "- "`},
		"another mark":           {head + "## Not released\n\n* One.\n", `line 7: an entry begins with "- "`},
		"a line not indented":    {head + "## Not released\n\n- One\nline.\n", "line 8: an entry begins"},
		"a line without entry":   {head + "## Not released\n\n- One.\n\n  More.\n", "line 9: an entry begins"},
		"no full stop":           {head + "## Not released\n\n- One\n- Two.\n", "line 7: an entry ends with a full stop"},
		"no full stop, old":      {head + "## 0.2.0\n- One.\n## 0.1.0\n- First\n", "line 8: an entry ends with a full stop"},
		"too long":               {head + "## Not released\n- One.\n- " + strings.Repeat("x", maxChange) + ".", "line 7: an entry has at most 200 characters, this has 201"},
		"too long on many lines": {head + "## 0.2.0\n- " + strings.Repeat("word\n  ", 40) + "end.", "line 6: an entry has at most 200 characters"},
	} {
		got := ""
		if err := readChanges(c.text, "0.2.0"); err != nil {
			got = err.Error()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTheChangeLogCountsAsOneCheck(t *testing.T) {
	for text, failed := range map[string]int{"## 1.0.0\n- One.\n": 0, "## 1.0.0\n- One\n- Two\n": 1} {
		t.Chdir(t.TempDir())
		for path, data := range map[string]string{".github/CHANGELOG.md": text, "scripts/version": "1.0.0\n"} {
			if err := writeFile(path, data); err != nil {
				t.Fatal(err)
			}
		}
		var r runner
		if checkChanges(t.Context(), &r); r.failed != failed || r.passed != 1-failed {
			t.Errorf("%q: %s", text, &r)
		}
	}
	var r runner
	t.Chdir(t.TempDir())
	if checkChanges(t.Context(), &r); r.failed != 1 {
		t.Errorf("without a file: %s", &r)
	}
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
