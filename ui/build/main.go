// Command build makes the pages: go run ./ui/build OUT. It runs esbuild, which
// scripts/tools.mod pins, over ui/src and writes index.html with the names of what came
// of it. The same source gives the same bytes. It needs ui/node_modules (npm ci).
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const index = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" content="#0b5cad">
<title>LiveLearn</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/%s">
%s</head>
<body>
<div id="app"><p class="boot">LiveLearn</p><noscript>This page needs JavaScript.</noscript></div>
<script type="module" src="/%s"></script>
</body>
</html>
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./ui/build OUT")
		os.Exit(2)
	}
	if err := build(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "ui/build:", err)
		os.Exit(1)
	}
}

func build(out string) error {
	_, here, _, _ := runtime.Caller(0)
	ui := filepath.Dir(filepath.Dir(here))
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(ui, "node_modules", "preact")); err != nil {
		return errors.New("ui/node_modules is missing: run `npm ci --ignore-scripts` in ui")
	}
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	meta := filepath.Join(out, "meta.json")
	cmd := exec.Command("go", "tool", "-modfile=../scripts/tools.mod", "esbuild", "src/main.tsx",
		"--bundle", "--splitting", "--minify", "--format=esm", "--charset=utf8", "--legal-comments=none",
		"--jsx=automatic", "--jsx-import-source=preact", "--target=chrome95,safari15,firefox115",
		"--entry-names=[name]-[hash]", "--chunk-names=[name]-[hash]", "--outdir="+filepath.Join(out, "assets"),
		"--metafile="+meta, "--log-level=warning")
	cmd.Dir, cmd.Stderr = ui, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("esbuild: %w", err)
	}
	script, style, chunks, err := entries(meta)
	if err != nil {
		return err
	}
	var preload strings.Builder
	for _, name := range append([]string{script}, chunks...) {
		preload.WriteString(fmt.Sprintf("<link rel=\"modulepreload\" href=\"/%s\">\n", name))
	}
	if err := drop(filepath.Join(out, "assets", "*.css"), filepath.Join(out, style)); err != nil {
		return err
	}
	page := fmt.Sprintf(index, style, preload.String(), script)
	return errors.Join(os.Remove(meta), os.WriteFile(filepath.Join(out, "index.html"), []byte(page), 0o644))
}

// drop removes the style sheets of single pages: esbuild writes them, and the first one
// holds them all.
func drop(pattern, keep string) error {
	list, err := filepath.Glob(pattern)
	for _, name := range list {
		if name != keep {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// entries is what the page loads first, as paths under the site's root: the script, its
// style sheet, and the chunks that the script imports at once, which a browser would
// otherwise only find when it has read the script.
func entries(meta string) (script, style string, chunks []string, err error) {
	data, err := os.ReadFile(meta)
	if err != nil {
		return "", "", nil, err
	}
	var m struct {
		Outputs map[string]struct {
			EntryPoint, CSSBundle string
			Imports               []struct{ Path, Kind string }
		}
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", "", nil, err
	}
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		for _, i := range m.Outputs[name].Imports {
			if i.Kind == "import-statement" && !seen[i.Path] {
				seen[i.Path] = true
				chunks = append(chunks, "assets/"+filepath.Base(i.Path))
				follow(i.Path)
			}
		}
	}
	for name, o := range m.Outputs {
		if strings.HasSuffix(o.EntryPoint, "main.tsx") && o.CSSBundle != "" {
			follow(name)
			slices.Sort(chunks)
			return "assets/" + filepath.Base(name), "assets/" + filepath.Base(o.CSSBundle), chunks, nil
		}
	}
	return "", "", nil, errors.New("esbuild gave no main script with a style sheet")
}
