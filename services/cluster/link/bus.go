package link

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/errs"
)

const (
	busPrefix    = "bus." // of all subjects of the Bus
	queueLength  = 4096   // messages that wait to be sent
	pendingCount = 8192   // messages that wait for one handler
	pendingBytes = 16 << 20
	writeTimeout = 2 * time.Second // for the engine to take what is sent, then it counts as hung
)

var _ cluster.Bus = (*Bus)(nil)

// Bus is the bus of a box. It keeps the subscriptions while the engine starts anew.
type Bus struct {
	log *slog.Logger

	mu     sync.Mutex // guards the fields below
	subs   map[*subscription]bool
	line   *line    // to the engine that runs; nil: none
	linked []string // the ids of the boxes with a route, sorted
}

// subscription is one of Subscribe.
type subscription struct {
	subject string
	handle  func(data []byte, reply func([]byte))
	sub     *nats.Subscription // at the engine that runs; nil: at none
}

// line is the connection to one engine.
type line struct {
	conn  *nats.Conn
	inbox string
	out   chan *nats.Msg
	done  chan struct{} // closed when the line ends

	mu   sync.Mutex
	last uint64                    // guarded by mu
	asks map[string]chan *nats.Msg // by the subject of the answer, guarded by mu
}

func newBus(log *slog.Logger) *Bus { return &Bus{log: log, subs: map[*subscription]bool{}} }

// Linked implements cluster.Bus.
func (b *Bus) Linked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.linked)
}

func (b *Bus) setLinked(ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.linked = ids
}

// Publish implements cluster.Bus.
func (b *Bus) Publish(subject string, data []byte) error {
	const op = "link.Publish"
	if err := check(op, subject, data); err != nil {
		return err
	}
	l, err := b.currentLine(op)
	if err != nil {
		return err
	}
	return l.send(op, &nats.Msg{Subject: busPrefix + subject, Data: bytes.Clone(data)})
}

func (b *Bus) currentLine(op string) (*line, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.line == nil || len(b.linked) == 0 {
		return nil, errs.NewCode(op, errs.Down, "not_linked", "this box has no connection to another box")
	}
	return b.line, nil
}

func (l *line) send(op string, m *nats.Msg) error {
	select {
	case l.out <- m:
		return nil
	default:
		return errs.NewCode(op, errs.Down, "too_slow", "%d messages to other boxes wait already", queueLength)
	}
}

// check refuses what would not travel as it is.
func check(op, subject string, data []byte) error {
	if subject == "" || strings.ContainsAny(subject, "*> \t\r\n") || strings.HasPrefix(subject, ".") || strings.HasSuffix(subject, ".") || strings.Contains(subject, "..") {
		return errs.NewField(op, "subject", "bad_subject", 0, "%q is no subject: it must have words with single dots between them", subject)
	}
	if len(data) > maxMessage {
		return errs.NewField(op, "data", "too_long", maxMessage, "a message has at most %d bytes", maxMessage)
	}
	return nil
}

// Subscribe implements cluster.Bus.
func (b *Bus) Subscribe(subject string, handle func(data []byte, reply func([]byte))) (stop func(), err error) {
	if err := check("link.Subscribe", subject, nil); err != nil {
		return nil, err
	}
	s := &subscription{subject: subject, handle: handle}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs[s] = true
	if b.line != nil {
		b.attach(s, b.line)
	}
	return func() { b.unsubscribe(s) }, nil
}

func (b *Bus) unsubscribe(s *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs, s)
	if s.sub != nil {
		_ = s.sub.Unsubscribe() // fails when the engine has ended, and the subscription with it
	}
}

// attach subscribes at the engine. It fails when the engine has just ended, and then the next one
// gets the subscription. The caller holds mu.
func (b *Bus) attach(s *subscription, l *line) {
	sub, err := l.conn.Subscribe(busPrefix+s.subject, func(m *nats.Msg) { b.deliver(l, s, m) })
	if err == nil {
		s.sub = sub
		err = sub.SetPendingLimits(pendingCount, pendingBytes)
	}
	if err != nil {
		b.log.Debug("not subscribed", "subject", s.subject, "err", err)
	}
}

// deliver calls a handler. A panic of the handler loses this message only.
func (b *Bus) deliver(l *line, s *subscription, m *nats.Msg) {
	defer func() {
		if fault := recover(); fault != nil {
			b.log.Error("a handler of the bus crashed", "subject", s.subject, "fault", fault, "stack", string(debug.Stack()))
		}
	}()
	var reply func([]byte)
	if m.Reply != "" {
		reply = func(data []byte) {
			if err := check("link.reply", s.subject, data); err != nil {
				b.log.Warn("an answer was not sent", "subject", s.subject, "err", err)
				return
			}
			_ = l.send("link.reply", &nats.Msg{Subject: m.Reply, Data: bytes.Clone(data)}) // whoever asked asks again
		}
	}
	s.handle(m.Data, reply)
}

// Ask implements cluster.Bus.
func (b *Bus) Ask(ctx context.Context, subject string, data []byte) ([]byte, error) {
	const op = "link.Ask"
	if err := check(op, subject, data); err != nil {
		return nil, err
	}
	l, err := b.currentLine(op)
	if err != nil {
		return nil, err
	}
	inbox, answer := l.addAsk()
	defer l.removeAsk(inbox)
	if err := l.send(op, &nats.Msg{Subject: busPrefix + subject, Reply: inbox, Data: bytes.Clone(data)}); err != nil {
		return nil, err
	}
	select {
	case m := <-answer:
		if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
			return nil, errs.NewCode(op, errs.Missing, "nobody_listens", "no other box listens to %s", subject)
		}
		return m.Data, nil
	case <-l.done:
		return nil, errs.NewCode(op, errs.Down, "not_linked", "the connection to the other boxes ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *line) addAsk() (inbox string, answer chan *nats.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	inbox, answer = l.inbox+strconv.FormatUint(l.last, 36), make(chan *nats.Msg, 1)
	l.asks[inbox] = answer
	return inbox, answer
}

func (l *line) removeAsk(inbox string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.asks, inbox)
}

// takeAnswer gives an answer to its Ask, the first one only.
func (l *line) takeAnswer(m *nats.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer, ok := l.asks[m.Subject]; ok {
		delete(l.asks, m.Subject)
		answer <- m
	}
}

// once is the dialer of a connection that exists already.
type once struct{ conn net.Conn }

// Dial returns the connection.
func (o once) Dial(string, string) (net.Conn, error) { return o.conn, nil }

// connect opens a line over the connection to an engine that has just started.
func (b *Bus) connect(conn net.Conn, password string, ended func(error)) (*line, error) {
	c, err := nats.Connect("nats://engine", nats.SetCustomDialer(once{conn}), nats.UserInfo(user, password), nats.NoEcho(), nats.NoReconnect(),
		nats.Timeout(startTimeout), nats.FlusherTimeout(writeTimeout), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(5),
		nats.ClosedHandler(func(c *nats.Conn) { ended(c.LastError()) }), nats.ErrorHandler(b.noteLoss))
	if err != nil {
		return nil, errs.New("link.connect", errs.Down, err)
	}
	l := &line{conn: c, inbox: nats.NewInbox() + ".", out: make(chan *nats.Msg, queueLength), done: make(chan struct{}), asks: map[string]chan *nats.Msg{}}
	if _, err := c.Subscribe(l.inbox+"*", l.takeAnswer); err != nil {
		c.Close()
		return nil, errs.New("link.connect", errs.Down, err)
	}
	return l, nil
}

// noteLoss hears that a handler was too slow and messages were dropped.
func (b *Bus) noteLoss(_ *nats.Conn, s *nats.Subscription, err error) {
	subject := ""
	if s != nil {
		subject = s.Subject
	}
	b.log.Warn("messages of other boxes were lost", "subject", subject, "err", err)
}

// use makes a line the one of the bus and subscribes there.
func (b *Bus) use(l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.line = l
	for s := range b.subs {
		b.attach(s, l)
	}
}

// drop ends a line. What waits to be sent is not sent later.
func (b *Bus) drop(l *line) {
	b.mu.Lock()
	b.line, b.linked = nil, nil
	for s := range b.subs {
		s.sub = nil
	}
	b.mu.Unlock()
	close(l.done)
	l.conn.Close()
}

// pump sends what waits, in order, until ctx ends.
func (l *line) pump(ctx context.Context) error {
	for {
		select {
		case m := <-l.out:
			if err := l.conn.PublishMsg(m); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
