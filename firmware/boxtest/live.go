package boxtest

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/control"
)

// ReplaceProgram lets a program take the place of the box's own while it runs, as `livelearn update
// live` does. People wait for it for at most wait. After an error the program before continues.
func (b *Box) ReplaceProgram(program string, wait time.Duration) error {
	// The new program is a child of the old one, which ends. It becomes a child of this process.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	now, err := control.ReplaceProgram(context.Background(), b.Dir, program, wait)
	if err != nil {
		return err
	}
	<-b.exited
	b.pid, b.exited = now.PID, make(chan struct{})
	exited := b.exited
	go func() {
		defer close(exited)
		for {
			if _, err := syscall.Wait4(now.PID, nil, 0, nil); !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	}()
	return nil
}

// Program returns the path of the program of this tree.
func (b *Box) Program() string { return BuildProgram(b.T) }
