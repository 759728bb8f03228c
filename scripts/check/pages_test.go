package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPagesThatDifferAreFound(t *testing.T) {
	write := func(dir string, files map[string]string) string {
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	base := write(t.TempDir(), map[string]string{"index.html": "a", "assets/main-1.js": "b"})
	for name, c := range map[string]struct {
		files map[string]string
		same  bool
	}{
		"the same":         {map[string]string{"index.html": "a", "assets/main-1.js": "b"}, true},
		"another content":  {map[string]string{"index.html": "a", "assets/main-1.js": "c"}, false},
		"another name":     {map[string]string{"index.html": "a", "assets/main-2.js": "b"}, false},
		"one file more":    {map[string]string{"index.html": "a", "assets/main-1.js": "b", "x": ""}, false},
		"one file missing": {map[string]string{"index.html": "a"}, false},
	} {
		if err := sameTree(base, write(t.TempDir(), c.files)); (err == nil) != c.same {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
