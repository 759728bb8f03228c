package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

// tcpBox is journal, rooms and sessions behind a TCP port.
type tcpBox struct {
	t     *testing.T
	hub   *session.Hub
	rooms *room.Rooms
	addr  string
	stop  func()
}

// startTCP starts a box on a folder with the sockets that another one has parked.
func startTCP(t *testing.T, dir string, parked []session.Parked) *tcpBox {
	t.Helper()
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	b, up := &tcpBox{t: t}, make(chan struct{})
	b.rooms = room.New(room.Config{}, room.Deps{
		Journal: j, Clock: event.NewClock(1), Log: log, Metrics: reg, OnDeadLetter: func(l room.DeadLetter) { t.Errorf("dead letter: %+v", l) },
	}, chat.Kind)
	b.hub = session.New(session.Config{}, session.Deps{
		Rooms: b.rooms, Local: b.rooms, Exists: func(string) bool { return true }, Log: log, Metrics: reg,
	})
	if err := b.hub.Adopt(parked, func(string) func(string) bool { return func(string) bool { return true } }); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.hub.Accept(w, r, session.Identity{User: r.URL.Query().Get("user"), Name: "N", Role: event.Teacher})
	})}
	b.addr = ln.Addr().String()
	sup := supervise.New(supervise.Spec{Name: "box", Children: []supervise.Child{
		supervise.Run("journal", j), supervise.Run("rooms", b.rooms), b.hub.Child(),
		{ID: "up", Start: func(ctx context.Context, ready func()) error {
			defer close(up)
			if err := errors.Join(b.rooms.WarmUp(ctx, "c1"), b.hub.Release(ctx)); err != nil {
				return err
			}
			ready()
			return nil
		}, Restart: supervise.Transient},
	}})
	ctx, cancel := context.WithCancel(context.Background())
	g := supervise.Group(context.Background())
	g.Go(func(context.Context) error { return sup.Serve(ctx) })
	g.Go(func(context.Context) error { _ = srv.Serve(smallBuffers{ln}); return nil })
	b.stop = func() {
		_ = srv.Close()
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	<-up
	return b
}

// openLesson opens a lesson in the room of the tests.
func (b *tcpBox) openLesson() {
	b.t.Helper()
	_, err := b.rooms.Call(context.Background(), "c1", room.Message{
		Name: "lesson.start", By: event.Viewer{User: "t1", Role: event.Teacher}, Data: json.RawMessage(`{"lesson":"l1","title":"Planets"}`),
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// smallBuffers makes connections that hold a few KiB on their way.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// handOver stops the box and returns the sockets that it has parked.
func (b *tcpBox) handOver() []session.Parked {
	b.hub.HandOver()
	b.stop()
	list := b.hub.TakeParked()
	for i := range list { // they travel as JSON
		data, err := json.Marshal(list[i])
		if err != nil {
			b.t.Fatal(err)
		}
		moved := session.Parked{Socket: list[i].Socket}
		if err := json.Unmarshal(data, &moved); err != nil {
			b.t.Fatal(err)
		}
		list[i] = moved
	}
	return list
}

// client is a person on a raw socket.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (b *tcpBox) connect(user string) *client {
	b.t.Helper()
	// A small window before the connection: the kernel holds few bytes for a reader that sleeps.
	small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) }), err)
	}}
	conn, early, _, err := ws.Dialer{Timeout: timetest.Patience, NetDial: small.DialContext}.Dial(context.Background(), "ws://"+b.addr+"/socket/websocket?vsn=2.0.0&user="+user)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	c := &client{b.t, conn, bufio.NewReader(conn)}
	if early != nil {
		c.in = early
	}
	c.send(frame(true, ws.OpText, `["1","1","room:c1","phx_join",{}]`))
	c.await(`"status":"ok"`)
	return c
}

func frame(fin bool, op ws.OpCode, text string) []byte {
	f := ws.NewFrame(op, fin, []byte(text))
	return ws.MustCompileFrame(ws.MaskFrameInPlace(f))
}

func (c *client) send(data []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(data); err != nil {
		c.t.Fatal(err)
	}
}

// Read and Write implement io.ReadWriter for frames of the box.
func (c *client) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *client) Write(p []byte) (int, error) { return c.conn.Write(p) }

// rest returns what came up to the end of the connection.
func (c *client) rest() string {
	data, _ := io.ReadAll(c.in) // the box closes it
	return string(data)
}

// await reads up to a text message that contains want, and returns it.
func (c *client) await(want string) string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(timetest.Patience))
	for {
		data, err := wsutil.ReadServerText(c)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", want, err)
		}
		if strings.Contains(string(data), want) {
			return string(data)
		}
	}
}

func say(id, text string) string {
	return fmt.Sprintf(`["1",%q,"room:c1","chat.say",{"id":%q,"text":%q,"to":"all"}]`, id, id, text)
}

// TestASocketMovesInTheMiddleOfAFrameAndOfAMessage hands a socket over with half of the second frame of
// a message, and sends the rest to the next process.
func TestASocketMovesInTheMiddleOfAFrameAndOfAMessage(t *testing.T) {
	dir := t.TempDir()
	box := startTCP(t, dir, nil)
	box.openLesson()
	c := box.connect("t1")
	text := say("one", strings.Repeat("long ", 100))
	second := frame(true, ws.OpContinuation, text[40:])
	c.send(slices.Concat(frame(true, ws.OpText, `["","2","phoenix","heartbeat",{}]`), frame(false, ws.OpText, text[:40]), second[:100]))
	c.await(`"ok"`) // the box has read what came with it
	list := box.handOver()
	if len(list) != 1 || len(list[0].Seats) != 1 || len(list[0].Message) != 40 || len(list[0].Unread) != 100 {
		t.Fatalf("got %d sockets: %+v", len(list), list)
	}
	box = startTCP(t, dir, list)
	c.send(second[100:])
	c.await(`"saved":true`)
	list = box.handOver() // in the middle of a header
	third := frame(true, ws.OpText, say("two", "hello"))
	c.send(third[:1])
	box = startTCP(t, dir, list)
	c.send(third[1:3])
	list = box.handOver()
	box = startTCP(t, dir, list)
	c.send(third[3:])
	c.await(`"id":"two"`)
	box.stop()
}

// TestWhatAReaderHasNotTakenMovesWithTheSocket fills the buffers of a socket whose reader sleeps.
func TestWhatAReaderHasNotTakenMovesWithTheSocket(t *testing.T) {
	dir := t.TempDir()
	box := startTCP(t, dir, nil)
	box.openLesson()
	asleep, writer := box.connect("t1"), box.connect("t2")
	n := 0
	for ; n < 30; n++ { // below the burst of the rate limit
		writer.send(frame(true, ws.OpText, say(fmt.Sprint("m", n), strings.Repeat("x", 400))))
	}
	writer.await(fmt.Sprintf(`"id":"m%d"`, n-1))
	list := box.handOver()
	if len(list) != 2 || len(list[0].Unsent)+len(list[1].Unsent) == 0 {
		t.Fatalf("got %d sockets, want 2 and bytes that were not sent", len(list))
	}
	box = startTCP(t, dir, list)
	for i := range n {
		asleep.await(fmt.Sprintf(`"id":"m%d"`, i)) // each once, in order
	}
	box.stop()
	if strings.Contains(asleep.rest(), `"id":"m`) {
		t.Error("a message came twice")
	}
}

// TestAPersonWhoIsSignedOutDoesNotMove signs a person out whose socket is parked.
func TestAPersonWhoIsSignedOutDoesNotMove(t *testing.T) {
	box := startTCP(t, t.TempDir(), nil)
	box.openLesson()
	gone := box.connect("t1")
	box.connect("t2")
	box.hub.HandOver()
	box.stop()
	box.hub.Kick("t1", "", "signed out")
	list := box.hub.TakeParked()
	for _, p := range list {
		_ = p.Socket.Close()
	}
	if len(list) != 1 || list[0].Identity.User != "t2" {
		t.Errorf("got %d sockets, want that of t2: %+v", len(list), list)
	}
	gone.rest() // ends
}
