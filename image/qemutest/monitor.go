//go:build qemu

package qemutest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Event is what the emulator tells by itself: RESET, SHUTDOWN, WATCHDOG, GUEST_PANICKED.
type Event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// monitor speaks QMP, QEMU's machine protocol (docs/interop/qmp-spec): JSON objects over a
// Unix socket, answers in the order of the commands, events between them.
type monitor struct {
	conn net.Conn
	busy sync.Mutex // one command at a time

	answers chan answer // closed when the emulator is gone

	mu     sync.Mutex
	events []Event       // guarded by mu, as more is
	more   chan struct{} // closed when an event is added or the emulator is gone
	gone   bool
}

type answer struct {
	Return json.RawMessage `json:"return"`
	Error  *struct{ Desc string }
	Event
}

var errGone = errors.New("the emulator is gone")

// dialMonitor waits for the socket of an emulator that starts.
func dialMonitor(ctx context.Context, path string) (*monitor, error) {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			m := &monitor{conn: conn, answers: make(chan answer, 8), more: make(chan struct{})}
			go m.read()
			_, err = m.do("qmp_capabilities", nil)
			return m, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the emulator's monitor: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *monitor) read() {
	defer m.end()
	for d := json.NewDecoder(m.conn); ; {
		var a answer
		if d.Decode(&a) != nil {
			return
		}
		switch {
		case a.Name != "":
			m.add(a.Event)
		case a.Return != nil || a.Error != nil: // and not the greeting
			m.answers <- a
		}
	}
}

func (m *monitor) add(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	close(m.more)
	m.more = make(chan struct{})
}

func (m *monitor) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = true
	close(m.more)
	close(m.answers)
	_ = m.conn.Close()
}

// do runs one command and gives its answer.
func (m *monitor) do(command string, args map[string]any) (json.RawMessage, error) {
	m.busy.Lock()
	defer m.busy.Unlock()
	request := map[string]any{"execute": command}
	if args != nil {
		request["arguments"] = args
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		return nil, err
	}
	a, ok := <-m.answers
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", command, io.ErrUnexpectedEOF)
	case a.Error != nil:
		return nil, fmt.Errorf("%s: %s", command, a.Error.Desc)
	}
	return a.Return, nil
}

// wait gives the first event of that name at place from or later, and the place after it.
func (m *monitor) wait(ctx context.Context, from int, name string) (Event, int, error) {
	for {
		m.mu.Lock()
		events, more, gone := m.events, m.more, m.gone
		m.mu.Unlock()
		for ; from < len(events); from++ {
			if events[from].Name == name {
				return events[from], from + 1, nil
			}
		}
		if gone {
			return Event{}, from, errGone
		}
		select {
		case <-ctx.Done():
			return Event{}, from, fmt.Errorf("waited for %s: %w", name, ctx.Err())
		case <-more:
		}
	}
}

func (m *monitor) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}
