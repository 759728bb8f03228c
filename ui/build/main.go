// Command build makes the pages: go run ./ui/build OUT. It runs esbuild, which scripts/tools.mod
// pins, over ui/src, and writes index.html with the names of the output files. It makes the pages of
// the guide from image/GUIDE.md and its translations. The same source gives the same bytes. It needs ui/node_modules (npm ci).
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

const pageTemplate = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="#f7f4ee">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#16141a">
<title>LiveLearn</title>
<link rel="icon" type="image/svg+xml" href="/favicon.svg">
<link rel="apple-touch-icon" href="/icon-192.png">
<link rel="manifest" href="/manifest.webmanifest">
<link rel="stylesheet" href="/%s">
<meta name="all-styles" content="/%s">
%s</head>
<body>
<div id="app">
<p class="boot"><img src="/favicon.svg" alt="" width="56" height="56"><br>LiveLearn</p>
<noscript><p class="boot-note">This page needs JavaScript. Turn it on in the settings of your browser, then reload the page.</p></noscript>
<div class="boot-note boot-late">
<p lang="en">This page does not start. Check the Wi-Fi and reload it. If that does not help, this browser is too old: use a newer one.</p>
<p lang="fr">Cette page ne démarre pas. Vérifie le Wi-Fi et recharge-la. Sinon, ce navigateur est trop ancien : utilise-en un plus récent.</p>
<p lang="es">Esta página no arranca. Comprueba el wifi y recárgala. Si no sirve, este navegador es demasiado antiguo: usa uno más nuevo.</p>
<p lang="ar" dir="rtl">لا تبدأ هذه الصفحة. تحقّق من الشبكة وأعد تحميلها. إن لم ينفع ذلك فالمتصفح قديم جدًا: استخدم متصفحًا أحدث.</p>
</div>
</div>
<script type="module" src="/%s"></script>
</body>
</html>
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./ui/build OUT")
		os.Exit(2)
	}
	if err := buildPages(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "ui/build:", err)
		os.Exit(1)
	}
}

func buildPages(out string) error {
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
	source := filepath.Join(ui, sourceCopy)
	defer func() { _ = os.RemoveAll(source) }()
	if err := errors.Join(copySource(ui, source), copyPhoenix(ui, filepath.Join(source, "phoenix"))); err != nil {
		return err
	}
	meta := filepath.Join(out, "meta.json")
	cmd := exec.Command("go", "tool", "-modfile=../scripts/tools.mod", "esbuild", sourceCopy+"/main.tsx", sourceCopy+"/pupil-style.ts", "build/guide.css",
		"--bundle", "--splitting", "--minify", "--format=esm", "--charset=utf8", "--legal-comments=none",
		"--alias:phoenix=./"+sourceCopy+"/phoenix/index.js", "--jsx=automatic", "--jsx-import-source=preact", "--target=chrome95,safari15,firefox115",
		"--loader:.woff2=file", "--asset-names=[name]-[hash]", "--entry-names=[name]-[hash]", "--chunk-names=[name]-[hash]", "--outdir="+filepath.Join(out, "assets"),
		"--metafile="+meta, "--log-level=warning")
	cmd.Dir, cmd.Stderr = ui, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("esbuild: %w", err)
	}
	e, err := readEntries(meta)
	if err != nil {
		return err
	}
	var preload strings.Builder
	for _, name := range append([]string{e.script}, e.chunks...) {
		preload.WriteString(fmt.Sprintf("<link rel=\"modulepreload\" href=\"/%s\">\n", name))
	}
	if err := removeExtra(out, e); err != nil {
		return err
	}
	if err := writeGuide(filepath.Join(ui, "..", "image"), out, e.guideStyle); err != nil {
		return err
	}
	page := fmt.Sprintf(pageTemplate, e.pupilStyle, e.style, preload.String(), e.script)
	static := os.CopyFS(out, os.DirFS(filepath.Join(ui, "static"))) // icons, manifest, licences: their names do not change
	return errors.Join(static, os.Remove(meta), os.WriteFile(filepath.Join(out, "index.html"), []byte(page), 0o644))
}

// entries are the files that the page names, as paths under the root of the site.
type entries struct {
	script     string
	chunks     []string // what the script imports at once: without a link a browser finds them only in the script
	style      string   // of all pages
	pupilStyle string   // of what a pupil sees
	guideStyle string   // of the guide, which needs no script
	unused     string   // the script that comes with pupilStyle
}

// removeExtra removes the style sheets of single pages, which nothing loads, and the unused script.
func removeExtra(out string, e entries) error {
	list, err := filepath.Glob(filepath.Join(out, "assets", "*.css"))
	for _, name := range append(list, filepath.Join(out, e.unused)) {
		if !slices.Contains([]string{e.style, e.pupilStyle, e.guideStyle}, asset(name)) {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

func readEntries(meta string) (entries, error) {
	data, err := os.ReadFile(meta)
	if err != nil {
		return entries{}, err
	}
	var m struct {
		Outputs map[string]struct {
			EntryPoint, CSSBundle string
			Imports               []struct{ Path, Kind string }
		}
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return entries{}, err
	}
	var e entries
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		for _, i := range m.Outputs[name].Imports {
			if i.Kind == "import-statement" && !seen[i.Path] {
				seen[i.Path] = true
				e.chunks = append(e.chunks, asset(i.Path))
				follow(i.Path)
			}
		}
	}
	for name, o := range m.Outputs {
		switch {
		case strings.HasSuffix(o.EntryPoint, "guide.css"):
			e.guideStyle = asset(name)
		case o.CSSBundle == "":
		case strings.HasSuffix(o.EntryPoint, "main.tsx"):
			follow(name)
			slices.Sort(e.chunks)
			e.script, e.style = asset(name), asset(o.CSSBundle)
		case strings.HasSuffix(o.EntryPoint, "pupil-style.ts"):
			e.unused, e.pupilStyle = asset(name), asset(o.CSSBundle)
		}
	}
	if e.script == "" || e.pupilStyle == "" || e.guideStyle == "" {
		return entries{}, errors.New("esbuild gave no main script with a style sheet, or no style sheet for pupils or for the guide")
	}
	return e, nil
}

func asset(path string) string { return "assets/" + filepath.Base(path) }
