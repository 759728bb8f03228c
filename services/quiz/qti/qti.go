// Package qti reads QTI 1.2, 2.0 to 2.2 and 3.0, in packages and in single files, and writes QTI 3.0
// packages (IMS Question and Test Interoperability). It opens nothing.
//
// Promises: it accepts any document. A question that cannot be asked is a fault with its file and
// line, and what a question loses is noted. What Write does not note, ParsePackage gives back. A
// comment in a question keeps what QTI cannot say: <!-- livelearn: poll -->.
package qti

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/quiz/markup"
	"github.com/livelearn/box/services/quiz/pack"
)

const (
	settingsPrefix = "livelearn:"
	maxItemFile    = 4 << 20  // bytes
	maxPicture     = 20 << 20 // bytes
)

// reader reads the items of a package or of one file.
type reader struct {
	*draft.Collector
	zip *pack.Zip // nil: one file
}

// place is where a question is.
type place struct {
	file    string
	seconds int
}

// foldNames gives elements and attributes of QTI 3.0 the names of QTI 2, in small letters.
func foldNames(n *pack.Node) {
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "") }
	if name, ok := strings.CutPrefix(n.Name, "qti-"); ok {
		n.Name = fold(name)
	} else {
		n.Name = strings.ToLower(n.Name)
	}
	attrs := map[string]string{}
	for k, v := range n.Attrs {
		attrs[fold(k)] = v
	}
	n.Attrs = attrs
	for _, c := range n.Children {
		foldNames(c)
	}
}

// ParseFile reads a single file into c.
func ParseFile(c *draft.Collector, root *pack.Node) {
	r := &reader{Collector: c}
	foldNames(root)
	r.readRoot(root, place{})
}

// readRoot reads a document by its root. It reports whether there was something to read.
func (r *reader) readRoot(root *pack.Node, at place) bool {
	switch root.Name {
	case "assessmentitem":
		r.readItem(root, at)
	case "questestinterop", "item", "section", "assessment", "objectbank":
		r.readOld(root, at)
	default:
		return false
	}
	return true
}

// HasItems reports whether a zip without a manifest has files that look like QTI.
func HasItems(z *pack.Zip) bool {
	for _, name := range z.Names() {
		if !strings.EqualFold(path.Ext(name), ".xml") {
			continue
		}
		data, err := z.Read("qti.HasItems", name, maxItemFile)
		if err != nil {
			continue
		}
		start := strings.ToLower(string(data[:min(len(data), 2000)]))
		if strings.Contains(start, "assessmentitem") || strings.Contains(start, "questestinterop") || strings.Contains(start, "qti-assessment-item") {
			return true
		}
	}
	return false
}

// ParsePackage reads a package into c: the items in the order of its test, or of its manifest.
func ParsePackage(c *draft.Collector, z *pack.Zip) error {
	r := &reader{c, z}
	places, err := r.listItems()
	if err != nil {
		return err
	}
	found := false
	for _, at := range places {
		if c.IsFull() {
			return nil
		}
		root, err := r.readXML(at.file)
		if err != nil {
			c.RefuseError(draft.Question{File: path.Base(at.file), Text: at.file}, err)
			found = true
			continue
		}
		found = r.readRoot(root, at) || found
	}
	if !found {
		return errs.NewField(c.Op, "file", "no_items", 1, "there is no question in the package")
	}
	return nil
}

func (r *reader) readXML(name string) (*pack.Node, error) {
	data, err := r.zip.Read(r.Op, name, maxItemFile)
	if err != nil {
		return nil, err
	}
	root, err := pack.ReadXML(r.Op, data)
	if err == nil {
		foldNames(root)
	}
	return root, err
}

// listItems returns the files with items.
func (r *reader) listItems() ([]place, error) {
	manifest := r.zip.FindBase("imsmanifest.xml")
	if manifest == "" {
		return r.listAll(), nil
	}
	root, err := r.readXML(manifest)
	if err != nil {
		return nil, err
	}
	var list, tests []place
	for _, n := range root.Find("resource") {
		file := joinPath(manifest, n.Attr("href"))
		if n.Attr("href") == "" {
			file = joinPath(manifest, n.Child("file").Attr("href"))
		}
		kind := strings.ToLower(n.Attr("type"))
		if !r.zip.Has(file) || !strings.EqualFold(path.Ext(file), ".xml") {
			continue
		}
		switch {
		case strings.Contains(kind, "test") && !strings.HasPrefix(kind, "imsqti_xmlv1"):
			tests = append(tests, place{file: file})
		case strings.Contains(kind, "qti") || strings.Contains(kind, "assessment"):
			list = append(list, place{file: file})
		}
	}
	if len(tests) > 0 {
		if inOrder := r.listTest(tests); len(inOrder) > 0 {
			return inOrder, nil
		}
	}
	if len(list) == 0 {
		list = r.listAll()
	}
	return list, nil
}

// listAll returns all XML files.
func (r *reader) listAll() (list []place) {
	for _, name := range r.zip.Names() {
		if strings.EqualFold(path.Ext(name), ".xml") && !strings.EqualFold(path.Base(name), "imsmanifest.xml") {
			list = append(list, place{file: name})
		}
	}
	slices.SortFunc(list, func(a, b place) int { return strings.Compare(a.file, b.file) })
	return list
}

// listTest returns the items of tests in their order.
func (r *reader) listTest(tests []place) (list []place) {
	for _, t := range tests {
		root, err := r.readXML(t.file)
		if err != nil {
			continue
		}
		if r.Title == "" {
			r.Title = draft.CutText(root.Attr("title"))
		}
		for _, n := range root.Find("assessmentitemref") {
			at := place{file: joinPath(t.file, n.Attr("href"))}
			if s, err := strconv.ParseFloat(n.Child("timelimits").Attr("maxtime"), 64); err == nil && s >= 5 && s <= 3600 {
				at.seconds = int(s)
			}
			list = append(list, at)
		}
	}
	return list
}

// joinPath returns the path of an address in a file.
func joinPath(file, address string) string {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	return path.Join(path.Dir(file), unescapePath(strings.ReplaceAll(address, `\`, "/")))
}

// newTextReader returns the reader of the texts of one question.
func (r *reader) newTextReader(q *draft.Question, file string) draft.Reader {
	return draft.Reader{Collector: r.Collector, Q: q, Open: func(src string) ([]byte, error) {
		if strings.HasPrefix(src, "data:") {
			return decodeDataURL(src)
		}
		if r.zip == nil || strings.Contains(src, "://") {
			return nil, errs.NewField(r.Op, "file", "elsewhere", 0, "it is an address, and the box fetches nothing")
		}
		return r.openPicture(file, src)
	}}
}

// openPicture returns a picture of the package. Canvas and others write addresses that begin at the
// root of their files.
func (r *reader) openPicture(file, src string) ([]byte, error) {
	src = strings.TrimPrefix(src, "$IMS-CC-FILEBASE$/")
	for _, name := range []string{joinPath(file, src), path.Clean(unescapePath(strings.TrimLeft(src, "/"))), r.zip.FindBase(path.Base(unescapePath(src)))} {
		if name != "" && r.zip.Has(name) {
			return r.zip.Read(r.Op, name, maxPicture)
		}
	}
	return nil, errs.NewField(r.Op, "file", "missing_file", 0, "the file %q is not there", path.Base(src))
}

// readSettings returns the words of our comment in a question.
func readSettings(n *pack.Node) map[string]bool {
	for _, note := range n.Notes {
		if s, ok := strings.CutPrefix(note, settingsPrefix); ok {
			words := map[string]bool{"ours": true}
			for w := range strings.FieldsSeq(s) {
				words[w] = true
			}
			return words
		}
	}
	return map[string]bool{}
}

// replaceObjects makes pictures of the object elements of QTI 2.
func replaceObjects(n *pack.Node) {
	for _, c := range n.Children {
		if c.Name == "object" && strings.HasPrefix(c.Attr("type"), "image/") {
			alt := c.Attr("alt")
			if alt == "" {
				alt = c.Words()
			}
			c.Name, c.Attrs, c.Children = "img", map[string]string{"src": c.Attr("data"), "alt": alt}, nil
		}
		replaceObjects(c)
	}
}

// readWords returns a text without pictures.
func readWords(n *pack.Node) string { return strings.TrimSpace(markup.TextFromHTML(n.InnerHTML(nil))) }
