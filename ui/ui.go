// Package ui holds the pages of the box: TypeScript in src, built by esbuild into dist. dist is
// committed, so a plain go build needs no Node. dist_test.go rebuilds it and compares.
package ui

import (
	"embed"
	"io/fs"
)

//go:generate go run ./build dist

//go:embed all:dist
var dist embed.FS

// Pages returns the built pages: index.html, and assets/ with a content hash in each name.
func Pages() fs.FS {
	pages, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return pages
}
