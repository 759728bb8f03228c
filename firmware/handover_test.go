package firmware

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/livelearn/box/firmware/handover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

// connectParked returns a connection whose other end was parked by another program.
func connectParked(t *testing.T, id string) (net.Conn, session.Parked) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	file, err := far.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	who := session.Identity{User: "p1", Name: "Ben", Role: event.Pupil, Room: id}
	return near, session.Parked{Identity: who, Socket: file, Seats: []room.SeatState{{
		Room: id, Viewer: event.Viewer{User: who.User, Role: who.Role}, Name: who.Name, JoinRef: "1", JoinEpoch: 1,
		Key: who.User, Meta: json.RawMessage(`{"phx_ref":"1"}`),
	}}}
}

// TestABoxThatContinuesServesThoughARoomDoesNotStart takes sockets back from a new program that has
// failed, while a room cannot start.
func TestABoxThatContinuesServesThoughARoomDoesNotStart(t *testing.T) {
	near, parked := connectParked(t, "r1")
	broken := room.Kind{Name: "broken", New: func() room.Feature { panic("this room does not start") }}
	b, err := New(testConfig(t, t.TempDir()), Parts{
		Pages: testPages(), Estate: &handover.Estate{Sockets: []session.Parked{parked}}, Features: []room.Kind{broken},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g := supervise.Group(context.Background())
	g.Go(func(context.Context) error { return b.Serve(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-b.Ready():
	case <-time.After(timetest.Patience):
		t.Fatal("the box waits for a room that does not start")
	}
	if err := wsutil.WriteClientText(near, []byte(`["","7","phoenix","heartbeat",{}]`)); err != nil {
		t.Fatal(err)
	}
	_ = near.SetReadDeadline(time.Now().Add(timetest.Patience))
	for {
		data, op, err := wsutil.ReadServerData(near)
		if err != nil {
			t.Fatal(err)
		}
		if op == ws.OpText && strings.Contains(string(data), `"7"`) {
			return
		}
	}
}

func TestABoxThatRestoresABackupIsNotHandedOver(t *testing.T) {
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{})
	b.restored.Store(true)
	if err := b.HandOver(); errs.BodyOf(err).Code != "restoring" || b.leaving.Load() {
		t.Errorf("got %v", err)
	}
	b.restored.Store(false)
}
