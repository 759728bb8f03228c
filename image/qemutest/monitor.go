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

// Event is an event that the emulator reports: RESET, SHUTDOWN, WATCHDOG, GUEST_PANICKED.
type Event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// monitor speaks QMP, QEMU's machine protocol (docs/interop/qmp-spec): JSON objects over a Unix
// socket. Answers come in the order of the commands, with events between them.
type monitor struct {
	conn net.Conn
	busy sync.Mutex // one command at a time

	answers chan answer // closed when the emulator is gone

	mu     sync.Mutex
	events []Event       // guarded by mu, grows
	more   chan struct{} // closed when an event is added or the emulator is gone
	closed bool
}

type answer struct {
	Return json.RawMessage `json:"return"`
	Error  *struct{ Desc string }
	Event
}

var errGone = errors.New("the emulator is gone")

// dialMonitor waits for the socket of a starting emulator.
func dialMonitor(ctx context.Context, path string) (*monitor, error) {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			m := &monitor{conn: conn, answers: make(chan answer, 8), more: make(chan struct{})}
			go m.readAnswers()
			_, err = m.runCommand("qmp_capabilities", nil)
			return m, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the emulator's monitor: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *monitor) readAnswers() {
	defer m.closeAll()
	for d := json.NewDecoder(m.conn); ; {
		var a answer
		if d.Decode(&a) != nil {
			return
		}
		switch {
		case a.Name != "":
			m.addEvent(a.Event)
		case a.Return != nil || a.Error != nil: // skip the greeting
			m.answers <- a
		}
	}
}

func (m *monitor) addEvent(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	close(m.more)
	m.more = make(chan struct{})
}

func (m *monitor) closeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	close(m.more)
	close(m.answers)
	_ = m.conn.Close()
}

// runCommand runs one command and returns its answer.
func (m *monitor) runCommand(command string, args map[string]any) (json.RawMessage, error) {
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

// waitEvent returns the first event of that name at index from or later, and the index after it.
func (m *monitor) waitEvent(ctx context.Context, from int, name string) (Event, int, error) {
	for {
		m.mu.Lock()
		events, more, gone := m.events, m.more, m.closed
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

// list returns all events so far.
func (m *monitor) list() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.events
}

func (m *monitor) eventCount() int { return len(m.list()) }
