package slides

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// sandboxMemory is the memory of the sandbox. It reserves the addresses at once and makes them
// usable as the memory grows. A slice that grows is copied instead, with the old one and the new
// one in memory.
type sandboxMemory struct {
	mapping []byte // nil: there are no addresses, and growing fails
}

func reserveMemory(_, most uint64) experimental.LinearMemory {
	all, err := syscall.Mmap(-1, 0, int(min(most, maxSandbox)), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return &sandboxMemory{}
	}
	return &sandboxMemory{all}
}

// Reallocate implements experimental.LinearMemory.
func (m *sandboxMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.mapping)) || syscall.Mprotect(m.mapping[:size], syscall.PROT_READ|syscall.PROT_WRITE) != nil {
		return nil
	}
	return m.mapping[:size]
}

// Free implements experimental.LinearMemory.
func (m *sandboxMemory) Free() {
	if m.mapping != nil {
		_ = syscall.Munmap(m.mapping) // it is our own mapping
		m.mapping = nil
	}
}
