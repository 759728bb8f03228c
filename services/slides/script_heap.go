package slides

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// scriptHeap holds the values that a module of wasm-bindgen has outside of its memory: it was made for
// browsers, and calls the few functions of JavaScript that are here. A value has a number above 0.
type scriptHeap struct {
	values map[uint32]any
	last   uint32
}

// maxScriptValues bounds the values. A drawing has about ten.
const maxScriptValues = 100_000

type (
	scriptArray  struct{ items []any }
	scriptWalk   struct{ rest []any } // of an array
	scriptStep   struct{ value any }  // of a walk; nothing at its end
	scriptEnd    struct{}
	scriptMemory struct{}
	scriptView   struct{ at, size uint32 } // of bytes in the module's memory
)

var errScript = errors.New("the renderer asked for what it may not")

func (h *scriptHeap) add(v any) uint32 {
	if h.values == nil {
		h.values = map[uint32]any{}
	}
	if len(h.values) >= maxScriptValues {
		panic(errScript) // wazero returns it from the call
	}
	h.last++
	h.values[h.last] = v
	return h.last
}

func (h *scriptHeap) take(at uint32) any {
	v := h.values[at]
	delete(h.values, at)
	return v
}

// instantiate gives the functions to a module.
func (h *scriptHeap) instantiate(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder("wbg")
	for name, f := range map[string]any{
		"__wbg_new_28c511d9baebfa89":                        h.newText, // an error
		"__wbindgen_string_new":                             h.newText,
		"__wbindgen_memory":                                 func() uint32 { return h.add(scriptMemory{}) },
		"__wbg_buffer_12d079cc21e14bdb":                     func(at uint32) uint32 { return h.add(h.values[at]) },
		"__wbindgen_object_drop_ref":                        func(at uint32) { h.take(at) },
		"__wbg_new_16b304a2cfa7ff4a":                        func() uint32 { return h.add(&scriptArray{}) },
		"__wbg_values_839f3396d5aac002":                     h.walk,
		"__wbg_next_196c84450b364254":                       h.next,
		"__wbg_push_a5b05aedc7234f9f":                       h.push,
		"__wbg_length_c20a40f15020d68a":                     h.length,
		"__wbindgen_string_get":                             h.getText,
		"__wbg_set_a47bac70306a19a7":                        h.set,
		"__wbg_new_63b92bc8671ed464":                        h.copyBytes,
		"__wbindgen_throw":                                  func(context.Context, api.Module, uint32, uint32) { panic(errScript) },
		"__wbg_value_d93c65011f51a456":                      h.valueOf,
		"__wbg_done_298b57d23c0fc80c":                       func(at uint32) uint32 { return flag32(h.values[at] == scriptEnd{}) },
		"__wbg_newwithbyteoffsetandlength_aa4a17c33a06e5cb": func(_, at, size uint32) uint32 { return h.add(scriptView{at, size}) },
		"__wbg_instanceof_Uint8Array_2b3bbecd033d19f6": func(at uint32) uint32 {
			_, ok := h.values[at].([]byte)
			return flag32(ok)
		},
	} {
		b.NewFunctionBuilder().WithFunc(f).Export(name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

func flag32(v bool) uint32 {
	if v {
		return 1
	}
	return 0
}

func (h *scriptHeap) newText(_ context.Context, m api.Module, at, size uint32) uint32 {
	b, _ := m.Memory().Read(at, size)
	return h.add(string(b))
}

func (h *scriptHeap) walk(at uint32) uint32 {
	list, ok := h.values[at].(*scriptArray)
	if !ok {
		panic(errScript)
	}
	return h.add(&scriptWalk{list.items})
}

func (h *scriptHeap) next(at uint32) uint32 {
	w, ok := h.values[at].(*scriptWalk)
	if !ok || len(w.rest) == 0 {
		return h.add(scriptEnd{})
	}
	v := w.rest[0]
	w.rest = w.rest[1:]
	return h.add(scriptStep{v})
}

func (h *scriptHeap) valueOf(at uint32) uint32 {
	s, ok := h.values[at].(scriptStep)
	if !ok {
		panic(errScript)
	}
	return h.add(s.value)
}

func (h *scriptHeap) push(list, at uint32) uint32 {
	l, ok := h.values[list].(*scriptArray)
	if !ok || len(l.items) >= maxScriptValues {
		panic(errScript)
	}
	l.items = append(l.items, h.values[at])
	return uint32(len(l.items))
}

func (h *scriptHeap) length(at uint32) uint32 {
	switch v := h.values[at].(type) {
	case []byte:
		return uint32(len(v))
	case scriptView:
		return v.size
	case *scriptArray:
		return uint32(len(v.items))
	}
	panic(errScript)
}

// getText gives a text to the module: its place and its size. Another value has the place 0.
func (h *scriptHeap) getText(ctx context.Context, m api.Module, out, at uint32) {
	s, ok := h.values[at].(string)
	place := uint32(0)
	if ok {
		res, err := m.ExportedFunction("__wbindgen_malloc").Call(ctx, uint64(len(s)), 1)
		if err != nil || !m.Memory().WriteString(uint32(res[0]), s) {
			panic(errScript)
		}
		place = uint32(res[0])
	}
	both := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, place), uint32(len(s)))
	if !m.Memory().Write(out, both) {
		panic(errScript)
	}
}

// set copies bytes into a view of the module's memory.
func (h *scriptHeap) set(_ context.Context, m api.Module, to, from, offset uint32) {
	data, ok := h.values[from].([]byte)
	mem := uint64(m.Memory().Size())
	base, room := uint64(0), mem
	if v, isView := h.values[to].(scriptView); isView {
		base, room = uint64(v.at), uint64(v.size)
	}
	if !ok || uint64(offset)+uint64(len(data)) > room || !m.Memory().Write(uint32(base+uint64(offset)), data) {
		panic(errScript)
	}
}

// copyBytes copies a view of the module's memory, or bytes. The whole memory stays itself.
func (h *scriptHeap) copyBytes(_ context.Context, m api.Module, at uint32) uint32 {
	switch v := h.values[at].(type) {
	case scriptView:
		b, ok := m.Memory().Read(v.at, v.size)
		if !ok {
			panic(errScript)
		}
		return h.add(slices.Clone(b))
	case []byte:
		return h.add(slices.Clone(v))
	}
	return h.add(h.values[at])
}
