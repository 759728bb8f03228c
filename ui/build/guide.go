package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// guideLanguages are the languages of the guide, with the file of each in image.
var guideLanguages = []guideLanguage{
	{"en", "ltr", "English", "GUIDE.md"},
	{"fr", "ltr", "Français", "GUIDE.fr.md"},
	{"es", "ltr", "Español", "GUIDE.es.md"},
	{"ar", "rtl", "العربية", "GUIDE.ar.md"},
}

// guideParts names the parts about a fault of the network, in their order: the headings of the third
// level. The pages of the box lead there, in every language.
var guideParts = []string{"isolation", "no-name", "no-address", "no-internet", "wifi-only", "sign-in", "two-boxes"}

type guideLanguage struct{ Code, Dir, Name, file string }

// guidePage is a page without scripts: a new box shows it to any browser.
var guidePage = template.Must(template.New("guide").Parse(`<!doctype html>
<html lang="{{.Lang.Code}}" dir="{{.Lang.Dir}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{html .Title}}</title>
<link rel="icon" type="image/svg+xml" href="/favicon.svg">
<link rel="stylesheet" href="/{{.Style}}">
</head>
<body>
<header>
<a class="home" href="/"><img src="/favicon.svg" alt="" width="28" height="28"> LiveLearn</a>
<nav>{{range .All}}<a href="/guide?lang={{.Code}}" lang="{{.Code}}" hreflang="{{.Code}}"{{if eq .Code $.Lang.Code}} aria-current="page"{{end}}>{{.Name}}</a>
{{end}}</nav>
</header>
<main>
{{.Text}}</main>
</body>
</html>
`))

var (
	guideTitle   = regexp.MustCompile(`(?m)^# (.+)$`)
	guidePicture = regexp.MustCompile(`<p><img src="(guide/[a-z]+\.svg)"( alt="[^"]+") */?></p>`)
	anyPicture   = regexp.MustCompile(`<img [^>]*>`)
)

// writeGuide writes guide/LANGUAGE.html for each language of the guide in from, and its pictures to
// assets under names with a hash of their content.
func writeGuide(from, out, style string) error {
	err := os.MkdirAll(filepath.Join(out, "guide"), 0o755)
	for _, l := range guideLanguages {
		if err == nil {
			err = writeGuidePage(from, out, style, l)
		}
	}
	return err
}

func writeGuidePage(from, out, style string, l guideLanguage) error {
	text, err := os.ReadFile(filepath.Join(from, l.file))
	if err != nil {
		return err
	}
	title := guideTitle.FindSubmatch(text)
	if title == nil {
		return fmt.Errorf("%s: has no title", l.file)
	}
	var body bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.Typographer)).Convert(text, &body); err != nil {
		return fmt.Errorf("%s: %w", l.file, err)
	}
	var fault error
	html := body.String()
	if n := strings.Count(html, "<h3>"); n != len(guideParts) {
		fault = fmt.Errorf("%s: has %d headings of the third level, and guideParts names %d", l.file, n, len(guideParts))
	}
	for _, id := range guideParts {
		html = strings.Replace(html, "<h3>", `<h3 id="`+id+`">`, 1)
	}
	html = guidePicture.ReplaceAllStringFunc(html, func(tag string) string {
		m := guidePicture.FindStringSubmatch(tag)
		name, err := copyPicture(filepath.Join(from, m[1]), out)
		fault = errors.Join(fault, err)
		return `<figure><img src="/` + name + `"` + m[2] + ` width="480" height="200"></figure>`
	})
	for _, tag := range anyPicture.FindAllString(html, -1) {
		if !strings.Contains(tag, `src="/assets/`) {
			fault = errors.Join(fault, fmt.Errorf("%s: a picture is a line of its own, is in image/guide and has a description: %s", l.file, tag))
		}
	}
	var page bytes.Buffer
	err = guidePage.Execute(&page, struct {
		Lang         guideLanguage
		All          []guideLanguage
		Title, Style string
		Text         string // HTML: the text is ours, and goldmark leaves out raw HTML
	}{l, guideLanguages, string(title[1]), style, html})
	return errors.Join(fault, err, os.WriteFile(filepath.Join(out, "guide", l.Code+".html"), page.Bytes(), 0o644))
}

// copyPicture copies a picture to assets and returns its path there.
func copyPicture(path, out string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	name := fmt.Sprintf("assets/guide-%s-%X%s", base, sum[:4], filepath.Ext(path))
	return name, os.WriteFile(filepath.Join(out, filepath.FromSlash(name)), data, 0o644)
}
