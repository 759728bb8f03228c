// Package ui holds the pages of the box: TypeScript in src, built by esbuild into dist,
// which is committed so that a plain go build needs no Node. dist_test.go builds it anew
// and compares.
package ui

import (
	"embed"
	"io/fs"
)

//go:generate go run ./build dist

//go:embed all:dist
var dist embed.FS

// Pages is the built pages: index.html, and assets/ with their content's hash in the name.
func Pages() fs.FS {
	pages, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return pages
}
