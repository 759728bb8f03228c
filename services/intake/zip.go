package intake

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// readZip reads a workbook or a OneRoster zip. Everything is bounded before anything is
// unpacked: what an archive says about its sizes binds it, as archive/zip gives no byte
// more of a file than was said.
func (t *table) readZip(op string, data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errs.Field(op, "file", "damaged", 0, "%s: the zip is damaged: %v", t.file, err)
	}
	if len(z.File) > maxEntries {
		return errs.Field(op, "file", "too_many_files", maxEntries, "%s: at most %d files in a zip", t.file, maxEntries)
	}
	var total uint64
	book := false
	for _, f := range z.File {
		if err := t.checkEntry(op, f); err != nil {
			return err
		}
		if total += f.UncompressedSize64; f.UncompressedSize64 > maxUnzip || total > maxUnzip {
			return errs.Field(op, "file", "too_large", maxUnzip, "%s: more than 64 MB when unpacked", t.file)
		}
		book = book || strings.EqualFold(f.Name, "[Content_Types].xml") || strings.EqualFold(f.Name, "xl/workbook.xml")
	}
	if book {
		return t.readBook(op, data)
	}
	return t.readOneRoster(op, z)
}

// checkEntry refuses names that lead out of a folder. We write none of them to disk; an
// archive that has one was made to harm, or by a broken program.
func (t *table) checkEntry(op string, f *zip.File) error {
	name := strings.ReplaceAll(f.Name, `\`, "/")
	if !fs.ValidPath(strings.TrimSuffix(name, "/")) || strings.Contains(name, ":") || f.Mode()&fs.ModeSymlink != 0 {
		return errs.Field(op, "file", "bad_path", 0, "%s: a file in the zip has the path %q", t.file, short(f.Name))
	}
	return nil
}

// csvFiles are the CSV files of an archive by their names in small letters, whatever
// folder they are in.
func (t *table) csvFiles(op string, z *zip.Reader) (map[string]*zip.File, error) {
	files := map[string]*zip.File{}
	for _, f := range z.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		base := strings.ToLower(path.Base(name))
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || !strings.HasSuffix(base, ".csv") || base[0] == '.' {
			continue
		}
		if files[base] != nil {
			return nil, errs.Field(op, base, "twice", 0, "%s: the zip has two files %s", t.file, base)
		}
		files[base] = f
	}
	return files, nil
}

// unpack reads one file of an archive.
func unpack(op string, f *zip.File) ([]byte, error) {
	base := fileName(f.Name)
	r, err := f.Open()
	if err == nil {
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(r, maxUnzip)); err == nil {
			return data, r.Close()
		}
	}
	return nil, errs.Field(op, base, "damaged", 0, "%s: the zip is damaged here: %v", base, err)
}
