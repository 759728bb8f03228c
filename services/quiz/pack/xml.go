package pack

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/livelearn/box/services/errs"
)

// Limits of an XML file.
const (
	MaxXML   = 32 << 20 // bytes
	MaxNodes = 400_000
	MaxDepth = 100
)

// Node is an element, or a text if Name is empty.
type Node struct {
	Name     string // without its prefix
	Space    string // its namespace
	Attrs    map[string]string
	Children []*Node
	Text     string   // of a text
	Notes    []string // comments in the element
	Line     int      // from 1
}

// ReadXML reads a document and returns its root.
func ReadXML(op string, data []byte) (*Node, error) {
	if len(data) > MaxXML {
		return nil, errs.NewField(op, "file", "too_large", MaxXML, "the XML has more than %d MB", MaxXML>>20)
	}
	p := xmlReader{op: op, Decoder: xml.NewDecoder(bytes.NewReader(data))}
	p.Entity = xml.HTMLEntity
	p.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(in), nil
	}
	for {
		t, err := p.RawToken()
		if errors.Is(err, io.EOF) {
			return p.finish()
		}
		if err == nil {
			err = p.addToken(t)
		}
		if err != nil {
			return nil, p.toError(err)
		}
	}
}

// xmlReader is the state of reading a document.
type xmlReader struct {
	*xml.Decoder
	op    string
	root  *Node
	open  []*Node
	space []map[string]string // prefixes of each open element
	count int
}

func (p *xmlReader) toError(err error) error {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	line, _ := p.InputPos()
	return errs.NewField(p.op, "file", "bad_xml", int64(line), "line %d: the XML is damaged: %v", line, err)
}

func (p *xmlReader) finish() (*Node, error) {
	if p.root == nil || len(p.open) > 0 {
		return nil, p.toError(errors.New("it ends too early"))
	}
	return p.root, nil
}

func (p *xmlReader) addToken(t xml.Token) error {
	if p.count++; p.count > MaxNodes {
		return errs.NewField(p.op, "file", "too_complex", MaxNodes, "more than %d elements", MaxNodes)
	}
	switch t := t.(type) {
	case xml.StartElement:
		return p.openNode(t)
	case xml.EndElement:
		return p.closeNode(t)
	case xml.CharData:
		if len(p.open) > 0 {
			last := p.open[len(p.open)-1]
			last.Children = append(last.Children, &Node{Text: string(t)})
		}
	case xml.Comment:
		if len(p.open) > 0 {
			last := p.open[len(p.open)-1]
			last.Notes = append(last.Notes, strings.TrimSpace(string(t)))
		}
	case xml.Directive:
		if bytes.Contains(bytes.ToUpper(t), []byte("<!ENTITY")) {
			return errs.NewField(p.op, "file", "entities", 0, "the XML defines entities, which are not read")
		}
	}
	return nil
}

func (p *xmlReader) openNode(t xml.StartElement) error {
	if len(p.open) == MaxDepth {
		return errs.NewField(p.op, "file", "too_complex", MaxDepth, "elements are more than %d deep", MaxDepth)
	}
	if p.root != nil && len(p.open) == 0 {
		return errors.New("it has two roots")
	}
	line, _ := p.InputPos()
	n := &Node{Name: t.Name.Local, Line: line}
	prefixes := map[string]string{}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns":
			prefixes[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			prefixes[""] = a.Value
		default:
			if n.Attrs == nil {
				n.Attrs = map[string]string{}
			}
			n.Attrs[a.Name.Local] = a.Value
		}
	}
	p.space = append(p.space, prefixes)
	for i := len(p.space) - 1; i >= 0; i-- {
		if v, ok := p.space[i][t.Name.Space]; ok {
			n.Space = v
			break
		}
	}
	if len(p.open) == 0 {
		p.root = n
	} else {
		last := p.open[len(p.open)-1]
		last.Children = append(last.Children, n)
	}
	p.open = append(p.open, n)
	return nil
}

func (p *xmlReader) closeNode(t xml.EndElement) error {
	if len(p.open) == 0 || p.open[len(p.open)-1].Name != t.Name.Local {
		return errors.New("</" + t.Name.Local + "> ends nothing")
	}
	p.open = p.open[:len(p.open)-1]
	p.space = p.space[:len(p.space)-1]
	return nil
}

// Attr returns an attribute, or "".
func (n *Node) Attr(name string) string {
	if n == nil {
		return ""
	}
	return n.Attrs[name]
}

// Child returns the first child with one of the names, or nil.
func (n *Node) Child(names ...string) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		if slices.Contains(names, c.Name) {
			return c
		}
	}
	return nil
}

// List returns the children with a name.
func (n *Node) List(name string) (list []*Node) {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		if c.Name == name {
			list = append(list, c)
		}
	}
	return list
}

// Find returns the elements below n with one of the names, in the order of the document. It does not
// look into those that it finds.
func (n *Node) Find(names ...string) (list []*Node) {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		found := false
		for _, name := range names {
			found = found || c.Name == name
		}
		if found {
			list = append(list, c)
		} else {
			list = append(list, c.Find(names...)...)
		}
	}
	return list
}

// Words returns the text in an element, trimmed.
func (n *Node) Words() string {
	var b strings.Builder
	n.writeWords(&b)
	return strings.TrimSpace(b.String())
}

func (n *Node) writeWords(b *strings.Builder) {
	if n == nil {
		return
	}
	b.WriteString(n.Text)
	for _, c := range n.Children {
		c.writeWords(b)
	}
}

// InnerHTML returns the content of an element as HTML. It leaves out elements for which skip is
// true, and skip may be nil.
func (n *Node) InnerHTML(skip func(*Node) (instead string, skip bool)) string {
	var b strings.Builder
	if n != nil {
		n.writeHTML(&b, skip)
	}
	return b.String()
}

func (n *Node) writeHTML(b *strings.Builder, skip func(*Node) (string, bool)) {
	for _, c := range n.Children {
		if c.Name == "" {
			b.WriteString(html.EscapeString(c.Text))
			continue
		}
		if skip != nil {
			if instead, ok := skip(c); ok {
				b.WriteString(instead)
				continue
			}
		}
		b.WriteString("<" + c.Name)
		for _, name := range []string{"src", "alt", "data", "type"} {
			if v, ok := c.Attrs[name]; ok {
				b.WriteString(" " + name + `="` + html.EscapeString(v) + `"`)
			}
		}
		b.WriteString(">")
		c.writeHTML(b, skip)
		if c.Name != "img" && c.Name != "br" {
			b.WriteString("</" + c.Name + ">")
		}
	}
}
