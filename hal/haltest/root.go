package haltest

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Root is a root folder for drivers under test. Drivers read it as an fs.FS and write to the
// files at Path, as they write to this machine's in production.
type Root string

// Open implements fs.FS.
func (r Root) Open(name string) (fs.File, error) { return os.DirFS(string(r)).Open(name) }

// Path returns the path of the file called name for the operating system.
func (r Root) Path(name string) string { return filepath.Join(string(r), name) }
