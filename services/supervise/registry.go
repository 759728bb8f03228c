package supervise

import (
	"context"
	"fmt"
	"sync"
)

// Registry gives names to running things. A look-up never waits: the name is held by
// something alive or it is ErrMissing. Its zero value is ready.
type Registry struct {
	mu    sync.RWMutex
	names map[string]*entry
}

type entry struct{ value any }

// Register gives name to v until release is called, or fails with ErrTaken.
func (r *Registry) Register(name string, v any) (release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.names[name]; ok {
		return nil, fmt.Errorf("name %s: %w", name, ErrTaken)
	}
	if r.names == nil {
		r.names = map[string]*entry{}
	}
	e := &entry{v}
	r.names[name] = e
	return func() { r.release(name, e) }, nil
}

// Hold is Register for a child: the name is free again when ctx ends, which the child's
// own context does when it crashes or is told to stop.
func (r *Registry) Hold(ctx context.Context, name string, v any) error {
	release, err := r.Register(name, v)
	if err == nil {
		context.AfterFunc(ctx, release)
	}
	return err
}

func (r *Registry) release(name string, e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[name] == e {
		delete(r.names, name)
	}
}

// Lookup is what holds name.
func (r *Registry) Lookup(name string) (any, error) {
	r.mu.RLock()
	e := r.names[name]
	r.mu.RUnlock()
	if e == nil {
		return nil, fmt.Errorf("name %s: %w", name, ErrMissing)
	}
	return e.value, nil
}

// Names are all names held, in no order.
func (r *Registry) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := make([]string, 0, len(r.names))
	for n := range r.names {
		names = append(names, n)
	}
	return names
}

// Find is Lookup for a known type. A name held by another type is ErrMissing.
func Find[T any](r *Registry, name string) (T, error) {
	v, err := r.Lookup(name)
	t, ok := v.(T)
	if err == nil && !ok {
		err = fmt.Errorf("name %s is a %T: %w", name, v, ErrMissing)
	}
	return t, err
}
