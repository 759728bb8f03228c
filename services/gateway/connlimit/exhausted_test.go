package connlimit

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
)

// brokenListener fails to take a connection.
type brokenListener struct {
	net.Listener
	err error
}

func (l brokenListener) Accept() (net.Conn, error) { return nil, l.err }

func TestMissingDescriptorsAreTold(t *testing.T) {
	for err, want := range map[error]int{
		&net.OpError{Op: "accept", Err: fmt.Errorf("accept4: %w", syscall.EMFILE)}: 1, syscall.ENFILE: 1, errors.New("closed"): 0,
	} {
		told := 0
		m := New(8)
		m.Exhausted = func() { told++ }
		if _, got := m.Listen(brokenListener{err: err}).Accept(); !errors.Is(got, err) || told != want {
			t.Errorf("%v: told %d times, returned %v", err, told, got)
		}
		m.Exhausted = nil
		if _, got := m.Listen(brokenListener{err: err}).Accept(); !errors.Is(got, err) {
			t.Errorf("%v without a listener: %v", err, got)
		}
	}
}
