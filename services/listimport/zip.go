package listimport

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// readZip reads a workbook or a OneRoster zip. It checks all sizes before it unpacks anything.
// The sizes that an archive declares are limits too: archive/zip returns no byte more of a file
// than its declared size.
func (t *table) readZip(op string, data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errs.NewField(op, "file", "damaged", 0, "%s: the zip is damaged: %v", t.file, err)
	}
	if len(z.File) > maxEntries {
		return errs.NewField(op, "file", "too_many_files", maxEntries, "%s: at most %d files in a zip", t.file, maxEntries)
	}
	var total uint64
	book := false
	for _, f := range z.File {
		if err := t.checkEntry(op, f); err != nil {
			return err
		}
		if total += f.UncompressedSize64; f.UncompressedSize64 > maxUnzip || total > maxUnzip {
			return errs.NewField(op, "file", "too_large", maxUnzip, "%s: more than 64 MB when unpacked", t.file)
		}
		book = book || strings.EqualFold(f.Name, "[Content_Types].xml") || strings.EqualFold(f.Name, "xl/workbook.xml")
	}
	if book {
		return t.readBook(op, data)
	}
	if only := onlyList(z); only != nil {
		return t.readInner(op, only)
	}
	switch kind, content := documentOf(z); {
	case kind == "": // no OpenDocument
	case strings.HasSuffix(kind, ".spreadsheet") && content != nil:
		return t.readODS(op, content)
	default:
		return errs.NewField(op, "file", kindDocument, 0, "%s: %s", t.file, unreadable[kindDocument])
	}
	return t.readOneRoster(op, z)
}

// checkEntry refuses names that lead out of a folder. We write none of them to disk, but an
// archive with such a name was made to harm, or by a broken program.
func (t *table) checkEntry(op string, f *zip.File) error {
	name := strings.ReplaceAll(f.Name, `\`, "/")
	if !fs.ValidPath(strings.TrimSuffix(name, "/")) || strings.Contains(name, ":") || f.Mode()&fs.ModeSymlink != 0 {
		return errs.NewField(op, "file", "bad_path", 0, "%s: a file in the zip has the path %q", t.file, shortText(f.Name))
	}
	return nil
}

// csvFiles returns the CSV files of an archive by their names in small letters, from any folder.
func (t *table) csvFiles(op string, z *zip.Reader) (map[string]*zip.File, error) {
	files := map[string]*zip.File{}
	for _, f := range z.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		base := strings.ToLower(path.Base(name))
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || !strings.HasSuffix(base, ".csv") || base[0] == '.' {
			continue
		}
		if files[base] != nil {
			return nil, errs.NewField(op, base, "twice", 0, "%s: the zip has two files %s", t.file, base)
		}
		files[base] = f
	}
	return files, nil
}

// unpackEntry reads one file of an archive.
func unpackEntry(op string, f *zip.File) ([]byte, error) {
	base := fileName(f.Name)
	r, err := f.Open()
	if err == nil {
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(r, maxUnzip)); err == nil {
			return data, r.Close()
		}
	}
	return nil, errs.NewField(op, base, "damaged", 0, "%s: the zip is damaged here: %v", base, err)
}

// documentOf returns the kind of an OpenDocument file, "" if the zip is none, and its content.
func documentOf(z *zip.Reader) (kind string, content *zip.File) {
	for _, f := range z.File {
		switch f.Name {
		case "mimetype":
			if data, err := unpackEntry("", f); err == nil && strings.HasPrefix(string(data), "application/vnd.oasis.opendocument") {
				kind = strings.TrimSpace(string(data))
			}
		case "Index/Document.iwa": // Pages, Numbers and Keynote
			kind = "iwork"
		case odsContent:
			content = f
		}
	}
	return kind, content
}

// readInner reads the only file of a zip.
func (t *table) readInner(op string, f *zip.File) error {
	data, err := unpackEntry(op, f)
	if err != nil {
		return err
	}
	kind := sniffKind(data)
	if name := fileName(f.Name); kind == kindText && strings.EqualFold(path.Ext(name), ".csv") || strings.EqualFold(path.Ext(name), ".txt") || strings.EqualFold(path.Ext(name), ".tsv") {
		t.file = name
		return t.readText(op, data)
	}
	return errs.NewField(op, "file", "missing_file", 0, "%s: the zip has one file %s, which is no CSV; choose it without the zip", t.file, fileName(f.Name))
}
