// Package pack opens the zips and XML files in which quizzes travel. It is pure.
//
// Promises: whatever the bytes, a reader unpacks at most MaxUnzip bytes in MaxEntries files and
// builds at most MaxNodes elements, MaxDepth deep. An XML file that defines entities is refused.
package pack

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Limits of a zip.
const (
	MaxUnzip   = 128 << 20 // bytes of all files that are unpacked
	MaxEntries = 4000
)

// Zip is an open zip. Its files are unpacked one by one.
type Zip struct {
	files map[string]*zip.File // by path
	names []string             // in the order of the zip
	left  int64                // bytes that may still be unpacked
}

// OpenZip reads the list of a zip. It refuses paths that lead out of a folder.
func OpenZip(op string, data []byte) (*Zip, error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, errs.NewField(op, "file", "damaged", 0, "the zip is damaged: %v", err)
	}
	if len(r.File) > MaxEntries {
		return nil, errs.NewField(op, "file", "too_many_files", MaxEntries, "at most %d files in a zip", MaxEntries)
	}
	z := &Zip{files: map[string]*zip.File{}, left: MaxUnzip}
	for _, f := range r.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		if !fs.ValidPath(strings.TrimSuffix(name, "/")) || strings.Contains(name, ":") || f.Mode()&fs.ModeSymlink != 0 {
			return nil, errs.NewField(op, "file", "bad_path", 0, "a file in the zip has the path %q", name[:min(len(name), 80)])
		}
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || z.files[name] != nil {
			continue
		}
		z.files[name] = f
		z.names = append(z.names, name)
	}
	return z, nil
}

// Names returns the paths of the files.
func (z *Zip) Names() []string { return z.names }

// Has reports whether there is a file with this path.
func (z *Zip) Has(name string) bool { return z.files[name] != nil }

// FindBase returns the path of the first file with this name in any folder, or "".
func (z *Zip) FindBase(base string) string {
	if i := slices.IndexFunc(z.names, func(n string) bool { return strings.EqualFold(path.Base(n), base) }); i >= 0 {
		return z.names[i]
	}
	return ""
}

// Read unpacks one file of at most limit bytes.
func (z *Zip) Read(op, name string, limit int64) ([]byte, error) {
	f := z.files[name]
	if f == nil {
		return nil, errs.NewField(op, name, "missing_file", 0, "the zip has no file %q", name)
	}
	limit = min(limit, z.left)
	large := errs.NewField(op, name, "too_large", limit, "%s: more than %d bytes when unpacked", path.Base(name), limit)
	if f.UncompressedSize64 > uint64(limit) {
		return nil, large
	}
	r, err := f.Open()
	if err != nil {
		return nil, errs.NewField(op, name, "damaged", 0, "%s: the zip is damaged here: %v", path.Base(name), err)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1)) // archive/zip gives no byte more than it declares
	z.left -= int64(len(data))
	if err != nil {
		return nil, errs.NewField(op, name, "damaged", 0, "%s: the zip is damaged here: %v", path.Base(name), err)
	}
	if int64(len(data)) > limit {
		return nil, large
	}
	return data, r.Close()
}
