package slides

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// Limits of an SVG drawing.
const (
	maxSVG      = 8 << 20 // bytes
	maxSVGNodes = 100_000 // elements
	svgSide     = 1920    // pixels of the longer side when drawn
)

// resvgCode is resvg in WebAssembly. It has no files and no network, and at most maxSandbox of memory. See
// codecs/README.md.
//
//go:embed codecs/resvg.wasm.gz
var resvgCode []byte

// checkSVG refuses what would be missing from the drawing without a word.
func checkSVG(data []byte) error {
	if len(data) > maxSVG {
		return fmt.Errorf("it has more than %d MB", maxSVG>>20)
	}
	d := newSVGDecoder(bytes.NewReader(data))
	switches, nodes := 0, 0
	for {
		t, err := d.RawToken()
		if err != nil {
			//lint:ignore nilerr the renderer says what is wrong in the text
			return nil
		}
		switch e := t.(type) {
		case xml.StartElement:
			if nodes++; nodes > maxSVGNodes {
				return fmt.Errorf("it has more than %d elements", maxSVGNodes)
			}
			if name := findElsewhere(e); name != "" {
				return fmt.Errorf("it shows %.60q, which is not in it", path.Base(name))
			}
			switch e.Name.Local {
			case "switch": // has a form of its content for programs without foreignObject
				switches++
			case "foreignObject":
				if switches == 0 {
					return errors.New("it has a web page in it (foreignObject)")
				}
			}
		case xml.EndElement:
			if e.Name.Local == "switch" {
				switches--
			}
		}
	}
}

func newSVGDecoder(data io.Reader) *xml.Decoder {
	d := xml.NewDecoder(data)
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // names of tags are ASCII
	return d
}

// findElsewhere returns the address of a picture or a part that is not in the drawing, or "".
func findElsewhere(e xml.StartElement) string {
	start := "data:"
	switch e.Name.Local {
	case "use":
		start = "#"
	case "image", "feImage":
	default:
		return ""
	}
	for _, a := range e.Attr {
		if v := strings.TrimSpace(a.Value); a.Name.Local == "href" && v != "" && !strings.HasPrefix(v, start) && !strings.HasPrefix(v, "#") {
			return v
		}
	}
	return ""
}

// decodeSVG draws an SVG on a transparent ground. Its longer side has svgSide pixels.
func decodeSVG(r io.Reader, cache string) (image.Image, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSVG+1))
	if err != nil {
		return nil, err
	}
	if err := checkSVG(data); err != nil {
		return nil, err
	}
	ctx := context.Background()
	heap := &scriptHeap{}
	c, err := newCodec(ctx, resvgCode, cache, heap.instantiate)
	if err != nil {
		return nil, err
	}
	defer c.close()
	s := &svgRenderer{codec: c, heap: heap}
	return s.draw(ctx, data)
}

// svgRenderer calls the functions of resvg.
type svgRenderer struct {
	*codec
	heap *scriptHeap
}

// svgOptions are the options of resvg in its JSON.
type svgOptions struct {
	Font  map[string]any `json:"font"`
	FitTo struct {
		Mode  string  `json:"mode"`
		Value float64 `json:"value,omitempty"`
	} `json:"fitTo"`
}

func (s *svgRenderer) draw(ctx context.Context, data []byte) (image.Image, error) {
	var o svgOptions
	o.FitTo.Mode = "original"
	tree, err := s.open(ctx, data, o, nil)
	if err != nil {
		return nil, err
	}
	w, errW := s.size(ctx, "resvg_width", tree)
	h, errH := s.size(ctx, "resvg_height", tree)
	if err := errors.Join(errW, errH); err != nil {
		return nil, err
	}
	if !(w > 0 && h > 0) || h > 8*w || w > 16*h {
		return nil, fmt.Errorf("it is a strip of %g x %g", w, h)
	}
	o.Font = map[string]any{"loadSystemFonts": false}
	for _, name := range []string{"defaultFontFamily", "sansSerifFamily", "serifFamily", "cursiveFamily", "fantasyFamily", "monospaceFamily"} {
		o.Font[name] = "Arial"
	}
	o.FitTo.Mode, o.FitTo.Value = "width", svgSide
	if h > w {
		o.FitTo.Mode = "height"
	}
	list, err := loadFonts()
	if err != nil {
		return nil, err
	}
	if tree, err = s.open(ctx, data, o, list); err != nil {
		return nil, err
	}
	return s.render(ctx, tree)
}

// loadFonts returns the fonts that PDFs have too.
func loadFonts() (list []any, err error) {
	files, err := fs.Glob(fonts, "fonts/usr/share/fonts/*.ttf")
	for _, name := range files {
		data, errRead := fonts.ReadFile(name)
		err = errors.Join(err, errRead)
		list = append(list, data)
	}
	return list, err
}

// open reads the drawing.
func (s *svgRenderer) open(ctx context.Context, data []byte, o svgOptions, list []any) (uint64, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	at, err := s.call(ctx, "__wbindgen_malloc", uint64(len(text)), 1)
	if err != nil || !s.mod.Memory().Write(at, text) {
		return 0, errors.Join(errUndecoded, err)
	}
	fontList := uint64(0)
	if list != nil {
		fontList = uint64(s.heap.add(&scriptArray{list}))
	}
	res, err := s.result(ctx, "resvg_new", uint64(s.heap.add(data)), uint64(at), uint64(len(text)), fontList)
	return uint64(res), err
}

func (s *svgRenderer) render(ctx context.Context, tree uint64) (image.Image, error) {
	made, err := s.result(ctx, "resvg_render", tree)
	if err != nil {
		return nil, err
	}
	w, errW := s.call(ctx, "renderedimage_width", uint64(made))
	h, errH := s.call(ctx, "renderedimage_height", uint64(made))
	if err := errors.Join(errW, errH, checkDecoded([]uint32{w, h})); err != nil {
		return nil, err
	}
	at, err := s.call(ctx, "renderedimage_pixels", uint64(made))
	if err != nil {
		return nil, err
	}
	pixels, _ := s.heap.take(at).([]byte)
	if len(pixels) != int(w)*int(h)*4 {
		return nil, errUndecoded
	}
	return &image.RGBA{Pix: pixels, Stride: int(w) * 4, Rect: image.Rect(0, 0, int(w), int(h))}, nil
}

// size calls a function that returns a length.
func (s *svgRenderer) size(ctx context.Context, name string, tree uint64) (float64, error) {
	f := s.mod.ExportedFunction(name)
	res, err := f.Call(ctx, tree)
	if err != nil || len(res) == 0 {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if f.Definition().ResultTypes()[0] == api.ValueTypeF32 {
		return float64(api.DecodeF32(res[0])), nil
	}
	return api.DecodeF64(res[0]), nil
}

// result calls a function that returns a value or an error: the value, the error and whether there is
// one lie one after another on the stack.
func (s *svgRenderer) result(ctx context.Context, name string, args ...uint64) (uint32, error) {
	at, err := s.call(ctx, "__wbindgen_add_to_stack_pointer", api.EncodeI32(-16))
	if err != nil {
		return 0, err
	}
	f := s.mod.ExportedFunction(name)
	if _, err = f.Call(ctx, append([]uint64{uint64(at)}, args...)...); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	m := s.mod.Memory()
	value, _ := m.ReadUint32Le(at)
	fault, _ := m.ReadUint32Le(at + 4)
	failed, _ := m.ReadUint32Le(at + 8)
	if _, err := s.call(ctx, "__wbindgen_add_to_stack_pointer", 16); err != nil {
		return 0, err
	}
	if failed != 0 {
		return 0, fmt.Errorf("%v", s.heap.take(fault))
	}
	return value, nil
}
