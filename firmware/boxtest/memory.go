package boxtest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire/wiretest"
)

// StartInMemory runs a whole box in this process: real databases in dir, a network in memory, no
// clock but the test's. It returns when the box is ready and stops it with the test.
func StartInMemory(t testing.TB, dir string) *Box {
	t.Helper()
	pipes := wiretest.NewNet()
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := firmware.Config{Data: dir, Version: "test"}
	cfg.Gateway.HTTP, cfg.Gateway.HTTPS = "127.0.0.1:80", "off"
	cfg.Journal.NoBallast = true
	box, err := firmware.New(cfg, firmware.Parts{
		Board: sim.New(io.Discard).HAL(), Log: log, NoMachineIO: true, Pages: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}},
		Listen: func(string) (net.Listener, error) { return pipes, nil }, Features: []room.Kind{bombKind},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := box.Serve(ctx); err != nil {
			t.Error("box:", err)
		}
	})
	b := &Box{T: t, Dir: dir, HTTP: "127.0.0.1", dial: pipes.Dial}
	b.stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(b.stop)
	<-box.Ready()
	b.Code = box.Status().ClaimCode
	return b
}

// testLog writes to the test's own log.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) { l.t.Logf("%s", p); return len(p), nil }

// bombKind is a feature whose command crashes the room the first time it is handled.
var bombKind = room.Kind{
	Name: "bomb", New: func() room.Feature { return &bombFeature{} }, Commands: []room.Command{{Name: "bomb.go"}},
}

type bombFeature struct{}

// Handle implements room.Feature. The room tries a message that crashed it once more.
func (*bombFeature) Handle(_ *room.Turn, m room.Message) error {
	if _, again := bombsUsed.LoadOrStore(m.ID, true); !again {
		panic("bomb " + m.ID)
	}
	return nil
}

// Apply implements room.Feature.
func (*bombFeature) Apply(event.Event) {}

// View implements room.Feature.
func (*bombFeature) View(event.Viewer, event.Stamp) any { return nil }

var bombsUsed sync.Map // ids of the bombs that went off

// CrashRoom makes the room of a teacher crash once.
func (b *Box) CrashRoom(teacher *wiretest.Member) {
	b.T.Helper()
	if _, err := teacher.SendCommand(wiretest.Command{ID: rand.Text(), Name: "bomb.go"}); err != nil {
		b.T.Fatal(err)
	}
}
