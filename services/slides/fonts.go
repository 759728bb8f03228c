package slides

import (
	"embed"
	"io/fs"
)

// fonts are for the letters of a PDF that has no font of its own. PDFium searches /usr/share/fonts.
// See fonts/README.md.
//
//go:embed fonts/usr
var fonts embed.FS

// fontFiles returns the files that PDFium sees. It reads the parent of its folder too, and so that
// is there.
func fontFiles() fs.FS {
	files, err := fs.Sub(fonts, "fonts")
	if err != nil {
		panic(err) // the name is valid
	}
	return files
}
