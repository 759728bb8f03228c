package wiretest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"sync"

	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// Member is one person in one room over all drops: it keeps its place in the log,
// what it has seen, and what was not acknowledged yet.
type Member struct {
	Dial    func() (net.Conn, error)
	URL     string // "ws://host/socket/websocket?vsn=2.0.0"
	Cookie  string
	Room    string
	As      string      // "screen" or empty
	OnEvent func(Event) // gets each new event, if not nil; must not block
	// OnCast gets each ephemeral event, if not nil. It must not block.
	OnCast func(name string, payload json.RawMessage)

	mu       sync.Mutex
	conn     *Conn
	joinRef  string
	epoch    uint64
	seq      uint64
	events   []Event
	view     json.RawMessage
	presence map[string]map[string]bool // user -> phx_ref
	unacked  []Command                  // oldest first
	acked    map[string]Body            // by command id
	casts    map[string]int             // ephemeral events by name
	phx      map[string]int             // phx_error and phx_close
	faults   []string
}

// Command is one that was sent.
type Command struct {
	ID, Name string
	Payload  map[string]any
}

// RoomTopic is the member's topic.
func (m *Member) RoomTopic() string { return "room:" + m.Room }

// Connect dials, joins where the member left off and sends again what was not
// acknowledged. It returns the join's answer.
func (m *Member) Connect() (Body, error) {
	raw, err := m.Dial()
	if err != nil {
		return Body{}, err
	}
	conn, err := Dial(raw, m.URL, m.Cookie, m.handleMessage)
	if err != nil {
		_ = raw.Close()
		return Body{}, err
	}
	supervise.Spawn(nil, "wiretest", conn.Run)
	m.mu.Lock()
	m.conn, m.presence = conn, map[string]map[string]bool{}
	m.mu.Unlock()
	return m.Join()
}

// Join joins the room on the present connection.
func (m *Member) Join() (Body, error) {
	m.mu.Lock()
	conn := m.conn
	params := map[string]any{}
	if m.epoch > 0 {
		params["since"], params["epoch"] = m.seq, m.epoch
	}
	if m.As != "" {
		params["as"] = m.As
	}
	m.mu.Unlock()
	a, err := WaitAnswer(conn.SendThen("", m.RoomTopic(), wire.Join, params, m.setJoinRef, m.handleJoined))
	if err != nil {
		return Body{}, err
	}
	b := a.DecodeBody()
	if !a.OK {
		return b, fmt.Errorf("join refused: %s %s", b.Reason, b.Code)
	}
	for _, c := range m.UnackedCommands() {
		_, _ = m.sendOnce(c) // without an answer it stays in the list
	}
	return b, nil
}

func (m *Member) setJoinRef(ref string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joinRef = ref
}

func (m *Member) handleJoined(a Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := a.DecodeBody()
	if !a.OK {
		return
	}
	if b.Missed == nil {
		m.view, m.events = b.View, nil
	}
	for _, e := range b.Missed {
		m.addEvent(e)
	}
	if b.Seq > m.seq || b.Epoch != m.epoch {
		m.seq, m.epoch = b.Seq, b.Epoch
	}
}

// addEvent takes an event; one that came before is dropped, as the protocol says.
func (m *Member) addEvent(e Event) {
	if e.Seq <= m.seq && e.Epoch <= m.epoch {
		return
	}
	m.seq, m.epoch = e.Seq, e.Epoch
	m.events = append(m.events, e)
	if m.OnEvent != nil {
		m.OnEvent(e)
	}
}

func (m *Member) handleMessage(msg wire.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.casts == nil {
		m.casts, m.phx = map[string]int{}, map[string]int{}
	}
	switch msg.Event {
	case wire.PresenceState:
		m.presence = map[string]map[string]bool{}
		m.foldPresence(msg.Payload, true)
	case wire.PresenceDiff:
		var d struct{ Joins, Leaves json.RawMessage }
		m.addFault(json.Unmarshal(msg.Payload, &d))
		m.foldPresence(d.Joins, true)
		m.foldPresence(d.Leaves, false)
	case wire.Error, wire.Close:
		if msg.JoinRef == "" || msg.JoinRef == m.joinRef {
			m.phx[msg.Event]++
		}
	default:
		e := Event{Kind: msg.Event}
		if json.Unmarshal(msg.Payload, &e) != nil || e.Seq == 0 {
			m.casts[msg.Event]++
			if m.OnCast != nil {
				m.OnCast(msg.Event, msg.Payload)
			}
			return
		}
		if e.Seq <= m.seq && e.Epoch == m.epoch {
			m.faults = append(m.faults, fmt.Sprintf("event %d of epoch %d came after %d", e.Seq, e.Epoch, m.seq))
		}
		m.addEvent(e)
	}
}

func (m *Member) foldPresence(data json.RawMessage, join bool) {
	var p map[string]struct {
		Metas []struct {
			PhxRef string `json:"phx_ref"`
		}
	}
	m.addFault(json.Unmarshal(data, &p))
	for user, entry := range p {
		for _, meta := range entry.Metas {
			if m.presence[user] == nil {
				m.presence[user] = map[string]bool{}
			}
			if join {
				m.presence[user][meta.PhxRef] = true
			} else {
				delete(m.presence[user], meta.PhxRef)
			}
		}
		if len(m.presence[user]) == 0 {
			delete(m.presence, user)
		}
	}
}

func (m *Member) addFault(err error) {
	if err != nil {
		m.faults = append(m.faults, err.Error())
	}
}

// SendCommand sends a command and waits for its answer. Without one the command stays unacked
// and goes out again at the next Join.
func (m *Member) SendCommand(c Command) (Body, error) {
	m.mu.Lock()
	m.unacked = append(m.unacked, c)
	m.mu.Unlock()
	return m.sendOnce(c)
}

func (m *Member) sendOnce(c Command) (Body, error) {
	payload := map[string]any{"id": c.ID}
	maps.Copy(payload, c.Payload)
	m.mu.Lock()
	conn, joinRef := m.conn, m.joinRef
	m.mu.Unlock()
	a, err := WaitAnswer(conn.SendEvent(joinRef, m.RoomTopic(), c.Name, payload))
	if err != nil {
		return Body{}, err
	}
	b := a.DecodeBody()
	switch b.Code {
	case "not_saved", "not_joined", "rate", "room_busy": // as the pages do
		return b, fmt.Errorf("%s: to be sent again: %s", c.Name, b.Code)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, u := range m.unacked {
		if u.ID == c.ID {
			m.unacked = append(m.unacked[:i:i], m.unacked[i+1:]...)
			break
		}
	}
	if !a.OK {
		return b, fmt.Errorf("%s refused: %s %s %s", c.Name, b.Reason, b.Code, b.Field)
	}
	if m.acked == nil {
		m.acked = map[string]Body{}
	}
	m.acked[c.ID] = b
	return b, nil
}

// Drop ends the connection without a word.
func (m *Member) Drop() {
	m.mu.Lock()
	conn := m.conn
	m.mu.Unlock()
	if conn != nil {
		conn.Close()
		<-conn.Done()
	}
}

// CurrentConn is the present connection.
func (m *Member) CurrentConn() *Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conn
}

// SeenEvents is what the member has seen since its last view, in order.
func (m *Member) SeenEvents() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Event(nil), m.events...)
}

// LastView is the last view that a join gave.
func (m *Member) LastView() json.RawMessage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

// PresentCounts is how many connections each user has, by the member's presence.
func (m *Member) PresentCounts() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int{}
	for user, refs := range m.presence {
		out[user] = len(refs)
	}
	return out
}

// UnackedCommands is what waits for an answer, oldest first.
func (m *Member) UnackedCommands() []Command {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Command(nil), m.unacked...)
}

// AckedBodies is the answer to each acknowledged command, by its id.
func (m *Member) AckedBodies() map[string]Body {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]Body, len(m.acked))
	maps.Copy(out, m.acked)
	return out
}

// CastCount is how often an ephemeral event came.
func (m *Member) CastCount(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.casts[name]
}

// PhxCount is how often phx_error or phx_close came for the present channel.
func (m *Member) PhxCount(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.phx[name]
}

// Faults is what the box did against the protocol.
func (m *Member) Faults() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.faults...)
}
