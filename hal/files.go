package hal

import "io/fs"

// DevicePath returns the path of the file called name of root, for writing or for ioctl(2). A root
// without a Path method means the root folder of this machine.
func DevicePath(root fs.FS, name string) string {
	if d, ok := root.(interface{ Path(name string) string }); ok {
		return d.Path(name)
	}
	return "/" + name
}

// FileExists reports whether root has a file or a folder of that name.
func FileExists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}
