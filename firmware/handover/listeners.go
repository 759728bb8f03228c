package handover

import (
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"

	"github.com/livelearn/box/services/errs"
)

// Listeners opens the TCP listeners of a box, or takes those that another program left. Its zero value
// opens them.
type Listeners struct {
	mu        sync.Mutex
	inherited []Listener  // guarded by mu, as all below
	open      []*listener // in the order of opening
	held      chan struct{}
}

// Inherit gives the listeners that another program left. They accept nothing before Release.
func (l *Listeners) Inherit(list []Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inherited, l.held = list, make(chan struct{})
}

// Release lets the listeners accept. It closes those that were left for an address on which this
// program does not listen: who connects there would wait for good.
func (l *Listeners) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, left := range l.inherited {
		_ = left.File.Close() // nothing was written to it
	}
	l.inherited = nil
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

// Listen opens a listener, or takes the first one that was left for the address.
func (l *Listeners) Listen(addr string) (net.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln, err := l.find(addr)
	if err != nil {
		return nil, err
	}
	made := &listener{Listener: ln, of: l, addr: addr, held: l.held, closed: make(chan struct{})}
	l.open = append(l.open, made)
	return made, nil
}

func (l *Listeners) find(addr string) (net.Listener, error) {
	i := slices.IndexFunc(l.inherited, func(o Listener) bool { return o.Addr == addr })
	if i < 0 {
		return net.Listen("tcp", addr)
	}
	f := l.inherited[i].File
	l.inherited = slices.Delete(l.inherited, i, i+1)
	ln, err := net.FileListener(f)
	return ln, errors.Join(err, f.Close())
}

// Duplicate returns a second descriptor of each open listener. It keeps the socket listening while
// the first one is closed: who connects meanwhile waits.
func (l *Listeners) Duplicate() (list []Listener, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.open {
		t, ok := o.Listener.(*net.TCPListener)
		if !ok {
			continue
		}
		f, err := t.File()
		if err != nil {
			return nil, errors.Join(errs.New(op, errs.Down, err), (&Estate{Listeners: list}).Close())
		}
		list = append(list, Listener{Addr: o.addr, File: f})
	}
	return list, nil
}

// listener is one that waits for Release before it accepts.
type listener struct {
	net.Listener
	of     *Listeners
	addr   string
	held   <-chan struct{} // nil: it may accept
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	if l.held != nil {
		select {
		case <-l.held:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	return l.Listener.Accept()
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.of.mu.Lock()
	l.of.open = slices.DeleteFunc(l.of.open, func(o *listener) bool { return o == l })
	l.of.mu.Unlock()
	return l.Listener.Close()
}

// SyscallConn implements syscall.Conn.
func (l *listener) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := l.Listener.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
