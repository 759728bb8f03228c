package hal

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a root folder that drivers can write to as well: Dir("/") is this machine, another
// one is a double of it in a test.
type Dir string

// Open implements fs.FS.
func (d Dir) Open(name string) (fs.File, error) { return os.DirFS(string(d)).Open(name) }

// Path is the file of that name, as the operating system opens it.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Path is where the file called name of root is to be opened for writing or for ioctl(2). A
// root that cannot tell stands for this machine's.
func Path(root fs.FS, name string) string {
	if d, ok := root.(interface{ Path(name string) string }); ok {
		return d.Path(name)
	}
	return "/" + name
}

// Exists tells that root has a file or a folder of that name.
func Exists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}
