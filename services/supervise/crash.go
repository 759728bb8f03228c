package supervise

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
)

const (
	maxFrames = 64
	maxStack  = 16 << 10
)

// PanicError is a panic, or a runtime.Goexit, that was turned into an error.
type PanicError struct {
	Value any // the argument of panic, nil for a Goexit
	pcs   []uintptr
}

// Error names the argument of panic.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return ErrExited.Error()
	}
	return "panic: " + fmt.Sprint(e.Value)
}

// Unwrap is the error that was passed to panic, if it was one, or ErrExited.
func (e *PanicError) Unwrap() error {
	if e.Value == nil {
		return ErrExited
	}
	err, _ := e.Value.(error)
	return err
}

// Stack is the goroutine's stack at the panic, at most 16 KiB of text.
func (e *PanicError) Stack() []byte { return formatStack(e.pcs) }

// newPanicError makes an error of the value that recover() returned in a deferred function. Nil
// means Goexit, because the function did not return. The frames are kept as numbers and become
// text only when they are read, so that a crash stays cheap.
func newPanicError(v any) error {
	var pcs [maxFrames]uintptr
	n := runtime.Callers(3, pcs[:])
	return &PanicError{Value: v, pcs: append([]uintptr(nil), pcs[:n]...)}
}

func formatStack(pcs []uintptr) []byte {
	if len(pcs) == 0 {
		return nil
	}
	var out []byte
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		line := len(out)
		out = append(out, f.Function...)
		out = append(out, "\n\t"...)
		out = append(out, f.File...)
		out = append(out, ':')
		out = strconv.AppendInt(out, int64(f.Line), 10)
		out = append(out, '\n')
		if len(out) > maxStack {
			return out[:line]
		}
		if !more {
			return out
		}
	}
}

// stackOf is the stack or last words that err carries, if any.
func stackOf(err error) []byte {
	var s interface{ Stack() []byte }
	if errors.As(err, &s) {
		b := s.Stack()
		return b[:min(len(b), maxStack)]
	}
	return nil
}

// runRecovering calls fn and returns its error or its panic. A Goexit is returned as an error only
// to onExit, since it ends the goroutine.
func runRecovering(fn func() error, onExit func(error)) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		err = newPanicError(v)
		if v == nil && onExit != nil {
			onExit(err)
		}
	}()
	err = fn()
	returned = true
	return err
}
