package room_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// startRooms runs rooms over a journal in a folder of its own until stop is called. Tests use
// roomtest, which needs a testing.TB.
func startRooms(kinds ...room.Kind) (rooms *room.Rooms, stop func()) {
	dir, err := os.MkdirTemp("", "rooms")
	panicOn(err)
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	panicOn(err)
	rooms = room.New(room.Config{}, room.Deps{
		Journal: j, Clock: event.NewClock(1), OnDeadLetter: func(room.DeadLetter) {}, Log: log, Metrics: reg,
	}, kinds...)
	ctx, cancel := context.WithCancel(context.Background())
	group := supervise.Group(ctx)
	group.Go(j.Serve)
	group.Go(rooms.Serve)
	return rooms, func() {
		cancel()
		_ = group.Wait() // the end of ctx
		panicOn(j.Close())
		panicOn(os.RemoveAll(dir))
	}
}

// sendCommand gives the room a command and waits for its answer.
func sendCommand(rooms *room.Rooms, by event.Viewer, name, payload string) string {
	if _, err := rooms.Call(context.Background(), "c1", room.Message{Name: name, By: by, Data: []byte(payload)}); err != nil {
		return err.Error()
	}
	return name + ": saved"
}

// firstFrame is a member that keeps the first frame, which is the answer to the join.
type firstFrame chan wire.Frame

func (c firstFrame) Send(f wire.Frame) {
	select {
	case c <- f:
	default: // Send must not block
	}
}
func (c firstFrame) Closed(*room.Seat) {}

// joinView joins the room and returns the part of a feature from the view.
func joinView(rooms *room.Rooms, v event.Viewer, feature string) string {
	frames := make(firstFrame, 1)
	panicOn(rooms.Join(&room.Seat{Room: "c1", Viewer: v, JoinRef: "1", Member: frames}, "1"))
	f := <-frames
	text, err := ws.ReadFrame(bytes.NewReader(f.Bytes))
	panicOn(err)
	m, err := wire.Decode(text.Payload)
	panicOn(err)
	var answer struct {
		Response struct{ View map[string]json.RawMessage }
	}
	panicOn(json.Unmarshal(m.Payload, &answer))
	return string(answer.Response.View[feature])
}

// panicOn ends an example. Real code returns the error.
func panicOn(err error) {
	if err != nil {
		panic(err)
	}
}
