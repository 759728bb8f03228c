package slides

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// memory is that of the sandbox. Its addresses are reserved at once and made usable as it
// grows: a slice that grows is copied, with the old and the new side by side.
type memory struct {
	all []byte // nil: there are no addresses, and growing fails
}

func reserve(_, most uint64) experimental.LinearMemory {
	all, err := syscall.Mmap(-1, 0, int(min(most, maxSandbox)), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return &memory{}
	}
	return &memory{all}
}

// Reallocate implements experimental.LinearMemory.
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) || syscall.Mprotect(m.all[:size], syscall.PROT_READ|syscall.PROT_WRITE) != nil {
		return nil
	}
	return m.all[:size]
}

// Free implements experimental.LinearMemory.
func (m *memory) Free() {
	if m.all != nil {
		_ = syscall.Munmap(m.all) // it is a mapping of ours
		m.all = nil
	}
}
