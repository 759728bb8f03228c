package slides

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// Decoders of HEIC and AVIF in WebAssembly. They run as PDFium does: without files, without network,
// and with at most maxSandbox of memory. See codecs/README.md.
var (
	//go:embed codecs/heif.wasm.gz
	heifCode []byte
	//go:embed codecs/avif.wasm.gz
	avifCode []byte
)

// codec is a running decoder.
type codec struct {
	mod   api.Module
	close func()
}

// newCodec compiles and starts a decoder. Compiling takes a second on a fast machine and nearly
// nothing with a cache. imports gives it more than WASI.
func newCodec(ctx context.Context, code []byte, cache string, imports ...func(context.Context, wazero.Runtime) error) (*codec, error) {
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(reserveMemory))
	conf := wazero.NewRuntimeConfig().WithMemoryLimitPages(maxSandbox >> 16)
	closers := []func(context.Context) error{}
	c := &codec{close: func() {
		for _, f := range closers {
			_ = f(context.Background()) // the process ends soon, and with it all of this
		}
	}}
	if cache != "" {
		if err := os.MkdirAll(cache, 0o700); err != nil {
			return nil, err
		}
		kept, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, err
		}
		closers = append(closers, kept.Close)
		conf = conf.WithCompilationCache(kept)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, conf)
	closers = append([]func(context.Context) error{rt.Close}, closers...)
	packed, err := gzip.NewReader(bytes.NewReader(code))
	if err == nil {
		code, err = io.ReadAll(packed)
	}
	if err == nil {
		_, err = wasi_snapshot_preview1.Instantiate(ctx, rt)
	}
	for _, f := range imports {
		if err == nil {
			err = f(ctx, rt)
		}
	}
	if err == nil {
		c.mod, err = rt.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// call calls a function of the decoder that returns one number.
func (c *codec) call(ctx context.Context, name string, args ...uint64) (uint32, error) {
	f := c.mod.ExportedFunction(name)
	if f == nil {
		return 0, errors.New("the decoder has no " + name)
	}
	res, err := f.Call(ctx, args...)
	if err != nil || len(res) == 0 {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return uint32(res[0]), nil
}

// reserve returns the place of n bytes in the decoder's memory.
func (c *codec) reserve(ctx context.Context, n int) (uint64, error) {
	at, err := c.call(ctx, "malloc", uint64(n))
	if err == nil && at == 0 {
		err = errors.New("the picture takes too much memory")
	}
	return uint64(at), err
}

// errUndecoded is the answer of a decoder that cannot read the picture.
var errUndecoded = errors.New("the decoder cannot read it")

// decode passes data to the decoder: first for the picture's numbers, then for its pixels. fields is
// how many numbers the decoder returns, and before is what it takes in front of their places. size
// computes the bytes of the pixels.
func (c *codec) decode(ctx context.Context, data []byte, before []uint64, fields int, after int, size func(n []uint32) (int, error)) ([]uint32, []byte, error) {
	in, err := c.reserve(ctx, len(data))
	if err != nil {
		return nil, nil, err
	}
	if !c.mod.Memory().Write(uint32(in), data) {
		return nil, nil, errors.New("the picture takes too much memory")
	}
	places, err := c.reserve(ctx, 4*fields+8)
	if err != nil {
		return nil, nil, err
	}
	args := func(headOnly, out uint64) []uint64 {
		list := append([]uint64{in, uint64(len(data)), headOnly}, before...)
		for i := range fields {
			list = append(list, places+uint64(4*i))
		}
		for range after { // the times of an animation's frames, of which there is one
			list = append(list, places+uint64(4*fields))
		}
		return append(list, out)
	}
	if ok, err := c.call(ctx, "decode", args(1, 0)...); err != nil || ok == 0 {
		return nil, nil, errors.Join(errUndecoded, err)
	}
	raw, _ := c.mod.Memory().Read(uint32(places), uint32(4*fields))
	n := make([]uint32, fields)
	for i := range n {
		n[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	count, err := size(n)
	if err != nil {
		return nil, nil, err
	}
	out, err := c.reserve(ctx, count)
	if err != nil {
		return nil, nil, err
	}
	if ok, err := c.call(ctx, "decode", args(0, out)...); err != nil || ok == 0 {
		return nil, nil, errors.Join(errUndecoded, err)
	}
	pixels, ok := c.mod.Memory().Read(uint32(out), uint32(count))
	if !ok {
		return nil, nil, errUndecoded
	}
	return n, pixels, nil
}

// decodeHEIF decodes a HEIC or an AVIF in the sandbox.
func decodeHEIF(r io.ReadSeeker, kind, cache string) (image.Image, error) {
	head, err := readHEIFHead(r)
	if err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxFile))
	if err != nil {
		return nil, err
	}
	ctx, code := context.Background(), heifCode
	if kind == "avif" {
		code = avifCode
	}
	c, err := newCodec(ctx, code, cache)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if kind == "avif" {
		return c.decodeAVIF(ctx, data)
	}
	return c.decodeHEIC(ctx, data, head)
}

func (c *codec) decodeAVIF(ctx context.Context, data []byte) (image.Image, error) {
	n, pix, err := c.decode(ctx, data, []uint64{0}, 4, 1, func(n []uint32) (int, error) {
		if err := checkDecoded(n); err != nil {
			return 0, err
		}
		return int(n[0]) * int(n[1]) * 4 * depthBytes(n[2]), nil
	})
	if err != nil {
		return nil, err
	}
	img := image.NewRGBA(image.Rect(0, 0, int(n[0]), int(n[1])))
	if depthBytes(n[2]) == 1 {
		copy(img.Pix, pix)
		return img, nil
	}
	for i := range img.Pix { // the upper byte of each number
		img.Pix[i] = uint8(min(uint32(binary.LittleEndian.Uint16(pix[2*i:]))*255/0xffff, 255))
	}
	return img, nil
}

func depthBytes(bits uint32) int {
	if bits > 8 {
		return 2
	}
	return 1
}

// checkDecoded checks the size that a decoder found: it may not be that of the boxes.
func checkDecoded(n []uint32) error {
	if n[0] == 0 || n[1] == 0 || uint64(n[0])*uint64(n[1]) > maxPixels {
		return errNoPicture
	}
	return nil
}

// Forms of the pixels of libheif.
const (
	heifYCbCr = 0
	heifRGB   = 1
	heifGrey  = 2
	heif420   = 1
	heif422   = 2
)

func (c *codec) decodeHEIC(ctx context.Context, data []byte, head heifHead) (image.Image, error) {
	var y image.YCbCr
	n, pix, err := c.decode(ctx, data, nil, 5, 0, func(n []uint32) (int, error) {
		if err := checkDecoded(n); err != nil {
			return 0, err
		}
		if n[2] == heifRGB {
			return alignRow(int(n[0]), 4) * int(n[1]), nil
		}
		y = planesOf(int(n[0]), int(n[1]), n[2], n[3])
		return len(y.Y) + len(y.Cb) + len(y.Cr), nil
	})
	if err != nil {
		return nil, err
	}
	if n[2] == heifRGB {
		row := alignRow(int(n[0]), 4)
		img := &image.NRGBA{Pix: bytes.Clone(pix), Stride: row, Rect: image.Rect(0, 0, int(n[0]), int(n[1]))}
		if n[4] == 1 {
			return &image.RGBA{Pix: img.Pix, Stride: row, Rect: img.Rect}, nil
		}
		return img, nil
	}
	copy(y.Y, pix)
	copy(y.Cb, pix[len(y.Y):])
	copy(y.Cr, pix[len(y.Y)+len(y.Cb):])
	return head.convertColours(&y), nil
}

// alignRow returns the bytes of a row in libheif's memory, which has no rows below 64 pixels.
func alignRow(pixels, each int) int { return (max(pixels, 64)*each + 15) &^ 15 }

// planesOf returns a picture with room for the planes of libheif. A grey one has two of middle colour.
func planesOf(w, h int, space, chroma uint32) image.YCbCr {
	y := image.YCbCr{Rect: image.Rect(0, 0, w, h), YStride: alignRow(w, 1), CStride: alignRow(w, 1), SubsampleRatio: image.YCbCrSubsampleRatio444}
	rows := h
	switch {
	case space == heifGrey:
		rows = 0
	case chroma == heif420:
		y.SubsampleRatio, y.CStride, rows = image.YCbCrSubsampleRatio420, alignRow((w+1)/2, 1), (h+1)/2
	case chroma == heif422:
		y.SubsampleRatio, y.CStride = image.YCbCrSubsampleRatio422, alignRow((w+1)/2, 1)
	}
	y.Y, y.Cb, y.Cr = make([]byte, y.YStride*h), make([]byte, y.CStride*rows), make([]byte, y.CStride*rows)
	return y
}

// convertColours returns a picture with the colours that its numbers mean (ISO 23091-2). Most photos
// are as image.YCbCr takes them.
func (h heifHead) convertColours(y *image.YCbCr) image.Image {
	grey := len(y.Cb) == 0
	if grey && h.fullRange {
		return &image.Gray{Pix: y.Y, Stride: y.YStride, Rect: y.Rect}
	}
	if h.fullRange && h.redShare == 0.299 {
		return y
	}
	out := image.NewRGBA(y.Rect)
	base, light, colour := 0.0, 1.0, 1.0
	if !h.fullRange {
		base, light, colour = 16, 255.0/219, 255.0/224
	}
	green := 1 - h.redShare - h.blueShare
	for py := range y.Rect.Dy() {
		for px := range y.Rect.Dx() {
			l := (float64(y.Y[y.YOffset(px, py)]) - base) * light
			var cb, cr float64
			if !grey {
				at := y.COffset(px, py)
				cb, cr = (float64(y.Cb[at])-128)*colour, (float64(y.Cr[at])-128)*colour
			}
			r, b := l+2*(1-h.redShare)*cr, l+2*(1-h.blueShare)*cb
			g := (l - h.redShare*r - h.blueShare*b) / green
			pix := out.Pix[out.PixOffset(px, py):][:4]
			pix[0], pix[1], pix[2], pix[3] = clampByte(r), clampByte(g), clampByte(b), 255
		}
	}
	return out
}

func clampByte(v float64) uint8 { return uint8(min(max(v+0.5, 0), 255)) }
